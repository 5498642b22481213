"""The emulator in its own thread: safe from any thread, usable from any event loop."""

from __future__ import annotations

import asyncio
import sys
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from urllib.request import urlopen

import aiohttp
import pytest

from gwms_async import BadRequestError
from gwms_async.testing import GwmsEmulator, RateLimit, Status
from gwms_async.testing.threaded import _Door, emulator_in_thread

from ..helpers.emulated import client, spec
from ..helpers.webhook_server import webhook_server


async def test_an_outage(gwms_emulator: GwmsEmulator) -> None:
    """It can be closed and started again, from the event loop of a test."""
    async with client(gwms_emulator) as gwms, aiohttp.ClientSession() as session:
        await gwms.webhooks.create(spec())
        await gwms_emulator.close()
        with pytest.raises(aiohttp.ClientConnectorError):
            await session.get(gwms_emulator.base_url)
        await gwms_emulator.start()

        assert len(await gwms.webhooks.list()) == 1


def test_an_outage_in_a_sync_test(gwms_emulator: GwmsEmulator) -> None:
    """It may stay closed."""
    asyncio.run(gwms_emulator.close())

    assert gwms_emulator.connections == 0


def test_from_its_own_thread() -> None:
    """A clock or a spelling of yours may use it."""

    def spelling(url: str) -> str:
        return f"{url}/{emulator.logins}"

    with emulator_in_thread(spelling=spelling) as emulator:
        assert emulator.add_webhook("https://shop.example", "CREATE_ORDER").url == "https://shop.example/0"


def test_from_many_threads(gwms_emulator: GwmsEmulator) -> None:
    """Nothing is lost and no id is used twice, also while requests arrive."""

    async def create() -> None:
        async with client(gwms_emulator) as gwms:
            await asyncio.gather(*(gwms.webhooks.create(spec(number)) for number in range(50)))

    def add(thread: int) -> None:
        for number in range(50):
            gwms_emulator.add_webhook(f"https://shop.example/{thread}/{number}", "CREATE_ORDER")
            assert gwms_emulator.webhooks

    with ThreadPoolExecutor(5) as threads:
        running = [*(threads.submit(add, thread) for thread in range(4)), threads.submit(asyncio.run, create())]
        for one in running:
            one.result()

    assert [hook.id for hook in gwms_emulator.webhooks] == list(range(1, 251))


def test_its_thread_ends_with_it() -> None:
    """Also when the test fails; using it later is an error."""

    def threads() -> list[str]:
        return [thread.name for thread in threading.enumerate() if thread.name.startswith("gwms")]

    with suppress(LookupError), emulator_in_thread(token_ttl=5.0) as emulator:
        assert len(threads()) == 1
        raise LookupError

    assert threads() == []
    with pytest.raises(RuntimeError, match="closed"):
        emulator.revoke_tokens()


def test_a_port_that_is_taken(gwms_emulator: GwmsEmulator) -> None:
    """The error is raised to the caller."""
    port = int(gwms_emulator.base_url.split(":")[2].split("/")[0])

    with pytest.raises(OSError, match="in use"), emulator_in_thread(port=port):
        pass


def test_it_has_all_members(gwms_emulator: GwmsEmulator) -> None:
    """Exactly the public members of an emulator."""
    names = {name for name in dir(GwmsEmulator()) if not name.startswith("_")}

    assert names == {name for name in dir(gwms_emulator) if not name.startswith("_")}
    for name in names:
        getattr(gwms_emulator, name)
    with pytest.raises(AttributeError, match="'GwmsEmulator' object has no attribute 'webhook'"):
        _ = gwms_emulator.webhook  # type: ignore[attr-defined]


