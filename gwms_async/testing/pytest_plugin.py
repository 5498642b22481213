"""A pytest plugin, active once the package is installed: the fixtures `gwms_emulator` and `gwms_env`.

pytest imports this module whenever it starts, so it imports the emulator only when a test asks for a fixture.
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


@pytest.fixture
def gwms_env(gwms_emulator: GwmsEmulator, monkeypatch: pytest.MonkeyPatch) -> GwmsEmulator:
    """Set the environment variables that `from_env` reads, so that an app under test uses the emulator."""
    for name, value in gwms_emulator.credentials._asdict().items():
        monkeypatch.setenv(f"GWMS_{name.upper()}", value)
    monkeypatch.setenv("GWMS_BASE_URL", gwms_emulator.base_url)
    monkeypatch.setenv("GWMS_WEBHOOK_SECRET", "emulated-webhook-secret-of-enough-bytes-7d03")
    monkeypatch.delenv("GWMS_WEBHOOK_SECRET_OLD", raising=False)
    return gwms_emulator
