"""The emulator as an independent client sees it: the seven operations, and what it refuses."""

from __future__ import annotations

import json
from typing import Any, Literal

import pytest

from gwms_async.testing import EmulatorCredentials, GwmsEmulator
from gwms_async.testing.gateway import Gateway
from gwms_async.testing.state import WebhookTable
from gwms_async.testing.wire import Route

from ..helpers.plain_client import EPOCH, HOOK, Clock, logged_in, plain

MOMENT = "2026-09-21T14:13:20.000Z"


UNKNOWN_ENDPOINT = (404, "There is no such endpoint")


BAD_TOKEN = (401, "The token is missing or no longer valid")


BAD_KEY = (401, "The x-api-key is missing or unknown")


WEBHOOK_CALLS = [
    ("GET", "/webhooks", None),
    ("POST", "/webhooks", HOOK),
    ("GET", "/webhooks/1", None),
    ("PUT", "/webhooks/1", HOOK),
    ("PUT", "/webhooks/1/activate", None),
    ("PUT", "/webhooks/1/deactivate", None),
    ("DELETE", "/webhooks/1", None),
]


each_call = pytest.mark.parametrize(("method", "path", "body"), WEBHOOK_CALLS)


def without(name: str) -> dict[str, object]:
    """Return a webhook without a field."""
    return {key: value for key, value in HOOK.items() if key != name}


async def test_the_seven_operations() -> None:
    """Each does what the contract says, and answers with the webhook's new state."""
    async with GwmsEmulator(clock=lambda: EPOCH) as gateway, logged_in(gateway) as client:
        created = {**HOOK, "id": 1, "registeredAt": MOMENT}
        other = {"url": "x", "webhookType": "UPDATE_ORDER", "active": True, "method": "GET"}
        changed = {**other, "id": 1, "registeredAt": MOMENT}

        assert (await client.send("GET", "/webhooks")).data == []
        assert (await client.create()).envelope == {"statusCode": 200, "message": "OK", "data": created}
        assert (await client.send("GET", "/webhooks/1")).data == created
        assert (await client.send("PUT", "/webhooks/1", other)).data == changed
        stopped = {**changed, "active": False, "unregisteredAt": MOMENT}
        assert (await client.send("PUT", "/webhooks/1/deactivate")).data == stopped
        assert (await client.send("GET", "/webhooks")).data == [stopped]
        assert (await client.send("PUT", "/webhooks/1/activate")).data == changed
        assert isinstance((await client.send("DELETE", "/webhooks/1")).data, str)
        assert (await client.send("GET", "/webhooks")).data == []

        assert (await client.create()).data["id"] == 2
        assert [hook.id for hook in gateway.webhooks] == [2]


async def test_two_webhooks_may_look_the_same(gateway: GwmsEmulator) -> None:
    """A create that is sent twice creates two webhooks."""
    async with logged_in(gateway) as client:
        first, second = (await client.create()).data, (await client.create()).data

        assert (await client.send("GET", "/webhooks")).data == [first, second]
        assert first["url"] == second["url"]
        assert first["id"] != second["id"]


async def test_an_update_keeps_what_it_does_not_name(gateway: GwmsEmulator) -> None:
    """Unknown fields are ignored; the id and the timestamps stay."""
    async with logged_in(gateway) as client:
        before = (await client.create()).data
        extra = {**HOOK, "id": 9, "registeredAt": "never", "secret": "x"}

        assert (await client.send("PUT", "/webhooks/1", extra)).data == before


async def test_unregistered_at_follows_only_changes() -> None:
    """Deactivating sets it, deactivating again keeps it, activating removes it."""
    clock = Clock()
    async with GwmsEmulator(clock=clock) as gateway, logged_in(gateway) as client:
        assert "unregisteredAt" not in (await client.create()).data

        clock.now += 1.5
        stopped = (await client.send("PUT", "/webhooks/1", {**HOOK, "active": False})).data
        clock.now += 1
        again = (await client.send("PUT", "/webhooks/1/deactivate")).data
        same = (await client.send("PUT", "/webhooks/1", {**HOOK, "active": False})).data

        assert stopped["unregisteredAt"] == "2026-09-21T14:13:21.500Z"
        assert stopped["registeredAt"] == MOMENT
        assert stopped == again == same

        assert "unregisteredAt" not in (await client.send("PUT", "/webhooks/1", HOOK)).data


