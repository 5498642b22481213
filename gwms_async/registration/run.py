"""One registration: list, work, settle, verify."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from functools import partial
from math import inf

from ..errors import DeadlineExceededError
from ..models import Identity, WebhookSpec
from .coordinator import COMMIT_WINDOW, Coordinator
from .item import Item, State, cut_short
from .report import Outcome, OutcomeStatus
from .snapshot import Snapshot
from .workers import Workers, run_tasks

NextSpec = Callable[[], Awaitable[WebhookSpec | None]]
"""Returns the next spec, None after the last."""

Emit = Callable[[Outcome], Awaitable[None]]
"""Takes an outcome as it becomes known."""

_logger = logging.getLogger("gwms_async")
_PAUSES = (1.0, 2.0, 3.0)
_MOST_IN_DOUBT = 1000


class Run:
    """Ensures that webhooks exist.

    Args:
        coordinator: Shared by the registrations of the e-shop.
        concurrency: How many specs are worked on at once.
        emit: Takes each outcome.
    """

    def __init__(self, coordinator: Coordinator, concurrency: int, emit: Emit) -> None:
        self.workers = Workers(coordinator.clock)
        self._coordinator, self._concurrency, self._emit = coordinator, concurrency, emit
        self._snapshot = Snapshot(0, {})
        self._items: dict[Identity, Item | bool] = {}
        self._in_doubt: list[Item] = []
        self._last_doubt = -inf

    async def main(self, next_spec: NextSpec) -> None:
        """Work through all specs.

        Args:
            next_spec: Where they come from.

        Raises:
            GwmsError: The first list failed; nothing was sent.
        """
        with self._coordinator.tracking(self):
            with self.workers.waiting():
                self._snapshot = await self._coordinator.lists.fresh()

            async def work() -> None:
                while not self.workers.is_stopped and (spec := await next_spec()) is not None:
                    await self._register(spec)

            await run_tasks(work, self._concurrency)
            await self._settle(self._concurrency)

    def unfinished(self, spec: WebhookSpec) -> Outcome:
        """Return the outcome of a spec for which a stopped run has emitted none."""
        item = self._items.get(spec.identity)
        if not isinstance(item, Item):
            item = Item(spec, self._coordinator, self)
        if item.outcome is not None:
            return item.finish()
        if item.may_exist:
            return item.end(OutcomeStatus.UNKNOWN, error=item.doubt or cut_short(spec))
        error = DeadlineExceededError("the run ended before this webhook was registered: run it again")
        status = OutcomeStatus.FAILED if item.attempts else OutcomeStatus.NOT_STARTED
        return item.end(status, error=error)

    async def _register(self, spec: WebhookSpec) -> None:
        before = self._items.get(spec.identity)
        if before is not None:
            for outcome in _repeated(spec, before):
                await self._emit(outcome)
            return
        item = self._items[spec.identity] = Item(spec, self._coordinator, self)
        with self.workers.working_on(item):
            await self._ensure(self._snapshot, item)
        if item.outcome is not None:
            await self._finish(item)
            return
        self._in_doubt.append(item)
        if len(self._in_doubt) >= _MOST_IN_DOUBT:
            await self._settle(1)

    async def _ensure(self, snapshot: Snapshot, item: Item) -> None:
        await item.ensure(snapshot)
        if item.state is State.IN_DOUBT:
            self._last_doubt = self._coordinator.clock.monotonic()

    async def _finish(self, item: Item) -> None:
        """Emit the outcomes of an item and of the specs that wait for it."""
        outcome = item.finish()
        # From here on only its identity is remembered: a stream may have no end.
        self._items[item.spec.identity] = item.spec.active
        await self._emit(outcome)
        for _ in range(item.duplicates):
            await self._emit(Outcome(item.spec, OutcomeStatus.DUPLICATE, outcome.webhook))

    async def _settle(self, tasks: int) -> None:
        """Settle the items in doubt: adopt what is listed, create the rest again."""
        items, self._in_doubt = self._in_doubt, []
        for pause in _PAUSES:
            undecided = [item for item in items if item.outcome is None]
            if not undecided or self.workers.is_stopped:
                break
            snapshot = await self._look_again(pause)
            if snapshot is not None:
                await self.workers.each(undecided, partial(self._ensure, snapshot), tasks)
        if any(item.may_be_doubled for item in items) and not self.workers.is_stopped:
            await self._verify(items, tasks)
        if not self.workers.is_stopped:
            for item in items:
                await self._finish(item)

    async def _verify(self, items: list[Item], tasks: int) -> None:
        """Delete the second copies that came of creating again."""
        pause = max(0.0, self._last_doubt + COMMIT_WINDOW - self._coordinator.clock.monotonic())
        snapshot = await self._look_again(pause)
        if snapshot is None:
            return

        async def verify(item: Item) -> None:
            await item.verify(snapshot, self._snapshot.copies(item.spec.identity))

        await self.workers.each(items, verify, tasks)

    async def _look_again(self, pause: float) -> Snapshot | None:
        with self.workers.waiting():
            await self._coordinator.clock.sleep(pause)
            try:
                return await self._coordinator.lists.fresh()
            except Exception as error:  # noqa: BLE001  # a user's middleware may raise anything
                _logger.warning("listing webhooks in doubt failed: %s", error)
                return None


def _repeated(spec: WebhookSpec, before: Item | bool) -> tuple[Outcome, ...]:
    """Return the outcome of a spec that came before; none yet if that one is still worked on."""
    if isinstance(before, Item):
        if before.spec.active is spec.active:
            before.duplicates += 1
            return ()
    elif before is spec.active:
        return (Outcome(spec, OutcomeStatus.DUPLICATE),)
    error = ValueError(f"the same webhook came before with active={not spec.active}: {spec}")
    return (Outcome(spec, OutcomeStatus.FAILED, error=error),)
