"""Deliveries in time: order, repeats, giving up, deactivation, and what happens when the emulator closes."""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Callable, Coroutine
from itertools import pairwise
from typing import Any

import aiohttp
import pytest

from gwms_async.testing import DeliveryPolicy, GwmsEmulator, Lose, Reorder
from gwms_async.testing.wire import WEBHOOK_TYPES

from ..helpers.emulated import until
from ..helpers.plain_client import logged_in
from ..helpers.virtual_io_loop import VirtualIoLoop
from ..helpers.webhook_server import WebhookServer, webhook_server

Act = Callable[[GwmsEmulator, WebhookServer], Coroutine[Any, Any, None]]


def in_virtual_time(act: Act, policy: DeliveryPolicy | None = None) -> GwmsEmulator:
    """Run a test on an emulator and a server in a loop where waiting takes no time."""

    async def main() -> GwmsEmulator:
        async with webhook_server() as server, GwmsEmulator(delivery_policy=policy) as gateway:
            await act(gateway, server)
        assert asyncio.all_tasks() == {asyncio.current_task()}
        return gateway

    with asyncio.Runner(loop_factory=VirtualIoLoop) as runner:
        return runner.run(main())


def emit(gateway: GwmsEmulator, *ids: str) -> None:
    """Emit an update of each of some orders."""
    for entity_id in ids:
        gateway.emit("UPDATE_ORDER", {"eshopOrderId": entity_id})


def seen(gateway: GwmsEmulator) -> list[tuple[str, int, object]]:
    """Return the id, the number and the status or problem of each attempt."""
    return [(one.entity_id, one.number, one.problem or one.status) for one in gateway.deliveries]


def test_a_failed_delivery_is_repeated() -> None:
    """After the seconds of the policy, a redirect too; what comes later waits, so the order is kept."""

    async def act(gateway: GwmsEmulator, server: WebhookServer) -> None:
        gateway.add_webhook(server.url("/"), "UPDATE_ORDER")
        server.answers = [500, 302]
        emit(gateway, "A1", "A2")
        await gateway.delivered()
        assert server.handled == ["A1", "A2"]
        assert server.arrived == [("POST", "/")] * 4

    gateway = in_virtual_time(act)

    assert seen(gateway) == [("A1", 1, 500), ("A1", 2, 302), ("A1", 3, 200), ("A2", 1, 200)]
    times = [attempt.at for attempt in gateway.deliveries]
    assert [later - earlier for earlier, later in pairwise(times)] == [1, 5, 0]


def test_a_delivery_is_given_up() -> None:
    """After the last repeat; the next one is delivered."""

    async def act(gateway: GwmsEmulator, server: WebhookServer) -> None:
        gateway.add_webhook(server.url("/"), "UPDATE_ORDER")
        server.answers = [500] * 3
        emit(gateway, "A1", "A2")
        await gateway.delivered()
        assert server.handled == ["A2"]

    assert [number for _, number, status in seen(in_virtual_time(act)) if status == 500] == [1, 2, 3]


def test_an_answer_that_takes_too_long() -> None:
    """The connection is closed after the timeout of the policy, and the delivery is repeated."""

    async def act(gateway: GwmsEmulator, server: WebhookServer) -> None:
        gateway.add_webhook(server.url("/"), "UPDATE_ORDER")
        server.react = lambda _: asyncio.sleep(10.001)
        emit(gateway, "A1")
        await gateway.delivered(60)
        assert server.handled == []
        server.react = lambda _: asyncio.sleep(9.999)
        emit(gateway, "A2")
        await gateway.delivered(60)
        assert server.handled == ["A2"]

    late = [("A1", number, "timeout") for number in (1, 2, 3)]
    assert seen(in_virtual_time(act)) == [*late, ("A2", 1, 200)]


