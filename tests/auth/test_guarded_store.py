"""A token store that raises, hangs or gives nonsense costs a warning, never an error, and its lock is let go."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from math import inf
from typing import Any

import pytest
from attrs import define, field

from gwms_async import GwmsClient, MemoryTokenStore, Token, TokenStore
from gwms_async.auth.guarded_store import GuardedStore
from gwms_async.testing import GwmsEmulator

from ..helpers import virtual_loop
from ..helpers.emulated import client
from ..helpers.virtual_io_loop import with_virtual_gateway

SECRET = "t0ken-of-the-store"
OLD, NEW = Token(SECRET), Token("t0ken-of-a-login")
PATIENCE = 10.0
Fault = Callable[[], Awaitable[object]]


async def break_down() -> None:
    """Fail, with a text that holds the token."""
    raise LookupError(f"no room for {SECRET}")


async def hang() -> None:
    """Never end."""
    await asyncio.Event().wait()


@define(eq=False)
class FlakyStore:
    """A store whose steps fail as they are told, and that notes them."""

    faults: dict[str, Fault] = field(factory=dict)
    content: Any = OLD
    steps: list[str] = field(factory=list)
    is_locked: bool = False

    async def load(self, key: str) -> Any:
        """Give what there is."""
        await self._step("load", key)
        return self.content

    async def save(self, key: str, token: Token) -> None:
        """Keep a token."""
        await self._step("save", key)
        self.content = token

    @asynccontextmanager
    async def lock(self, key: str) -> AsyncGenerator[None]:
        """Lock the one entry."""
        await self._step("lock", key)
        self.is_locked = True
        yield
        self.is_locked = False
        await self._step("unlock", key)

    async def _step(self, name: str, key: str) -> None:
        assert key == "the-key"
        self.steps.append(name)
        if name in self.faults:
            await self.faults[name]()


async def renewed(store: TokenStore) -> Token | None:
    """Do what a login does; give what it has read."""
    async with GuardedStore(store, "the-key") as guard:
        found = await guard.load()
        await guard.save(NEW)
    return found


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    """List what was logged; none of it holds a token."""
    assert not [record for record in caplog.records if "t0ken" in repr(vars(record))]
    assert {record.name for record in caplog.records} <= {"gwms_async"}
    return [f"{record.levelname}: {record.getMessage()}" for record in caplog.records]


def test_a_store_that_works(caplog: pytest.LogCaptureFixture) -> None:
    """It is read and written under its lock, and no word is said of it."""
    store = FlakyStore()

    assert OLD is virtual_loop.run(renewed(store))
    assert NEW is store.content
    assert store.steps == ["lock", "load", "save", "unlock"]
    assert not store.is_locked
    assert warnings(caplog) == []


def test_an_empty_store(caplog: pytest.LogCaptureFixture) -> None:
    """There is nothing to find yet, then there is."""
    store = MemoryTokenStore()

    assert virtual_loop.run(renewed(store)) is None
    assert virtual_loop.run(renewed(store)) == NEW
    assert warnings(caplog) == []


ALL = ["lock", "load", "save", "unlock"]
COSTS: dict[str, tuple[str, Token | None, Token, list[str]]] = {
    # what could not be done, what was found all the same, what is kept, and what was tried
    "lock": ("be locked", None, OLD, ["lock"]),
    "load": ("be read", None, NEW, ALL),
    "save": ("be written", OLD, OLD, ALL),
    "unlock": ("be unlocked", OLD, NEW, ALL),
}


@pytest.mark.parametrize(("fault", "name", "takes"), [(break_down, "LookupError", 0), (hang, "TimeoutError", PATIENCE)])
@pytest.mark.parametrize("step", COSTS)
def test_a_step_that_fails(caplog: pytest.LogCaptureFixture, step: str, fault: Fault, name: str, takes: float) -> None:
    """It costs one warning and at most ten seconds; the other steps go on, but nothing is done without the lock."""
    store = FlakyStore({step: fault})
    what, found, kept, steps = COSTS[step]

    async def main() -> Token | None:
        read = await renewed(store)
        assert takes == asyncio.get_running_loop().time()
        return read

    assert found is virtual_loop.run(main())
    assert kept is store.content
    assert steps == store.steps
    assert not store.is_locked
    assert warnings(caplog) == [f"WARNING: the token store could not {what} ({name}); continuing without it"]


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (OSError(errno.ENOSPC, f"no room for {SECRET}", SECRET), "OSError: No space left on device"),
        (PermissionError(errno.EACCES, SECRET), "PermissionError: Permission denied"),
        (OSError(SECRET), "OSError"),
        (OSError(10**30, SECRET), "OSError"),
        (OSError(SECRET, SECRET), "OSError"),
        (OSError([], SECRET), "OSError"),
    ],
)
def test_the_reason_of_the_system(caplog: pytest.LogCaptureFixture, error: OSError, told: str) -> None:
    """It is told, in the system's own words: those of the error might hold the token."""

    async def fail() -> None:
        raise error

    assert virtual_loop.run(renewed(FlakyStore({"save": fail}))) is OLD
    assert warnings(caplog) == [f"WARNING: the token store could not be written ({told}); continuing without it"]


