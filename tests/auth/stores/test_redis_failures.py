"""What a Redis that fails costs: a warning and a login of one's own, never a call."""

from __future__ import annotations

import asyncio
import logging
import re
import socket
import time
import traceback
from collections.abc import AsyncGenerator, Generator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("redis", reason="the store in Redis is an extra")

from redis.asyncio import Redis

from gwms_async import GwmsClient, RedisTokenStore, Token, TokenStore
from gwms_async.auth.guarded_store import PATIENCE
from gwms_async.testing import GwmsEmulator
from gwms_async.tokens import store_key

from ...helpers.emulated import client
from ...helpers.redis_server import REDIS, RedisServer, redis_server
from ...helpers.virtual_io_loop import with_virtual_gateway
from ...helpers.virtual_loop import run

SECRET = "t0ken-of-the-store"


@pytest.fixture(autouse=True)
def logs(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Show no token and no address of Redis in any log, ours or another's."""
    caplog.set_level(logging.DEBUG)
    yield
    assert not re.search("localhost|token-|t0ken|hunter2", caplog.text)


def said(caplog: pytest.LogCaptureFixture) -> list[str]:
    """List the warnings, without what is common to all."""
    messages = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    return [message.removeprefix("the token store could not ").partition(";")[0] for message in messages]


async def list_webhooks(gateway: GwmsEmulator, store: TokenStore) -> None:
    """Make a call, which must not fail."""
    async with client(gateway, token_store=store) as gwms:
        assert await gwms.webhooks.list() == []


@contextmanager
def silent(host: str = "localhost") -> Generator[str]:
    """Be a Redis that accepts connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"redis://:hunter2@{host}:{listening.getsockname()[1]}"


async def test_it_refuses(gateway: GwmsEmulator, caplog: pytest.LogCaptureFixture) -> None:
    """The login comes without waiting for a time limit."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))  # and nobody listens
        async with RedisTokenStore.connect(f"redis://:hunter2@localhost:{bound.getsockname()[1]}") as store:
            await list_webhooks(gateway, store)

    assert said(caplog) == ["be locked (ConnectionError)"]
    assert gateway.logins == 1


async def hangs(gateway: GwmsEmulator, options: str) -> float:
    """Make a call while Redis hangs; return how long that took."""
    with silent() as url:
        started = time.monotonic()
        async with RedisTokenStore.connect(url + options) as store:
            await list_webhooks(gateway, store)
        return time.monotonic() - started


async def test_it_hangs(gateway: GwmsEmulator, caplog: pytest.LogCaptureFixture) -> None:
    """The login comes after a time limit, here one that the URL shortens."""
    assert await hangs(gateway, "?socket_timeout=0.05") < 1
    assert said(caplog) == ["be locked (TimeoutError)"]


def test_it_hangs_with_the_usual_time_limits() -> None:
    """The login comes within a few seconds."""

    async def main(gateway: GwmsEmulator, kind: type[GwmsClient]) -> None:
        began = asyncio.get_running_loop().time()
        with silent("127.0.0.1") as url:  # a name is looked up in a thread, which virtual time does not wait for
            async with (
                RedisTokenStore.connect(url) as store,
                client(gateway, kind=kind, token_store=store) as gwms,
            ):
                assert await gwms.webhooks.list() == []
        assert 1 < asyncio.get_running_loop().time() - began < 5

    with_virtual_gateway(main)


def test_a_borrowed_client_without_time_limits_hangs(caplog: pytest.LogCaptureFixture) -> None:
    """The login comes when the patience of the client's guard ends; nothing is left behind."""

    async def main(gateway: GwmsEmulator, kind: type[GwmsClient]) -> None:
        began = asyncio.get_running_loop().time()
        with silent("127.0.0.1") as url:
            async with (
                Redis.from_url(url, socket_timeout=None, socket_connect_timeout=None) as endless,
                client(gateway, kind=kind, token_store=RedisTokenStore(endless)) as gwms,
            ):
                assert await gwms.webhooks.list() == []
        # Twice two seconds are for giving the lock back.
        assert PATIENCE <= asyncio.get_running_loop().time() - began <= PATIENCE + 4

    with_virtual_gateway(main)
    assert said(caplog) == ["be locked (TimeoutError)"]


class Interrupted:
    """A store that something happens to between its lock and its save."""

    def __init__(self, store: RedisTokenStore, redis: RedisServer) -> None:
        self.load, self.lock = store.load, store.lock
        self._save, self._redis = store.save, redis

    async def save(self, key: str, token: Token) -> None:
        """Save a token where there is no Redis any longer."""
        self._redis.kill()
        await self._save(key, token)


@pytest.mark.skipif(REDIS is None, reason="redis-server is not installed")
async def test_it_is_killed_between_lock_and_save(
    gateway: GwmsEmulator, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    """The login counts, and nobody waits for the lock."""
    with redis_server(tmp_path) as redis:
        async with RedisTokenStore.connect(redis.url) as store:
            await list_webhooks(gateway, Interrupted(store, redis))

    assert said(caplog) == ["be written (ConnectionError)"]
    assert gateway.logins == 1


def ciphers() -> Any:
    """Make two ciphers with different keys."""
    fernet = pytest.importorskip("cryptography.fernet").Fernet
    return fernet(fernet.generate_key()), fernet(fernet.generate_key())


@asynccontextmanager
async def holding(redis: RedisServer, gateway: GwmsEmulator, content: str) -> AsyncGenerator[RedisTokenStore]:
    """Give a store with something in place of the token."""
    async with RedisTokenStore.connect(redis.url) as store:
        key = store_key(gateway.base_url, gateway.credentials.username)
        redis.command("SET", f"gwms-async:token:{{{key}}}", content)
        yield store


@pytest.mark.parametrize("content", ["", f"{SECRET}", f'{{"value": ["{SECRET}"]}}', "\0" * 10**5])
async def test_garbage(
    gateway: GwmsEmulator, redis: RedisServer, caplog: pytest.LogCaptureFixture, content: str
) -> None:
    """It is replaced by the token of the login."""
    async with holding(redis, gateway, content) as store:
        for _ in range(2):
            await list_webhooks(gateway, store)

    assert said(caplog) == ["be read (ValueError)"]
    assert gateway.logins == 1


async def test_an_entry_of_another_type(
    gateway: GwmsEmulator, redis: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    """It is replaced as well."""
    async with holding(redis, gateway, "") as store:
        (key,) = re.findall(rb"gwms-async:\S+", redis.command("KEYS", "*"))
        redis.command("DEL", key.decode())
        redis.command("LPUSH", key.decode(), SECRET)
        for _ in range(2):
            await list_webhooks(gateway, store)

    assert said(caplog) == ["be read (ResponseError)"]
    assert gateway.logins == 1


async def test_the_wrong_cipher(gateway: GwmsEmulator, redis: RedisServer, caplog: pytest.LogCaptureFixture) -> None:
    """A token that cannot be decrypted is replaced; one in plain text too."""
    one, other = ciphers()
    for cipher in (None, one, other, other):
        async with RedisTokenStore.connect(redis.url, cipher=cipher) as store:
            await list_webhooks(gateway, store)

    assert said(caplog) == ["be read (InvalidToken)"] * 2
    assert gateway.logins == 3


async def test_a_full_redis(gateway: GwmsEmulator, redis: RedisServer, caplog: pytest.LogCaptureFixture) -> None:
    """It refuses even the lock."""
    redis.command("CONFIG", "SET", "maxmemory", "1")
    try:
        async with RedisTokenStore.connect(redis.url) as store:
            await list_webhooks(gateway, store)
    finally:
        redis.command("CONFIG", "SET", "maxmemory", "0")

    assert said(caplog) == ["be locked (OutOfMemoryError)"]


def test_those_who_wait_do_not_look_together() -> None:
    """Else one of them gets the lock each time, and the last of many gives up."""
    looks: list[float] = []

    class Busy:
        """A Redis whose lock somebody else holds."""

        name = "lock"

        def lock(self, *_: object, **__: object) -> Busy:
            return self

        async def acquire(self, **_: object) -> bool:
            looks.append(asyncio.get_running_loop().time())
            return False

        @property
        def redis(self) -> Busy:
            return self

        async def initialize(self) -> None:
            """It is no cluster."""

        async def get(self, _: str) -> None:
            """Nobody's."""

        async def do_release(self, _: bytes) -> None:
            """It was not acquired."""

    async def wait_for_it(store: RedisTokenStore) -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1), store.lock("key"):
                pytest.fail("it was acquired")

    async def main() -> None:
        store = RedisTokenStore(Busy())  # type: ignore[arg-type]
        await asyncio.gather(*(wait_for_it(store) for _ in range(20)))

    run(main())
    assert len(looks) > 20 * 5
    assert len(set(looks)) > len(looks) / 2


class Broken:
    """A cipher that fails."""

    def encrypt(self, data: bytes) -> bytes:
        """Fail."""
        raise LookupError(len(data))

    def decrypt(self, token: bytes) -> bytes:
        """Fail."""
        raise LookupError(len(token))


class Fake:
    """A client that has an unencrypted token, and cannot write another."""

    def __init__(self, error: BaseException) -> None:
        self._error = error

    async def get(self, name: str) -> bytes:
        """Return the token."""
        return f'{{"value": "{SECRET}", "expires_at": null, "of": "{name}"}}'.encode()

    async def set(self, name: str, content: bytes, *, ex: int) -> None:
        """Fail because of another error, as redis-py does."""
        try:
            raise OSError(name, ex)
        except OSError as cause:
            del content
            raise self._error from cause


@pytest.mark.parametrize("cipher", [None, Broken()])
@pytest.mark.parametrize("error", [ConnectionError, asyncio.CancelledError])
async def test_no_traceback_shows_the_token(error: type[BaseException], cipher: Broken | None) -> None:
    """Nor do the locals of its frames, or of those of its causes."""
    store = RedisTokenStore(Fake(error()), cipher=cipher)  # type: ignore[arg-type]
    failures: list[BaseException] = []
    for step in (store.save("key", Token(SECRET)), *((store.load("key"),) if cipher else ())):
        with pytest.raises((error, LookupError)) as caught:
            await step
        failures.append(caught.value)
    for one in failures:
        text = "".join(traceback.TracebackException.from_exception(one, capture_locals=True).format())
        frames = [frame.f_code.co_name for frame, _ in traceback.walk_tb(one.__traceback__)]

        assert SECRET not in text
        assert frames in (["test_no_traceback_shows_the_token", "save"], ["test_no_traceback_shows_the_token", "load"])
        assert one.__context__ is one.__cause__ is None
