"""What a client sends, and what the emulator answers, against the contract."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from itertools import cycle, product
from types import ModuleType
from typing import Any

import pytest
from attrs import evolve

from gwms_async import (
    GwmsClient,
    GwmsError,
    Handler,
    HttpMethod,
    NotFoundError,
    Request,
    Response,
    Timeout,
    WebhookSpec,
    WebhookType,
)
from gwms_async.testing import Exchange, GwmsEmulator, RevokeTokens

from ..client.test_bulk import FAULTS
from ..client.test_wire import OPERATIONS
from ..helpers.emulated import client, held, specs
from ..helpers.virtual_io_loop import with_virtual_gateway

SPECS = [
    WebhookSpec(f"https://shop.example/{kind.value.lower()}/\u010d?a=\u20ac#\U0001f4e6", kind, active, method)
    for kind, (method, active) in zip(WebhookType, cycle(product(HttpMethod, (True, False))), strict=False)
]
HOOK = {"url": "https://shop.example/1", "webhookType": "CREATE_ORDER", "active": True, "method": "POST"}
GOOD = Exchange(
    "create",
    "POST",
    "/webhooks",
    {"authorization": "Bearer a.b.c", "x-api-key": "key", "content-type": "application/json"},
    json.dumps(HOOK).encode(),
    0.0,
)


@pytest.fixture
def checker() -> ModuleType:
    """Load what checks by the contract, only where tests use it: importing openapi-core takes a second."""
    pytest.importorskip("openapi_core", reason="it comes with the dependency group contract")
    from ..helpers import contract_checker  # noqa: PLC0415

    return contract_checker


class Answers:
    """A middleware that keeps the raw answers next to the journal."""

    def __init__(self, gateway: GwmsEmulator, checker: ModuleType) -> None:
        self.gateway = gateway
        self.checker = checker
        self.kept: list[tuple[Exchange, Response]] = []

    async def __call__(self, request: Request, handler: Handler) -> Response:
        """Keep one; there is one call at a time."""
        response = await handler(request)
        self.kept.append((self.gateway.requests[-1], response))
        return response

    def check(self) -> set[tuple[str, int]]:
        """Check all against the contract, and return which there were."""
        for exchange, response in self.kept:
            assert exchange.status == response.status
            self.checker.check_answer(exchange, response.status, response.headers, response.body)
        return {(exchange.operation, response.status) for exchange, response in self.kept}


async def test_all_operations_for_all_webhooks(gateway: GwmsEmulator, checker: ModuleType) -> None:
    """For all event types, both methods, active or not: every request and answer is in the contract."""
    answers = Answers(gateway, checker)
    async with client(gateway, middlewares=[answers]) as gwms:
        for spec, other in zip(SPECS, reversed(SPECS), strict=True):
            hook = await gwms.webhooks.create(spec)
            assert (await gwms.webhooks.get(hook.id)).spec == spec
            assert (await gwms.webhooks.update(hook.id, other)).spec == other
            assert not (await gwms.webhooks.deactivate(hook.id)).active
            assert (await gwms.webhooks.activate(hook.id)).active
            assert await gwms.webhooks.list() == [await gwms.webhooks.get(hook.id)]
            await gwms.webhooks.delete(hook.id)

    assert len(SPECS) == 18
    assert checker.check_journal(gateway.requests) == 1 + 8 * len(SPECS)
    assert answers.check() == {(operation, 200) for operation in OPERATIONS}


async def test_refusals(gateway: GwmsEmulator, checker: ModuleType) -> None:
    """401 of all operations and 404 of those with an id are in the contract too."""
    answers = Answers(gateway, checker)
    async with client(gateway, middlewares=[answers]) as gwms:
        hook = await gwms.webhooks.create(SPECS[0])
        calls: list[Callable[[int], Any]] = [
            gwms.webhooks.get,
            lambda number: gwms.webhooks.update(number, SPECS[1]),
            gwms.webhooks.deactivate,
            gwms.webhooks.activate,
            gwms.webhooks.delete,
        ]
        for call in calls:
            with pytest.raises(NotFoundError):
                await call(hook.id + 1)
        for call in [lambda _: gwms.webhooks.list(), lambda _: gwms.webhooks.create(SPECS[2]), *calls]:
            gateway.revoke_tokens()
            await call(hook.id)

    expected = {(operation, status) for operation in OPERATIONS for status in (200, 401)}
    expected |= {(operation, 404) for operation in set(OPERATIONS) - {"list", "create"}}
    assert answers.check() == expected
    checker.check_journal(gateway.requests)


@pytest.mark.slow
def test_many_webhooks_through_faults(checker: ModuleType) -> None:
    """Through any faults, all that a registration sends is in the contract."""

    async def main(gateway: GwmsEmulator, kind: type[GwmsClient]) -> None:
        rng = random.Random(4)
        wanted = specs(300)
        async with client(gateway, kind=kind, timeout=Timeout(attempt=0.5)) as gwms:
            gateway.inject(RevokeTokens(), operation="create", at=100)
            for fault in rng.choices(FAULTS, k=40):
                gateway.inject(fault, operation="create", at=rng.randint(1, 300))
            report = await gwms.webhooks.register_many(wanted)

        assert report.failures == ()
        assert held(gateway) == {one.identity: 1 for one in wanted}
        assert checker.check_journal(gateway.requests) > 300
        assert len({type(exchange.fault) for exchange in gateway.requests}) > 8

    with_virtual_gateway(main)


@pytest.mark.parametrize("webhook_id", [0, -1, 2**63, 10**30])
async def test_any_id_is_an_integer_of_the_path(gateway: GwmsEmulator, webhook_id: int, checker: ModuleType) -> None:
    """The contract sets no bounds, so the client sends any integer unchanged."""
    async with client(gateway) as gwms:
        for call in (gwms.webhooks.get, gwms.webhooks.activate, gwms.webhooks.deactivate, gwms.webhooks.delete):
            with pytest.raises(GwmsError):
                await call(webhook_id)

    assert checker.check_journal(gateway.requests) == 5


@pytest.mark.parametrize("operation", ["list", "get", "activate", "deactivate", "delete"])
async def test_what_has_no_body_has_no_content_type(gateway: GwmsEmulator, operation: str) -> None:
    """The documentation's sample of an activation has none, and a server may refuse unexpected types."""
    gateway.add_webhook("https://shop.example/1", "CREATE_ORDER")
    async with client(gateway) as gwms:
        await OPERATIONS[operation](gwms)

    assert "content-type" not in gateway.requests[-1].headers


