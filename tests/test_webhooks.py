"""The seven operations without a network: what each sends, and what it makes of the response."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from gwms_async import DecodeError, OutcomeUnknownError, Request, Response, Webhook
from gwms_async.chain import Call
from gwms_async.testing import GwmsEmulator
from gwms_async.webhooks import Operations

from .helpers.emulated import client, spec

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


@pytest.mark.parametrize("data", [None, {}, [DATA]])
async def test_a_create_without_a_readable_webhook(data: Any) -> None:
    """It was probably carried out: the outcome is unknown, where any other operation just fails."""

    async def send(request: Request) -> Response:
        return Response(200, data=data)

    with pytest.raises(
        OutcomeUnknownError, match=r"^a webhook was probably created, but the response to POST"
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
