"""An event loop whose time passes only where everything waits: minutes of waiting in no time, always the same."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

_MAX_TURNS = 500_000


class VirtualLoop(asyncio.SelectorEventLoop):
    """Jumps to the next timer as soon as nothing else is to be done; fails if time no longer passes."""

    _now = 0.0
    _turns = 0  # since time has passed

    def time(self) -> float:
        """Tell the virtual time, in seconds."""
        return self._now

    def _run_once(self) -> None:
        timers = self._scheduled  # type: ignore[attr-defined]
        while timers and timers[0]._cancelled:
            timer = heapq.heappop(timers)
            timer._scheduled = False
            self._timer_cancelled_count -= 1  # type: ignore[attr-defined]
        self._turns += 1
        # A timer that is due within the clock's resolution runs at once: then it is that time.
        is_due = timers and timers[0]._when < self._now + self._clock_resolution  # type: ignore[attr-defined]
        if timers and (is_due or not self._ready) and timers[0]._when > self._now:  # type: ignore[attr-defined]
            self._now, self._turns = timers[0]._when, 0
        if self._turns > _MAX_TURNS:
            self._turns = 0  # for the end of the tasks that are left
            raise RuntimeError("something goes round and round, and waits for nothing")
        super()._run_once()  # type: ignore[misc]


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine on a virtual loop; a task that it leaves behind is an error, and so is a callback that fails."""
    failed: list[dict[str, Any]] = []
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.get_loop().set_exception_handler(lambda _, context: failed.append(context))
        result = runner.run(main)
        left = asyncio.all_tasks(runner.get_loop())
    assert not left
    assert not failed
    return result
