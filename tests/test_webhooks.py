"""The seven operations without a network: what each sends, and what it makes of the response."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from gwms_async import (
    DecodeError,
    GwmsClient,
    OutcomeUnknownError,
    Request,
    Response,
    ServerError,
    TransportError,
    Webhook,
    Webhooks,
)
from gwms_async.chain import Call
from gwms_async.testing import DropAfter, DropBefore, Fault, GwmsEmulator, RawBody, Status
from gwms_async.webhooks import Operations

from .helpers.emulated import client, spec
from .helpers.virtual_io_loop import with_virtual_gateway

DATA = {"id": 7, "url": spec().url, "webhookType": "CREATE_ORDER", "active": True, "method": "POST"}
HOOK = Webhook(7, spec().url, spec().webhook_type, active=True, method=spec().method)

Act = Callable[[Operations], Awaitable[Any]]


@pytest.mark.parametrize(
    ("act", "sent", "data", "expected"),
    [
        (lambda webhooks: webhooks.list(), "GET /webhooks", [DATA], [HOOK]),
        (lambda webhooks: webhooks.create(spec()), "POST /webhooks", DATA, HOOK),
        (lambda webhooks: webhooks.get(7), "GET /webhooks/7", DATA, HOOK),
        (lambda webhooks: webhooks.update(7, spec()), "PUT /webhooks/7", DATA, HOOK),
        (lambda webhooks: webhooks.activate(7), "PUT /webhooks/7/activate", DATA, HOOK),
        (lambda webhooks: webhooks.deactivate(7), "PUT /webhooks/7/deactivate", DATA, HOOK),
        (lambda webhooks: webhooks.delete(7), "DELETE /webhooks/7", "gone", None),
        (lambda webhooks: webhooks.get(HOOK), "GET /webhooks/7", DATA, HOOK),
        (lambda webhooks: webhooks.update(HOOK, spec()), "PUT /webhooks/7", DATA, HOOK),
        (lambda webhooks: webhooks.activate(HOOK), "PUT /webhooks/7/activate", DATA, HOOK),
        (lambda webhooks: webhooks.deactivate(HOOK), "PUT /webhooks/7/deactivate", DATA, HOOK),
        (lambda webhooks: webhooks.delete(HOOK), "DELETE /webhooks/7", "gone", None),
    ],
)
async def test_each_operation_is_one_request(act: Act, sent: str, data: Any, expected: Any) -> None:
    """Its response is decoded; a call that was given counts for all requests, otherwise each has its own."""
    requests: list[Request] = []

    async def send(request: Request) -> Response:
        requests.append(request)
        return Response(200, data=data)

    shared = Call()
    for operations in (Operations(send), Operations(send), Operations(send, shared)):
        assert await act(operations) == expected

    assert [str(request) for request in requests] == [sent] * 3
    assert requests[0].call is not requests[1].call
    assert requests[2].call is shared


@pytest.mark.parametrize(
    "act",
    [
        lambda webhooks: webhooks.update(8, spec()),
        lambda webhooks: webhooks.activate(8),
        lambda webhooks: webhooks.deactivate(8),
    ],
)
async def test_a_write_that_is_answered_with_another_webhook(act: Act) -> None:
    """The error says that it was probably carried out."""

    async def send(_: Request) -> Response:
        return Response(200, data=DATA)

    with pytest.raises(DecodeError, match=r"^PUT /webhooks/8.* was probably carried out, but .* expected 8 @ \$\.id"):
        await act(Operations(send))


def test_a_write_that_is_answered_with_another_webhook_is_remembered() -> None:
    """Registrations look at the webhook it was for by its id, and not at the one in the response."""

    async def main(gateway: GwmsEmulator, kind: type[GwmsClient]) -> None:
        for number in (1, 2):
            gateway.add_webhook(spec(number).url, "CREATE_ORDER")
        other = {**DATA, "id": 2, "url": spec(2).url, "active": False}
        gateway.inject(RawBody(json.dumps({"data": other}).encode()), operation="deactivate")
        async with client(gateway, kind=kind) as gwms:
            with pytest.raises(DecodeError):
                await gwms.webhooks.deactivate(1)
            for number in (2, 1):
                assert (await gwms.webhooks.register(spec(number))).id == number
                assert (gateway.count("get") > 0) is (number == 1)

    with_virtual_gateway(main)


@pytest.mark.parametrize("fault", [DropAfter(), DropBefore(), Status(502)])
def test_a_write_that_may_have_been_carried_out_is_remembered(fault: Fault) -> None:
    """It was sent several times, and its outcome is unknown: registrations look at the webhook by its id."""

    async def main(gateway: GwmsEmulator, kind: type[GwmsClient]) -> None:
        gateway.add_webhook(spec().url, "CREATE_ORDER")
        gateway.inject(fault, operation="deactivate", times=5)
        async with client(gateway, kind=kind) as gwms:
            with pytest.raises((TransportError, ServerError)):
                await gwms.webhooks.deactivate(1)

            assert (await gwms.webhooks.register(spec())).active
            assert gateway.count("get") > 0

    with_virtual_gateway(main)


@pytest.mark.parametrize("data", [None, {}, [DATA]])
async def test_a_create_without_a_readable_webhook(data: Any) -> None:
    """It was probably carried out: the outcome is unknown, where any other operation just fails."""

    async def send(request: Request) -> Response:
        return Response(200, data=data)

    with pytest.raises(
        OutcomeUnknownError, match=r"^POST /webhooks was probably carried out, but its response cannot be decoded: "
    ) as caught:
        await Operations(send).create(spec())
    with pytest.raises(DecodeError):
        await Operations(send).get(7)

    assert caught.value.spec == spec()


async def test_register_warns_of_copies(gateway: GwmsEmulator, caplog: pytest.LogCaptureFixture) -> None:
    """It returns one of them, and names the others."""
    for _ in range(3):
        gateway.add_webhook(spec().url, "CREATE_ORDER")
    async with client(gateway) as gwms:
        webhook = await gwms.webhooks.register(spec())

    assert webhook.id == 1
    assert "webhook 1 has copies: 2, 3" in caplog.messages


async def test_streams_whose_siblings_were_dropped_meet(gateway: GwmsEmulator) -> None:
    """Nobody but the stream holds anything of the client for that e-shop."""
    gateway.add_eshop("other-key")
    async with client(gateway) as gwms:

        async def stream() -> list[int]:
            outcomes = gwms.for_eshop("other-key").webhooks.register_stream([spec()])
            return [outcome.webhook.id async for outcome in outcomes if outcome.webhook is not None]

        first, second = await asyncio.gather(stream(), stream())

    assert first == second == [1]
    assert gateway.count("create") == 1


def test_the_public_members_are_the_operations() -> None:
    """So that completion shows nothing else, and a fake of them needs nothing else."""
    seven = {"list", "create", "get", "update", "activate", "deactivate", "delete"}

    assert {name for name in dir(Webhooks) if not name.startswith("_")} == seven | {
        "register",
        "register_many",
        "register_stream",
        "plan",
        "apply",
    }
