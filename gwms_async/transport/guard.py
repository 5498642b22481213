"""Closes our own session, even if nobody closes the client."""

from __future__ import annotations

import warnings
import weakref
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import suppress

import aiohttp


async def guard(session: aiohttp.ClientSession, owner: object) -> Callable[[], Awaitable[None]]:
    """Return a function that closes a session.

    If nobody calls it, the session is closed when its event loop ends, or, with a warning, when its owner is garbage
    collected. aiohttp would only warn, and about its own objects.
    """
    closing = _close_at_end(session)
    await anext(closing)
    # It also keeps the session alive: collected together with its owner, the session would warn first, as aiohttp's.
    finalizer = weakref.finalize(owner, _warn, session, closing)

    async def close() -> None:
        finalizer.detach()
        await session.close()
        with suppress(RuntimeError):  # the end of the event loop is closing it right now
            await closing.aclose()

    return close


async def _close_at_end(session: aiohttp.ClientSession) -> AsyncGenerator[None]:
    # asyncio ends what is left of generators before their loop is closed.
    try:
        yield
    finally:
        await session.close()


def _warn(session: aiohttp.ClientSession, _: AsyncGenerator[None]) -> None:
    warnings.warn("GwmsClient was not closed: use `async with` or `await gwms.close()`", ResourceWarning, 2, session)
