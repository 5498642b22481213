"""What a whole client sends, and what it makes of the answers."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from gwms_async import (
    ApiError,
    AttemptTimeoutError,
    AuthenticationError,
    Cause,
    ConnectionFailedError,
    DeadlineExceededError,
    DecodeError,
    GwmsClient,
    GwmsError,
    HttpMethod,
    NotFoundError,
    OutcomeUnknownError,
    RedirectError,
    RetryPolicy,
    ServerError,
    ThrottledError,
    Timeout,
    TransportError,
    Webhook,
    WebhookSpec,
    WebhookType,
)
from gwms_async.testing import DropBefore, GwmsEmulator, RawBody, Redirect, Stall, Status

from ..helpers.emulated import client, spec, statuses
from ..helpers.slow import first
from ..helpers.virtual_io_loop import with_virtual_gateway

Act = Callable[[GwmsClient], Awaitable[Any]]

OPERATIONS: dict[str, Act] = {
    "list": lambda gwms: gwms.webhooks.list(),
    "create": lambda gwms: gwms.webhooks.create(spec()),
    "get": lambda gwms: gwms.webhooks.get(1),
    "update": lambda gwms: gwms.webhooks.update(1, spec()),
    "activate": lambda gwms: gwms.webhooks.activate(1),
    "deactivate": lambda gwms: gwms.webhooks.deactivate(1),
    "delete": lambda gwms: gwms.webhooks.delete(1),
}
each_operation = pytest.mark.parametrize("operation", list(OPERATIONS))
each_operation_slowly = pytest.mark.parametrize("operation", first(2, sorted(OPERATIONS)))


async def test_the_seven_operations(gateway: GwmsEmulator) -> None:
    """Each does what its name says, and decodes into a model."""
    async with client(gateway) as gwms:
        hook = await gwms.webhooks.create(spec())
        assert isinstance(hook, Webhook)
        assert hook.spec == spec()
        assert hook.registered_at is not None
        assert await gwms.webhooks.list() == [hook]
        assert await gwms.webhooks.get(hook.id) == hook

        other = WebhookSpec("https://shop.example/2", WebhookType.UPDATE_ORDER, active=False, method=HttpMethod.GET)
        assert (await gwms.webhooks.update(hook.id, other)).spec == other
        assert (await gwms.webhooks.activate(hook.id)).active
        assert not (await gwms.webhooks.deactivate(hook.id)).active
        await gwms.webhooks.delete(hook.id)
        with pytest.raises(NotFoundError, match=r"GET /webhooks/1 failed with 404 after 1 attempt: There is no"):
            await gwms.webhooks.get(hook.id)

    assert gateway.webhooks == []
    headers = gateway.requests[-1].headers
    assert headers["authorization"] == f"Bearer {gateway.tokens_issued[0]}"
    assert headers["x-api-key"] == gateway.credentials.api_key
    assert headers["user-agent"].startswith("gwms-async/")
    assert headers["cache-control"] == "no-cache"
    assert "x-api-key" not in gateway.requests[0].headers


@each_operation_slowly
async def test_max_attempts_is_what_is_on_the_wire(gateway: GwmsEmulator, operation: str) -> None:
    """Three are three, for every method: none is sent again behind our back."""
    gateway.inject(Status(429), operation=operation, times=99)
    async with client(gateway, retry=RetryPolicy(max_attempts=3, base=0.001)) as gwms:
        with pytest.raises(ThrottledError, match="after 3 attempts"):
            await OPERATIONS[operation](gwms)

    assert gateway.count(operation) == 3


@each_operation
async def test_dropped_connections_count_as_attempts(gateway: GwmsEmulator, operation: str) -> None:
    """Also on a connection that was kept open before, which aiohttp would try again by itself."""
    gateway.inject(DropBefore(), operation=operation, times=99, at=2)
    gateway.add_webhook(spec().url, "CREATE_ORDER")
    async with client(gateway, retry=RetryPolicy(max_attempts=3, base=0.001)) as gwms:
        await OPERATIONS[operation](gwms)
        with pytest.raises((ConnectionFailedError, OutcomeUnknownError)):
            await OPERATIONS[operation](gwms)

    assert gateway.count(operation) == 1 + (1 if operation == "create" else 3)


async def test_max_attempts_counts_across_logins(gateway: GwmsEmulator) -> None:
    """A 401 in between does not restart the count: it counts too."""
    gateway.inject(Status(503), operation="list", times=2)
    gateway.inject(Status(401), operation="list", at=3)
    gateway.inject(Status(503), operation="list", times=99, at=4)
    async with client(gateway, retry=RetryPolicy(max_attempts=4, base=0.001)) as gwms:
        with pytest.raises(ServerError):
            await gwms.webhooks.list()

    assert statuses(gateway, "list") == [503, 503, 401, 503]


@each_operation
def test_nothing_is_sent_after_the_deadline_of_a_call(operation: str) -> None:
    """A wait that would end too late is not begun, and the call ends in time."""

    async def main(gateway: GwmsEmulator, kind: type[GwmsClient]) -> None:
        gateway.inject(Status(429), operation=operation, times=99)
        loop, retry = asyncio.get_running_loop(), RetryPolicy(max_attempts=99, base=0.05)
        end = loop.time() + 0.3
        async with client(gateway, kind=kind, timeout=Timeout(total=0.3), retry=retry) as gwms:
            with pytest.raises(GwmsError):
                await OPERATIONS[operation](gwms)

        assert loop.time() <= end
        assert max(exchange.at for exchange in gateway.requests) <= end

    with_virtual_gateway(main)


@each_operation_slowly
def test_a_call_that_is_on_the_wire_at_its_deadline(operation: str) -> None:
    """It ends there: a create's outcome is unknown then, anything else has failed in time."""

    async def main(gateway: GwmsEmulator, kind: type[GwmsClient]) -> None:
        async with client(gateway, kind=kind, timeout=Timeout(total=0.8)) as gwms:
            await gwms.webhooks.list()
            gateway.inject(Stall(5), operation=operation)
            error = OutcomeUnknownError if operation == "create" else DeadlineExceededError
            with pytest.raises(error, match="deadline"):
                await OPERATIONS[operation](gwms)

        assert gateway.count(operation) == (2 if operation == "list" else 1)

    with_virtual_gateway(main)


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_a_redirect_is_an_error_and_nothing_is_sent_there(gateway: GwmsEmulator, status: int) -> None:
    """The other host would be shown the e-shop's key."""
    async with GwmsEmulator() as elsewhere, client(gateway) as gwms:
        for operation, act in OPERATIONS.items():
            gateway.inject(Redirect(elsewhere.base_url + "/webhooks", status), operation=operation)
            with pytest.raises(RedirectError, match="check"):
                await act(gwms)

        assert elsewhere.requests == []
        assert elsewhere.connections == 0
    assert [gateway.count(operation) for operation in OPERATIONS] == [1] * 7


