"""The token store in Redis: its keys, their lives, its cipher, its lock."""

from __future__ import annotations

import asyncio
import inspect
import time
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest
import pytest_asyncio

pytest.importorskip("redis", reason="the store in Redis is an extra")

from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError

from gwms_async import ConfigurationError, RedisTokenStore, Token
from gwms_async.auth.guarded_store import GuardedStore
from gwms_async.auth.stores.redis import LEASE

from ...helpers.redis_server import RedisServer, redis_server

KEY = "0f" * 32
SECRET = "t0ken-of-the-store"


@pytest_asyncio.fixture
async def client(redis: RedisServer) -> AsyncIterator[Redis]:
    """Somebody's client of an empty Redis."""
    async with Redis.from_url(redis.url) as one:
        yield one


def test_a_lock_runs_out_before_the_others_give_up() -> None:
    """So one of them inherits a killed holder's lock, and the rest its token."""
    patience = inspect.signature(GuardedStore).parameters["patience"].default

    assert patience - 2 >= LEASE


async def test_its_keys(client: Redis) -> None:
    """Those of an account are in one slot of a cluster; deployments have their own."""
    store, other = RedisTokenStore(client), RedisTokenStore(client, prefix="stage")
    async with store.lock(KEY), other.lock(KEY):
        await store.save(KEY, Token(SECRET))
        names = sorted(await client.keys())

    assert names == [
        *(f"gwms-async:lock:{{{KEY}}}".encode(), f"gwms-async:token:{{{KEY}}}".encode()),
        f"stage:lock:{{{KEY}}}".encode(),
    ]
    assert await client.keys("*lock*") == []
    assert await other.load(KEY) is None


@pytest.mark.parametrize(
    ("life", "kept"),
    [(600, 660), (-600, 60), (10**9, 31 * 86_400), (None, 86_400)],
    ids=["valid", "expired", "longer than a month", "unknown"],
)
async def test_how_long_a_token_is_kept(client: Redis, life: float | None, kept: int) -> None:
    """A minute longer than it is valid, but a month at most."""
    await RedisTokenStore(client).save(KEY, Token(SECRET, None if life is None else time.time() + life))

    left = await client.ttl(f"gwms-async:token:{{{KEY}}}")
    assert kept - 5 <= left <= kept


async def test_forget(client: Redis) -> None:
    """It says whether there was a token."""
    store = RedisTokenStore(client)
    await store.save(KEY, Token(SECRET))

    assert await store.forget(KEY)
    assert not await store.forget(KEY)
    assert await store.load(KEY) is None


@pytest.mark.parametrize("decode_responses", [False, True])
async def test_a_cipher(redis: RedisServer, *, decode_responses: bool) -> None:
    """The token is in Redis in encrypted form only, also through a client that decodes responses."""
    fernet = pytest.importorskip("cryptography.fernet")
    cipher = fernet.Fernet(fernet.Fernet.generate_key())
    async with Redis.from_url(redis.url, decode_responses=decode_responses) as client:
        store = RedisTokenStore(client, cipher=cipher)
        await store.save(KEY, Token(SECRET, 10**10))

        assert await store.load(KEY) == Token(SECRET, 10**10)
        assert SECRET not in str(await client.get(f"gwms-async:token:{{{KEY}}}"))


async def test_a_borrowed_client_is_not_closed(client: Redis) -> None:
    """Nor shown: its URL may contain a password."""
    store = RedisTokenStore(client)

    assert repr(store) == "RedisTokenStore(prefix='gwms-async')"
    assert await client.ping()


async def test_a_lock_that_has_run_out(client: Redis) -> None:
    """Its holder ends without an error, and leaves the next one's lock alone."""
    store = RedisTokenStore(client)
    async with store.lock(KEY):
        await client.delete(f"gwms-async:lock:{{{KEY}}}")  # as at the end of the lease
        await client.set(f"gwms-async:lock:{{{KEY}}}", "the next one")

    assert await client.get(f"gwms-async:lock:{{{KEY}}}") == b"the next one"


async def test_a_user_who_may_not_run_scripts(redis: RedisServer, client: Redis) -> None:
    """The lock is released nevertheless, unless it is somebody else's by now."""
    redis.command("ACL", "SETUSER", "plain", "on", ">hunter2", "~*", "+@all", "-@scripting")
    async with RedisTokenStore.connect(redis.url.replace("//", "//plain:hunter2@")) as store:
        async with store.lock(KEY):
            assert await client.exists(f"gwms-async:lock:{{{KEY}}}")
        assert await client.keys() == []

        async with store.lock(KEY):
            await client.set(f"gwms-async:lock:{{{KEY}}}", "the next one")
        assert await client.get(f"gwms-async:lock:{{{KEY}}}") == b"the next one"


async def test_more_accounts_at_once_than_connections(redis: RedisServer, client: Redis) -> None:
    """They wait for one; Redis's limit of connections is far away."""
    keys = [f"{number:064x}" for number in range(300)]
    async with RedisTokenStore.connect(f"{redis.url}?timeout=60") as store:  # a busy machine may need more than usual

        async def renew(key: str) -> None:
            async with store.lock(key):
                await store.save(key, Token(SECRET))

        await asyncio.gather(*map(renew, keys))
        connected = (await client.info("clients"))["connected_clients"]

    assert len(await client.keys("*token*")) == len(keys)
    assert connected < 100


