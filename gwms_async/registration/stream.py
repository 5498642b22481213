"""Registration of webhooks from a source of any length."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, Collection, Iterable
from typing import Self

from ..models import WebhookSpec, check_is_spec
from ..timeouts import wait_for_end
from .checks import check_concurrency, check_iterable
from .coordinator import Coordinator
from .report import Outcome
from .run import Run
from .workers import MAX_TASKS


async def register_stream(
    coordinator: Coordinator, specs: Iterable[WebhookSpec] | AsyncIterable[WebhookSpec], *, concurrency: int
) -> AsyncGenerator[Outcome]:
    """Register `specs` as they arrive; see `Webhooks.register_stream`."""
    check_concurrency(concurrency)
    check_iterable(specs, Iterable, AsyncIterable)
    if isinstance(specs, Collection):
        for spec in specs:
            check_is_spec(spec)
    source = Source(specs)
    outcomes: asyncio.Queue[Outcome | None] = asyncio.Queue()
    room = asyncio.Semaphore(min(concurrency, MAX_TASKS))  # a slow consumer slows the source down

    async def emit(outcome: Outcome) -> None:
        if not workers.is_stopped:  # once stopped, nobody consumes
            with workers.waiting():
                await room.acquire()
            outcomes.put_nowait(outcome)

    async def next_spec() -> WebhookSpec | None:
        with workers.waiting():
            return await source()

    async def read() -> None:
        with workers.waiting():
            await source.read()

    async def register() -> None:
        reading = asyncio.create_task(read(), name="gwms source")
        reading.add_done_callback(lambda task: task.cancelled() or task.exception())  # else asyncio may log its error
        try:
            await run.main(next_spec)
            await asyncio.wait([reading])  # an abandoned source may have to clean up
        finally:
            source.is_abandoned = True  # it may go on after the cancellation
            reading.cancel()
            await wait_for_end(reading)
        reading.result()  # raises the error of the source, to the user whose source it is

    run = Run(coordinator, concurrency, emit, is_stream=True)
    workers = run.workers
    main = asyncio.create_task(register(), name="gwms registration")
    main.add_done_callback(lambda _: outcomes.put_nowait(None))
    try:
        while (outcome := await outcomes.get()) is not None:
            room.release()
            yield outcome
    finally:
        source.is_abandoned = True
        await workers.stop(main)
    main.result()


class Source:
    """One iterator for all workers, read in a task of its own.

    An async generator may contain a timeout or a task group, which cancels the task in which it was entered: that must
    not be a worker. The generator is also closed in that task.
    """

    def __init__(self, specs: Iterable[WebhookSpec] | AsyncIterable[WebhookSpec]) -> None:
        self._specs = aiter(specs if isinstance(specs, AsyncIterable) else _Each(specs))
        self._asked = asyncio.Semaphore(0)
        self._given: asyncio.Queue[WebhookSpec | None] = asyncio.Queue()
        self.is_abandoned = False  # nobody wants another spec

    async def __call__(self) -> WebhookSpec | None:
        """Return the next spec; None after the last, or after an error."""
        self._asked.release()
        spec = await self._given.get()
        if spec is None:
            self._given.put_nowait(None)  # for the next worker
        return spec

    async def read(self) -> None:
        """Read one spec each time one is requested, until the last, an error, or abandoned."""
        try:
            try:
                await self._read()
            finally:
                if isinstance(self._specs, AsyncGenerator):
                    await self._specs.aclose()
        except StopAsyncIteration:
            pass
        finally:
            self._given.put_nowait(None)

    async def _read(self) -> None:
        excess = 0  # specs that were read before anybody requested them; else more and more would wait
        while not self.is_abandoned:
            try:
                await self._asked.acquire()
            except asyncio.CancelledError as cancelled:
                if not isinstance(self._specs, AsyncGenerator):
                    raise
                # The generator's own timeout or task group has to see the cancellation; it may then yield another spec.
                spec = await self._specs.athrow(cancelled)
                excess += 1
            else:
                if excess:
                    excess -= 1
                    continue
                spec = await anext(self._specs)
            check_is_spec(spec)
            self._given.put_nowait(spec)


class _Each:
    """An asynchronous iterator over an iterable; it never waits."""

    def __init__(self, specs: Iterable[WebhookSpec]) -> None:
        self._specs = iter(specs)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> WebhookSpec:
        for spec in self._specs:
            return spec
        raise StopAsyncIteration
