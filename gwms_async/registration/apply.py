"""Carry out a plan: register what is wanted, then delete what is not."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from math import inf

from attrs import define, field

from ..errors import GwmsError, PlanRefusedError
from ..models import Identity, Webhook, same_identity
from ..settings import check_type
from .bulk import register_many, safe_callback
from .checks import check_concurrency, check_function
from .coordinator import Coordinator
from .plan import Plan, deletes_too_many
from .recheck import recheck
from .report import Outcome, OutcomeStatus, Report
from .snapshot import Snapshot, contradicts_itself, is_there, is_tombstone
from .workers import Job, Workers

_logger = logging.getLogger("gwms_async")


async def apply(
    coordinator: Coordinator,
    plan: Plan,
    *,
    concurrency: int,
    force: bool,
    on_outcome: Callable[[Outcome], object] | None,
) -> Report:
    """Carry out a plan; see `Webhooks.apply`."""
    if not isinstance(plan, Plan):
        raise ValueError(f"expected a Plan, which webhooks.plan() returns; got {type(plan).__name__}")
    check_concurrency(concurrency)
    check_function("on_outcome", on_outcome)
    check_type("force", force, bool)  # "no" would count as true, and delete
    snapshot = await coordinator.lists.fresh()
    if not force:
        _check_deletes(plan, snapshot)
    report = await register_many(coordinator, plan.wanted, concurrency=concurrency, on_outcome=on_outcome)
    deletions = [Deletion(coordinator, webhook) for webhook in plan.delete]
    notify = safe_callback(on_outcome)
    if report.failures:
        for deletion in deletions:
            deletion.refuse("some of the wanted webhooks are not registered")
            notify(deletion.outcome)
        return Report((*report.outcomes, *(deletion.outcome for deletion in deletions)))
    wanted = {outcome.spec.identity: outcome.webhook for outcome in report.outcomes if outcome.webhook is not None}
    workers = Workers(coordinator.clock, concurrency)

    async def recent() -> Snapshot:
        nonlocal snapshot
        if coordinator.lists.is_old(snapshot):
            snapshot = await coordinator.lists.with_retries(coordinator.lists.joined)
        return snapshot

    async def delete(deletion: Deletion) -> None:
        await deletion.carry_out(recent, wanted)
        notify(deletion.outcome)

    async def delete_all() -> None:
        nonlocal report
        await workers.each(deletions, delete)
        if any(deletion.has_deleted for deletion in deletions) and not workers.is_stopped:
            report = await _rechecked(report, coordinator, workers, notify)

    await workers.supervise(delete_all())
    return Report((*report.outcomes, *(deletion.outcome for deletion in deletions)))


async def _rechecked(
    report: Report, coordinator: Coordinator, workers: Workers, notify: Callable[[Outcome], None]
) -> Report:
    """Return the report on the wanted webhooks after the deletions: the gateway may have deleted more than asked."""
    try:
        with workers.waiting():
            snapshot = await coordinator.lists.with_retries(coordinator.lists.fresh)
    except Exception as error:  # a user's middleware may raise anything
        _logger.warning("listing webhooks to see what the deletions left failed: %s", error)
        return report
    changed = await recheck(report.outcomes, snapshot, coordinator, workers)
    for outcome in changed:
        notify(outcome)
    by_identity = {outcome.spec.identity: outcome for outcome in changed}
    return Report(tuple(by_identity.get(outcome.spec.identity, outcome) for outcome in report.outcomes))


def _check_deletes(plan: Plan, snapshot: Snapshot) -> None:
    """Raise `PlanRefusedError` if the plan would delete too many webhooks that have not changed since."""
    deletes = sum(_is_unchanged(webhook, snapshot.get(webhook.id)) for webhook in plan.lost)
    if deletes_too_many(deletes, plan.claimed):
        raise PlanRefusedError(
            f"the plan would delete {deletes} of the {plan.claimed} webhooks that `prune` claims; nothing was changed. "
            "Check what it claims, or pass force=True"
        )


@define(eq=False, repr=False)
class Deletion(Job):
    """One webhook that a plan deletes.

    Args:
        webhook: The webhook, as the plan saw it.
        outcome: How it ended, as far as is known.
        has_deleted: Whether a delete was begun.
    """

    webhook: Webhook
    outcome: Outcome = field(init=False)
    has_deleted: bool = field(default=False, init=False)

    def __attrs_post_init__(self) -> None:
        self.refuse("the run ended first")

    def refuse(self, reason: str) -> None:
        """Leave the webhook as it is."""
        text = f"webhook {self.webhook.id} was not deleted: {reason}. Run again"
        self._end(OutcomeStatus.NOT_STARTED, GwmsError(text))

    async def carry_out(self, recent: Callable[[], Awaitable[Snapshot]], wanted: Mapping[Identity, Webhook]) -> None:
        """Delete the webhook, if it is still what the plan saw.

        Args:
            recent: Returns a list that is recent enough to decide by.
            wanted: The registered webhooks by identity, none of which may be deleted.
        """
        webhook = self.webhook
        kept = wanted.get(webhook.identity)
        if kept is not None and kept.id == webhook.id:
            self._end(OutcomeStatus.EXISTING)
            return
        try:
            snapshot = await recent()
            listed, found = snapshot.get(webhook.id), await self._find(snapshot)
            if found is None and listed is not None and await self._is_still_listed():
                self.refuse("lists show it, but a read by its id does not find it")
            elif found is None or (is_tombstone(found) and same_identity(found, webhook)):
                self._end(OutcomeStatus.DELETED)
            elif not _is_unchanged(webhook, found):
                self.refuse("it has changed since the plan was made")
            elif listed is None:
                self.refuse("it exists, but the list does not show it")
            elif kept is not None and not await self._exists(kept):
                self.refuse("the copy that was to be kept has vanished")
            else:
                self.has_deleted = True
                await self.coordinator.by_id.delete(webhook.id, webhook.spec, self.next_api)
                self._end(OutcomeStatus.DELETED)
        except Exception as error:  # a user's middleware may raise anything
            self._end(OutcomeStatus.FAILED, error)

    async def _find(self, snapshot: Snapshot) -> Webhook | None:
        """Return the webhook as it is now; None if it is gone.

        A list may be half a minute old, and the id may since belong to another webhook. So a read confirms what
        it shows, unless that is a change which nothing disputes.
        """
        webhook, memory = self.webhook, self.coordinator.memory
        listed, copies = snapshot.get(webhook.id), snapshot.copies(webhook.identity)
        is_disputed = webhook.id in memory.disputed(webhook.identity, copies)
        if listed is not None and not is_disputed and not _is_unchanged(webhook, listed):
            return listed
        if memory.is_deleted(webhook.id):
            return None
        listed_at = -inf if listed is None else snapshot.began_at
        return await self.coordinator.by_id.read(webhook.id, self.next_api, listed_at=listed_at)

    async def _is_still_listed(self) -> bool:
        """Return whether a new list, too, shows what no read by id finds: perhaps the gateway cannot read by id."""
        if self.coordinator.memory.is_deleted(self.webhook.id):
            return False
        shown = (await self.coordinator.lists.fresh()).get(self.webhook.id)
        return shown is not None and _is_unchanged(self.webhook, shown) and not contradicts_itself(shown)

    async def _exists(self, kept: Webhook) -> bool:
        """Return whether the copy to keep exists: a list that lags may show a deleted one."""
        found = await self.coordinator.by_id.read(kept.id, self.next_api)
        return found is not None and same_identity(found, kept) and found.active is kept.active

    def _end(self, status: OutcomeStatus, error: Exception | None = None) -> None:
        self.outcome = Outcome(self.webhook.spec, status, self.webhook, error, self.attempts)


def _is_unchanged(seen: Webhook, listed: Webhook | None) -> bool:
    """Return whether a webhook that may be deleted is still as it was seen."""
    return is_there(listed, seen) and listed.active is seen.active
