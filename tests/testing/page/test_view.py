"""What the page shows, and what it hides."""

from __future__ import annotations

import json
import time
from contextlib import suppress
from typing import Any

import aiohttp
import pytest

from gwms_async.testing import (
    CutBody,
    DeliveryPolicy,
    DropAfter,
    Fault,
    GwmsEmulator,
    Repeat,
    Reset,
    Status,
    WrongLength,
)
from gwms_async.testing.page.view import encoded

from ...helpers.emulated import until
from ...helpers.plain_client import logged_in, plain
from ...helpers.webhook_server import webhook_server

TOKEN = "gw1-" + "aB3_-" * 6 + "xy"


def details(gateway: GwmsEmulator, row_id: int) -> Any:
    """Return the details of a row, as they are sent."""
    found = gateway._page.view.details(row_id)
    assert found is not None
    return json.loads(encoded(found))


def sections(gateway: GwmsEmulator, row_id: int) -> dict[str, Any]:
    """Return the sections of the details of a row; headers with their names in lower case."""
    found = {part["title"]: part["content"] for part in details(gateway, row_id)["sections"]}
    return {
        title: {name.lower(): value for name, value in content} if isinstance(content, list) else content
        for title, content in found.items()
    }


async def test_secrets_are_hidden(gateway: GwmsEmulator) -> None:
    """Passwords, tokens, API keys, and the secret part of webhook URLs."""
    gateway.delivery_policy = DeliveryPolicy(repeats=())
    url = f"https://user:secret-password@shop.example/UPDATE_ORDER/{TOKEN}"
    async with logged_in(gateway) as client:
        await client.send(
            "POST", "/webhooks", {"url": url, "webhookType": "UPDATE_ORDER", "active": True, "method": "POST"}
        )
    gateway.emit("UPDATE_ORDER", {"eshopOrderId": "A1", "copy": url})
    await gateway.delivered()

    assert details(gateway, 2)["where"] == "POST /webhooks UPDATE_ORDER https://***@shop.example/UPDATE_ORDER/gw1-***"
    shown = encoded([gateway._page.view.all(""), *(gateway._page.view.details(number) for number in (1, 2, 3))])
    assert "shop.example/UPDATE_ORDER/gw1-***" in shown
    for secret in (*gateway.credentials[1:], *gateway.tokens_issued, TOKEN, TOKEN[4:], "secret-password"):
        assert secret not in shown
    assert sections(gateway, 1)["Request body"] == "(hidden: it contains the password)"
    assert sections(gateway, 1)["Answer body"] == "(hidden: it may contain the token)"
    assert sections(gateway, 2)["Request headers"]["x-api-key"] == "(hidden)"
    assert sections(gateway, 2)["Request headers"]["authorization"] == "(hidden)"


@pytest.mark.parametrize("fault", [DropAfter(), CutBody(), WrongLength(9)])
async def test_the_token_of_a_login_whose_answer_was_lost(gateway: GwmsEmulator, fault: Fault) -> None:
    """It is hidden too: it was issued."""
    gateway.inject(fault, operation="login")
    async with plain(gateway) as client:
        with pytest.raises(aiohttp.ClientError):
            await client.log_in()

    (token,) = gateway.tokens_issued
    assert token not in encoded(details(gateway, 1))
    assert sections(gateway, 1)["Answer body"] == "(hidden: it may contain the token)"


async def test_the_answer_to_a_refused_login(gateway: GwmsEmulator) -> None:
    """It is shown, since it has no token."""
    gateway.inject(Status(401), operation="login")
    async with plain(gateway) as client:
        await client.send("POST", "/users/login", {})

    assert "401" in sections(gateway, 1)["Answer body"]