def body(**fields: object) -> dict[str, Any]:
    """Return the change to a create with other fields."""
    return {"body": json.dumps({**HOOK, **fields}).encode()}


def headers(**given: str) -> dict[str, Any]:
    """Return the change to a create with only these headers."""
    return {"headers": {name.replace("_", "-"): value for name, value in given.items()}}


def test_the_checker_accepts_a_valid_request(checker: ModuleType) -> None:
    """The one that the invalid ones below are made from."""
    checker.check_request(GOOD)


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        (body(url=""), "should be non-empty|too short"),
        (body(url=None), "None is not of type 'string'"),
        (body(webhookType="CREATE_ORDR"), "'CREATE_ORDR' is not one of"),
        (body(active="true"), "'true' is not of type 'boolean'"),
        (body(active=1), "1 is not of type 'boolean'"),
        (body(method="PUT"), "'PUT' is not one of"),
        (body(registeredAt="2022-04-08"), "knows no registeredAt"),
        ({"body": b'{"url": "u", "webhookType": "CREATE_ORDER", "active": true}'}, "'method' is a required property"),
        ({"body": b""}, "required"),
        ({"body": b"{"}, "deserializ"),
        (headers(x_api_key="key", content_type="application/json"), "authorization|[Ss]ecurity"),
        (headers(authorization="Bearer a", content_type="application/json"), "x-api-key|[Ss]ecurity"),
        (headers(authorization="Bearer a", x_api_key="key", content_type="text/plain"), "text/plain"),
        (headers(authorization="a", x_api_key="key", content_type="application/json"), "Bearer"),
        ({"path": "/webhook"}, "not found"),
        ({"method": "PATCH"}, "not found"),
        ({"operation": "get", "method": "GET", "path": "/webhooks/x", "body": b""}, "integer"),
        ({"operation": "get", "method": "GET", "path": "/webhooks/1"}, "no body"),
        ({"operation": "activate", "method": "PUT", "path": "/webhooks/1/activate"}, "no body"),
        ({"operation": "login"}, "a login posts"),
    ],
)
def test_the_checker_refuses_an_invalid_request(wrong: dict[str, Any], reason: str, checker: ModuleType) -> None:
    """Each mistake alone is enough, and is named."""
    with pytest.raises(checker.ContractError, match=reason):
        checker.check_request(evolve(GOOD, **wrong))


@pytest.mark.parametrize(
    ("status", "kind", "content", "reason"),
    [
        (200, "application/json", {"statusCode": 200, "message": "OK", "data": {**HOOK, "id": "1"}}, "integer"),
        (200, "application/json", {"statusCode": 200, "message": "OK", "data": {"id": 1}}, "required property"),
        (200, "application/json", {"statusCode": 200, "message": "OK", "data": [HOOK]}, "object"),
        (200, "application/json", {"message": "OK", "data": HOOK}, "statusCode"),
        (200, "text/html", {"statusCode": 200, "message": "OK", "data": HOOK}, "text/html"),
        (401, "application/json", {"statusCode": 401}, "message"),
        (201, "application/json", {"statusCode": 201, "message": "OK", "data": HOOK}, "201"),
    ],
)
def test_the_checker_refuses_an_invalid_answer(
    status: int, kind: str, content: object, reason: str, checker: ModuleType
) -> None:
    """A status, content type or body that the contract does not have."""
    with pytest.raises(checker.ContractError, match=reason):
        checker.check_answer(GOOD, status, {"Content-Type": kind}, json.dumps(content).encode())