def test_a_webhook_is_deactivated() -> None:
    """After as many deliveries in a row as the policy says; what is still due to it is not made."""

    async def act(gateway: GwmsEmulator, server: WebhookServer) -> None:
        hook = gateway.add_webhook(server.url("/"), "UPDATE_ORDER")
        server.answers = [500, 200, 500]
        emit(gateway, "A1", "A2", "A3")
        await gateway.delivered()
        assert gateway.webhooks == [hook]
        server.answers = [500]
        emit(gateway, "A4", "A5")
        await gateway.delivered()
        (off,) = gateway.webhooks
        assert not off.active
        assert off.unregistered_at is not None
        assert gateway.emit("UPDATE_ORDER", {"eshopOrderId": "A6"}) == 0

    assert seen(in_virtual_time(act, DeliveryPolicy(repeats=(), deactivate_after=2))) == [
        ("A1", 1, 500),
        ("A2", 1, 200),
        ("A3", 1, 500),
        ("A4", 1, 500),
        ("A5", 1, "inactive"),
    ]


def test_a_webhook_that_is_activated_again() -> None:
    """What is given up is counted from 0."""

    async def act(gateway: GwmsEmulator, server: WebhookServer) -> None:
        hook = gateway.add_webhook(server.url("/"), "UPDATE_ORDER")
        server.answers = [500] * 4
        for expected in (True, False, True, False):
            gateway.switch_webhook(hook.id, active=True)
            emit(gateway, "A1")
            await gateway.delivered()
            assert gateway.webhooks[0].active is expected

    in_virtual_time(act, DeliveryPolicy(repeats=(), deactivate_after=2))


def test_a_webhook_that_changes_meanwhile() -> None:
    """A repeat goes to the new URL, by the new method."""

    async def act(gateway: GwmsEmulator, server: WebhookServer) -> None:
        gateway.add_webhook(server.url("/old"), "UPDATE_ORDER")
        server.answers = [500]
        emit(gateway, "A1")
        await until(lambda: not server.answers)
        async with logged_in(gateway) as client:
            changed = {"url": server.url("/x/"), "webhookType": "UPDATE_ORDER", "active": True, "method": "GET"}
            await client.send("PUT", "/webhooks/1", changed)
        await gateway.delivered()
        assert server.arrived == [("POST", "/old"), ("GET", "/x/A1")]
        assert [attempt.webhook.method for attempt in gateway.deliveries] == ["POST", "GET"]

    in_virtual_time(act, DeliveryPolicy(repeats=(1,)))


def test_only_failures_count_as_failures() -> None:
    """By webhook, as the page shows them."""

    async def act(gateway: GwmsEmulator, server: WebhookServer) -> None:
        gateway.add_webhook(server.url("/"), "UPDATE_ORDER")
        server.answers = [500]
        emit(gateway, "A1", "A2")
        await gateway.delivered()
        assert gateway.failures == {1: 1}

    in_virtual_time(act)


def test_an_attempt_says_how_long_it_took() -> None:
    """In seconds; None until it has ended."""

    async def act(gateway: GwmsEmulator, server: WebhookServer) -> None:
        gateway.add_webhook(server.url("/"), "UPDATE_ORDER")
        server.react = lambda _: asyncio.sleep(3)
        emit(gateway, "A1")
        await until(lambda: server.arrived)
        assert gateway.deliveries[0].seconds is None
        await gateway.delivered()
        assert gateway.deliveries[0].seconds == pytest.approx(3)

    in_virtual_time(act)


def test_a_lost_delivery_between_two_that_are_given_up() -> None:
    """They are in a row all the same, because nobody has answered it."""

    async def act(gateway: GwmsEmulator, server: WebhookServer) -> None:
        gateway.add_webhook(server.url("/"), "UPDATE_ORDER")
        server.answers = [500, 500]
        gateway.disturb(Lose(), at=2)
        emit(gateway, "A1", "A2", "A3")
        await gateway.delivered()
        assert [hook.active for hook in gateway.webhooks] == [False]

    in_virtual_time(act, DeliveryPolicy(repeats=(), deactivate_after=2))


