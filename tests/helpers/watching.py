"""Watches that go by a clock of the test's own."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from gwms_async import WebhookType
from gwms_async.clock import Clock
from gwms_async.receiving import Delivery, Receiver

from .deliveries import SECRET
from .emulated import until


async def nothing(delivery: Delivery) -> None:
    """Do nothing."""


class Time:
    """A clock whose waits end when a test says so."""

    def __init__(self) -> None:
        self.waits = list[float]()
        self.now = 1_790_000_000.0
        self._next: asyncio.Future[None] | None = None

    @property
    def is_waiting(self) -> bool:
        """Whether somebody waits."""
        return self._next is not None and not self._next.done()

    async def sleep(self, seconds: float) -> None:
        """Wait for the test."""
        self.waits.append(seconds)
        self._next = asyncio.get_running_loop().create_future()
        await self._next

    async def go_on(self) -> None:
        """Let the time of a wait pass, and all that follows until the next."""
        await until(lambda: self.is_waiting)
        self.now += self.waits[-1]
        assert self._next is not None
        self._next.set_result(None)
        await until(lambda: self.is_waiting)


def watched(
    time: Time,
    *types: WebhookType,
    secret: str = SECRET,
    handler: Callable[[Delivery], Awaitable[object]] = nothing,
) -> Receiver:
    """Make a receiver that goes by a clock."""
    clock = Clock(wall=lambda: time.now, sleep=time.sleep)
    receiver: Receiver = type("Timed", (Receiver,), {"_clock": clock})(secret)
    receiver.on(*types)(handler)
    return receiver
