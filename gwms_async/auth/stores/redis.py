"""A token store in Redis, shared by the processes of several machines."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from typing import Protocol, Self
from uuid import uuid4

from attrs import field, frozen
from redis.asyncio import BlockingConnectionPool, Redis, RedisCluster
from redis.asyncio.lock import Lock
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ReadOnlyError, ResponseError

from ...errors import ConfigurationError
from ...redaction import frameless
from ...timeouts import wait_for_end
from ...tokens import Token
from .codec import decode, encode

LEASE = 8.0
"""Seconds until a killed holder's lock runs out: before the others give up waiting, so that one inherits it."""
_DAY = 86_400
_PREFIX = "gwms-async"


class Cipher(Protocol):
    """Encrypts what is stored, as cryptography's `Fernet` and, to rotate keys, `MultiFernet` do."""

    def encrypt(self, data: bytes) -> bytes:
        """Return `data` encrypted, as ASCII where the client of Redis decodes responses."""

    def decrypt(self, token: bytes) -> bytes:
        """Return what was encrypted, or raise."""


@frozen(eq=False)
class RedisTokenStore:
    """Keeps tokens in Redis, so that the processes of several machines share one login.

    Anyone who can read that Redis can use the tokens: give it a password and TLS, or pass a cipher. Where Redis or the
    cipher fails, the methods raise its error.

    Args:
        redis: A client of redis-py: of one server, of a cluster, or of Sentinel's master. It is never closed. It
            belongs to one event loop: where each task has its own, as with `asyncio.run`, use `connect` in the task.
        cipher: Encrypts the tokens; None to store them as they are.
        prefix: The start of all keys, for several deployments in one database.
    """

    _redis: Redis | RedisCluster = field(repr=False)
    _cipher: Cipher | None = field(default=None, repr=False, kw_only=True)
    prefix: str = field(default=_PREFIX, kw_only=True)

    @classmethod
    @asynccontextmanager
    async def connect(cls, url: str, *, cipher: Cipher | None = None, prefix: str = _PREFIX) -> AsyncGenerator[Self]:
        """Open a store with connections of its own, for `async with`; if Redis hangs, a login takes 4 s longer.

        Args:
            url: For example ``rediss://:password@cache.example/0``; its options take precedence over the time limits.
            cipher: See the class.
            prefix: See the class.

        Raises:
            ConfigurationError: The URL is invalid.
        """
        limits = {"socket_timeout": 1, "socket_connect_timeout": 1, "retry": Retry(NoBackoff(), 1)}
        # After a failover, a connection may lead to what is only a replica by now: it is opened again.
        limits["retry_on_error"] = [ReadOnlyError]
        try:
            # Not redis-py's usual pool: where more accounts than it has connections log in at once, it raises.
            pool = BlockingConnectionPool.from_url(url, timeout=2, **limits)
            pool.make_connection()  # type: ignore[no-untyped-call]
        except Exception:  # noqa: BLE001  # what a connection raises about its options is not only ValueError
            pool = None
        del url  # a frame keeps it, and it may contain a password
        if pool is None:
            raise ConfigurationError("the URL of Redis is invalid; it must be like rediss://:password@cache.example/0")
        redis = Redis.from_pool(pool)
        try:
            yield cls(redis, cipher=cipher, prefix=prefix)
        finally:
            # In a task of its own: redis-py leaves connections open where it is cancelled.
            closing = asyncio.create_task(redis.aclose())
            await wait_for_end(closing)
            closing.result()

    async def load(self, key: str) -> Token | None:
        """Return the token last saved; None if there is none or it has expired.

        Raises:
            ValueError: The entry does not contain a token.
        """
        try:
            return self._opened(await self._redis.get(self._name("token", key)))
        except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001  # raised again
            raise frameless(error) from None  # crash reporters keep the locals of redis-py and the cipher

    async def save(self, key: str, token: Token) -> None:
        """Save a token, replacing what was there; Redis drops it a minute after it expires."""
        seconds = _DAY if token.expires_at is None else max(token.expires_at - time.time(), 0) + 60
        try:
            await self._redis.set(self._name("token", key), self._sealed(token), ex=int(min(seconds, 31 * _DAY)))
        except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001  # raised again
            raise frameless(error) from None

    async def forget(self, key: str) -> bool:
        """Delete the token, once a renewal under way has ended, and return whether there was one."""
        async with self.lock(key):
            return bool(await self._redis.delete(self._name("token", key)))

    @asynccontextmanager
    async def lock(self, key: str) -> AsyncGenerator[None]:
        """Lock the token for a renewal, for eight seconds at most; waits while someone else holds the lock.

        An older token that is saved after that does no harm: it is still valid.
        """
        lock, owner = self._redis.lock(self._name("lock", key), timeout=LEASE, thread_local=False), uuid4().hex.encode()
        try:
            # In a task of its own: on Python 3.11, redis-py swallows some cancellations.
            while not await asyncio.shield(attempt := asyncio.create_task(_acquire(lock, owner))):  # noqa: ASYNC110  # the holder is elsewhere
                await asyncio.sleep(random.uniform(0.05, 0.15))  # noqa: S311  # together, one would get it each time
            yield
        finally:
            # Not left behind: it would connect again after the end of `connect`.
            await wait_for_end(asyncio.create_task(_release(lock, owner, attempt)))

    def _sealed(self, token: Token) -> bytes:
        content = encode(token)
        return content if self._cipher is None else self._cipher.encrypt(content)

    def _opened(self, content: bytes | str | None) -> Token | None:
        if content is None:
            return None
        content = content.encode() if isinstance(content, str) else content  # a client may decode responses
        token = decode(content if self._cipher is None else self._cipher.decrypt(content))
        if token is None:
            raise ValueError("the entry in Redis does not contain a token; the next login replaces it")
        return token

    def _name(self, kind: str, key: str) -> str:
        # The braces put both keys of an account into one slot of a cluster.
        return f"{self.prefix}:{kind}:{{{key}}}"


async def _acquire(lock: Lock, owner: bytes) -> bool:
    await lock.redis.initialize()  # commands that find a cluster's client without its nodes disturb each other
    # redis-py repeats a command whose answer was lost: then the lock that is in the way is our own.
    return await lock.acquire(blocking=False, token=owner) or await _is_held(lock, owner)


async def _is_held(lock: Lock, owner: bytes) -> bool:
    return await lock.redis.get(lock.name) in {owner, owner.decode()}


async def _release(lock: Lock, owner: bytes, attempt: asyncio.Task[bool]) -> None:
    # A failure does no harm, because the lease runs out; left in a task, it would be logged with the host's name.
    with suppress(Exception):
        async with asyncio.timeout(2):  # a borrowed client may have no time limits
            await asyncio.gather(attempt, return_exceptions=True)  # Redis may still grant it
            try:
                await lock.do_release(owner)
            except ResponseError:  # the user may not run scripts; others would wait for the lease to run out
                if await _is_held(lock, owner):
                    await lock.redis.delete(lock.name)
