"""Login tokens: as stores keep them, and as a running client uses them."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from hashlib import sha256
from math import inf
from typing import Protocol, Self, runtime_checkable

from attrs import define, field, frozen

_PAUSE = 1 / 64  # seconds until a lock is tried again


@frozen
class Token:
    """A login token as stores keep it.

    Args:
        value: The token itself.
        expires_at: When it expires, in Unix seconds on the gateway's clock; None if unknown.
    """

    value: str = field(repr=False)
    expires_at: float | None = None


@runtime_checkable
class TokenStore(Protocol):
    """Where tokens are kept between logins.

    If a store raises, or its lock stays taken, the client warns and logs in by itself; no call fails.
    """

    async def load(self, key: str) -> Token | None:
        """Return the token last saved under `key`, or None; a `key` is always a valid file name."""

    async def save(self, key: str, token: Token) -> None:
        """Save `token` under `key`, replacing what was there."""

    def lock(self, key: str) -> AbstractAsyncContextManager[object]:
        """Return a lock: one holder at a time reads and renews the token under `key`."""


class MemoryTokenStore:
    """Keeps tokens while the process lives; clients can share it, even across event loops and threads."""

    def __init__(self) -> None:
        self._tokens: dict[str, Token] = {}
        self._locks: dict[str, threading.Lock] = {}

    async def load(self, key: str) -> Token | None:
        """Return the token last saved under `key`."""
        return self._tokens.get(key)

    async def save(self, key: str, token: Token) -> None:
        """Save `token` under `key`."""
        self._tokens[key] = token

    @asynccontextmanager
    async def lock(self, key: str) -> AsyncGenerator[None]:
        """Lock the token for a renewal; waits while someone else holds the lock."""
        lock = self._locks.setdefault(key, threading.Lock())
        # Not asyncio's own lock: that belongs to one event loop.
        while not lock.acquire(blocking=False):  # noqa: ASYNC110
            await asyncio.sleep(_PAUSE)
        try:
            yield
        finally:
            lock.release()


def store_key(base_url: str, username: str) -> str:
    """Return the key under which stores keep an account's token.

    Args:
        base_url: The base URL, as `checked_base_url` returns it.
        username: The account's username.
    """
    return sha256(f"{base_url}\n{username}".encode()).hexdigest()


def account_in_logs(key: str) -> str:
    """Return what logs call an account: the start of its `store_key`, which does not reveal its owner."""
    return key[:8]


@define(eq=False)
class ActiveToken:
    """A token in use; its times are seconds of the monotonic clock.

    Args:
        token: What is sent.
        refresh_at: From then on one task renews it while calls still use it (advisory).
        refresh_by: From then on calls wait for a new one (mandatory).
        expires_at: From then on the gateway is expected to refuse it.
        relogins: How many logins because of a 401 there had been when it was obtained, its own included.
        after_401: Whether its own login was one of these.
        from_store: Whether it comes from the token store.
        obtained_at: When it was obtained.
        last_acceptance: The number of the last acceptance that was noted with it; 0 if there was none.
        is_in_question: Whether the next acceptance is worth noting: a key was rejected since the last one.
    """

    token: Token
    refresh_at: float
    refresh_by: float
    expires_at: float
    relogins: int = 0
    after_401: bool = False
    from_store: bool = False
    obtained_at: float = 0.0
    last_acceptance: int = 0
    is_in_question: bool = False

    @classmethod
    def begin(
        cls,
        token: Token,
        now: float,
        ttl: float | None,
        *,
        relogins: int,
        after_401: bool = False,
        from_store: bool = False,
    ) -> Self:
        """Start using a token that has `ttl` seconds left; None if unknown: it is used until a 401."""
        life = inf if ttl is None else ttl
        expires_at = now + life
        # The windows shrink with the token's life: with fixed ones, longer than its life, every call would log in.
        refresh_at, refresh_by = expires_at - min(120.0, life / 5), expires_at - min(30.0, life / 20)
        return cls(token, refresh_at, refresh_by, expires_at, relogins, after_401, from_store, obtained_at=now)

    def delay_refresh(self, now: float) -> None:
        """Put off the next refresh after a failed one: by half of the time left, at least by a second."""
        self.refresh_at = max(self.refresh_at, now + max(1.0, (self.expires_at - now) / 2))
        self.refresh_by = min(self.expires_at, max(self.refresh_by, self.refresh_at))