async def test_see_other_is_not_followed_but_may_be_sent_again(gateway: GwmsEmulator) -> None:
    """It usually answers a POST that was carried out: a create is never sent again."""
    async with GwmsEmulator() as elsewhere, client(gateway, retry=RetryPolicy(base=0.001)) as gwms:
        for operation, act in OPERATIONS.items():
            gateway.inject(Redirect(elsewhere.base_url + "/webhooks", 303), operation=operation, times=5)
            with pytest.raises(OutcomeUnknownError if operation == "create" else RedirectError, match="303"):
                await act(gwms)

        assert elsewhere.connections == 0
    assert {name: gateway.count(name) for name in OPERATIONS} == {**dict.fromkeys(OPERATIONS, 5), "create": 1}


def test_a_silent_gateway() -> None:
    """An attempt has its own limit, and is tried again where that is safe."""

    async def main(gateway: GwmsEmulator, kind: type[GwmsClient]) -> None:
        gateway.inject(Stall(5), operation="list", times=2)
        retry = RetryPolicy(max_attempts=2, base=0.001)
        async with client(gateway, kind=kind, timeout=Timeout(attempt=0.1), retry=retry) as gwms:
            with pytest.raises(AttemptTimeoutError, match=r"no complete response within 0.1 s") as caught:
                await gwms.webhooks.list()

            assert await gwms.webhooks.list() == []
        assert caught.value.cause is Cause.UNKNOWN

    with_virtual_gateway(main)


