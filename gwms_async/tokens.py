"""Login tokens: as they are stored, and as they live in a running client."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from contextlib import AbstractAsyncContextManager
from hashlib import sha256
from math import inf
from typing import Protocol, Self, runtime_checkable

from attrs import define, field, frozen


@frozen
class Token:
    """A login token as stores keep it.

    Args:
        value: The token itself.
        expires_at: When it expires, in unix seconds on the gateway's clock; None if that is not known.
    """

    value: str = field(repr=False)
    expires_at: float | None = None


@runtime_checkable
class TokenStore(Protocol):
    """Where tokens are kept between logins.

    A store that raises, or whose lock stays taken, costs a warning and a login, never a call.
    """

    async def load(self, key: str) -> Token | None:
        """Read the token saved last under `key`, a text fit for a file name; None if there is none."""
        ...

    async def save(self, key: str, token: Token) -> None:
        """Keep `token` under `key` in place of what was there."""
        ...

    def lock(self, key: str) -> AbstractAsyncContextManager[object]:
        """Let one holder at a time read and renew the token under `key`."""
        ...


@define(eq=False, repr=False)
class MemoryTokenStore:
    """Keeps tokens as long as the process lives; may be shared by clients of one event loop."""

    _tokens: dict[str, Token] = field(factory=dict, init=False, repr=False)
    _locks: defaultdict[str, asyncio.Lock] = field(factory=lambda: defaultdict(asyncio.Lock), init=False, repr=False)

    async def load(self, key: str) -> Token | None:
        """Read the token saved last under `key`."""
        return self._tokens.get(key)

    async def save(self, key: str, token: Token) -> None:
        """Keep `token` under `key`."""
        self._tokens[key] = token

    def lock(self, key: str) -> AbstractAsyncContextManager[object]:
        """Let one task at a time renew the token under `key`."""
        return self._locks[key]


def store_key(base_url: str, username: str) -> str:
    """Make the key under which stores keep an account's token.

    Args:
        base_url: The gateway's address, as `checked_base_url` gives it.
        username: The account's name.
    """
    return sha256(f"{base_url}\n{username}".encode()).hexdigest()


@define(eq=False, repr=False)
class ActiveToken:
    """A token in use, its times in seconds of the monotonic clock.

    Args:
        token: What is sent.
        refresh_at: From then on one task renews it while calls go on with it.
        refresh_by: From then on calls wait for its successor.
        expires_at: From then on the gateway is expected to refuse it.
        relogins: How many logins because of a 401 there had been when this one began, its own included.
        after_refusal: Whether it comes from such a login.
        from_store: Whether it comes from the token store.
    """

    token: Token
    refresh_at: float
    refresh_by: float
    expires_at: float
    relogins: int = 0
    after_refusal: bool = False
    from_store: bool = False

    @classmethod
    def begin(
        cls,
        token: Token,
        now: float,
        ttl: float | None,
        *,
        relogins: int,
        after_refusal: bool = False,
        from_store: bool = False,
    ) -> Self:
        """Take a token into use.

        The windows before its end shrink with its life: fixed ones, longer than it, would make every call log in.

        Args:
            token: The token.
            now: Monotonic seconds.
            ttl: Seconds that it has left; None if that is not known: it is used until a 401.
            relogins: See the class.
            after_refusal: See the class.
            from_store: See the class.
        """
        end = inf if ttl is None else now + ttl
        life = 0.0 if ttl is None else ttl
        refresh_at, refresh_by = end - min(120.0, life / 5), end - min(30.0, life / 20)
        return cls(token, refresh_at, refresh_by, end, relogins, after_refusal, from_store)

    def delay_refresh(self, now: float) -> None:
        """Put off the next renewal, one having failed, by half of the time that is left, a second at least."""
        self.refresh_at = now + max(1.0, (self.expires_at - now) / 2)
        self.refresh_by = min(self.expires_at, max(self.refresh_by, self.refresh_at))