def test_a_policy_can_be_replaced() -> None:
    """The next delivery goes by the new one, and what was given up before counts."""

    async def act(gateway: GwmsEmulator, server: WebhookServer) -> None:
        gateway.add_webhook(server.url("/"), "UPDATE_ORDER")
        server.answers = [500] * 4
        for _ in range(3):
            emit(gateway, "A1")
            await gateway.delivered()
        gateway.delivery_policy = DeliveryPolicy(repeats=(), deactivate_after=2)
        emit(gateway, "A1")
        await gateway.delivered()
        assert [hook.active for hook in gateway.webhooks] == [False]

    in_virtual_time(act, DeliveryPolicy(repeats=()))


def test_a_webhook_that_is_deleted_meanwhile() -> None:
    """What was due to it is not made, and the one on its way is not repeated."""

    async def act(gateway: GwmsEmulator, server: WebhookServer) -> None:
        hook = gateway.add_webhook(server.url("/"), "UPDATE_ORDER")
        server.answers = [500]
        emit(gateway, "A1", "A2")
        await until(lambda: not server.answers)
        gateway.remove_webhook(hook.id)
        await gateway.delivered()

    policy = DeliveryPolicy(repeats=(1,), deactivate_after=1)
    assert seen(in_virtual_time(act, policy)) == [("A1", 1, 500), ("A1", 2, "inactive"), ("A2", 1, "inactive")]
    policy = DeliveryPolicy(repeats=(), deactivate_after=1)
    assert seen(in_virtual_time(act, policy)) == [("A1", 1, 500), ("A2", 1, "inactive")]


def test_webhooks_do_not_wait_for_each_other() -> None:
    """Each has its own queue, in order; a slow one delays only itself."""

    async def act(gateway: GwmsEmulator, server: WebhookServer) -> None:
        for name in ("CREATE_ORDER", "UPDATE_ORDER"):
            gateway.add_webhook(server.url("/"), name)
        server.react = lambda entity_id: asyncio.sleep(3 if entity_id.startswith("slow") else 0)
        for number in range(3):
            gateway.emit("CREATE_ORDER", {"eshopOrderId": f"slow {number}"})
            gateway.emit("UPDATE_ORDER", {"eshopOrderId": f"fast {number}"})
        began = asyncio.get_running_loop().time()
        await gateway.delivered()
        assert server.handled == [f"{pace} {number}" for pace in ("fast", "slow") for number in range(3)]
        assert asyncio.get_running_loop().time() == began + 9

    in_virtual_time(act)


def test_waiting_has_an_end() -> None:
    """The error says which webhooks something is due to; they go on."""

    async def act(gateway: GwmsEmulator, server: WebhookServer) -> None:
        for number in range(3):
            gateway.add_webhook(server.url("/"), "UPDATE_ORDER" if number else "CREATE_ORDER")
        server.react = lambda _: asyncio.sleep(5)
        emit(gateway, "A1")
        with pytest.raises(TimeoutError, match=r"^after 2 s, deliveries to webhooks 2, 3 are still due$"):
            await gateway.delivered(2)
        await gateway.delivered()
        assert server.handled == ["A1", "A1"]

    in_virtual_time(act)


async def test_closing_ends_what_is_on_its_way() -> None:
    """It leaves no task, and what was due is not delivered after a restart."""
    gateway = GwmsEmulator()
    await gateway.start()
    async with webhook_server() as server:
        never = asyncio.Event()
        begun: list[str] = []

        async def hang(entity_id: str) -> None:
            begun.append(entity_id)
            await never.wait()

        server.react = hang
        gateway.add_webhook(server.url("/"), "UPDATE_ORDER")
        tasks = asyncio.all_tasks()
        emit(gateway, "A1", "A2")
        await until(lambda: begun)
        waiting = asyncio.create_task(gateway.delivered())
        emit(gateway, "A3")
        await gateway.close()
        await waiting

        await until(lambda: asyncio.all_tasks() <= tasks)
        assert seen(gateway) == [("A1", 1, None)]

        server.react = None
        async with gateway:
            emit(gateway, "A4")
            await gateway.delivered()
        assert server.handled == ["A4"]


