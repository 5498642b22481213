"""Webhooks registered as they come, any number of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, Awaitable, Callable, Collection, Iterable

from ..models import WebhookSpec, check_is_spec
from ..timeouts import is_cancelled
from .checks import check_concurrency, check_iterable
from .coordinator import Coordinator
from .report import Outcome
from .run import Run


async def register_stream(
    coordinator: Coordinator, specs: Iterable[WebhookSpec] | AsyncIterable[WebhookSpec], *, concurrency: int
) -> AsyncGenerator[Outcome]:
    """Register `specs` as they come; see `Webhooks.register_stream`."""
    check_concurrency(concurrency)
    check_iterable(specs, Iterable, AsyncIterable)
    if isinstance(specs, Collection):
        for spec in specs:
            check_is_spec(spec)
    source = Source(specs)
    outcomes: asyncio.Queue[Outcome | None] = asyncio.Queue()
    room = asyncio.Semaphore(concurrency)  # a slow consumer slows the source down

    async def emit(outcome: Outcome) -> None:
        if not workers.is_stopped:  # else the consumer is gone
            with workers.waiting():
                await room.acquire()
            outcomes.put_nowait(outcome)

    async def next_spec() -> WebhookSpec | None:
        with workers.waiting():
            return await source()

    run = Run(coordinator, concurrency, emit, is_stream=True)
    workers = run.workers
    main = asyncio.create_task(run.main(next_spec), name="gwms registration")
    main.add_done_callback(lambda _: outcomes.put_nowait(None))
    try:
        while (outcome := await outcomes.get()) is not None:
            room.release()
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
        self.error: BaseException | None = None

    async def __call__(self) -> WebhookSpec | None:
        """Return the next spec; None after the last, or after an error."""
        async with self._lock:
            if self._is_over:
                return None
            try:
                spec = await self._next()
                check_is_spec(spec)
            except StopAsyncIteration:
                pass
            except (Exception, asyncio.CancelledError) as error:  # the source is the user's, and gets its error back
                if isinstance(error, asyncio.CancelledError) and is_cancelled():
                    raise
                self.error = error
            else:
                return spec
            self._is_over = True
            return None


def _stepper(specs: Iterable[WebhookSpec]) -> Callable[[], Awaitable[WebhookSpec]]:
    iterator = iter(specs)

    async def step() -> WebhookSpec:
        for spec in iterator:
            return spec
        raise StopAsyncIteration

    return step
