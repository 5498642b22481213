"""Check again, after a run has changed something, the webhooks whose outcome no later list has confirmed."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import TypeGuard

from attrs import evolve

from ..errors import GwmsError
from ..models import Webhook, same_identity
from .coordinator import Coordinator
from .item import Item
from .reasons import left_out, no_longer_as_asked
from .report import Outcome, OutcomeStatus
from .snapshot import Snapshot
from .workers import Workers


async def recheck(
    outcomes: Iterable[Outcome], snapshot: Snapshot, coordinator: Coordinator, workers: Workers
) -> list[Outcome]:
    """Read by id what a list does not show as its spec asks: what the run created or deleted may have affected it.

    Args:
        outcomes: Those to check; none is a failure.
        snapshot: A list that began after they were known.
        coordinator: Shared by the registrations of the e-shop.
        workers: The run's.

    Returns:
        The outcomes that replace some of these.
    """
    items = [_done_item(outcome, coordinator) for outcome in outcomes if not _is_shown(snapshot, outcome)]
    await workers.each(items, partial(_look_up, snapshot=snapshot))
    return [item.settled_outcome for item in items if item.outcome is not item.emitted]


def _is_shown(snapshot: Snapshot, outcome: Outcome) -> bool:
    """Return whether a list shows the webhook of an outcome, as the spec asks."""
    listed = None if outcome.webhook is None else snapshot.get(outcome.webhook.id)
    return listed is not None and listed.active is outcome.spec.active and same_identity(listed, outcome.spec)


def _done_item(outcome: Outcome, coordinator: Coordinator) -> Item:
    item = Item(coordinator, outcome.spec)
    item.outcome = item.emitted = outcome
    return item


async def _look_up(item: Item, snapshot: Snapshot) -> None:
    """Read by id a webhook that was adopted, and replace the outcome if it is no longer as the spec asks."""
    before = item.settled_outcome
    try:
        after = await _outcome_by_id(item, before, snapshot)
    except Exception as trouble:  # a user's middleware may raise anything
        after = evolve(before, error=trouble)
    if after != before:
        item.outcome = evolve(after, attempts=before.attempts + item.attempts)


async def _outcome_by_id(item: Item, before: Outcome, snapshot: Snapshot) -> Outcome:
    """Return the outcome with the webhook as it is now, or another copy that is as asked."""
    adopted = before.webhook
    assert adopted is not None  # noqa: S101  # it was adopted
    webhook = await item.get(adopted.id, listed_at=snapshot.began_at)  # an earlier list showed it
    if _is_as_asked(webhook, item):
        return evolve(before, error=_left_out(item, webhook, snapshot))
    # Of several copies another client keeps the lowest, which need not be the one that was adopted.
    copies = {adopted.id, *before.copies, *[copy.id for copy in snapshot.copies(item.spec.identity)]}
    for copy_id in sorted(copies - {adopted.id}):
        if _is_as_asked(copy := await item.get(copy_id), item):
            others = tuple(sorted(copies - {copy_id, *item.gone_ids}))
            return evolve(before, status=OutcomeStatus.EXISTING, webhook=copy, copies=others)
    return evolve(before, status=OutcomeStatus.FAILED, webhook=webhook, error=no_longer_as_asked(adopted, webhook))


def _is_as_asked(webhook: Webhook | None, item: Item) -> TypeGuard[Webhook]:
    return webhook is not None and webhook.active is item.spec.active


def _left_out(item: Item, webhook: Webhook, snapshot: Snapshot) -> GwmsError | None:
    """Return the error of a webhook that exists, and that lists leave out; None if they may just lag."""
    memory = item.coordinator.memory
    if snapshot.copies(item.spec.identity) or memory.contradicts_write(webhook.id, None):
        return None
    memory.note_unlisted(webhook)
    # Not `why_incomplete`: an earlier list showed it, and only a later webhook can have taken its place since.
    return left_out(webhook, snapshot.later_than(webhook))