@pytest.mark.parametrize("fault", [break_down, hang])
def test_all_steps_that_fail(caplog: pytest.LogCaptureFixture, fault: Fault) -> None:
    """Each one is warned of, and still there is no error."""
    store = FlakyStore(dict.fromkeys(("load", "save", "unlock"), fault))

    assert virtual_loop.run(renewed(store)) is None
    assert [line.split(" (")[0].rpartition("could not ")[2] for line in warnings(caplog)] == [
        "be read",
        "be written",
        "be unlocked",
    ]


@pytest.mark.parametrize(
    "content", [SECRET, SECRET.encode(), {"value": SECRET}, 5, Token(""), Token("two words"), Token(f"{SECRET}\n")]
)
def test_content_that_is_no_usable_token(caplog: pytest.LogCaptureFixture, content: Any) -> None:
    """It is passed over, and replaced; what cannot travel in a header would break every call."""
    store = FlakyStore(content=content)

    assert virtual_loop.run(renewed(store)) is None
    assert NEW is store.content
    assert all("t0ken" not in line for line in warnings(caplog))


@pytest.mark.parametrize("value", [None, 5, SECRET.encode(), ["t"]])
def test_a_token_that_is_no_text(value: Any) -> None:
    """It is passed over as well."""
    assert virtual_loop.run(renewed(FlakyStore(content=Token(value)))) is None


class PlainStore:
    """A store whose methods are no coroutines, and whose lock is no lock."""

    def __init__(self, lock: object = None) -> None:
        self._lock = lock

    def load(self, key: str) -> Token:
        """Give a token without being asked twice."""
        return OLD

    def save(self, key: str, token: Token) -> None:
        """Forget a token."""

    def lock(self, key: str) -> object:
        """Give anything."""
        if isinstance(self._lock, Exception):
            raise self._lock
        return self._lock


@asynccontextmanager
async def free() -> AsyncGenerator[None]:
    """Lock nothing."""
    yield


@pytest.mark.parametrize(
    ("lock", "problems"),
    [
        (None, ["be locked (AttributeError)"]),
        (LookupError(SECRET), ["be locked (LookupError)"]),
        (free(), ["be read (TypeError)", "be written (TypeError)"]),
    ],
)
def test_a_store_that_does_not_keep_to_the_protocol(
    caplog: pytest.LogCaptureFixture, lock: object, problems: list[str]
) -> None:
    """It is as good as none."""
    store: Any = PlainStore(lock)

    assert virtual_loop.run(renewed(store)) is None
    assert warnings(caplog) == [
        f"WARNING: the token store could not {problem}; continuing without it" for problem in problems
    ]


def test_the_lock_is_let_go_when_the_login_fails(caplog: pytest.LogCaptureFixture) -> None:
    """The login's own error is the one that is seen."""
    store = FlakyStore()

    async def main() -> None:
        async with GuardedStore(store, "the-key"):
            assert store.is_locked
            raise RuntimeError("the login failed")

    with pytest.raises(RuntimeError, match="the login failed"):
        virtual_loop.run(main())
    assert not store.is_locked
    assert warnings(caplog) == []


