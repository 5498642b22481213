"""What the page says of how calls and deliveries end, and of those that have not ended."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from gwms_async.testing import DeliveryPolicy, Disturbance, GwmsEmulator, Impatient, Lose, Status

from ...helpers.emulated import until
from ...helpers.plain_client import HOOK, logged_in, plain
from ...helpers.webhook_server import webhook_server
from .test_view import details, sections

ORDER = {"eshopOrderId": "A1"}


@pytest.mark.parametrize(
    ("status", "tone"),
    [(200, "good"), (299, "good"), (300, "bad"), (399, "bad"), (400, "warn"), (499, "warn"), (500, "bad")],
)
async def test_a_call_that_was_answered(gateway: GwmsEmulator, status: int, tone: str) -> None:
    """A success, a mistake of the client, or anything else."""
    gateway.inject(Status(status))
    async with plain(gateway) as client:
        await client.send("GET", "/webhooks")

    found = details(gateway, 1)
    assert (found["outcome"], found["tone"], found["why"]) == (str(status), tone, "")


async def test_a_call_that_is_being_answered(gateway: GwmsEmulator) -> None:
    """Nothing is said of its end."""
    gateway.latency = 3600
    async with plain(gateway) as client:
        call = asyncio.create_task(client.send("GET", "/webhooks"))
        await until(lambda: gateway.requests)
        found = details(gateway, 1)
        call.cancel()
        await asyncio.wait([call])

    assert (found["outcome"], found["tone"], found["why"], found["ms"]) == ("…", "waiting", "", None)


async def test_a_delivery_that_is_being_answered(gateway: GwmsEmulator) -> None:
    """It has not failed, so nothing is said of another attempt."""
    async with webhook_server() as server:
        gateway.add_webhook(server.url("/"), "UPDATE_ORDER")
        go = asyncio.Event()

        async def hold(_: str) -> None:
            await go.wait()

        server.react = hold
        gateway.emit("UPDATE_ORDER", ORDER)
        await until(lambda: server.arrived)
        found = details(gateway, 1)
        go.set()
        await gateway.delivered()

    assert (found["outcome"], found["tone"], found["why"], found["delivery"]) == ("…", "waiting", "", "1 A1")
    assert found["facts"] == [["Request", f"POST {server.url('/')}"], ["Webhook", 1]]


@pytest.mark.parametrize(
    ("disturbance", "answers", "outcome", "why"),
    [
        (Lose(), [], "lost", "Lost on purpose, so nothing was sent."),
        (Impatient(0.01), [], "timeout", "The receiver did not answer in time. This was the last attempt."),
        (None, [404], "404", "This was the last attempt."),
    ],
)
async def test_a_delivery_that_failed(
    gateway: GwmsEmulator, disturbance: Disturbance | None, answers: list[int], outcome: str, why: str
) -> None:
    """By its status, or by what happened; also a mistake of the receiver is bad."""
    gateway.delivery_policy = DeliveryPolicy(repeats=())
    async with webhook_server() as server:
        server.answers, server.react = answers, lambda _: asyncio.sleep(10)
        gateway.add_webhook(server.url("/"), "UPDATE_ORDER")
        if disturbance is not None:
            gateway.disturb(disturbance)
        gateway.emit("UPDATE_ORDER", ORDER)
        await gateway.delivered()

    found = details(gateway, 1)
    assert (found["outcome"], found["tone"], found["why"]) == (outcome, "bad", why)


async def test_what_cannot_be_delivered_is_not_tried_again(gateway: GwmsEmulator) -> None:
    """Whatever the policy says of repeats."""
    gateway.add_webhook("https://shop.example/", "UPDATE_ORDER")
    gateway.emit("UPDATE_ORDER", ORDER)
    await gateway.delivered()

    found = details(gateway, 1)
    assert found["outcome"] == "undeliverable"
    assert "again" not in found["why"]


@pytest.mark.parametrize("status", [399, 400, 499, 500])
async def test_the_answer_to_a_login(gateway: GwmsEmulator, status: int) -> None:
    """It is shown only where it is a refusal."""
    gateway.inject(Status(status), operation="login")
    async with plain(gateway) as client:
        await client.send("POST", "/users/login", {})

    assert (str(status) in sections(gateway, 1)["Answer body"]) is (400 <= status < 500)


async def test_headers_that_are_hidden(gateway: GwmsEmulator) -> None:
    """Those with which one could act for a user."""
    gateway.inject(Status(503, headers={"Set-Cookie": "a=hunter2"}))
    headers = {"Cookie": "a=hunter2", "Proxy-Authorization": "hunter2", "X-Own": "shown"}
    async with plain(gateway) as client, client.http.get(f"{gateway.base_url}/webhooks", headers=headers):
        pass

    shown: Any = sections(gateway, 1)
    assert "hunter2" not in str(details(gateway, 1))
    assert shown["Answer headers"]["set-cookie"] == "(hidden)"
    assert [shown["Request headers"][name.lower()] for name in headers] == ["(hidden)", "(hidden)", "shown"]


async def test_a_body_that_is_nested_deeply(gateway: GwmsEmulator) -> None:
    """It is shown as it is."""
    body = b"[" * 60_000
    async with logged_in(gateway) as client:
        await client.send("POST", "/webhooks", body)

    assert sections(gateway, 2)["Request body"] == body.decode()


async def test_an_update_says_what_it_is_about(gateway: GwmsEmulator) -> None:
    """As a create does; a list has nothing to say."""
    async with logged_in(gateway) as client:
        await client.send("PUT", "/webhooks/1", HOOK)
        await client.send("GET", "/webhooks", HOOK)

    assert details(gateway, 2)["where"] == "PUT /webhooks/1 CREATE_ORDER https://shop.example/1"
    assert details(gateway, 3)["where"] == "GET /webhooks "
