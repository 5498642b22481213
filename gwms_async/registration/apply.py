"""Carry out a plan: register what is wanted, then delete what is not."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

from attrs import validators

from ..chain import Call
from ..errors import GwmsError, NotFoundError, PlanRefusedError
from ..models import Webhook, WebhookSpec
from .bulk import register_many
from .coordinator import Coordinator
from .plan import Plan
from .report import Outcome, OutcomeStatus, Report
from .snapshot import Snapshot, is_tombstone

_FEW, _SHARE = 10, 0.3


async def apply(
    coordinator: Coordinator,
    plan: Plan,
    *,
    concurrency: int,
    force: bool,
    on_outcome: Callable[[Outcome], object] | None,
) -> Report:
    """Carry a plan out; see `Webhooks.apply`."""
    snapshot = await coordinator.lists.fresh()
    if not force:
        _check(plan, snapshot)
    report = await register_many(coordinator, plan.wanted, concurrency=concurrency, on_outcome=on_outcome)
    needed = {outcome.webhook.id for outcome in report.outcomes if outcome.webhook is not None}
    deleted: dict[int, Outcome] = {}
    queue = iter(plan.delete)

    async def work() -> None:

        for webhook in queue:
            deleted[webhook.id] = await _delete_one(coordinator, webhook, snapshot, needed, is_safe=not report.failures)
            if on_outcome is not None:
                on_outcome(deleted[webhook.id])

    async with asyncio.TaskGroup() as group:
        for _ in range(min(concurrency, len(plan.delete))):
            group.create_task(work())
    return Report((*report.outcomes, *(deleted[webhook.id] for webhook in plan.delete)))


def _check(plan: Plan, snapshot: Snapshot) -> None:
    listed = sum(1 for _ in snapshot)
    due = sum(_is_there(webhook, snapshot) for webhook in plan.delete)
    if listed >= _FEW and due > _SHARE * listed:
        raise PlanRefusedError(
            f"the plan would delete {due} of the {listed} webhooks that exist; nothing was sent. "
            "Check what `prune` claims, or pass force=True"
        )


async def _delete_one(
    coordinator: Coordinator, webhook: Webhook, snapshot: Snapshot, needed: Iterable[int], *, is_safe: bool
) -> Outcome:
    """Delete one webhook, if it is still what the plan saw."""
    spec, call = _spec_of(webhook), Call()
    if webhook.id in needed:
        return Outcome(spec, OutcomeStatus.EXISTING, webhook)
    if not _is_there(webhook, snapshot):
        return Outcome(spec, OutcomeStatus.DELETED, webhook)
    if not is_safe:
        return Outcome(spec, OutcomeStatus.NOT_STARTED, webhook, GwmsError(_NOT_SAFE))
    try:
        await coordinator.api(call).delete(webhook.id)
    except NotFoundError:
        pass  # somebody else was faster
    except GwmsError as error:
        return Outcome(spec, OutcomeStatus.FAILED, webhook, error, call.attempts)
    return Outcome(spec, OutcomeStatus.DELETED, webhook, attempts=call.attempts)


_NOT_SAFE = "not deleted because some of the wanted webhooks are not registered: run it again"


def _is_there(webhook: Webhook, snapshot: Snapshot) -> bool:
    return any(copy.id == webhook.id and not is_tombstone(copy) for copy in snapshot.copies(webhook.identity))


def _spec_of(webhook: Webhook) -> WebhookSpec:
    # The stored url may be one that a spec may not have; it can be deleted all the same.
    with validators.disabled():
        return WebhookSpec(webhook.url, webhook.webhook_type, webhook.active, webhook.method)