async def test_what_was_never_active_was_not_unregistered(gateway: GwmsEmulator) -> None:
    """An update that leaves a webhook inactive sets no date."""
    async with logged_in(gateway) as client:
        created = (await client.send("POST", "/webhooks", {**HOOK, "active": False})).data

        assert "unregisteredAt" not in created
        assert (await client.send("PUT", "/webhooks/1", {**HOOK, "active": False})).data == created


@each_call
@pytest.mark.parametrize("authorization", [None, "", "Bearer", "Bearer ", "Bearer x.y.z", "Basic {}", "{}"])
async def test_a_call_needs_a_token(
    gateway: GwmsEmulator, method: str, path: str, body: object, authorization: str | None
) -> None:
    """Without a valid token after the word Bearer, every operation is answered 401 and changes nothing."""
    before = gateway.add_webhook("https://shop.example/0", "CREATE_ORDER")
    async with logged_in(gateway) as client:
        token = gateway.tokens_issued[0]
        client.authorization = None if authorization is None else authorization.format(token)

        assert (await client.send(method, path, body)).problem == BAD_TOKEN

    assert gateway.webhooks == [before]


@each_call
@pytest.mark.parametrize("api_key", ["", "wrong"])
async def test_a_call_needs_a_key(gateway: GwmsEmulator, method: str, path: str, body: object, api_key: str) -> None:
    """With an unknown API key, every operation is answered 401 and changes nothing."""
    before = gateway.add_webhook("https://shop.example/0", "CREATE_ORDER")
    async with logged_in(gateway) as client:
        client.api_key = api_key or None

        assert (await client.send(method, path, body)).problem == BAD_KEY

    assert gateway.webhooks == [before]


@pytest.mark.parametrize("path", [("POST", "/webhooks"), ("PUT", "/webhooks/1")])
@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "body must be valid JSON"),
        (b"{", "body must be valid JSON"),
        (b"\xff\xfe{", "body must be valid JSON"),
        (b"[" * 100_000, "body must be valid JSON"),
        (b'{"url": ' + b"9" * 5000 + b"}", "body must be valid JSON"),
        (b"null", "body must be a JSON object"),
        ([HOOK], "body must be a JSON object"),
        *((without(name), f"{name} is required") for name in HOOK),
        ({**HOOK, "url": None}, "url must be a string"),
        ({**HOOK, "url": ""}, "url must not be empty"),
        ({**HOOK, "webhookType": 5}, "webhookType must be a string"),
        ({**HOOK, "webhookType": "create_order"}, "webhookType must be one of CREATE_ORDER, CREATE_PRODUCT"),
        ({**HOOK, "active": 1}, "active must be a boolean"),
        ({**HOOK, "active": None}, "active must be a boolean"),
        ({**HOOK, "method": True}, "method must be a string"),
        ({**HOOK, "method": "PUT"}, "method must be one of POST, GET"),
    ],
    ids=lambda value: str(value)[:40],
)
async def test_a_webhook_must_be_as_the_contract_says(
    gateway: GwmsEmulator, path: tuple[str, str], body: object, message: str
) -> None:
    """A create or update with an invalid body is answered 400, names the field, and changes nothing."""
    before = gateway.add_webhook("https://shop.example/0", "CREATE_ORDER")
    async with logged_in(gateway) as client:
        status, text = (await client.send(*path, body)).problem

    assert (status, text[: len(message)]) == (400, message)
    assert gateway.webhooks == [before]


