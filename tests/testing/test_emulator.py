"""The emulator as a whole: its state, its latency, its clocks."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import pytest

from gwms_async.testing import DropAfter, GwmsEmulator, RateLimit, Stall, Status

from ..helpers.emulated import statuses, until
from ..helpers.plain_client import HOOK, logged_in, plain, request_bytes, wire
from ..helpers.virtual_io_loop import VirtualIoLoop, with_virtual_gateway


class AheadLoop(asyncio.SelectorEventLoop):
    """An event loop whose clock is an hour ahead of the usual one."""

    def time(self) -> float:
        """Return the time."""
        return super().time() + 3600


async def test_the_state_can_be_changed_from_outside(gateway: GwmsEmulator) -> None:
    """Webhooks come and go as if another process changed them; what is added is not checked."""
    gateway.add_eshop("other")
    old = gateway.add_webhook("https://shop.example/1", "CREATE_ORDER")
    odd = gateway.add_webhook("", "CREATE_CLAIM", active=False, method="GET")
    foreign = gateway.add_webhook("https://shop.example/3", "CREATE_ORDER", eshop="other")
    assert gateway.webhooks == [old, odd, foreign]

    async with logged_in(gateway) as client:
        listed = (await client.send("GET", "/webhooks")).data
        assert [(hook["id"], hook["webhookType"], hook["active"], hook["method"]) for hook in listed] == [
            (1, "CREATE_ORDER", True, "POST"),
            (2, "CREATE_CLAIM", False, "GET"),
        ]

        gateway.remove_webhook(old.id)
        assert (await client.send("GET", "/webhooks/1")).status == 404
        with pytest.raises(KeyError):
            gateway.remove_webhook(old.id)


async def test_two_emulators_share_nothing() -> None:
    """Each has its own port, state and tokens."""
    async with GwmsEmulator() as first, GwmsEmulator() as second, logged_in(first) as client, plain(second) as stranger:
        stranger.authorization = client.authorization

        assert first.base_url != second.base_url
        assert (await stranger.send("GET", "/webhooks")).status == 401


async def test_latency_delays_the_answer_not_the_change(gateway: GwmsEmulator) -> None:
    """A request is carried out when it arrives, and answered later."""
    async with logged_in(gateway) as client:
        gateway.latency = 0.05
        loop = asyncio.get_running_loop()
        began = loop.time()
        call = asyncio.create_task(client.create())
        await until(lambda: gateway.webhooks)
        assert statuses(gateway, "create") == [None]

        assert (await call).status == 200
        assert loop.time() - began >= 0.05
        assert statuses(gateway, "create") == [200]

        gateway.latency = 0
        assert await client.statuses(1) == [200]


def test_the_journal_says_how_long_a_request_took() -> None:
    """In seconds, with the latency; None until it is answered."""

    async def main(gateway: GwmsEmulator, _: object) -> None:
        async with plain(gateway) as client:
            gateway.latency = 2.5
            call = asyncio.create_task(client.statuses(1))
            await until(lambda: gateway.requests)
            assert gateway.requests[0].seconds is None
            await call
        assert gateway.requests[0].seconds == pytest.approx(2.5)

    with_virtual_gateway(main)


async def test_a_client_that_disconnects_during_the_latency(gateway: GwmsEmulator) -> None:
    """Its request is carried out all the same, and the handler ends at once."""
    async with logged_in(gateway) as client:
        gateway.latency = 3600
        async with wire(gateway) as connection:
            connection.send(request_bytes(client, "POST", "/webhooks", HOOK))
            await until(lambda: gateway.webhooks)
        await until(lambda: gateway.connections == 1)

    assert (gateway.requests[-1].status, len(gateway.webhooks)) == (None, 1)


async def test_a_drop_comes_after_the_latency(gateway: GwmsEmulator) -> None:
    """A fault that loses the answer takes as long as the answer would have."""
    async with logged_in(gateway) as client, wire(gateway) as connection:
        gateway.latency = 0.05
        gateway.inject(DropAfter())
        loop = asyncio.get_running_loop()
        began = loop.time()
        connection.send(request_bytes(client, "POST", "/webhooks", HOOK))

        assert await connection.rest() == b""
        assert loop.time() - began >= 0.05
    assert len(gateway.webhooks) == 1


async def statuses_of(gateway: GwmsEmulator, count: int) -> list[int]:
    """Log in, and return the statuses of a few requests."""
    async with logged_in(gateway) as client:
        return await client.statuses(count)


def test_the_journal_uses_the_clock_of_the_event_loop() -> None:
    """`Exchange.at` compares with the time of the loop that the emulator runs in, whatever its clock."""

    async def main() -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        async with GwmsEmulator() as gateway:
            await statuses_of(gateway, 1)
        assert began <= gateway.requests[0].at <= gateway.requests[1].at <= loop.time()

    with asyncio.Runner(loop_factory=AheadLoop) as runner:
        runner.run(main())


def test_a_rate_limit_can_be_replaced_where_no_loop_runs() -> None:
    """Before the start the bucket is full; later it is as full as the requests so far have left it."""
    gateway = GwmsEmulator(rate_limit=RateLimit(1, 1))
    gateway.rate_limit = RateLimit(0.001, 2)
    with asyncio.Runner() as runner:
        runner.run(gateway.start())
        assert runner.run(statuses_of(gateway, 3)) == [200, 200, 429]
        gateway.rate_limit = RateLimit(0.001, 5)
        assert runner.run(statuses_of(gateway, 1)) == [429]
        runner.run(gateway.close())


def test_a_rate_limit_survives_a_restart_on_another_loop() -> None:
    """The clocks of two loops do not compare, so the bucket is full again."""
    gateway = GwmsEmulator(rate_limit=RateLimit(0.001, 1))

    async def main() -> list[int]:
        async with gateway:
            return await statuses_of(gateway, 2)

    for factory in (AheadLoop, asyncio.SelectorEventLoop):
        with asyncio.Runner(loop_factory=factory) as runner:
            assert runner.run(main()) == [200, 429]


def test_lists_can_lag() -> None:
    """A create, a change and a delete appear in lists later, in `get` at once; by the clock of the event loop."""

    async def main() -> None:
        async with GwmsEmulator(list_lag=3) as gateway, logged_in(gateway) as client:

            async def listed() -> list[tuple[int, bool]]:
                return [(hook["id"], hook["active"]) for hook in (await client.send("GET", "/webhooks")).data]

            await client.create()
            assert (await client.send("GET", "/webhooks/1")).status == 200
            await asyncio.sleep(2.9)
            assert await listed() == []
            await asyncio.sleep(0.1)
            assert await listed() == [(1, True)]

            await client.send("PUT", "/webhooks/1/deactivate")
            assert await listed() == [(1, True)]
            await asyncio.sleep(1)
            gateway.remove_webhook(1)
            assert (await client.send("GET", "/webhooks/1")).status == 404
            await asyncio.sleep(2)
            assert await listed() == [(1, False)]
            await asyncio.sleep(1)
            assert await listed() == []

            await client.create()
            assert gateway.list_lag == 3
            gateway.list_lag = 0
            assert await listed() == [(2, True)]

    with asyncio.Runner(loop_factory=VirtualIoLoop) as runner:
        runner.run(main())


def test_reads_can_lag() -> None:
    """`get` shows a create, a change and a delete later; lists, and what is sent to change it, meet it at once."""

    async def main() -> None:
        async with GwmsEmulator(get_lag=3) as gateway, logged_in(gateway) as client:

            async def read() -> tuple[int, object]:
                answer = await client.send("GET", "/webhooks/1")
                return answer.status, answer.envelope.get("data", {}).get("active")

            await client.create()
            assert len((await client.send("GET", "/webhooks")).data) == 1
            assert await read() == (404, None)
            await asyncio.sleep(3)
            assert await read() == (200, True)

            assert (await client.send("PUT", "/webhooks/1/deactivate")).data["active"] is False
            await asyncio.sleep(2.9)
            assert await read() == (200, True)
            await asyncio.sleep(0.1)
            assert await read() == (200, False)

            assert (await client.send("DELETE", "/webhooks/1")).status == 200
            assert (await client.send("DELETE", "/webhooks/1")).status == 404
            assert await read() == (200, False)
            gateway.get_lag = 0
            assert await read() == (404, None)

    with asyncio.Runner(loop_factory=VirtualIoLoop) as runner:
        runner.run(main())


def test_lists_show_what_was_added_before_the_start() -> None:
    """Only later changes lag; after a restart on another loop, lists and reads show everything."""
    gateway = GwmsEmulator(list_lag=3600, get_lag=3600)
    gateway.add_webhook("x", "CREATE_ORDER")

    async def main() -> tuple[list[int], int]:
        async with gateway, logged_in(gateway) as client:
            gateway.add_webhook("y", "CREATE_ORDER")
            listed = [hook["id"] for hook in (await client.send("GET", "/webhooks")).data]
            return listed, (await client.send("GET", "/webhooks/2")).status

    for factory, expected in ((AheadLoop, ([1], 404)), (asyncio.SelectorEventLoop, ([1, 2], 200))):
        with asyncio.Runner(loop_factory=factory) as runner:
            assert runner.run(main()) == expected


async def test_a_restart_on_the_same_loop_refills_and_shows_nothing() -> None:
    """The bucket and the lag of lists are as they were, as if the gateway had been unreachable for a while."""
    gateway = GwmsEmulator(list_lag=3600, rate_limit=RateLimit(0.001, 2))
    async with gateway, logged_in(gateway) as client:
        assert (await client.create()).status == 200
    async with gateway, logged_in(gateway) as client:
        assert (await client.send("GET", "/webhooks")).data == []
        assert await client.statuses(1) == [429]


@pytest.mark.parametrize("fault", ["503", 503, Status, None])
def test_what_is_no_fault(fault: Any) -> None:
    """It is refused where it is passed, and not at the next request."""
    with pytest.raises(TypeError, match=r"^expected a fault, e\.g\. Status\(503\); got "):
        GwmsEmulator().inject(fault)
    with pytest.raises(TypeError, match=r"^expected a disturbance, e\.g\. Lose\(\); got "):
        GwmsEmulator().disturb(fault)


def test_a_status_that_is_no_number() -> None:
    """It is refused too."""
    with pytest.raises(TypeError, match="'status' must be <class 'int'>"):
        Status("503")  # type: ignore[arg-type]


@pytest.mark.parametrize("is_persistent", [False, True])
async def test_cancelled_at_each_step(is_persistent: bool) -> None:
    """Whether it starts, serves or closes, nothing of it is left, not even a connection or a late request."""
    step, was_cancelled = 0, True
    while was_cancelled:

        async def use() -> None:
            async with GwmsEmulator() as gateway, logged_in(gateway) as client:
                gateway.add_webhook(gateway.base_url, "CREATE_ORDER")
                gateway.emit("CREATE_ORDER", {"eshopOrderId": "A1"})
                gateway.inject(DropAfter(commit_delay=100), operation="create")
                gateway.inject(Stall(100), operation="list")
                with pytest.raises(aiohttp.ClientError):
                    await client.send("POST", "/webhooks", HOOK)

        task = asyncio.create_task(use())
        for _ in range(step):
            await asyncio.sleep(0)
        was_cancelled = task.cancel()
        while not task.done():
            await asyncio.sleep(0)
            if is_persistent:
                task.cancel()
        step += 1

        assert task.cancelled() is was_cancelled
        assert asyncio.all_tasks() == {asyncio.current_task()}
    assert step > 10


async def test_an_entity_that_is_no_mapping(gateway: GwmsEmulator) -> None:
    """It is refused, and nothing is delivered."""
    with pytest.raises(TypeError, match=r"^an entity must be a mapping, e\.g\. a dict; got 'A1'$"):
        gateway.emit("UPDATE_ORDER", "A1")  # type: ignore[arg-type]
