"""Where a stream's specs come from."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, Awaitable, Callable, Iterable

from ..models import WebhookSpec


class Source:
    """One iterator shared by all workers; the error that ends it is kept until their work is done.

    Args:
        specs: What to iterate over.
    """

    def __init__(self, specs: Iterable[WebhookSpec] | AsyncIterable[WebhookSpec]) -> None:
        self._next = aiter(specs).__anext__ if isinstance(specs, AsyncIterable) else _stepper(specs)
        self._lock = asyncio.Lock()
        self._is_over = False
        self.error: Exception | None = None

    async def __call__(self) -> WebhookSpec | None:
        """Give the next spec; None after the last, or after an error."""
        async with self._lock:
            if self._is_over:
                return None
            try:
                spec = await self._next()
                if isinstance(spec, WebhookSpec):
                    return spec
                raise ValueError(f"a WebhookSpec is needed, got {spec!r}")
            except StopAsyncIteration:
                pass
            except Exception as error:  # noqa: BLE001  # the source is the user's: its error goes back to it
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