@each_operation
async def test_nobody_listens(operation: str) -> None:
    """A refused connection was never sent: also a create is tried again, and fails as what it is."""
    async with GwmsEmulator() as gateway:
        gwms = client(gateway, retry=RetryPolicy(max_attempts=3, base=0.001))
        await gwms.webhooks.list()
    with pytest.raises(TransportError) as caught:
        await OPERATIONS[operation](gwms)
    await gwms.close()

    assert caught.value.cause is Cause.NEVER_SENT


async def test_a_long_list(gateway: GwmsEmulator) -> None:
    """Its body comes in many pieces."""
    for number in range(5000):
        gateway.add_webhook(f"https://shop.example/{number}", "CREATE_ORDER")
    async with client(gateway) as gwms:
        hooks = await gwms.webhooks.list()

    assert [hook.id for hook in hooks] == list(range(1, 5001))


async def test_a_body_beyond_all_measure(gateway: GwmsEmulator) -> None:
    """More than 64 MiB are not read."""
    gateway.inject(RawBody(b'{"data": []}' + b" " * (64 * 1024 * 1024)), operation="list")
    async with client(gateway) as gwms:
        with pytest.raises(DecodeError):
            await gwms.webhooks.list()

        assert await gwms.webhooks.list() == []


async def test_a_throttled_call_waits_as_it_is_told(gateway: GwmsEmulator) -> None:
    """`Retry-After` is the least; one that is too long is told at once."""
    gateway.inject(Status(429, retry_after="1"), operation="list")
    gateway.inject(Status(429, retry_after="3600"), operation="get")
    async with client(gateway) as gwms:
        await gwms.webhooks.list()
        with pytest.raises(ThrottledError) as caught:
            await gwms.webhooks.get(1)

    first, second = (exchange.at for exchange in gateway.requests if exchange.operation == "list")
    assert second - first >= 1
    assert caught.value.retry_after == 3600
    assert gateway.count("get") == 1


async def test_an_outage_ends_with_the_budget(gateway: GwmsEmulator) -> None:
    """500 tokens pay for 35 retries; then calls fail at their first attempt."""
    async with client(gateway) as gwms:
        await gwms.webhooks.list()
        gateway.inject(Status(503), times=10_000)
        for _ in range(100):
            with pytest.raises(ServerError):
                await gwms.webhooks.list()

    assert gateway.count("list") == 1 + 100 + 500 // 14


async def test_any_other_endpoint(gateway: GwmsEmulator) -> None:
    """`request` gives the data, and is sent again only if that is said to be safe."""
    gateway.inject(RawBody(b'{"data": {"rows": [1]}}'), operation="other", at=2)
    gateway.inject(Status(503), operation="other")
    async with client(gateway) as gwms:
        data = await gwms.request("post", "/orders/filter", json={"page": 1}, idempotent=True)
        assert data == {"rows": [1]}
        gateway.inject(Status(503), operation="other")
        with pytest.raises(OutcomeUnknownError) as caught:
            await gwms.request("POST", "/orders", json={})
        with pytest.raises(NotFoundError):
            await gwms.request("GET", "/nowhere")

    assert caught.value.spec is None
    assert gateway.requests[1].body == b'{"page":1}'
    assert gateway.requests[1].headers["content-type"] == "application/json"


