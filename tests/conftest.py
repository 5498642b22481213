"""Fixtures that all tests share."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from gwms_async.testing import GwmsEmulator

from .support import CONTRACT_SEED

pytest_plugins = ["gwms_async.testing.pytest_plugin", "pytester"]


def pytest_report_header() -> str:
    """Tell where chance begins."""
    return f"seed of the cases made from the contract: {CONTRACT_SEED}"


@pytest_asyncio.fixture
async def gateway() -> AsyncIterator[GwmsEmulator]:
    """A gateway in its usual state."""
    async with GwmsEmulator() as emulator:
        yield emulator


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the tokens of a command line where no other test finds them."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
