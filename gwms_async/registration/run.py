"""One run: list, register each spec, settle what is in doubt, close."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from math import inf

from ..models import Identity, WebhookSpec
from .coordinator import Coordinator
from .item import Item, State
from .pending import Pending
from .recheck import recheck
from .report import Outcome, OutcomeStatus
from .snapshot import Snapshot
from .workers import Workers, run_tasks

NextSpec = Callable[[], Awaitable[WebhookSpec | None]]
"""Returns the next spec, None after the last."""

Emit = Callable[[Outcome], Awaitable[None]]
"""Takes an outcome as it becomes known; a later one of the same spec replaces it."""

_NO_LIST = Snapshot.of(-inf, ())


class Run:
    """Ensures that webhooks exist.

    Args:
        coordinator: Shared by the registrations of the e-shop.
        concurrency: How many specs are worked on at once.
        emit: Takes each outcome.
        is_stream: Whether specs may come without end. If so, items are settled and closed while others are still
            registered, and the identities of finished ones are forgotten with the next list.
    """

    def __init__(self, coordinator: Coordinator, concurrency: int, emit: Emit, *, is_stream: bool = False) -> None:
        self.workers = Workers(coordinator.clock, concurrency)
        self._coordinator = coordinator
        self._emit, self._is_stream = emit, is_stream
        self._snapshot = _NO_LIST
        self._refreshing: asyncio.Task[Snapshot] | None = None
        self._items: dict[Identity, Item] = {}
        self._registered: dict[Identity, bool] = {}  # adopted by a stream since its last list, and their `active`
        self._adopted: list[Outcome] = []  # by a bulk run; its last list has to confirm them
        self._last_list: Snapshot | None = None  # that `_pending` took since some were adopted
        self._pending = Pending(coordinator, self.workers, self._take_list, self._notify)

    async def main(self, next_spec: NextSpec) -> None:
        """Work through all specs that `next_spec` returns.

        Raises:
            GwmsError: The first list failed; nothing was sent.
        """
        with self.workers.waiting():
            self._snapshot = await self._coordinator.lists.fresh()

        async def work() -> None:
            while not self.workers.is_stopped and (spec := await next_spec()) is not None:
                await self._register(spec)

        async with asyncio.TaskGroup() as group:
            if self._is_stream:
                group.create_task(self._pending.decide_all())
            await run_tasks(work, self.workers.concurrency)
            self._pending.complete()
        if not self._is_stream:
            await self._pending.decide_all()
            await self._recheck()

    def outcome_now(self, spec: WebhookSpec, emitted: Outcome | None) -> Outcome:
        """Return the outcome of a spec once the run has ended or been stopped; `emitted` is the last one emitted."""
        item = self._items.get(spec.identity)
        if item is None and emitted is not None:
            return emitted
        return (item or Item(self._coordinator, spec)).outcome_now()

    async def _register(self, spec: WebhookSpec) -> None:
        is_old = self._coordinator.lists.is_old(self._snapshot)
        try:
            snapshot = await self._wait_for_refresh() if is_old else self._snapshot
        except Exception as error:  # a user's middleware may raise anything
            await self._emit(Outcome(spec, OutcomeStatus.FAILED, error=error))
            return
        identity = spec.identity
        item = self._items.get(identity)
        if item is not None or identity in self._registered:
            await self._on_duplicate(spec, item)
            return
        item = self._items[identity] = Item(self._coordinator, spec)
        with self.workers.working_on(item):
            await item.decide(snapshot)
        if item.state is not State.DONE:
            self._pending.add(item)
        elif not item.settled_outcome.is_failure:
            self._note_adopted(item.settled_outcome)
        await self._notify(item)
        if self._is_stream:
            await self._pending.wait_for_room()

    def _note_adopted(self, outcome: Outcome) -> None:
        """Keep what was there: a stream until its next list, to know duplicates; a bulk run for its closing list."""
        if self._is_stream:
            self._registered[outcome.spec.identity] = outcome.spec.active
        else:
            self._adopted.append(outcome)

    async def _recheck(self) -> None:
        """Check what was adopted by the last list, if it was a later one: what was created may have replaced it."""
        if (snapshot := self._last_list) is not None:
            for outcome in await recheck(self._adopted, snapshot, self._coordinator, self.workers):
                await self._emit(outcome)

    async def _on_duplicate(self, spec: WebhookSpec, item: Item | None) -> None:
        """Emit the outcome of a spec whose equal came before; if that has none yet, `_notify` will.

        `item` belongs to the first; None if that is done.
        """
        active = self._registered[spec.identity] if item is None else item.spec.active
        if active is not spec.active:
            error = ValueError(f"the same webhook came earlier with active={active}: {spec}")
            await self._emit(Outcome(spec, OutcomeStatus.FAILED, error=error))
        elif item is None:
            await self._emit(Outcome(spec, OutcomeStatus.DUPLICATE))
        else:
            item.duplicates += 1
            if item.emitted is not None:
                await self._emit(Outcome(spec, OutcomeStatus.DUPLICATE, item.emitted.webhook))

    async def _take_list(self) -> Snapshot:
        """Return a list that may be in flight already; it also decides the specs that come next."""
        self._registered = {}
        self._snapshot = snapshot = await self._coordinator.lists.joined()
        if self._adopted:
            self._last_list = snapshot
        return snapshot

    async def _wait_for_refresh(self) -> Snapshot:
        """Replace a list that is too old, once for all workers, and return the new one."""
        refreshing = self._refreshing
        if refreshing is None:
            # In a task of its own: stopping the worker that asked first must not cancel the list for the others.
            refreshing = self._refreshing = asyncio.create_task(self._refresh(), name="gwms refresh")
            refreshing.add_done_callback(lambda task: task.cancelled() or task.exception())
        with self.workers.waiting():
            await asyncio.wait([refreshing])
        return refreshing.result()

    async def _refresh(self) -> Snapshot:
        self._registered, self._snapshot = {}, _NO_LIST  # two lists at once may take much memory
        try:
            with self.workers.waiting():
                self._snapshot = await self._coordinator.lists.with_retries(self._coordinator.lists.joined)
        finally:
            self._refreshing = None
        self._pending.use(self._snapshot)
        return self._snapshot

    async def _notify(self, item: Item) -> None:
        """Emit an item's outcome if it is new, and a `duplicate` for each repetition of its spec so far."""
        outcome = item.outcome
        if item.state is State.DONE:
            del self._items[item.spec.identity]
        elif outcome is None or outcome.status is OutcomeStatus.UNKNOWN:
            return  # a list may still find it
        if outcome is None or outcome is item.emitted:
            return
        item.emitted = outcome
        await self._emit(outcome)
        for _ in range(item.duplicates):
            await self._emit(Outcome(item.spec, OutcomeStatus.DUPLICATE, outcome.webhook))