async def test_nothing_is_sent_again_once_it_closes() -> None:
    """Neither while it closes nor after that."""
    gateway = GwmsEmulator()
    async with gateway:
        gateway.add_webhook("https://shop.example/", "UPDATE_ORDER")
        emit(gateway, "A1")
        await gateway.delivered()
        row = gateway.feed.rows.get(1)
        assert row is not None
        assert row.delivery is not None
        emit(gateway, "A2")
        closing = asyncio.create_task(gateway.close())
        await asyncio.sleep(0)
        assert not closing.done()
        with pytest.raises(RuntimeError, match="not running"):
            gateway.send_again(row.delivery)
        await closing
    with pytest.raises(RuntimeError, match="not running"):
        gateway.send_again(row.delivery)


async def test_what_is_held_when_it_closes(caplog: pytest.LogCaptureFixture) -> None:
    """It is dropped like the rest, although `delivered` is just being awaited."""
    async with webhook_server() as server, GwmsEmulator() as gateway:
        begun: list[str] = []

        async def hang(entity_id: str) -> None:
            begun.append(entity_id)
            await asyncio.Event().wait()

        server.react = hang
        gateway.add_webhook(server.url("/"), "UPDATE_ORDER")
        gateway.add_webhook(server.url("/"), "CREATE_ORDER")
        tasks = asyncio.all_tasks()
        emit(gateway, "A1")
        await until(lambda: begun)
        waiting = asyncio.create_task(gateway.delivered())
        await asyncio.sleep(0)
        gateway.disturb(Reorder())
        gateway.emit("CREATE_ORDER", {"eshopOrderId": "A2"})
        await gateway.close()
        await waiting

        await until(lambda: asyncio.all_tasks() <= tasks)
        assert seen(gateway) == [("A1", 1, None)]
    gc.collect()
    assert not [record for record in caplog.records if record.name == "asyncio"]


async def test_closing_before_anything_was_sent() -> None:
    """A delivery that has not begun is dropped; after a restart, deliveries are made again."""
    gateway = GwmsEmulator()
    gateway.add_webhook("https://shop.example/", "UPDATE_ORDER")
    async with gateway:
        emit(gateway, "A1")
    assert gateway.deliveries == []

    async with gateway:
        emit(gateway, "A2")
        await gateway.delivered()
    assert seen(gateway) == [("A2", 1, "undeliverable")]


async def plain_requests(url: str, count: int) -> None:
    """Send as many requests as deliveries, without an emulator, as many at a time."""
    async with aiohttp.ClientSession() as http:

        async def send() -> None:
            for number in range(count):
                async with http.post(url, json={"eshopOrderId": f"plain {number}"}) as response:
                    await response.read()

        await asyncio.gather(*(send() for _ in WEBHOOK_TYPES))


@pytest.mark.slow
@pytest.mark.timeout(180)
async def test_thousands_of_deliveries(gateway: GwmsEmulator) -> None:
    """5,000 arrive in less than twice the CPU time of plain requests, each once and in the order of its webhook."""
    async with webhook_server() as server:
        began = time.process_time()
        await plain_requests(server.url("/"), 278)
        plain = time.process_time() - began
        server.handled.clear()
        for event in sorted(WEBHOOK_TYPES):
            gateway.add_webhook(server.url("/"), event)
        ids = [f"{number:04}" for number in range(278)]
        began = time.process_time()
        for event in WEBHOOK_TYPES:
            for entity_id in ids:
                gateway.emit(event, {"eshopOrderId": entity_id}, entity_id=entity_id)
        await gateway.delivered(150)
        assert time.process_time() - began < 2 * plain

    assert len(server.handled) == 5004
    for hook in gateway.webhooks:
        assert [one.entity_id for one in gateway.deliveries if one.webhook.id == hook.id] == ids
