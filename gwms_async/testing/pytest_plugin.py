"""A pytest plugin, active once the package is installed: the fixture `gwms_emulator`.

pytest imports this module whenever it starts, so it imports the emulator only when a test asks for the fixture.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from .emulator import GwmsEmulator


@pytest.fixture
def gwms_emulator() -> Iterator[GwmsEmulator]:
    """An emulator of the test's own, in its own thread: for sync tests, and for async tests with any plugin."""
    from .deliveries import DeliveryPolicy  # noqa: PLC0415  # see above
    from .threaded import emulator_in_thread  # noqa: PLC0415

    with emulator_in_thread(delivery_policy=DeliveryPolicy(repeats=(0.01, 0.02))) as emulator:
        yield emulator