@pytest.mark.parametrize("password", ["pé", r"p\u00E9", 'p"', "p\\", r"p\\"])
def test_a_password_with_any_letter(password: str) -> None:
    """It is hidden however its letters are written, also as the key of an object."""
    url = f"https://u:{password}@x.example/"

    assert json.loads(encoded([url, {url: (url, 1, None)}])) == [
        "https://***@x.example/",
        {"https://***@x.example/": ["https://***@x.example/", 1, None]},
    ]


async def test_the_filter_finds_what_is_shown(gateway: GwmsEmulator) -> None:
    """Not what is hidden."""
    gateway.delivery_policy = DeliveryPolicy(repeats=())
    gateway.add_webhook(f"https://user:password@shop.example/UPDATE_ORDER/{TOKEN}", "UPDATE_ORDER")
    gateway.emit("UPDATE_ORDER", {"eshopOrderId": "A1"})
    await gateway.delivered()

    at = time.strftime("%H:%M:", time.localtime(details(gateway, 1)["at"] / 1000))
    assert gateway._page.view.rows(f"shop.example gw1-*** A1 {at}", 0)["total"] == 1
    assert gateway._page.view.rows(TOKEN, 0)["total"] == gateway._page.view.rows("password", 0)["total"] == 0


async def test_details_of_a_delivery(gateway: GwmsEmulator) -> None:
    """All attempts at it, where it went, what was sent and answered."""
    gateway.delivery_policy = DeliveryPolicy(repeats=(0.0,))
    async with webhook_server() as server:
        gateway.route("https://shop.example", server.url(""))
        gateway.add_webhook("https://shop.example/x", "UPDATE_ORDER")
        gateway.disturb(Repeat(1))
        server.answers[:] = [500]
        gateway.emit("UPDATE_ORDER", {"eshopOrderId": "A1", "note": "Žluť"})
        await gateway.delivered()
        gateway.emit("UPDATE_ORDER", {"eshopOrderId": "A2"})
        await gateway.delivered()

        found = details(gateway, 2)
        assert [(one["id"], one["outcome"], one["tone"], one["tags"]) for one in found["attempts"]] == [
            (1, "500", "bad", "repeat"),
            (2, "200", "good", "attempt 2"),
        ]
        assert (found["title"], found["why"]) == ("UPDATE_ORDER A1", "")
        assert found["facts"] == [
            ["Request", "POST https://shop.example/x"],
            ["Sent to", server.url("/x")],
            ["Webhook", 1],
        ]
        assert details(gateway, 1)["facts"][-1] == ["Hit by", "repeat"]
    assert abs(found["at"] - time.time() * 1000) < 60_000
    assert found["ms"] > 0
    parts = sections(gateway, 2)
    assert parts["Request body"] == '{\n  "eshopOrderId": "A1",\n  "note": "Žluť"\n}'
    assert parts["Request headers"]["content-type"] == "application/json; charset=utf-8"
    assert parts["Answer headers"]["content-length"] == "0"
    assert "Answer body" not in parts


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("https://shop.example/", "start it with --deliver-to"),
        ("http://127.0.0.1:1/", "connection broke before the answer. This was the last attempt."),
    ],
)
async def test_why_there_is_no_answer(gateway: GwmsEmulator, url: str, words: str) -> None:
    """The page says what to do."""
    gateway.delivery_policy = DeliveryPolicy(repeats=())
    gateway.add_webhook(url, "UPDATE_ORDER", method="GET")
    gateway.emit("UPDATE_ORDER", {"eshopOrderId": "A1"})
    await gateway.delivered()

    assert words in details(gateway, 1)["why"]


async def test_why_there_are_several_attempts(gateway: GwmsEmulator) -> None:
    """The page says when the next one is made, and which was the last."""
    gateway.delivery_policy = DeliveryPolicy(repeats=(0.25,))
    async with webhook_server() as server:
        gateway.add_webhook(server.url("/"), "UPDATE_ORDER")
        server.answers[:] = [500, 500]
        gateway.emit("UPDATE_ORDER", {"eshopOrderId": "A1"})
        await until(lambda: gateway.feed.figures["failed"] == 1)
        assert details(gateway, 1)["why"] == "The emulator will try again in 0.25 s."
        await gateway.delivered()

    assert details(gateway, 1)["why"] == ""  # the second shows what came of it
    assert details(gateway, 2)["why"] == "This was the last attempt."