@pytest.mark.parametrize(("method", "path", "body"), WEBHOOK_CALLS[2:])
async def test_a_webhook_that_is_not_there(
    gateway: GwmsEmulator, method: str, path: str, body: dict[str, object] | None
) -> None:
    """The id of a missing webhook, or of another e-shop's, is answered 404; an id must be an integer."""
    gateway.add_eshop("other")
    foreign = gateway.add_webhook("https://shop.example/0", "CREATE_ORDER", eshop="other")
    async with logged_in(gateway) as client:
        for number in ("1", "2", "0", "-1", "9" * 18):
            reply = await client.send(method, path.replace("1", number), body)
            assert reply.problem == (404, f"There is no webhook {number}")
        for number in ("x", "1.0", "1e0", "%2B1", "%C4%8D", "9" * 19, "9" * 5000):
            assert (await client.send(method, path.replace("1", number), body)).problem == (
                400,
                "id must be an integer",
            )

    assert gateway.webhooks == [foreign]


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("GET", "/users/login", "POST"),
        ("PUT", "/webhooks", "GET, POST"),
        ("DELETE", "/webhooks", "GET, POST"),
        ("POST", "/webhooks/1", "GET, PUT, DELETE"),
        ("PATCH", "/webhooks/1", "GET, PUT, DELETE"),
        ("GET", "/webhooks/1/activate", "PUT"),
        ("POST", "/webhooks/1/deactivate", "PUT"),
    ],
)
async def test_a_wrong_method(gateway: GwmsEmulator, method: str, path: str, allow: str) -> None:
    """A method that a path does not have is answered 405 with those it has."""
    async with logged_in(gateway) as client:
        reply = await client.send(method, path)

    assert reply.problem == (405, "Method not allowed")
    assert reply.headers["Allow"] == allow
    assert gateway.count("other") == 1


async def test_head_is_a_wrong_method_without_a_body(gateway: GwmsEmulator) -> None:
    """HEAD is answered 405 with headers only; the connection stays open."""
    async with logged_in(gateway) as client:
        reply = await client.send("HEAD", "/webhooks")

        assert (reply.status, reply.content, reply.headers["Allow"]) == (405, b"", "GET, POST")
        assert (await client.send("GET", "/webhooks")).data == []
        assert gateway.connections == 1


@pytest.mark.parametrize(
    "path", ["", "/", "/orders", "/webhooks/", "/webhooks/1/", "/webhooks/1/pause", "/webhooks/1/activate/x", "/%C4%8D"]
)
async def test_an_unknown_endpoint(gateway: GwmsEmulator, path: str) -> None:
    """An unknown path is answered 404 to authenticated clients, 401 to others."""
    async with logged_in(gateway) as client:
        assert (await client.send("GET", path)).problem == UNKNOWN_ENDPOINT

    async with plain(gateway) as stranger:
        assert (await stranger.send("GET", path)).problem == BAD_TOKEN


@pytest.mark.parametrize("prefix", ["/v2", "", "/v21/v21", "/v21x"])
async def test_another_base_url(gateway: GwmsEmulator, prefix: str) -> None:
    """Paths outside the base URL are answered 404."""
    async with logged_in(gateway) as client:
        root = gateway.base_url.removesuffix("/v21")
        headers = {"authorization": str(client.authorization), "x-api-key": gateway.credentials.api_key}
        async with client.http.get(f"{root}{prefix}/webhooks", headers=headers) as response:
            assert response.status == 404


async def test_a_query_is_ignored(gateway: GwmsEmulator) -> None:
    """The query string does not change the operation."""
    async with logged_in(gateway) as client:
        assert (await client.send("GET", "/webhooks?page=2")).data == []


async def test_eshops_are_kept_apart(gateway: GwmsEmulator) -> None:
    """Each e-shop of the account has its own webhooks; ids are shared."""
    gateway.add_eshop("other")
    async with logged_in(gateway) as first, plain(gateway, "other") as second:
        second.authorization = first.authorization
        ids = [(await client.create()).data["id"] for client in (first, second, first)]

        assert ids == [1, 2, 3]
        assert [hook["id"] for hook in (await first.send("GET", "/webhooks")).data] == [1, 3]
        assert [hook["id"] for hook in (await second.send("GET", "/webhooks")).data] == [2]

        gateway.remove_eshop("other")
        gateway.remove_eshop("other")
        assert (await second.send("GET", "/webhooks")).problem == BAD_KEY
        assert [hook.eshop for hook in gateway.webhooks] == [gateway.credentials.api_key, "other", first.api_key]

        gateway.add_eshop("other")
        assert [hook["id"] for hook in (await second.send("GET", "/webhooks")).data] == [2]


