"""Deliveries as a test of an app sees them: `emit`, `route`, `disturb`, `deliveries`, `delivered`."""

from __future__ import annotations

import asyncio
import json
import socket
from typing import NoReturn

import aiohttp
import pytest

from gwms_async.testing import DeliveryPolicy, GwmsEmulator, Lose
from gwms_async.testing.threaded import emulator_in_thread
from gwms_async.testing.wire import WEBHOOK_TYPES

from ..helpers.plain_client import logged_in
from ..helpers.webhook_server import webhook_server

ORDER = {"eshopOrderId": "A1", "status": "packed"}


async def test_an_event_is_delivered(gateway: GwmsEmulator) -> None:
    """To each active webhook of its type and e-shop, by its method: POST sends the entity, GET appends its id."""
    async with webhook_server() as server:
        post = gateway.add_webhook(server.url("/post"), "UPDATE_ORDER")
        get = gateway.add_webhook(server.url("/x/"), "UPDATE_ORDER", method="GET")
        gateway.add_webhook(server.url("/off"), "UPDATE_ORDER", active=False)
        gateway.add_webhook(server.url("/other"), "CREATE_ORDER")
        gateway.add_webhook(server.url("/foreign"), "UPDATE_ORDER", eshop="other")

        assert gateway.emit("UPDATE_ORDER", ORDER) == 2
        await gateway.delivered()

        assert sorted(server.arrived) == [("GET", "/x/A1"), ("POST", "/post")]
        assert server.handled == ["A1", "A1"]

    first, second = gateway.deliveries
    assert (first.webhook, first.method, first.url, first.status, first.is_success) == (
        post,
        "POST",
        post.url,
        200,
        True,
    )
    assert json.loads(first.body or b"") == ORDER
    assert (second.webhook, second.method, second.url, second.body) == (get, "GET", f"{get.url}A1", None)
    assert {(one.entity_id, one.number, one.disturbance, one.problem) for one in (first, second)} == {
        ("A1", 1, None, None)
    }
    assert first.at <= second.at <= asyncio.get_running_loop().time()


async def test_deliveries_are_logged(gateway: GwmsEmulator, caplog: pytest.LogCaptureFixture) -> None:
    """Each attempt, with its end; without the URL, which may hold a secret."""
    caplog.set_level("INFO", "gwms_async.testing")
    gateway.delivery_policy = DeliveryPolicy(repeats=(0.0,))
    async with webhook_server() as server:
        server.answers[:] = [503]
        gateway.add_webhook(server.url("/post"), "UPDATE_ORDER")
        gateway.add_webhook("https://shop.example/gwms", "CREATE_ORDER")
        gateway.emit("UPDATE_ORDER", ORDER)
        gateway.emit("CREATE_ORDER", ORDER)
        await gateway.delivered()

    assert sorted(caplog.messages) == [
        "CREATE_ORDER 'A1' to webhook 2: undeliverable",
        "UPDATE_ORDER 'A1' to webhook 1: 200",
        "UPDATE_ORDER 'A1' to webhook 1: 503",
    ]


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_an_id_with_half_a_character(gateway: GwmsEmulator, method: str) -> None:
    """JSON may contain one; the delivery is made, and the next one too."""
    async with webhook_server() as server:
        gateway.add_webhook(server.url("/"), "UPDATE_ORDER", method=method)
        for entity_id in ("A\ud800", "A1"):
            gateway.emit("UPDATE_ORDER", {"eshopOrderId": entity_id})
        await gateway.delivered()

    assert [one.status for one in gateway.deliveries] == [200, 200]


async def test_an_event_of_another_eshop(gateway: GwmsEmulator) -> None:
    """It reaches the webhooks of that e-shop only."""
    async with webhook_server() as server:
        for eshop in (gateway.credentials.api_key, "other"):
            gateway.add_webhook(server.url(f"/{eshop}"), "UPDATE_ORDER", eshop=eshop)

        assert gateway.emit("UPDATE_ORDER", ORDER, eshop="other") == 1
        await gateway.delivered()

        assert server.arrived == [("POST", "/other")]


async def test_every_event_type_can_be_emitted(gateway: GwmsEmulator) -> None:
    """With the id that its entities have; an event that nobody subscribed to is delivered to nobody."""
    entity = {"eshopOrderId": "A1", "sku": "S1", "eshopReceivingId": "V1", "eshopReturnId": "R1", "id": 7}
    for event in WEBHOOK_TYPES:
        gateway.add_webhook("https://shop.example/", event, method="GET")

    assert [gateway.emit(event, entity) for event in sorted(WEBHOOK_TYPES)] == [1] * 18
    gateway.remove_webhook(1)
    assert {gateway.emit(event, entity) for event in WEBHOOK_TYPES} == {0, 1}
    await gateway.delivered()


