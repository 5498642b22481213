"""Bulk registration: webhooks that shall exist, at most once each, or be reported."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Iterable, Iterator, Mapping

from ..models import Identity, WebhookSpec
from .coordinator import Coordinator, Operations
from .report import Outcome, OutcomeStatus, Report
from .run import Run
from .snapshot import unique
from .source import Source

__all__ = ["Coordinator", "Operations", "Outcome", "OutcomeStatus", "Report", "register_many", "register_stream"]

_logger = logging.getLogger("gwms_async")


async def register_many(
    registry: Coordinator,
    specs: Iterable[WebhookSpec],
    *,
    concurrency: int,
    deadline: float | None,
    on_outcome: Callable[[Outcome], object] | None,
) -> Report:
    """Register all of `specs`; see `Webhooks.register_many`."""
    specs = list(specs)
    wanted = unique(specs)
    _check_concurrency(concurrency)
    ended: dict[Identity, Outcome] = {}
    tell = _teller(on_outcome)

    def emit(outcome: Outcome) -> None:
        """Keep it for the report."""
        ended[outcome.spec.identity] = outcome
        tell(outcome)

    remaining = iter(wanted.values())

    def source() -> WebhookSpec | None:
        """Give the next one."""
        return next(remaining, None)

    if not wanted:
        return Report(())
    run = Run(registry, min(concurrency, len(wanted)), emit)
    main = asyncio.create_task(run.main(source), name="gwms registration")
    try:
        await asyncio.wait([main], timeout=deadline)
    finally:
        await run.stop(main)
    if not main.cancelled():
        main.result()
    for identity, spec in wanted.items():
        if identity not in ended:
            ended[identity] = run.leftover(spec)
            tell(ended[identity])
    if len(wanted) < len(specs):
        return Report(tuple(_with_duplicates(specs, ended, tell)))
    return Report(tuple(ended[identity] for identity in wanted))


def _teller(on_outcome: Callable[[Outcome], object] | None) -> Callable[[Outcome], object]:
    def tell(outcome: Outcome) -> None:
        """Let the caller know, whose trouble is not ours."""
        try:
            if on_outcome is not None:
                on_outcome(outcome)
        except Exception:
            _logger.exception("on_outcome failed; the registration goes on")

    return tell


def _with_duplicates(
    specs: Iterable[WebhookSpec], ended: Mapping[Identity, Outcome], tell: Callable[[Outcome], object]
) -> Iterator[Outcome]:
    seen: set[Identity] = set()
    for spec in specs:
        outcome = ended[spec.identity]
        if spec.identity in seen:
            outcome = Outcome(spec, OutcomeStatus.DUPLICATE, outcome.webhook)
            tell(outcome)
        seen.add(spec.identity)
        yield outcome


async def register_stream(
    registry: Coordinator,
    specs: Iterable[WebhookSpec] | AsyncIterable[WebhookSpec],
    *,
    concurrency: int,
) -> AsyncGenerator[Outcome]:
    """Register `specs` as they come; see `Webhooks.register_stream`."""
    _check_concurrency(concurrency)
    source = Source(specs)
    # Workers wait when it is full: a slow consumer slows the source down.
    outcomes: asyncio.Queue[Outcome | None] = asyncio.Queue(maxsize=concurrency)

    async def emit(outcome: Outcome) -> None:
        """Hand it to the consumer, unless that one is gone."""
        if not run.is_stopped:
            with run.as_waiting():
                await outcomes.put(outcome)

    async def next_spec() -> WebhookSpec | None:
        """Take one from the source."""
        with run.as_waiting():
            return await source()

    run = Run(registry, concurrency, emit)

    async def work() -> None:
        """Run to the end, and tell the consumer of it."""
        try:
            await run.main(next_spec)
        finally:
            if not run.is_stopped:
                with run.as_waiting():
                    await outcomes.put(None)

    main = asyncio.create_task(work(), name="gwms registration")
    try:
        while (outcome := await outcomes.get()) is not None:
            yield outcome
    finally:
        await run.stop(main)
    main.result()
    if source.error is not None:
        raise source.error


def _check_concurrency(concurrency: object) -> None:
    if isinstance(concurrency, bool) or not isinstance(concurrency, int) or concurrency < 1:
        raise ValueError(f"concurrency must be a whole number of 1 or more, got {concurrency!r}")
