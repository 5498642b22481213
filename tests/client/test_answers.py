"""What a whole client makes of the gateway's answers."""

from __future__ import annotations

import pytest

from gwms_async import (
    ApiError,
    BadRequestError,
    ConflictError,
    Credentials,
    DecodeError,
    ForbiddenError,
    GwmsClient,
    HttpMethod,
    NotFoundError,
    ServerError,
    Webhook,
    WebhookType,
)
from gwms_async.testing import CutBody, DropAfter, EnvelopeStatus, GwmsEmulator, Html, RawBody, Status

from ..helpers.emulated import client, spec, statuses
from ..helpers.virtual_io_loop import with_virtual_gateway
from .test_wire import OPERATIONS


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, BadRequestError),
        (402, ApiError),
        (403, ForbiddenError),
        (404, NotFoundError),
        (409, ConflictError),
        (410, NotFoundError),
        (422, BadRequestError),
        (501, ServerError),
        (511, ServerError),
    ],
)
async def test_refusals(gateway: GwmsEmulator, status: int, kind: type[ApiError]) -> None:
    """They are raised at once, with what the gateway said."""
    gateway.inject(Status(status, message="because"), operation="create")
    async with client(gateway) as gwms:
        with pytest.raises(kind, match="because") as caught:
            await gwms.webhooks.create(spec())

    error = caught.value
    assert type(error) is kind
    assert (error.status, error.method, error.path, error.attempts) == (status, "POST", "/webhooks", 1)
    assert gateway.count("create") == 1


async def test_the_envelope_counts_where_http_says_200(gateway: GwmsEmulator) -> None:
    """A 404 in an envelope that came with HTTP 200 is a 404."""
    gateway.inject(EnvelopeStatus(404), operation="get")
    gateway.inject(EnvelopeStatus(503), operation="list")
    async with client(gateway) as gwms:
        with pytest.raises(NotFoundError):
            await gwms.webhooks.get(1)
        assert await gwms.webhooks.list() == []

    assert gateway.count("list") == 2


async def test_an_error_that_is_no_envelope(gateway: GwmsEmulator) -> None:
    """A proxy's page gives HTTP's reason and the beginning of the page."""
    gateway.inject(Status(403, body=b"<h1>Blocked\nby proxy</h1>"), operation="list")
    async with client(gateway) as gwms:
        with pytest.raises(ForbiddenError, match=r"Forbidden \(<h1>Blocked by proxy</h1>\)"):
            await gwms.webhooks.list()


@pytest.mark.parametrize("fault", [DropAfter(), CutBody(), Status(500, carry_out=True), Status(503, carry_out=True)])
async def test_a_delete_that_was_carried_out_unseen(gateway: GwmsEmulator, fault: Status) -> None:
    """The 404 of the second attempt is the first one's success."""
    gateway.add_webhook(spec().url, "CREATE_ORDER")
    gateway.inject(fault, operation="delete")
    async with client(gateway) as gwms:
        await gwms.webhooks.delete(1)

        with pytest.raises(NotFoundError):
            await gwms.webhooks.delete(1)

    assert statuses(gateway, "delete")[1:] == [404, 404]


def test_a_gateway_that_remembers_what_is_gone() -> None:
    """410 says what 404 says: to a delete that is sent again, and of a webhook that is to be activated."""

    async def main(gateway: GwmsEmulator, make_client: type[GwmsClient]) -> None:
        gateway.add_webhook(spec().url, "CREATE_ORDER", active=False)
        gateway.add_webhook("https://shop.example/other", "CREATE_ORDER")
        gateway.inject(Status(410), operation="activate")
        gateway.inject(Status(410), operation="get", times=8)
        gateway.inject(DropAfter(), operation="delete")
        gateway.inject(Status(410), operation="delete", at=2)
        async with make_client(Credentials(*gateway.credentials), base_url=gateway.base_url) as gwms:
            assert (await gwms.webhooks.register(spec())).id == 3
            await gwms.webhooks.delete(2)
        assert not gateway.faults_left

    with_virtual_gateway(main)


@pytest.mark.parametrize("body", [b"", b"{}", b'{"data": "JVBERi0="}', b'{"statusCode": 200, "message": "OK"}'])
async def test_what_a_delete_is_answered_does_not_matter(gateway: GwmsEmulator, body: bytes) -> None:
    """Nothing is known of it (contract: a plain string)."""
    gateway.inject(RawBody(body), operation="delete")
    gateway.add_webhook(spec().url, "CREATE_ORDER")
    async with client(gateway) as gwms:
        await gwms.webhooks.delete(1)


@pytest.mark.parametrize("operation", ["get", "update", "activate", "deactivate"])
async def test_an_answer_without_an_id(gateway: GwmsEmulator, operation: str) -> None:
    """The contract does not require one: it is known from the path."""
    body = b'{"data": {"url": "u", "webhookType": "NEW", "active": false, "method": "POST", "registeredAt": "text"}}'
    gateway.inject(RawBody(body), operation=operation)
    async with client(gateway) as gwms:
        hook = await OPERATIONS[operation](gwms)

    assert hook == Webhook(1, "u", WebhookType.unlisted("NEW"), active=False, method=HttpMethod.POST)


async def test_an_answer_that_breaks_the_contract(gateway: GwmsEmulator) -> None:
    """It says what is wrong where, and is not asked for again."""
    body = b'{"data": [{"id": 1, "url": "u", "webhookType": "A", "active": true, "method": "GET"}, {"id": "x"}]}'
    gateway.inject(RawBody(body), operation="list")
    gateway.inject(Html(), operation="get")
    async with client(gateway) as gwms:
        with pytest.raises(DecodeError, match=r"expected int @ \$\[1\].id") as caught:
            await gwms.webhooks.list()
        with pytest.raises(DecodeError, match="not a JSON object"):
            await gwms.webhooks.get(1)

    assert "expected int @ $[1].id" in caught.value.paths
    assert caught.value.excerpt.startswith('{"data": [{"id": 1')
    assert gateway.count("list") == gateway.count("get") == 1
