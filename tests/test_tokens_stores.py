"""What every token store keeps to; a further store is one more line in `STORES`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from importlib.util import find_spec

import pytest
import pytest_asyncio

import gwms_async
from gwms_async import MemoryTokenStore, Token, TokenStore

from .helpers.emulated import until

Make = Callable[[pytest.FixtureRequest], AbstractAsyncContextManager[TokenStore]]
STORES: dict[str, Make] = {"memory": lambda _: nullcontext(MemoryTokenStore())}
if find_spec("filelock") is not None:  # an extra
    STORES["file"] = lambda request: nullcontext(
        gwms_async.FileTokenStore(request.getfixturevalue("tmp_path") / "tokens")
    )
if find_spec("redis") is not None:  # an extra
    STORES["redis"] = lambda request: gwms_async.RedisTokenStore.connect(request.getfixturevalue("redis").url)

KEY, OTHER = "0f" * 32, "1e" * 32
SECRET = "t0ken-of-the-store"


@pytest_asyncio.fixture(params=STORES)
async def store(request: pytest.FixtureRequest) -> AsyncIterator[TokenStore]:
    """One of the stores, empty."""
    async with STORES[request.param](request) as one:
        yield one


def test_it_is_a_store(store: TokenStore) -> None:
    """It has what the protocol asks for."""
    assert isinstance(store, TokenStore)


async def test_what_was_never_saved(store: TokenStore) -> None:
    """There is none, and that is no error; under the lock as well."""
    assert await store.load(KEY) is None
    async with store.lock(KEY):
        assert await store.load(KEY) is None


@pytest.mark.parametrize(
    "token",
    [
        Token(SECRET, 1_764_000_000.25),
        Token(SECRET, 1_764_000_000),
        Token(SECRET, 0),
        Token(SECRET),
        Token("ž 漢 \ud800\n"),
    ],
    ids=["float", "int", "long ago", "no expiry", "odd text"],
)
async def test_what_was_saved_is_loaded(store: TokenStore, token: Token) -> None:
    """It is the same, to the last digit."""
    await store.save(KEY, token)

    assert await store.load(KEY) == token


async def test_the_last_one_saved_is_loaded(store: TokenStore) -> None:
    """Each key has its own."""
    for key, token in [(KEY, Token("a" * 2000, 1.0)), (OTHER, Token("b")), (KEY, Token("c"))]:
        await store.save(key, token)

    assert (await store.load(KEY), await store.load(OTHER)) == (Token("c"), Token("b"))


async def test_concurrent_use_without_the_lock(store: TokenStore) -> None:
    """What is loaded is always one of the tokens, whole."""
    tokens = [Token(f"{number}" * 500, number) for number in range(10)]
    await store.save(KEY, tokens[0])

    _, *found = await asyncio.gather(
        asyncio.gather(*(store.save(KEY, token) for token in tokens)), *(store.load(KEY) for _ in range(20))
    )

    assert all(token in tokens for token in found)
    assert await store.load(KEY) in tokens


async def test_the_lock_lets_one_in_at_a_time(store: TokenStore) -> None:
    """Those of another key are not kept out."""
    inside: list[int] = []
    most = 0

    async def enter(number: int) -> None:
        nonlocal most
        async with store.lock(KEY):
            inside.append(number)
            most = max(most, len(inside))
            for _ in range(3):
                await asyncio.sleep(0)
            inside.remove(number)

    async with store.lock(OTHER):
        await asyncio.gather(*map(enter, range(5)))

    assert most == 1


async def test_the_lock_is_free_after_an_error(store: TokenStore) -> None:
    """The error goes on."""
    with pytest.raises(LookupError, match="inside"):
        async with store.lock(KEY):
            raise LookupError("inside")

    async with asyncio.timeout(10), store.lock(KEY):
        pass


@pytest.mark.parametrize("name", [name for name in STORES if name != "redis"])  # its connections belong to one loop
def test_several_event_loops(request: pytest.FixtureRequest, name: str) -> None:
    """They share the lock, one after another and in threads at the same time."""
    inside: list[int] = []

    async def enter(store: TokenStore, number: int) -> int:
        async with store.lock(KEY):
            inside.append(number)
            await asyncio.sleep(0.001)
            most = len(inside)
            inside.remove(number)
            return most

    async def enter_all(store: TokenStore) -> list[int]:
        return await asyncio.gather(*(enter(store, number) for number in range(3)))

    async def main() -> None:
        async with STORES[name](request) as store:
            for _ in range(2):
                threads = [asyncio.to_thread(asyncio.run, enter_all(store)) for _ in range(3)]
                assert await asyncio.gather(*threads) == [[1, 1, 1]] * 3

    asyncio.run(main())


@pytest.mark.parametrize("turns", range(12))
async def test_a_cancelled_waiter(store: TokenStore, turns: int) -> None:
    """Whenever it is cancelled, it ends while the lock is still held, and leaves it free."""
    entered = False

    async def enter() -> None:
        nonlocal entered
        async with store.lock(KEY):
            entered = True

    async with store.lock(KEY):
        waiter = asyncio.create_task(enter())
        for _ in range(turns):
            await asyncio.sleep(0.001)  # let it come so far
        waiter.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiter

    assert not entered
    async with asyncio.timeout(10), store.lock(KEY):
        pass


@pytest.mark.parametrize("turns", range(12))
async def test_a_cancelled_holder(store: TokenStore, turns: int) -> None:
    """Whether it has just got the lock, holds it, or gives it back: it is free afterwards."""

    async def enter() -> None:
        async with store.lock(KEY):
            await asyncio.sleep(0)

    holder = asyncio.create_task(enter())
    for _ in range(turns):
        await asyncio.sleep(0)
    holder.cancel()
    await asyncio.wait([holder])

    async with asyncio.timeout(10), store.lock(KEY):
        pass


async def test_waiting_does_not_stop_the_event_loop(store: TokenStore) -> None:
    """Others go on while the lock is waited for."""
    async with store.lock(KEY):
        waiters = [asyncio.create_task(locked(store)) for _ in range(3)]
        rounds = iter(range(1000))
        await until(lambda: next(rounds) == 999)
        assert not any(waiter.done() for waiter in waiters)

    await asyncio.gather(*waiters)


async def locked(store: TokenStore) -> None:
    """Have the lock for a moment."""
    async with store.lock(KEY):
        pass


@pytest.mark.parametrize("store", sorted(STORES.keys() - {"redis"}), indirect=True)  # its connections have one loop
def test_the_event_loops_of_a_process_follow_one_another(store: TokenStore) -> None:
    """A store serves the next one as well, and what it holds stays."""

    async def renew(token: Token) -> Token | None:
        async with store.lock(KEY):
            found = await store.load(KEY)
            await store.save(KEY, token)
        return found

    assert asyncio.run(renew(Token("1"))) is None
    assert asyncio.run(renew(Token("2"))) == Token("1")


async def test_no_token_is_shown(store: TokenStore) -> None:
    """Not in what the store says of itself."""
    await store.save(KEY, Token(SECRET))

    assert SECRET not in repr(store) + str(store)