async def test_bytes_can_be_sent_instead(gateway: GwmsEmulator) -> None:
    """`body` replaces what a POST sends, `entity_id` what a GET appends."""
    async with webhook_server() as server:
        gateway.add_webhook(server.url("/x/"), "UPDATE_ORDER", method="GET")
        gateway.emit("UPDATE_ORDER", ORDER, entity_id="ž/1 %?#")
        await gateway.delivered()
        gateway.add_webhook(server.url("/"), "CREATE_ORDER")
        gateway.emit("CREATE_ORDER", ORDER, body=b'{"eshopOrderId": "B1"}')
        await gateway.delivered()

        assert server.arrived == [("GET", "/x/%C5%BE/1%20%25%3F%23"), ("POST", "/")]
        assert server.handled[1] == "B1"
    assert [attempt.entity_id for attempt in gateway.deliveries] == ["ž/1 %?#", "A1"]


async def test_a_handler_can_read_the_entity_again(gateway: GwmsEmulator) -> None:
    """The API answers what was emitted last, to its own e-shop only; with its own operation in the journal."""
    gateway.add_eshop("other")
    gateway.emit("CREATE_ORDER", {"eshopOrderId": "A/1 ž"})
    gateway.emit("UPDATE_ORDER_STATUS", {"eshopOrderId": "A/1 ž", "status": "packed"})
    async with logged_in(gateway) as client, logged_in(gateway, "other") as stranger:
        path = "/orders/A%2F1%20%C5%BE"
        assert (await client.send("GET", path)).data == {"eshopOrderId": "A/1 ž", "status": "packed"}
        assert (await client.send("GET", "/orders/A2")).problem == (404, "There is no orders/A2")
        assert (await stranger.send("GET", path)).status == 404
        assert (await client.send("POST", path)).headers["Allow"] == "GET"

    assert gateway.count("entity") == 3


async def test_production_urls_reach_the_app_under_test(gateway: GwmsEmulator) -> None:
    """What goes to a routed origin goes to a server here, with the path and query of the URL."""
    async with webhook_server() as server:
        gateway.route("https://shop.example", server.url("/"))
        gateway.route("https://SHOP.example:443/", server.url(""))
        gateway.add_webhook("HTTPS://Shop.Example/a%2fb/?x=%2F", "UPDATE_ORDER", method="GET")
        gateway.add_webhook("https://shop.example:8443/", "UPDATE_ORDER")
        gateway.emit("UPDATE_ORDER", ORDER)
        await gateway.delivered()

        assert server.arrived == [("GET", "/a%2fb/A1?x=%2F")]
    assert [attempt.problem for attempt in gateway.deliveries] == [None, "undeliverable"]


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("http://10.0.0.1:80", "'http://10.0.0.1:80' is not on this machine; use 127.0.0.1, ::1 or localhost"),
        ("https://app.example", "'https://app.example' is not on this machine"),
        ("http://127.0.0.1:80/path", "'http://127.0.0.1:80/path' is not a scheme, host and port, e.g. https://"),
        ("127.0.0.1:80", "is not a scheme, host and port"),
        ("http://127.0.0.1:0", "'http://127.0.0.1:0' is not on this machine"),
        ("http://[::1", "Invalid IPv6 URL"),
    ],
)
async def test_a_route_that_leads_elsewhere(gateway: GwmsEmulator, url: str, message: str) -> None:
    """It is an error at once."""
    with pytest.raises(ValueError) as caught:  # noqa: PT011  # the message is checked below
        gateway.route("https://shop.example", url)

    assert message in str(caught.value)
    with pytest.raises(ValueError, match="is not a scheme, host and port"):
        gateway.route("https://shop.example/path", "http://127.0.0.1:80")


async def test_no_other_machine_is_dialled(gateway: GwmsEmulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """A host without a route is not even resolved; the attempt is in the journal, and is not repeated."""
    lookups = []

    def look_up(host: str, *_: object, **__: object) -> NoReturn:
        lookups.append(host)
        raise OSError

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    async with aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.ClientConnectorError):
            await session.get("http://control.example")
    assert lookups == ["control.example"]

    urls = [
        "https://shop.example/",
        "http://8.8.8.8/",
        "http://127.1/",
        "http://localhost.example/",
        "localhost",
        "",
        "x",
    ]
    urls += [
        "ftp://127.0.0.1/",
        "http://[::2]/",
        "http://[x",
        "http://127.0.0.1:99999/",
        "http://127.0.0.1@shop.example",
    ]
    async with webhook_server() as server:
        for url in [*urls, server.url("/").replace("127.0.0.1", "localhost")]:
            gateway.add_webhook(url, "UPDATE_ORDER")
        gateway.emit("UPDATE_ORDER", ORDER)
        await gateway.delivered()

    attempts = sorted(gateway.deliveries, key=lambda attempt: attempt.webhook.id)
    assert [attempt.problem for attempt in attempts] == ["undeliverable"] * len(urls) + [None]
    assert [attempt.url for attempt in attempts[:-1]] == urls
    assert attempts[-1].status == 200
    assert lookups == ["control.example"]


