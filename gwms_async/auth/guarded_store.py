"""A token store that may fail: a failure costs a warning, never a call."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable
from errno import errorcode
from typing import Self, TypeVar

from ..timeouts import is_cancelled
from ..tokens import Token, TokenStore, account_in_logs
from ..wire import decoding
from ..wire.parsing import finite_number

T = TypeVar("T")

PATIENCE = 10.0
"""Seconds that each step of a store may take, at most."""
_logger = logging.getLogger("gwms_async")


class GuardedStore:
    """An account's entry in a store, locked for one login at a time; what fails is logged.

    Args:
        store: The user's store.
        key: The key of the account's token.
        patience: How long each step may take, in seconds.

    Attributes:
        account: What logs call the account.
    """

    def __init__(self, store: TokenStore, key: str, patience: float = PATIENCE) -> None:
        self.account = account_in_logs(key)
        self._store, self._key, self._patience = store, key, patience
        self._fields = {"gwms_account": self.account}
        self._unlock: Callable[[], Awaitable[object]] | None = None

    async def __aenter__(self) -> Self:
        await self._attempt("be locked", self._lock)
        return self

    async def __aexit__(self, *_: object) -> None:
        unlock, self._unlock = self._unlock, None
        if unlock is not None:
            await self._attempt("be unlocked", unlock)

    async def load(self) -> Token | None:
        """Return the stored token; None if absent, unusable, or the lock was not acquired."""
        if self._unlock is None:
            return None
        token = await self._attempt("be read", lambda: self._store.load(self._key))
        if token is None or _is_usable(token):
            return token
        text = "the token store returned something other than a token; continuing without it"
        _logger.warning(text, extra=self._fields)
        return None

    async def save(self, token: Token) -> None:
        """Store a token, if the lock was acquired."""
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
            text = "the token store could not %s (%s); continuing without it"
            _logger.warning(text, what, _describe(error), extra=self._fields)
            return None


def _describe(error: BaseException) -> str:
    """Return the error's type and the system's reason; never its text, which might show the token."""
    name, code = type(error).__name__, getattr(error, "errno", None)
    return f"{name}: {os.strerror(code)}" if isinstance(code, int) and code in errorcode else name


def _is_usable(token: object) -> bool:
    return (
        isinstance(token, Token)
        and decoding.is_token_text(token.value)
        and (token.expires_at is None or finite_number(token.expires_at) is not None)
    )
