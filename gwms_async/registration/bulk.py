"""Registration of a known number of webhooks."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from inspect import iscoroutine

from ..models import Identity, WebhookSpec
from .checks import check_concurrency, check_deadline, check_function, check_iterable, unique_specs
from .coordinator import Coordinator
from .memory import Memory
from .report import Outcome, OutcomeStatus, Report
from .run import Run

_logger = logging.getLogger("gwms_async")
_MAX_SHOWN = 20  # webhooks with copies in a warning, and copies of each


async def register_many(
    coordinator: Coordinator,
    specs: Iterable[WebhookSpec],
    *,
    concurrency: int,
    deadline: float | None = None,
    on_outcome: Callable[[Outcome], object] | None = None,
) -> Report:
    """Register all of `specs`; see `Webhooks.register_many`, which also warns of copies."""
    check_iterable(specs, Iterable)
    specs = list(specs)
    wanted = unique_specs(specs)
    check_concurrency(concurrency)
    check_deadline(deadline)
    check_function("on_outcome", on_outcome)
    if not wanted:
        return Report(())
    ended: dict[Identity, Outcome] = {}
    notify = safe_callback(on_outcome)

    async def emit(outcome: Outcome) -> None:
        ended[outcome.spec.identity] = outcome
        notify(outcome)

    remaining = iter(wanted.values())

    async def next_spec() -> WebhookSpec | None:
        return next(remaining, None)

    run = Run(coordinator, min(concurrency, len(wanted)), emit)
    await run.workers.supervise(run.main(next_spec), deadline)
    for identity, spec in wanted.items():
        emitted = ended.get(identity)
        ended[identity] = outcome = run.outcome_now(spec, emitted)
        if outcome is not emitted:
            notify(outcome)
    return Report(tuple(_with_duplicates(specs, ended, notify)))


def safe_callback(on_outcome: Callable[[Outcome], object] | None) -> Callable[[Outcome], None]:
    """Return a callback that calls the user's, if any, and logs what it raises."""

    def notify(outcome: Outcome) -> None:
        try:
            if on_outcome is not None and iscoroutine(work := on_outcome(outcome)):
                work.close()
                raise TypeError("it returned a coroutine, which nobody awaits: make a task of it")
        except (Exception, asyncio.CancelledError):  # the run was not cancelled: the callback does not wait
            _logger.exception("on_outcome failed; the registration goes on")

    return notify


def warn_of_copies(report: Report, memory: Memory) -> None:
    """Name the copies that are still there at the end of a run: each of them doubles deliveries."""
    outcomes, found = report.outcomes, []
    deleted = {one.webhook.id for one in outcomes if one.webhook and one.status is OutcomeStatus.DELETED}
    for outcome in outcomes:
        copies = [str(each) for each in outcome.copies if each not in deleted and not memory.is_deleted(each)]
        if copies and outcome.webhook is not None:
            found.append(f"webhook {outcome.webhook.id} has copies: {_joined(copies, ', ')}")
    if found:
        _logger.warning(_joined(found, "; "))


def _joined(texts: Sequence[str], separator: str) -> str:
    more = len(texts) - _MAX_SHOWN
    return separator.join([*texts[:_MAX_SHOWN], *([f"and {more} more, see `Outcome.copies`"] if more > 0 else [])])


def _with_duplicates(
    specs: Iterable[WebhookSpec], ended: Mapping[Identity, Outcome], notify: Callable[[Outcome], None]
) -> Iterator[Outcome]:
    seen: set[Identity] = set()
    for spec in specs:
        outcome = ended[spec.identity]
        if spec.identity in seen:
            outcome = Outcome(spec, OutcomeStatus.DUPLICATE, outcome.webhook)
            notify(outcome)
        seen.add(spec.identity)
        yield outcome