@pytest.mark.parametrize("step", ["lock", "load", "save"])
def test_a_cancelled_login_lets_the_lock_go(caplog: pytest.LogCaptureFixture, step: str) -> None:
    """A cancellation is no failure of the store: it goes on, at once."""
    store = FlakyStore({step: hang})

    async def main() -> None:
        task = asyncio.create_task(renewed(store))
        await asyncio.sleep(1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert asyncio.get_running_loop().time() == 1

    virtual_loop.run(main())
    assert step in store.steps
    assert not store.is_locked
    assert warnings(caplog) == []


def test_a_lock_that_another_holds_for_too_long(caplog: pytest.LogCaptureFixture) -> None:
    """After ten seconds the login goes on without the store, and the other's lock is left alone."""
    store = MemoryTokenStore()

    async def main() -> None:
        await store.save("the-key", OLD)
        lock: AbstractAsyncContextManager[object] = store.lock("the-key")
        async with lock:
            assert await renewed(store) is None
            assert asyncio.get_running_loop().time() == PATIENCE
        assert await store.load("the-key") == OLD
        assert await renewed(store) == OLD

    virtual_loop.run(main())
    assert warnings(caplog) == ["WARNING: the token store could not be locked (TimeoutError); continuing without it"]


def test_every_login_needs_the_lock() -> None:
    """The second one does not get it, so it neither reads nor writes, and has nothing to unlock."""
    store = FlakyStore()

    async def main() -> None:
        guard = GuardedStore(store, "the-key")
        async with guard:
            pass
        store.faults["lock"] = break_down
        async with guard:
            assert await guard.load() is None
            await guard.save(NEW)

    virtual_loop.run(main())
    assert store.steps == ["lock", "unlock", "lock"]
    assert store.content is OLD


def test_patience_can_be_chosen() -> None:
    """Each step may take so long."""

    async def main() -> None:
        async with GuardedStore(FlakyStore({"load": hang, "unlock": hang}), "the-key", patience=2.5) as guard:
            assert await guard.load() is None
        assert asyncio.get_running_loop().time() == 5.0

    virtual_loop.run(main())


class HangingStore(MemoryTokenStore):
    """A store that can be locked, and nothing else."""

    async def load(self, _: str) -> None:
        """Never end."""
        await hang()

    async def save(self, *_: object) -> None:
        """Never end."""
        await hang()


def test_a_store_that_hangs_ends_no_call() -> None:
    """Its steps together take no longer than a call may."""

    async def main(gateway: GwmsEmulator, kind: type[GwmsClient]) -> None:
        async with client(gateway, kind=kind, token_store=HangingStore(), timeout=0.6) as gwms:
            assert await gwms.webhooks.list() == []

        assert gateway.logins == 1

    with_virtual_gateway(main)


EXPIRIES: list[Any] = ["tomorrow", 10**400, inf, {}]


@pytest.mark.parametrize("stored", [*(Token("abc", expiry) for expiry in EXPIRIES), Token("a b"), "abc"], ids=range(6))
async def test_what_a_store_may_not_give(gateway: GwmsEmulator, caplog: pytest.LogCaptureFixture, stored: Any) -> None:
    """It costs a warning and a login, not the call."""

    class Odd(MemoryTokenStore):
        async def load(self, key: str) -> Token | None:
            return stored  # type: ignore[no-any-return]

    async with client(gateway, token_store=Odd()) as gwms:
        assert await gwms.webhooks.list() == []

    assert "something other than a token" in caplog.text
    assert gateway.logins == 1


async def test_a_store_that_waits_for_something_cancelled(gateway: GwmsEmulator) -> None:
    """It is a failing store like any other."""

    class Cancelled(MemoryTokenStore):
        async def load(self, key: str) -> Token | None:
            raise asyncio.CancelledError

    async with client(gateway, token_store=Cancelled()) as gwms:
        assert await gwms.webhooks.list() == []
