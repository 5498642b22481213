"""One registration: snapshot, work, settle, verify."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from math import inf
from typing import Any

from attrs import define, field

from ..errors import DeadlineExceededError, GwmsError, OutcomeUnknownError
from ..models import Identity, WebhookSpec
from .coordinator import COMMIT_WINDOW, Coordinator
from .item import Item, cut_short
from .report import Outcome, OutcomeStatus
from .snapshot import Snapshot

NextSpec = Callable[[], Awaitable[WebhookSpec | None] | WebhookSpec | None]
"""Gives the next spec, None after the last; or what to await for it, which is then `as_waiting`."""

Emit = Callable[[Outcome], Awaitable[object] | None]
"""Takes an outcome as it becomes known; gives what to await, if it has to wait, which is then `as_waiting`."""

_logger = logging.getLogger("gwms_async")
_PAUSES = (1.0, 2.0, 3.0)
_GRACE = 5.0
_MOST_IN_DOUBT = 1000


@define(eq=False, repr=False)
class Run:
    """Sees to it that webhooks exist.

    Args:
        registry: Shared by the registrations of the e-shop.
        workers: How many specs are worked on at once.
        emit: Takes each outcome.
    """

    _registry: Coordinator
    _workers: int
    _emit: Emit

    _snapshot: Snapshot = field(factory=lambda: Snapshot(0, {}), init=False)
    _items: dict[Identity, Item | bool] = field(factory=dict, init=False)
    _in_doubt: list[Item] = field(factory=list, init=False)
    _last_doubt: float = field(default=-inf, init=False)
    _busy: dict[asyncio.Task[Any], Item] = field(factory=dict, init=False)  # by the task that works on it
    _waiting: dict[asyncio.Task[Any], None] = field(factory=dict, init=False)
    _stopped_at: float = field(default=inf, init=False)

    async def main(self, next_spec: NextSpec) -> None:
        """Work through all specs.

        Args:
            next_spec: Gives them.

        Raises:
            GwmsError: The first list failed; nothing was sent.
        """
        with self._registry.entered(self):
            with self.as_waiting():
                self._snapshot = await self._registry.snapshot()
            async with asyncio.TaskGroup() as group:
                for _ in range(self._workers):
                    group.create_task(self._work(next_spec))
            await self._settle(self._workers)

    async def stop(self, main: asyncio.Task[None]) -> None:
        """End a run: what waits at once, what is on the wire within 5 seconds.

        Args:
            main: The task of `main`.
        """
        # asyncio complains of errors that nobody has looked at; a cancellation may keep us from it.
        main.add_done_callback(lambda done: done.cancelled() or done.exception())
        if main.done():
            return
        self._stopped_at = self._registry.clock.monotonic()
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
            await asyncio.wait([main])

    def leftover(self, spec: WebhookSpec) -> Outcome:
        """Tell how a spec stands that a stopped run has no outcome for."""
        item = self._items.get(spec.identity)
        if not isinstance(item, Item):
            item = Item(spec, self._registry, self)
        if item.outcome is not None:
            return item.final()
        if item.may_be_there:
            return item.end(OutcomeStatus.UNKNOWN, error=item.doubt or cut_short(spec))
        error = DeadlineExceededError("the run was ended before this webhook was registered: run it again")
        status = OutcomeStatus.FAILED if item.attempts else OutcomeStatus.NOT_STARTED
        return item.end(status, error=error)

    async def _work(self, next_spec: NextSpec) -> None:
        items, task = self._items, _running_task()
        while not self.is_stopped:
            spec = next_spec()
            if spec is not None and not isinstance(spec, WebhookSpec):
                spec = await spec
            if spec is None:
                return
            before = items.get(spec.identity)
            if before is not None:
                await self._tell(self._repeated(spec, before))
                continue
            item = items[spec.identity] = self._busy[task] = Item(spec, self._registry, self)
            try:
                await item.ensure(self._snapshot, OutcomeStatus.EXISTING)
            except Exception as error:  # noqa: BLE001  # one item's trouble is not the others'
                self._fail(item, error)
            finally:
                del self._busy[task]
            if item.outcome is None:
                self._in_doubt.append(item)
                if len(self._in_doubt) >= _MOST_IN_DOUBT:
                    await self._settle(1)
                continue
            for outcome in self._finished(item):  # not by `_tell`: a bulk comes along here for each webhook
                waiting = self._emit(outcome)
                if waiting is not None:
                    await waiting

    def _repeated(self, spec: WebhookSpec, before: Item | bool) -> Iterable[Outcome]:
        """Give the outcome of a spec that came before, unless it waits for that one's."""
        if isinstance(before, Item):
            if before.spec.active is spec.active:
                before.duplicates += 1
                return ()
        elif before is spec.active:
            return (Outcome(spec, OutcomeStatus.DUPLICATE),)
        error = ValueError(f"the same webhook came before with active={not spec.active}: {spec}")
        return (Outcome(spec, OutcomeStatus.FAILED, error=error),)

    async def _try(self, snapshot: Snapshot, item: Item) -> None:
        """Find out about an item in doubt."""
        try:
            await item.ensure(snapshot, OutcomeStatus.RECOVERED)
        except Exception as error:  # noqa: BLE001  # as above
            self._fail(item, error)

    def _fail(self, item: Item, error: Exception) -> None:
        """Bring an item that an error was raised for into doubt, or to an outcome."""
        if isinstance(error, OutcomeUnknownError):
            self._doubt(item, error)
        elif item.doubt is None and not (isinstance(error, GwmsError) or item.attempts == 0):
            # A middleware of the user's lost the answer.
            self._doubt(item, cut_short(item.spec))
        elif item.doubt is None:
            item.outcome = item.end(OutcomeStatus.FAILED, error=error)

    def _doubt(self, item: Item, error: OutcomeUnknownError) -> None:
        item.doubt = error
        self._last_doubt = self._registry.clock.monotonic()

    def _finished(self, item: Item) -> Iterable[Outcome]:
        """Give the outcomes of an item and of the specs that wait for it."""
        outcome = item.outcome = item.final()
        # From here on its identity is all that is remembered: a stream may have no end.
        self._items[item.spec.identity] = item.spec.active
        if not item.duplicates:
            return (outcome,)
        return (outcome, *[Outcome(item.spec, OutcomeStatus.DUPLICATE, outcome.webhook)] * item.duplicates)

    async def _tell(self, outcomes: Iterable[Outcome]) -> None:
        for outcome in outcomes:
            waiting = self._emit(outcome)
            if waiting is not None:
                await waiting

    async def _settle(self, workers: int) -> None:
        """Find out about the items in doubt: what is there is adopted, what is not is created again."""
        items, self._in_doubt = self._in_doubt, []
        for pause in _PAUSES:
            undecided = [item for item in items if item.outcome is None]
            if not undecided or self.is_stopped:
                break
            snapshot = await self._look_again(pause)
            if snapshot is not None:
                await self._each(undecided, partial(self._try, snapshot), workers)
        if any(item.may_be_doubled for item in items) and not self.is_stopped:
            await self._verify(items, workers)
        if not self.is_stopped:
            for item in items:
                await self._tell(self._finished(item))

    async def _look_again(self, pause: float) -> Snapshot | None:
        with self.as_waiting():
            await self._registry.clock.sleep(pause)
            try:
                return await self._registry.snapshot()
            except Exception as error:  # noqa: BLE001  # a middleware of the user's may raise anything
                _logger.warning("webhooks in doubt could not be looked for: %s", error)
                return None

    async def _verify(self, items: list[Item], workers: int) -> None:
        """Remove second copies that came of creating again."""
        pause = max(0.0, self._last_doubt + COMMIT_WINDOW - self._registry.clock.monotonic())
        snapshot = await self._look_again(pause)
        if snapshot is not None:
            await self._each(items, partial(self._verify_one, snapshot), workers)

    async def _verify_one(self, snapshot: Snapshot, item: Item) -> None:
        await item.verify(snapshot, self._snapshot.copies(item.spec.identity))

    async def _each(self, items: Iterable[Item], act: Callable[[Item], Awaitable[None]], workers: int) -> None:
        queue = iter(items)

        async def work() -> None:
            task = _running_task()
            for item in queue:
                if self.is_stopped:
                    return
                self._busy[task] = item
                try:
                    await act(item)
                finally:
                    del self._busy[task]

        async with asyncio.TaskGroup() as group:
            for _ in range(workers):
                group.create_task(work())

    @property
    def is_stopped(self) -> bool:
        """Whether nothing more is begun."""
        return self._stopped_at < inf

    @contextmanager
    def as_waiting(self) -> Iterator[None]:
        """Mark that the task waits for nothing that was sent, and may be ended at once."""
        task = _running_task()
        self._waiting[task] = None
        try:
            yield
        finally:
            del self._waiting[task]


def _running_task() -> asyncio.Task[Any]:
    task = asyncio.current_task()
    assert task is not None  # noqa: S101  # a coroutine runs in one
    return task