@pytest.mark.parametrize(
    "url",
    [
        "https://:hunter2@cache.example",
        "redis://:hunter2#a@cache.example",
        "cache.example",
        "redis://:hunter2@cache.example?no_such_option=1",
        "redis://:hunter2@cache.example?protocol=9",
    ],
)
async def test_an_invalid_url(url: str) -> None:
    """The error shows no part of it, for it may contain a password; nor does the frame."""
    with pytest.raises(ConfigurationError, match=r"^the URL of Redis is invalid") as caught:
        async with RedisTokenStore.connect(url):
            pass

    assert "hunter2" not in f"{caught.value}{caught.value.__context__!r}"
    assert caught.value.__context__ is None
    frames = [frame.frame.f_locals for frame in caught.traceback if frame.path != Path(__file__)]
    assert frames
    assert "hunter2" not in str(frames)


async def test_a_lock_granted_to_someone_cancelled(redis: RedisServer, client: Redis) -> None:
    """It is taken back: the answer of Redis was on its way."""
    inside = asyncio.Event()

    async def enter() -> None:
        async with RedisTokenStore(client).lock(KEY):
            inside.set()

    await client.ping()  # connects
    waiter = asyncio.create_task(enter())
    while redis.command("EXISTS", f"gwms-async:lock:{{{KEY}}}") != b":1\r\n":  # noqa: ASYNC110  # it has no events
        await asyncio.sleep(0)
    waiter.cancel()
    await asyncio.wait([waiter])

    assert waiter.cancelled()
    assert not inside.is_set()
    assert await client.keys() == []


@pytest.mark.parametrize("is_persistent", [False, True])
async def test_cancelled_at_each_step(redis: RedisServer, client: Redis, *, is_persistent: bool) -> None:
    """No lock, no task and no connection is left, also where it is cancelled at every await."""

    async def use() -> None:
        async with RedisTokenStore.connect(redis.url) as store, store.lock(KEY):
            await store.load(KEY)

    await client.ping()  # connects
    connections = redis.command("CLIENT", "LIST").count(b"name=")
    for step in range(0, 60, 3):
        task = asyncio.create_task(use())
        for _ in range(step):
            await asyncio.sleep(0)
        task.cancel()
        while not task.done():
            await asyncio.sleep(0)
            if is_persistent:
                task.cancel()
        assert asyncio.all_tasks() == {asyncio.current_task()}
        assert await client.keys() == []
        async with asyncio.timeout(5):
            while redis.command("CLIENT", "LIST").count(b"name=") > connections:  # noqa: ASYNC110  # it has no events
                await asyncio.sleep(0)


@asynccontextmanager
async def losing(redis: RedisServer, answers: int) -> AsyncGenerator[str]:
    """Stand between a client and Redis: carry out the first few SETs, but close their connections without an answer."""

    async def forward(reader: StreamReader, writer: StreamWriter) -> None:
        nonlocal answers
        there_reader, there_writer = await asyncio.open_connection("127.0.0.1", redis.port)
        with closing(writer), closing(there_writer):
            while command := await reader.read(65_536):
                there_writer.write(command)
                answer = await there_reader.read(65_536)
                if b"\r\nSET\r\n" in command and answers:
                    answers -= 1
                    return
                writer.write(answer)

    async with await asyncio.start_server(forward, "127.0.0.1", 0) as server:
        yield f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}?protocol=2"


async def test_a_lock_whose_answer_is_lost(redis: RedisServer, client: Redis) -> None:
    """The repetition finds the lock that it was granted, and does not wait for its lease to run out."""
    async with losing(redis, 1) as url, RedisTokenStore.connect(url) as store, asyncio.timeout(2):
        async with store.lock(KEY):
            assert await client.exists(f"gwms-async:lock:{{{KEY}}}")

        assert await client.keys() == []


async def test_a_lock_whose_answers_are_all_lost(redis: RedisServer, client: Redis) -> None:
    """It is released, for nobody knows that he holds it."""
    async with losing(redis, 2) as url, RedisTokenStore.connect(url) as store:
        with pytest.raises(RedisConnectionError):
            async with store.lock(KEY):
                pass

    assert await client.keys() == []


@asynccontextmanager
async def leading_to(*servers: RedisServer) -> AsyncGenerator[str]:
    """Be a name that leads to one server after the other, whenever somebody connects."""
    coming = iter(servers)

    async def forward(reader: StreamReader, writer: StreamWriter) -> None:
        there_reader, there_writer = await asyncio.open_connection("127.0.0.1", next(coming).port)
        with closing(writer), closing(there_writer):
            while command := await reader.read(65_536):
                there_writer.write(command)
                writer.write(await there_reader.read(65_536))

    async with await asyncio.start_server(forward, "127.0.0.1", 0) as server:
        yield f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}?protocol=2"


async def test_a_failover(redis: RedisServer, client: Redis, tmp_path: Path) -> None:
    """A connection to a server that is only a replica by now is opened again, to the one that has taken over."""
    with redis_server(tmp_path) as former:
        former.command("REPLICAOF", "127.0.0.1", "1")
        async with leading_to(former, redis) as url, RedisTokenStore.connect(url) as store, store.lock(KEY):
            await store.save(KEY, Token(SECRET))

        assert await RedisTokenStore(client).load(KEY) == Token(SECRET)
