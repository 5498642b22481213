"""An event loop with real sockets whose time passes only where everything waits.

Why this is sound:

- The loop's time stands still while anything is ready to run, or any socket is ready to be read or written; else it
  jumps to the next timer. `time.monotonic` is the loop's time for as long as the loop runs, so code that reads either
  of them sees one clock, which never goes back.
- All peers must live in this one loop, on 127.0.0.1: no byte is on its way but through it, and the kernel hands over
  what one side of a loopback connection writes before the write returns. A look at the sockets without waiting, taken
  several times, thus sees all that is to come before the next timer.
- Should the kernel be late all the same, a timer runs before the bytes arrive: exactly what happens on a slow network.
  Every schedule of this loop is one that real time could bring; what must always hold must hold in each of them.

Clients keep a clock of their own: see `virtual_client`.
"""

from __future__ import annotations

import asyncio
import heapq
import time
from collections.abc import Callable, Coroutine
from typing import Any
from unittest import mock

from gwms_async import GwmsClient
from gwms_async.clock import Clock
from gwms_async.testing import GwmsEmulator

from .emulated import until

_LOOKS = 4


class VirtualIoLoop(asyncio.SelectorEventLoop):
    """Jumps to the next timer as soon as nothing else is to be done and no socket is ready."""

    _now = 1000.0

    def time(self) -> float:
        """Tell the virtual time, in seconds."""
        return self._now

    def run_forever(self) -> None:
        """Run, with `time.monotonic` telling the virtual time meanwhile."""
        with mock.patch.object(time, "monotonic", self.time):
            super().run_forever()

    def jump(self, seconds: float) -> None:
        """Let time pass at once."""
        self._now += seconds

    def _run_once(self) -> None:
        timers = self._scheduled  # type: ignore[attr-defined]
        while timers and timers[0]._cancelled:
            timer = heapq.heappop(timers)
            timer._scheduled = False
            self._timer_cancelled_count -= 1  # type: ignore[attr-defined]
        for _ in range(_LOOKS):
            if self._ready or not timers:  # type: ignore[attr-defined]
                break
            self._process_events(self._selector.select(0))  # type: ignore[attr-defined]
        # A timer that is due within the clock's resolution runs at once: then it is that time.
        is_due = timers and timers[0]._when < self._now + self._clock_resolution  # type: ignore[attr-defined]
        if timers and (is_due or not self._ready):  # type: ignore[attr-defined]
            self._now = max(self._now, timers[0]._when)
        super()._run_once()  # type: ignore[misc]


class SteppingLoop(VirtualIoLoop):
    """Does something, once, before a certain one of the steps to come."""

    _steps_left = 0
    _act: Callable[[], object] | None = None

    def before_step(self, number: int, act: Callable[[], object]) -> None:
        """Plan what to do."""
        self._steps_left, self._act = number, act

    def forget(self) -> None:
        """Plan nothing any more."""
        self._act = None

    def _run_once(self) -> None:
        if self._act is not None:
            self._steps_left -= 1
            if self._steps_left < 0:
                act, self._act = self._act, None
                act()
        super()._run_once()


def virtual_client(loop: VirtualIoLoop) -> type[GwmsClient]:
    """Make the class of clients that go by a loop's time."""
    return type("VirtualClient", (GwmsClient,), {"_clock": Clock(loop.time)})


def with_virtual_gateway(
    test: Callable[[GwmsEmulator, type[GwmsClient]], Coroutine[Any, Any, None]], **options: Any
) -> None:
    """Run a test in virtual time, with a gateway and the class of its clients; it must leave nothing behind.

    Args:
        test: The test.
        options: Those of the gateway.
    """

    async def main() -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualIoLoop)
        async with GwmsEmulator(clock=lambda: 1_790_000_000.0 + loop.time(), **options) as gateway:
            await test(gateway, virtual_client(loop))
            await until(lambda: not gateway.connections)
        assert asyncio.all_tasks() == {asyncio.current_task()}

    with asyncio.Runner(loop_factory=VirtualIoLoop) as runner:
        runner.run(main())
