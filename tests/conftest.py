"""Fixtures that all tests share."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from gwms_async.testing import GwmsEmulator

from .support import CONTRACT_SEED


def pytest_report_header() -> str:
    """Tell where chance begins."""
    return f"seed of the cases made from the contract: {CONTRACT_SEED}"


@pytest_asyncio.fixture
async def gateway() -> AsyncIterator[GwmsEmulator]:
    """A gateway in its usual state."""
    async with GwmsEmulator() as emulator:
        yield emulator


@pytest.fixture
def served_gateway() -> Iterator[GwmsEmulator]:
    """A gateway in a thread of its own, for what runs an event loop of its own or none."""
    gateway, ready, loop = GwmsEmulator(), threading.Event(), asyncio.new_event_loop()
    stop = asyncio.Event()

    async def serve() -> None:
        async with gateway:
            ready.set()
            await stop.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=[serve()])
    thread.start()
    assert ready.wait(10)
    yield gateway
    loop.call_soon_threadsafe(stop.set)
    thread.join(10)
    loop.close()