async def test_mistakes_are_errors(gateway: GwmsEmulator) -> None:
    """What is wrong and what to do about it; nothing is delivered."""
    gateway.add_webhook("https://shop.example/", "UPDATE_ORDER")
    with pytest.raises(ValueError, match=r"'ORDER_UPDATED' is not a known event type; did you mean UPDATE_ORDER\?"):
        gateway.emit("ORDER_UPDATED", ORDER)
    with pytest.raises(ValueError, match=r"'update_order' is not a known event type; did you mean UPDATE_ORDER\?"):
        gateway.disturb(Lose(), event="update_order")
    with pytest.raises(ValueError, match="times and at must be 1 or more, not 0 and 1"):
        gateway.disturb(Lose(), times=0)
    with pytest.raises(ValueError, match=r"the entity of UPDATE_ORDER needs eshopOrderId$"):
        gateway.emit("UPDATE_ORDER", {"eshopOrderId": ""})
    with pytest.raises(TypeError, match="not JSON serializable"):
        gateway.emit("UPDATE_ORDER", {"eshopOrderId": "A1", "products": {1}})
    with pytest.raises(RuntimeError, match="the emulator is not running in this event loop, so it cannot deliver"):
        GwmsEmulator().emit("UPDATE_ORDER", ORDER)

    assert gateway.deliveries == []


async def test_the_script_of_disturbances(gateway: GwmsEmulator) -> None:
    """`event`, `times` and `at` choose the deliveries; each webhook of an event is one."""
    async with webhook_server() as server:
        gateway.add_webhook(server.url("/1"), "UPDATE_ORDER")
        gateway.add_webhook(server.url("/2"), "UPDATE_ORDER")
        gateway.add_webhook(server.url("/3"), "CREATE_ORDER")
        gateway.disturb(Lose(), event="UPDATE_ORDER", at=2, times=2)
        for event in ("CREATE_ORDER", "UPDATE_ORDER", "UPDATE_ORDER", "CREATE_ORDER"):
            gateway.emit(event, ORDER)
        await gateway.delivered()

        assert sorted(server.arrived) == [("POST", "/1"), ("POST", "/2"), ("POST", "/3"), ("POST", "/3")]
    assert sorted((one.webhook.id, one.problem) for one in gateway.deliveries if one.problem) == [
        (1, "lost"),
        (2, "lost"),
    ]


def test_a_sync_test_with_the_fixture(gwms_emulator: GwmsEmulator) -> None:
    """It waits by `asyncio.run`; repeats hardly wait."""
    gwms_emulator.add_webhook("http://127.0.0.1:9/", "UPDATE_ORDER")
    gwms_emulator.emit("UPDATE_ORDER", ORDER)
    asyncio.run(gwms_emulator.delivered(10))

    assert gwms_emulator.delivery_policy == DeliveryPolicy(repeats=(0.01, 0.02))
    assert [(one.number, one.problem) for one in gwms_emulator.deliveries] == [(n, "no answer") for n in (1, 2, 3)]


async def test_the_journal_is_bounded() -> None:
    """The oldest attempts are dropped."""
    with emulator_in_thread(journal=2) as gateway:
        gateway.add_webhook("https://shop.example/", "UPDATE_ORDER")
        for number in range(3):
            gateway.emit("UPDATE_ORDER", {"eshopOrderId": number})
        await gateway.delivered()

        assert [attempt.entity_id for attempt in gateway.deliveries] == ["1", "2"]


@pytest.mark.parametrize(
    ("url", "method", "problem"),
    [
        ("javascript:alert(1)", "POST", "undeliverable"),
        ("https://%E2%82%AC:x@shop.example/", "POST", "no answer"),
        ("https://shop.example/", "NOT A METHOD", "no answer"),
    ],
)
async def test_what_cannot_be_sent_holds_nothing_up(gateway: GwmsEmulator, url: str, method: str, problem: str) -> None:
    """It fails, and what comes after it is attempted too."""
    gateway.delivery_policy = DeliveryPolicy(repeats=())
    gateway.route("*", "http://127.0.0.1:9")
    gateway.add_webhook(url, "UPDATE_ORDER", method=method)
    gateway.emit("UPDATE_ORDER", {"eshopOrderId": "A1"})
    gateway.emit("UPDATE_ORDER", {"eshopOrderId": "A2"})
    await gateway.delivered()

    assert [(one.entity_id, one.problem) for one in gateway.deliveries] == [("A1", problem), ("A2", problem)]


async def test_a_body_that_is_not_bytes(gateway: GwmsEmulator) -> None:
    """It is an error at once."""
    with pytest.raises(TypeError, match="body must be bytes, not str"):
        gateway.emit("UPDATE_ORDER", ORDER, body="{}")  # type: ignore[arg-type]


def test_another_event_loop() -> None:
    """It is an error at once, and not a delivery that is never made; so is none, as in most threads."""
    gateway = GwmsEmulator()

    async def emit() -> None:
        gateway.emit("UPDATE_ORDER", ORDER)

    with asyncio.Runner() as home:
        home.run(gateway.start())
        with pytest.raises(RuntimeError, match="the emulator is not running in this event loop"):
            asyncio.run(emit())
        with pytest.raises(RuntimeError, match="the emulator is not running in this event loop"):
            gateway.emit("UPDATE_ORDER", ORDER)
        home.run(emit())
        home.run(gateway.close())
