"""A plugin of pytest, there as soon as the package is installed: the fixture `gwms_emulator`.

pytest imports it whenever it starts, so that it imports nothing before a test asks for the fixture.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from .emulator import GwmsEmulator


@pytest.fixture
def gwms_emulator() -> Iterator[GwmsEmulator]:
    """A gateway of the test's own, in a thread of its own: for sync tests, and for async ones with any plugin."""
    from .threaded import emulator_in_thread  # noqa: PLC0415  # see above

    with emulator_in_thread() as emulator:
        yield emulator
