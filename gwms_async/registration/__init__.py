"""Bulk registration: webhooks that shall exist, at most once each, or be reported."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Iterable

from ..models import Identity, WebhookSpec
from .registry import Operations, Registry
from .report import Outcome, OutcomeStatus, Report
from .run import Run
from .source import Source

__all__ = ["Operations", "Outcome", "OutcomeStatus", "Registry", "Report", "register_many", "register_stream"]

_logger = logging.getLogger("gwms_async")


async def register_many(
    registry: Registry,
    specs: Iterable[WebhookSpec],
    *,
    concurrency: int,
    deadline: float | None,
    on_outcome: Callable[[Outcome], object] | None,
) -> Report:
    """Register all of `specs`; see `Webhooks.register_many`."""
    specs = list(specs)
    firsts = _firsts(specs)
    _check_concurrency(concurrency)
    ended: dict[Identity, Outcome] = {}

    def tell(outcome: Outcome) -> None:
        """Let the caller know, whose trouble is not ours."""
        try:
            if on_outcome is not None:
                on_outcome(outcome)
        except Exception:
            _logger.exception("on_outcome failed; the registration goes on")

    async def emit(outcome: Outcome) -> None:
        """Keep it for the report."""
        ended[outcome.spec.identity] = outcome
        tell(outcome)

    remaining = iter(firsts.values())

    async def source() -> WebhookSpec | None:
        """Give the next one."""
        return next(remaining, None)

    run = Run(registry, min(concurrency, len(firsts)), emit)
    main = asyncio.create_task(run.main(source), name="gwms registration")
    try:
        await asyncio.wait([main], timeout=deadline)
    finally:
        await run.stop(main)
    if not main.cancelled():
        main.result()
    outcomes: list[Outcome] = []
    seen: set[Identity] = set()
    for spec in specs:
        first = ended.get(spec.identity)
        if first is None:
            first = ended[spec.identity] = run.leftover(spec)
            tell(first)
        if spec.identity in seen:
            first = Outcome(spec, OutcomeStatus.DUPLICATE, first.webhook)
            tell(first)
        seen.add(spec.identity)
        outcomes.append(first)
    return Report(tuple(outcomes))


async def register_stream(
    registry: Registry,
    specs: Iterable[WebhookSpec] | AsyncIterable[WebhookSpec],
    *,
    concurrency: int,
) -> AsyncGenerator[Outcome]:
    """Register `specs` as they come; see `Webhooks.register_stream`."""
    _check_concurrency(concurrency)
    source = Source(specs)
    # Workers wait when it is full: a slow consumer slows the source down.
    outcomes: asyncio.Queue[Outcome | None] = asyncio.Queue(maxsize=concurrency)
    run = Run(registry, concurrency, outcomes.put)

    async def work() -> None:
        """Run to the end, and tell the consumer of it."""
        try:
            await run.main(source)
        finally:
            if not run.is_stopped:
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


def _firsts(specs: list[WebhookSpec]) -> dict[Identity, WebhookSpec]:
    firsts: dict[Identity, WebhookSpec] = {}
    for spec in specs:
        if not isinstance(spec, WebhookSpec):
            raise ValueError(f"a WebhookSpec is needed, got {spec!r}")
        first = firsts.setdefault(spec.identity, spec)
        if first.active != spec.active:
            raise ValueError(f"the same webhook is asked for both active and inactive: {spec}")
    return firsts


def _check_concurrency(concurrency: object) -> None:
    if isinstance(concurrency, bool) or not isinstance(concurrency, int) or concurrency < 1:
        raise ValueError(f"concurrency must be a whole number of 1 or more, got {concurrency!r}")
