"""A token store that may fail: it costs a warning, never a call."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable
from errno import errorcode
from typing import Self, TypeVar

from attrs import define, field

from ..timeouts import is_cancelled
from ..tokens import Token, TokenStore
from ..wire import decoding, envelope

T = TypeVar("T")

_logger = logging.getLogger("gwms_async")
_PATIENCE = 10.0


@define(eq=False, repr=False)
class GuardedStore:
    """Holds a store's lock for the length of a login.

    Args:
        store: The store.
        key: Under which key the token is kept.
        patience: Seconds that each step may take.
    """

    _store: TokenStore
    _key: str
    _patience: float = _PATIENCE
    _unlock: Callable[[], Awaitable[object]] | None = field(default=None, init=False)

    async def __aenter__(self) -> Self:
        await self._attempt("be locked", self._lock)
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._unlock is not None:
            await self._attempt("be unlocked", self._unlock)

    async def load(self) -> Token | None:
        """Read the stored token; None if there is none, or none that can be used, or no lock was had."""
        if self._unlock is None:
            return None
        token = await self._attempt("be read", lambda: self._store.load(self._key))
        if token is None or _is_sound(token):
            return token
        _logger.warning("the token store gave something else than a token; going on without it")
        return None

    async def save(self, token: Token) -> None:
        """Keep a token, if the lock was had."""
        if self._unlock is not None:
            await self._attempt("be written", lambda: self._store.save(self._key, token))

    async def _lock(self) -> None:
        lock = self._store.lock(self._key)
        await lock.__aenter__()
        self._unlock = lambda: lock.__aexit__(None, None, None)

    async def _attempt(self, what: str, step: Callable[[], Awaitable[T]]) -> T | None:
        try:
            async with asyncio.timeout(self._patience):
                return await step()
        # A store is the user's: whatever it raises, the call goes on.
        except (Exception, asyncio.CancelledError) as error:
            if isinstance(error, asyncio.CancelledError) and is_cancelled():
                raise
            _logger.warning("the token store could not %s (%s); going on without it", what, _kind(error))
            return None


def _kind(error: BaseException) -> str:
    """Tell the type and, where the system told one, the reason; never the text, which might hold the token."""
    name, number = type(error).__name__, getattr(error, "errno", None)
    return f"{name}: {os.strerror(number)}" if isinstance(number, int) and number in errorcode else name


def _is_sound(token: object) -> bool:
    return (
        isinstance(token, Token)
        and decoding.is_token_text(token.value)
        and (token.expires_at is None or envelope.number(token.expires_at) is not None)
    )
