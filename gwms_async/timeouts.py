"""Time limits that share one timer."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Self

from attrs import define, field


@define(eq=False, repr=False)
class SharedTimeout:
    """A number of seconds that many things, each on its own, may take.

    They expire in the order in which they began, so one timer of the event loop serves them all; `asyncio.timeout`
    sets and cancels one for each, which is a tenth of what a request costs.

    Args:
        seconds: How many.
    """

    seconds: float
    running: dict[TimeoutScope, None] = field(factory=dict, init=False)
    timer: asyncio.TimerHandle | None = field(default=None, init=False)
    loop: asyncio.AbstractEventLoop | None = field(default=None, init=False)  # known, the task is found sooner
    _ahead: float = field(default=0.0, init=False)

    def close(self) -> None:
        """Leave no timer behind, unless something is still limited by it."""
        if self.timer is not None and not self.running:
            self.timer.cancel()
            self.timer = self.loop = None

    def begin(self, first: TimeoutScope) -> None:
        """Set the timer for one that begins now."""
        self.loop = loop = asyncio.get_running_loop()
        # Not every loop has the monotonic clock: that of uvloop counts, on some systems, the time asleep as well.
        self._ahead = loop.time() - first.began
        self._set_timer(first, loop)

    def _set_timer(self, first: TimeoutScope, loop: asyncio.AbstractEventLoop) -> None:
        self.timer = loop.call_at(self._end(first), self._expire, loop)

    def _end(self, limited: TimeoutScope) -> float:
        return limited.began + self.seconds + self._ahead

    def _expire(self, loop: asyncio.AbstractEventLoop) -> None:
        self.timer = None
        while self.running:
            first = next(iter(self.running))
            if self._end(first) > loop.time():
                self._set_timer(first, loop)
                return
            del self.running[first]
            first.expire()


class TimeoutScope:
    """A block under a `SharedTimeout`; raises `TimeoutError` where it was cut short, as `asyncio.timeout` does.

    Args:
        limit: The limit.
        began: When it began, in monotonic seconds.
    """

    __slots__ = ("_cancelling", "_limit", "_task", "began", "is_expired")

    def __init__(self, limit: SharedTimeout, began: float) -> None:
        self._limit = limit
        self.began = began
        self.is_expired = False

    def expire(self) -> None:
        """Cut it short."""
        self.is_expired = True
        self._task.cancel()

    def __enter__(self) -> Self:
        limit = self._limit
        task = asyncio.current_task(limit.loop)
        assert task is not None  # noqa: S101  # a coroutine runs in one
        self._task, self._cancelling = task, task.cancelling()
        limit.running[self] = None
        if limit.timer is None:
            limit.begin(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._limit.running.pop(self, None)
        # A cancellation that others asked for as well goes on as one.
        if self.is_expired and self._task.uncancel() <= self._cancelling and kind is asyncio.CancelledError:
            raise TimeoutError from error


def is_cancelled() -> bool:
    """Tell whether the running task was itself cancelled, and not only something that it waited for."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