async def test_bad_input_is_refused_before_the_wire(gateway: GwmsEmulator) -> None:
    """Each with a `ValueError` that says what is wrong."""
    url, not_a_spec = spec().url, r"^expected a WebhookSpec\(url, webhook_type\); got 'https://shop\.example/1'$"
    bad: list[tuple[Callable[[Any], Any], str]] = [
        (lambda gwms: gwms.webhooks.create(WebhookSpec("", "CREATE_ORDER")), "url must be an absolute"),
        (lambda _: WebhookSpec("u", "CREATE_ORDR"), "did you mean CREATE_ORDER"),
        (lambda _: WebhookSpec("u", WebhookType.CREATE_ORDER, method="PUT"), "PUT"),
        (lambda _: WebhookSpec("u", WebhookType.CREATE_ORDER, active="yes"), "active"),  # type: ignore[arg-type]
        (lambda gwms: gwms.webhooks.get("21"), "^expected a Webhook or its id, an integer; got '21'$"),
        (lambda gwms: gwms.webhooks.delete(spec()), "^expected a Webhook or its id, an integer; got WebhookSpec"),
        (lambda gwms: gwms.webhooks.create(url), not_a_spec),
        (lambda gwms: gwms.webhooks.update(7, url), not_a_spec),
        (lambda gwms: gwms.webhooks.register(url), not_a_spec),
        (lambda gwms: gwms.webhooks.register_many([url]), not_a_spec),
        (lambda gwms: gwms.webhooks.register_many(spec()), "^specs must be a list .* of WebhookSpec; got WebhookSpec$"),
        (lambda gwms: gwms.webhooks.register_many(url), "^specs must be a list .* of WebhookSpec; got str$"),
        (lambda gwms: anext(gwms.webhooks.register_stream(spec())), "^specs must be .*; got WebhookSpec$"),
        (lambda gwms: anext(gwms.webhooks.register_stream(url)), "^specs must be .*; got str$"),
        (lambda gwms: anext(gwms.webhooks.register_stream([spec(), url])), not_a_spec),
        (lambda gwms: gwms.webhooks.plan(spec()), "^specs must be .*; got WebhookSpec$"),
        (lambda gwms: gwms.webhooks.plan(url), "^specs must be .*; got str$"),
        (lambda gwms: gwms.webhooks.plan([url]), not_a_spec),
        (lambda gwms: gwms.webhooks.plan([], prune=[url]), "^prune must be a URL .*, or a function of a Webhook; got"),
        (lambda gwms: gwms.webhooks.apply([spec()]), "^expected a Plan, which webhooks.plan.. returns; got list$"),
        (lambda gwms: gwms.webhooks.register_many([spec()], concurrency=0), "concurrency"),
        (lambda gwms: gwms.request("GET", "nowhere"), "slash"),
        (lambda gwms: gwms.request("G T", "/"), "method"),
        (lambda gwms: gwms.request("POST", "/x", json=object()), "json"),
    ]
    async with client(gateway) as gwms:
        for act, message in bad:
            with pytest.raises(ValueError, match=message):
                await act(gwms)

    assert gateway.requests == []
    assert gateway.connections == 0


async def test_a_new_key_is_not_blamed_for_a_foreign_401(gateway: GwmsEmulator) -> None:
    """A single 401 from something in front of the gateway is mended by a login."""
    gateway.inject(Status(401, body=b"<p>who are you"), operation="list")
    async with client(gateway) as gwms:
        assert await gwms.webhooks.list() == []
        gateway.inject(Status(401), operation="list", times=9)
        with pytest.raises(AuthenticationError):
            await gwms.webhooks.list()


async def test_a_request_with_a_large_body(gateway: GwmsEmulator) -> None:
    """It is sent whole, like any other, without a warning of aiohttp, which pytest would make an error."""
    async with client(gateway) as gwms:
        with pytest.raises(ApiError, match="405"):
            await gwms.request("PUT", "/returns/1", json={"files": ["x" * 2 * 1024 * 1024]})

    assert len(gateway.requests[-1].body) == len('{"files":[""]}') + 2 * 1024 * 1024