async def test_it_delivers_to_an_app_in_another_loop(gwms_emulator: GwmsEmulator) -> None:
    """The handler of the app may read from the emulator meanwhile."""
    async with webhook_server() as server, client(gwms_emulator) as gwms:

        async def read_again(entity_id: str) -> None:
            order = await gwms.request("GET", f"/orders/{entity_id}")
            assert order == {"eshopOrderId": entity_id}

        server.react = read_again
        gwms_emulator.add_webhook("https://shop.example/", "UPDATE_ORDER")
        gwms_emulator.route("https://shop.example", server.url(""))
        for entity_id in ("A1", "A2"):
            assert gwms_emulator.emit("UPDATE_ORDER", {"eshopOrderId": entity_id}) == 1
        await gwms_emulator.delivered()

        assert server.handled == ["A1", "A2"]
    assert [attempt.status for attempt in gwms_emulator.deliveries] == [200, 200]


async def test_its_members_work(gwms_emulator: GwmsEmulator) -> None:
    """Reads, writes and calls reach the emulator, and errors come back."""
    hook = gwms_emulator.add_webhook("https://shop.example/1", "CREATE_ORDER", active=False)
    gwms_emulator.rate_limit = limit = RateLimit(1000.0, 1000)
    gwms_emulator.inject(Status(400), operation="list")
    async with client(gwms_emulator) as gwms:
        with pytest.raises(BadRequestError):
            await gwms.webhooks.list()
        assert [one.id for one in await gwms.webhooks.list()] == [hook.id]

    assert gwms_emulator.rate_limit is limit
    assert (gwms_emulator.logins, gwms_emulator.count("list"), gwms_emulator.faults_left) == (1, 2, 0)
    gwms_emulator.remove_webhook(hook.id)
    assert gwms_emulator.webhooks == []
    with pytest.raises(KeyError):
        gwms_emulator.remove_webhook(hook.id)
    with pytest.raises(ValueError, match="operation must be one of"):
        gwms_emulator.count("nonsense")


def test_a_callback_that_fails_the_test() -> None:
    """The caller gets it, whatever it is, and the emulator goes on."""
    times: list[float] = []

    def clock() -> float:
        return times.pop() if times else pytest.fail("no time is left")

    with emulator_in_thread(clock=clock) as emulator:
        with pytest.raises(pytest.fail.Exception, match="no time is left"):
            emulator.add_webhook("https://shop.example/", "CREATE_ORDER")
        times.append(1.0)

        assert emulator.add_webhook("https://shop.example/", "CREATE_ORDER").id == 1


def test_its_event_loop_dies() -> None:
    """Whoever uses it then gets an error, and the block ends with what it died of."""

    def use_it() -> None:
        with emulator_in_thread(clock=sys.exit) as emulator:
            with pytest.raises(OSError, match=r"closed connection|reset by peer"):
                urlopen(f"{emulator.base_url}/webhooks", timeout=10)  # noqa: S310  # it is the emulator's
            with pytest.raises(RuntimeError, match="the emulator is closed"):
                list(iter(lambda: emulator.count("list"), 0))

    with pytest.raises(SystemExit):
        use_it()


async def test_calls_while_it_ends() -> None:
    """Whoever waits for it gets an error, as does who comes later."""
    with emulator_in_thread() as emulator:
        delivered = emulator.delivered
        waiting = asyncio.create_task(emulator.page_opened())
        cancelled = asyncio.create_task(emulator.page_opened())
        await asyncio.sleep(0)
        cancelled.cancel()
        await asyncio.wait([cancelled])

    assert cancelled.cancelled()
    with pytest.raises(RuntimeError, match="the emulator is closed"):
        await waiting
    with pytest.raises(RuntimeError, match="the emulator is closed"):
        await delivered()


async def test_calls_just_before_it_ends() -> None:
    """They are carried out, and what they begin belongs to the tasks that the end of the event loop cancels."""
    door, begun = _Door(), Future[None]()

    async def call() -> None:
        begun.set_result(None)

    door.enter(lambda: asyncio.run_coroutine_threadsafe(call(), asyncio.get_running_loop()))
    tasks = asyncio.all_tasks()
    await door.shut()

    assert asyncio.all_tasks() > tasks
    with pytest.raises(RuntimeError, match="the emulator is closed"):
        door.enter(list)
    await asyncio.sleep(0)
    begun.result(0)
