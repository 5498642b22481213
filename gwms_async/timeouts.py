"""One timer for many time limits, and helpers for cancellation."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Any, Self


class SharedTimeout:
    """A time limit for any number of blocks, each on its own, in one event loop at a time.

    Args:
        seconds: How long a block may take.
    """

    # Blocks expire in the order in which they began, so one timer of the event loop serves all of them;
    # `asyncio.timeout` sets and cancels one for each. Measured: benchmarks/README.

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.running: dict[TimeoutScope, None] = {}
        self.timer: asyncio.TimerHandle | None = None
        self.loop: asyncio.AbstractEventLoop | None = None  # where the timer runs
        self._clock_offset = 0.0

    def close(self) -> None:
        """Cancel the timer, unless a block is still running."""
        if self.timer is not None and not self.running:
            self.timer.cancel()
            self.timer = self.loop = None

    def forget(self) -> None:
        """Forget the event loop, and what was left running when it ended."""
        self.running.clear()
        self.timer = self.loop = None

    def begin(self, first: TimeoutScope) -> None:
        """Set the timer for a block that begins now."""
        self.loop = loop = asyncio.get_running_loop()
        # A loop's clock need not be the monotonic one: on some systems, uvloop's counts suspended time.
        self._clock_offset = loop.time() - first.began
        self._set_timer(first, loop)

    def _set_timer(self, first: TimeoutScope, loop: asyncio.AbstractEventLoop) -> None:
        self.timer = loop.call_at(self._end(first), self._expire, loop)

    def _end(self, scope: TimeoutScope) -> float:
        return scope.began + self.seconds + self._clock_offset

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
    """A block under a `SharedTimeout`; raises `TimeoutError` on expiry, as `asyncio.timeout` does.

    Args:
        limit: The time limit.
        began: When the block began, in monotonic seconds.
    """

    __slots__ = ("_cancelling", "_limit", "_task", "began", "is_expired")

    def __init__(self, limit: SharedTimeout, began: float) -> None:
        self._limit = limit
        self.began = began
        self.is_expired = False

    def expire(self) -> None:
        """Cancel the block."""
        self.is_expired = True
        self._task.cancel()

    def __enter__(self) -> Self:
        limit = self._limit
        task = asyncio.current_task(limit.loop)
        if task is None:  # the event loop is another one now
            task = asyncio.current_task()
            assert task is not None  # noqa: S101  # a coroutine runs in one
            limit.forget()
        self._task, self._cancelling = task, task.cancelling()
        limit.running[self] = None
        if limit.timer is None:
            limit.begin(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._limit.running.pop(self, None)
        # If others have cancelled the task too, it stays cancelled.
        if self.is_expired and self._task.uncancel() <= self._cancelling and kind is asyncio.CancelledError:
            raise TimeoutError from error


def is_cancelled() -> bool:
    """Return whether the running task itself was cancelled, not only something that it waited for."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def is_over(future: asyncio.Future[Any]) -> bool:
    """Return whether a future or task has ended, or never will, because its event loop is closed."""
    return future.done() or future.get_loop().is_closed()


async def wait_for_end(task: asyncio.Task[None]) -> None:
    """Wait until a task has ended, even if cancelled repeatedly, as by anyio; then raise the last cancellation."""
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        if not task.cancelled():
            task.exception()  # retrieved, or asyncio would log it; the cancellation goes first
        raise cancelled