async def test_what_was_sent_again(gateway: GwmsEmulator) -> None:
    """Its row says so; it is another delivery, with attempts of its own."""
    gateway.delivery_policy = DeliveryPolicy(repeats=(0.0,))
    gateway.add_webhook("http://127.0.0.1:1/", "UPDATE_ORDER")
    gateway.disturb(Repeat(1))
    gateway.emit("UPDATE_ORDER", {"eshopOrderId": "A1"})
    await gateway.delivered()
    delivery = gateway.feed.rows[1].delivery
    assert delivery is not None
    gateway.send_again(delivery)
    await gateway.delivered()

    rows: Any = gateway._page.view.rows("", 0)["rows"]
    assert [row["tags"] for row in rows] == ["sent again, attempt 2", "sent again", "attempt 2", "repeat"]
    assert len(details(gateway, 4)["attempts"]) == 2


@pytest.mark.parametrize(
    ("fault", "name"), [(Status(502), "502"), (DropAfter(), "lost answer"), (CutBody(), "cut body"), (Reset(), "reset")]
)
async def test_the_names_of_faults(gateway: GwmsEmulator, fault: Fault, name: str) -> None:
    """They are those of the switches, where there is one."""
    gateway.inject(fault, operation="login")
    async with plain(gateway) as client:
        with suppress(aiohttp.ClientError):
            await client.send("POST", "/users/login", {})

    assert details(gateway, 1)["tags"] == name


async def test_details_of_a_call(gateway: GwmsEmulator) -> None:
    """Its answer, also if it was lost; bodies that are not JSON, or too large, are shown as they are."""
    async with logged_in(gateway) as client:
        gateway.inject(DropAfter())
        with pytest.raises(aiohttp.ClientError):
            await client.send("POST", "/webhooks", b"\xffno JSON")
        gateway.inject(Status(503))
        await client.send("PUT", "/webhooks/1", b"[" * 70_000)

    assert details(gateway, 1)["where"] == "POST /users/login "
    lost, large = details(gateway, 2), sections(gateway, 3)
    assert (lost["outcome"], lost["tone"], lost["tags"], lost["why"]) == (
        "no answer",
        "bad",
        "lost answer",
        "The connection was closed without an answer.",
    )
    assert (lost["attempts"], lost["delivery"], lost["title"]) == ([], None, "create")
    assert sections(gateway, 2)["Request body"] == "\ufffdno JSON"
    assert json.loads(sections(gateway, 2)["Answer body"])["statusCode"] == 400
    assert large["Request body"] == "[" * 65_536
    assert (details(gateway, 3)["outcome"], details(gateway, 3)["facts"][-1]) == ("503", ["Hit by", "503"])
    assert gateway._page.view.details(4) is None


def test_webhooks() -> None:
    """By event type; of more than 300 the newest are shown, all are counted."""
    gateway = GwmsEmulator()
    for number in range(302):
        gateway.add_webhook(
            f"https://shop.example/{number}", "UPDATE_ORDER" if number else "CREATE_ORDER", active=number > 1
        )
    gateway.failures[3] = 2

    found: Any = gateway._page.view.webhooks()
    one, other = found["events"].values()
    assert (found["total"], list(found["events"])) == (302, ["CREATE_ORDER", "UPDATE_ORDER"])
    assert (one["total"], one["active"], one["hooks"]) == (1, 0, [])
    assert (other["total"], other["active"], other["failures"], len(other["hooks"])) == (301, 300, 2, 300)
    assert other["hooks"][0] == {
        "id": 3,
        "url": "https://shop.example/2",
        "method": "POST",
        "active": True,
        "failures": 2,
    }