def test_a_gateway_answers_without_a_network() -> None:
    """It depends on values only: route, headers, body, time."""
    gateway = Gateway(10, WebhookTable())
    username, password, key = EmulatorCredentials()

    def carried_out(method: str, path: str, body: object, now: float, **headers: str) -> tuple[int, Any]:
        answer = gateway.carry_out(Route.find(method, path), headers, json.dumps(body).encode(), now)
        return answer.status, json.loads(answer.body).get("data")

    status, data = carried_out("POST", "/users/login", {"username": username, "password": password}, EPOCH)
    assert (status, data["expiresIn"]) == (200, EPOCH + 10)

    headers = {"authorization": f"Bearer {data['token']}", "x-api-key": key}
    assert carried_out("POST", "/webhooks", HOOK, EPOCH + 9, **headers)[0] == 200
    assert carried_out("POST", "/webhooks", HOOK, EPOCH + 10, **headers) == (401, None)
    assert carried_out("DELETE", "/webhooks/1", None, EPOCH, **headers) == (200, "deleted")


async def test_a_url_can_be_unique() -> None:
    """With `unique_urls`, a second webhook with the same URL as stored, event type and method is answered 409."""
    async with GwmsEmulator(unique_urls=True, spelling=str.lower) as gateway, logged_in(gateway) as client:
        await client.create()
        taken = (409, "A webhook with this url, webhookType and method already exists")
        assert (await client.create()).problem == taken
        again = {**HOOK, "url": "HTTPS://SHOP.EXAMPLE/1", "active": False}
        assert (await client.send("POST", "/webhooks", again)).problem == taken

        other = {**HOOK, "method": "GET"}
        assert (await client.send("POST", "/webhooks", other)).status == 200
        assert (await client.send("PUT", "/webhooks/2", HOOK)).problem == taken
        assert (await client.send("PUT", "/webhooks/2", {**other, "active": False})).status == 200
        assert (await client.send("PUT", "/webhooks/3", HOOK)).status == 404

        gateway.add_eshop("other")
        gateway.add_webhook("https://shop.example/2", "CREATE_ORDER", eshop="other")
        assert (await client.send("POST", "/webhooks", {**HOOK, "url": "https://shop.example/2"})).status == 200
        await client.send("DELETE", "/webhooks/1")
        assert (await client.create()).status == 200


@pytest.mark.parametrize("status", [400, 409, 422])
async def test_a_second_webhook_can_be_refused_by_another_status(status: Literal[400, 409, 422]) -> None:
    """`unique_urls` may be the status itself."""
    async with GwmsEmulator(unique_urls=status) as gateway, logged_in(gateway) as client:
        await client.create()

        assert (await client.create()).status == status


@pytest.mark.parametrize("value", [404, "yes", None])
def test_a_status_that_unique_urls_cannot_have(value: Any) -> None:
    """The error names those that it can have."""
    with pytest.raises(ValueError, match=r"^unique_urls must be one of False, True, 400, 409, 422, not "):
        GwmsEmulator(unique_urls=value)


async def test_a_deleted_webhook_can_leave_a_tombstone() -> None:
    """With `tombstones`, lists still show it, inactive; no other operation finds it, and its URL is free."""
    clock = Clock()
    emulator = GwmsEmulator(tombstones=True, unique_urls=True, clock=clock)
    async with emulator as gateway, logged_in(gateway) as client:
        created, stopped = (await client.create()).data, gateway.add_webhook("x", "CREATE_ORDER", active=False)
        clock.now += 1
        await client.send("DELETE", "/webhooks/1")
        gateway.remove_webhook(stopped.id)

        moment = "2026-09-21T14:13:21.000Z"
        assert (await client.send("GET", "/webhooks")).data == [
            {**created, "active": False, "unregisteredAt": moment},
            {**stopped.as_json(), "unregisteredAt": moment},
        ]
        for method, path, body in WEBHOOK_CALLS[2:]:
            assert (await client.send(method, path, body)).problem == (404, "There is no webhook 1")
        assert gateway.webhooks == []
        assert (await client.create()).data["id"] == 3
        assert [hook["id"] for hook in (await client.send("GET", "/webhooks")).data] == [1, 2, 3]
