"""A pytest plugin, active once the package is installed: the fixtures `gwms_emulator` and `gwms_env`.

pytest imports this module whenever it starts, so it imports the emulator only when a test asks for it.
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
    from .threaded import emulator_in_thread  # noqa: PLC0415  # see above

    with emulator_in_thread() as emulator:
        yield emulator


@pytest.fixture
def gwms_env(gwms_emulator: GwmsEmulator, monkeypatch: pytest.MonkeyPatch) -> GwmsEmulator:
    """The same emulator, with GWMS_USERNAME, GWMS_PASSWORD, GWMS_API_KEY and GWMS_BASE_URL set to it for the test."""
    for name, value in {**gwms_emulator.credentials._asdict(), "base_url": gwms_emulator.base_url}.items():
        monkeypatch.setenv(f"GWMS_{name.upper()}", value)
    return gwms_emulator
