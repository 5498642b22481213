"""Webhooks registered as they come, any number of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, Awaitable, Callable, Iterable

from ..models import WebhookSpec
from .bulk import check_concurrency
from .coordinator import Coordinator
from .report import Outcome
from .run import Run


async def register_stream(
    coordinator: Coordinator, specs: Iterable[WebhookSpec] | AsyncIterable[WebhookSpec], *, concurrency: int
) -> AsyncGenerator[Outcome]:
    """Register `specs` as they come; see `Webhooks.register_stream`."""
    check_concurrency(concurrency)
    source = Source(specs)
    # Workers wait while it is full: a slow consumer slows the source down.
    outcomes: asyncio.Queue[Outcome | None] = asyncio.Queue(maxsize=concurrency)

    async def put(outcome: Outcome | None) -> None:
        if not workers.is_stopped:  # else the consumer is gone
            with workers.waiting():
                await outcomes.put(outcome)

    async def next_spec() -> WebhookSpec | None:
        with workers.waiting():
            return await source()

    run = Run(coordinator, concurrency, put, is_stream=True)
    workers = run.workers

    async def work() -> None:
        try:
            await run.main(next_spec)
        finally:
            await put(None)

    main = asyncio.create_task(work(), name="gwms registration")
    try:
        while (outcome := await outcomes.get()) is not None:
            yield outcome
    finally:
        await workers.stop(main)
    main.result()
    if source.error is not None:
        raise source.error


class Source:
    """One iterator shared by all workers; the error that ends it is kept until their work is done."""

    def __init__(self, specs: Iterable[WebhookSpec] | AsyncIterable[WebhookSpec]) -> None:
        self._next = aiter(specs).__anext__ if isinstance(specs, AsyncIterable) else _stepper(specs)
        self._lock = asyncio.Lock()
        self._is_over = False
        self.error: Exception | None = None

    async def __call__(self) -> WebhookSpec | None:
        """Return the next spec; None after the last, or after an error."""
        async with self._lock:
            if self._is_over:
                return None
            try:
                spec = await self._next()
                if isinstance(spec, WebhookSpec):
                    return spec
                raise ValueError(f"expected a WebhookSpec; got {spec!r}")
            except StopAsyncIteration:
                pass
            except Exception as error:  # noqa: BLE001  # the source is the user's, and gets its error back
                self.error = error
            self._is_over = True
            return None


def _stepper(specs: Iterable[WebhookSpec]) -> Callable[[], Awaitable[WebhookSpec]]:
    iterator = iter(specs)

    async def step() -> WebhookSpec:
        for spec in iterator:
            return spec
        raise StopAsyncIteration

    return step
