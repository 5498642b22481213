"""Fixtures that all tests share."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio

from gwms_async.testing import GwmsEmulator


@pytest_asyncio.fixture
async def gateway() -> AsyncIterator[GwmsEmulator]:
    """A gateway in its usual state."""
    async with GwmsEmulator() as emulator:
        yield emulator
