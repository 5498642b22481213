"""The tasks of a run: what each is working on, which only wait, and how to stop them all."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from math import inf
from types import TracebackType
from typing import Any, TypeVar

from attrs import define, field

from ..chain import Call
from ..clock import Clock
from ..timeouts import wait_for_end
from .by_id import WebhookApi
from .coordinator import Coordinator

T = TypeVar("T", bound="Job")

_GRACE = 5.0  # seconds that a stopped run gives requests in flight
MAX_TASKS = 10_000
"""Tasks of a run; each takes memory, even if nothing comes for it."""


@define(eq=False, repr=False)
class Job:
    """The work of one task in a run: counts the requests that are sent for it, and can stop them.

    Args:
        coordinator: Shared by the registrations of the e-shop.
        deadline: Monotonic seconds after which nothing more is sent for it.
        call: What its latest request has been through; None once that is counted in its outcome.
    """

    coordinator: Coordinator
    deadline: float = field(default=inf, init=False)
    call: Call | None = field(default=None, init=False)
    _earlier_attempts: int = field(default=0, init=False)

    @property
    def attempts(self) -> int:
        """How many requests were sent for it."""
        return self._earlier_attempts + (self.call.attempts if self.call is not None else 0)

    @property
    def on_wire(self) -> bool:
        """Whether a request for it is on the wire."""
        return self.call is not None and self.call.on_wire

    def stop(self, now: float) -> None:
        """Send nothing more for it."""
        self.deadline = now
        if self.call is not None:
            self.call.deadline = now

    def next_api(self) -> WebhookApi:
        """Return the API for one more request; see `NextApi`."""
        return self.coordinator.api_for(self.next_call())

    def next_call(self) -> Call:
        """Return the call of one more request."""
        # Not with the deadline of the last call, which `Session` has shortened.
        self._earlier_attempts, self.call = self.attempts, Call(deadline=self.deadline)
        return self.call


class Workers:
    """Knows what each task of a run is working on, and stops them all.

    Args:
        concurrency: How many items are worked on at once.
    """

    def __init__(self, clock: Clock, concurrency: int) -> None:
        self._clock, self.concurrency = clock, concurrency
        self._tasks: dict[asyncio.Task[Any], Job | None] = {}
        self._stopped_at = inf

    @property
    def is_stopped(self) -> bool:
        """Whether the run has been stopped, so that nothing more is begun."""
        return self._stopped_at < inf

    async def each(self, items: Iterable[T], act: Callable[[T], Awaitable[None]], tasks: int | None = None) -> None:
        """Call `act` with each item, in `tasks` tasks at once (None: `concurrency`), until stopped."""
        items = list(items)
        queue = iter(items)

        async def work() -> None:
            for item in queue:
                if self.is_stopped:
                    return
                with self.working_on(item):
                    await act(item)

        await run_tasks(work, min(tasks or self.concurrency, len(items)))

    def working_on(self, item: Job) -> _Activity:
        """Return a context in which the current task sends requests for an item."""
        return _Activity(self._tasks, item)

    def waiting(self) -> _Activity:
        """Return a context in which the current task sends nothing, so that it may be cancelled at once."""
        if self.is_stopped and (task := asyncio.current_task()) is not None:
            task.cancel()  # it begins only now: `stop` did not know it
        return _Activity(self._tasks, None)

    async def supervise(self, main: Coroutine[Any, Any, None], deadline: float | None = None) -> None:
        """Run the coroutine that runs all other tasks; stop it at the deadline, or when cancelled.

        Args:
            main: The coroutine.
            deadline: How many seconds it may take; None for no limit.
        """
        task = asyncio.create_task(main, name="gwms registration")
        try:
            await asyncio.wait([task], timeout=deadline)
        finally:
            await self.stop(task)
        if not task.cancelled():
            task.result()

    async def stop(self, main: asyncio.Task[None]) -> None:
        """Cancel the tasks that `main` runs: those that wait at once, those on the wire after 5 seconds."""
        # Retrieve the error even if we are cancelled: asyncio would complain about one that nobody retrieves.
        main.add_done_callback(lambda done: done.cancelled() or done.exception())
        if main.done():
            return
        self._stopped_at = self._clock.monotonic()
        for task, item in self._tasks.items():
            if item is not None:
                item.stop(self._stopped_at)
            if item is None or not item.on_wire:
                task.cancel()
        try:
            await asyncio.wait([main], timeout=_GRACE)
        finally:
            main.cancel()
            await wait_for_end(main)


class _Activity:
    """A context in which the current task works on an item, or only waits."""

    # Not `contextmanager`, which costs several times as much, for each spec. Measured: benchmarks/README.

    __slots__ = ("_item", "_task", "_tasks")

    def __init__(self, tasks: dict[asyncio.Task[Any], Job | None], item: Job | None) -> None:
        self._tasks, self._item = tasks, item

    def __enter__(self) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101  # a coroutine runs in one
        self._task = task
        self._tasks[task] = self._item

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        del self._tasks[self._task]


async def run_tasks(work: Callable[[], Coroutine[Any, Any, None]], count: int) -> None:
    """Run `work` in `count` tasks at once, 10,000 at most, until all have ended."""
    async with asyncio.TaskGroup() as group:
        for _ in range(min(count, MAX_TASKS)):
            group.create_task(work())
