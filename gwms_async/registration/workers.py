"""The tasks of a run: what each works on, which of them only wait, and how all are stopped."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator
from contextlib import contextmanager
from math import inf
from typing import Any, Protocol, TypeVar

from ..chain import Call
from ..clock import Clock

T = TypeVar("T", bound="Stoppable")

_GRACE = 5.0


class Stoppable(Protocol):
    """What workers work on."""

    @property
    def call(self) -> Call:
        """What its present call has been through."""
        ...

    def stop(self, now: float) -> None:
        """Send nothing more for it."""
        ...


class Workers:
    """Knows what each task of a run works on, and stops them all.

    Args:
        clock: Its time.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._busy: dict[asyncio.Task[Any], Stoppable] = {}
        self._waiting: set[asyncio.Task[Any]] = set()
        self._stopped_at = inf

    @property
    def is_stopped(self) -> bool:
        """Whether nothing more is begun."""
        return self._stopped_at < inf

    async def each(self, items: Iterable[T], act: Callable[[T], Awaitable[None]], tasks: int) -> None:
        """Do `act` to each item, in so many tasks at most, until stopped."""
        items = list(items)
        queue = iter(items)

        async def work() -> None:
            for item in queue:
                if self.is_stopped:
                    return
                with self.working_on(item):
                    await act(item)

        await run_tasks(work, min(tasks, len(items)))

    @contextmanager
    def working_on(self, item: Stoppable) -> Iterator[None]:
        """Mark that the running task sends requests for an item."""
        task = _running_task()
        self._busy[task] = item
        try:
            yield
        finally:
            del self._busy[task]

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Mark that the running task waits for nothing on the wire, and may be cancelled at once."""
        task = _running_task()
        self._waiting.add(task)
        try:
            yield
        finally:
            self._waiting.remove(task)

    async def supervise(self, main: Coroutine[Any, Any, None], deadline: float | None = None) -> None:
        """Run the coroutine that runs all tasks; stop it at the deadline, or when cancelled.

        Args:
            main: The coroutine.
            deadline: Seconds that it may take; None for as long as it likes.
        """
        task = asyncio.create_task(main, name="gwms registration")
        try:
            await asyncio.wait([task], timeout=deadline)
        finally:
            await self.stop(task)
        if not task.cancelled():
            task.result()

    async def stop(self, main: asyncio.Task[None]) -> None:
        """Cancel what waits at once, and what is on the wire after 5 seconds.

        Args:
            main: The task that runs all others.
        """
        # asyncio complains about errors that nobody retrieved; a cancellation may keep us from retrieving this one.
        main.add_done_callback(lambda done: done.cancelled() or done.exception())
        if main.done():
            return
        self._stopped_at = self._clock.monotonic()
        for task, item in self._busy.items():
            item.stop(self._stopped_at)
            if not item.call.on_wire:
                task.cancel()
        for task in self._waiting:
            task.cancel()
        try:
            await asyncio.wait([main], timeout=_GRACE)
        finally:
            main.cancel()
            await _ended(main)


async def run_tasks(work: Callable[[], Coroutine[Any, Any, None]], count: int) -> None:
    """Run `work` in so many tasks at once, until all are through."""
    async with asyncio.TaskGroup() as group:
        for _ in range(count):
            group.create_task(work())


def _running_task() -> asyncio.Task[Any]:
    task = asyncio.current_task()
    assert task is not None  # noqa: S101  # a coroutine runs in one
    return task


async def _ended(task: asyncio.Task[None]) -> None:
    """Wait until a task has ended, however often that is cancelled meanwhile: anyio does so at every await."""
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        raise cancelled
