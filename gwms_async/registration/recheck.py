"""Look again, once a run has changed something, at the webhooks whose outcome no later list has confirmed."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from attrs import evolve

from ..models import same_identity
from .coordinator import Coordinator
from .item import Item, State
from .reasons import left_out, no_longer
from .report import Outcome, OutcomeStatus
from .snapshot import Snapshot
from .workers import Workers


async def recheck(
    outcomes: Iterable[Outcome], snapshot: Snapshot, coordinator: Coordinator, workers: Workers, concurrency: int
) -> list[Outcome]:
    """Read by id what a list does not show as its spec asks: what the run created or deleted may have taken it along.

    Args:
        outcomes: Those to check; failures are left as they are.
        snapshot: A list that began after they were known.
        coordinator: Shared by the registrations of the e-shop.
        workers: The run's.
        concurrency: How many are read at once.

    Returns:
        The outcomes that replace some of these.
    """
    items = [
        _done(outcome, coordinator)
        for outcome in outcomes
        if not outcome.is_failure and not _is_shown(snapshot, outcome)
    ]
    await workers.each(items, partial(_look_up, snapshot), concurrency)
    return [item.outcome for item in items if item.outcome is not None and item.outcome is not item.emitted]


def _is_shown(snapshot: Snapshot, outcome: Outcome) -> bool:
    """Return whether a list shows the webhook of an outcome, as the spec asks."""
    listed = None if outcome.webhook is None else snapshot.get(outcome.webhook.id)
    return listed is not None and listed.active is outcome.spec.active and same_identity(listed, outcome.spec)


def _done(outcome: Outcome, coordinator: Coordinator) -> Item:
    item = Item(outcome.spec, coordinator)
    item.outcome = item.emitted = outcome
    item.state = State.DONE
    return item


async def _look_up(snapshot: Snapshot, item: Item) -> None:
    """Read by id what was adopted, and a later list does not show as the spec asks: it may have been replaced."""
    before = item.outcome_now()
    assert before.webhook is not None  # noqa: S101  # it was adopted
    status, webhook_id = before.status, before.webhook.id
    error: Exception | None = None
    try:
        webhook = await item.get(webhook_id)
        if webhook is None or webhook.active is not item.spec.active:
            status, error = OutcomeStatus.FAILED, no_longer(before.webhook, webhook)
        elif snapshot.get(webhook_id) is None and not item.coordinator.memory.contradicts_write(webhook_id, None):
            item.coordinator.memory.note_unlisted(webhook)
            shown = snapshot.why_incomplete(webhook)
            error = left_out(webhook, shown) if shown else None
    except Exception as trouble:  # a user's middleware may raise anything
        webhook, error = before.webhook, trouble
    if error is not None:
        attempts = before.attempts + item.attempts
        item.outcome = evolve(before, status=status, webhook=webhook, error=error, attempts=attempts)
