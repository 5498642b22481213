"""What the contract and the documentation leave open about logins and answers: the client copes with what is likely."""

from __future__ import annotations

import asyncio
import base64
import json
from contextlib import suppress

import pytest

from gwms_async import (
    ApiError,
    AuthenticationError,
    Credentials,
    DecodeError,
    ForbiddenError,
    GwmsClient,
    NotFoundError,
    ServerError,
    ThrottledError,
)
from gwms_async.testing import EnvelopeStatus, GwmsEmulator, Html, RawBody, Status

from ..client.test_wire import OPERATIONS
from ..helpers.contract_answers import ABSENT, HOOK, answer, hook_with
from ..helpers.emulated import client, spec, statuses

FAR = 4_102_444_800  # the year 2100
SINGLE = ["create", "get", "update", "activate", "deactivate"]


def jwt(**claims: float) -> str:
    """Make a token without a valid signature."""
    return f"e30.{base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip('=')}.sig"


# Logins


@pytest.mark.parametrize(
    "lifetime",
    [
        {"expiresIn": FAR},
        {"expiresIn": FAR + 0.5},
        {"expiresIn": 3600},
        {"expiresIn": "3600"},
        {"expiresIn": None},
        {"expiresIn": 0},
        {"expiresIn": -1},
        {"expiresIn": FAR * 1000},
        {"expiresAt": "2099-01-01T00:00:00Z"},
        {"expires_in": 3600},
        {},
    ],
    ids=str,
)
@pytest.mark.parametrize("token", ["opaque", jwt(exp=FAR), jwt(iat=0), jwt(exp=1)])
async def test_however_a_token_s_lifetime_is_told(
    gateway: GwmsEmulator, token: str, lifetime: dict[str, object]
) -> None:
    """One login serves all later calls, whatever the field contains."""
    gateway.inject(answer({"token": token, **lifetime}), operation="login")
    gateway.inject(answer([]), operation="list", times=3)
    async with client(gateway) as gwms:
        for _ in range(3):
            assert await gwms.webhooks.list() == []

    assert gateway.logins == 1
    assert {one.headers["authorization"] for one in gateway.requests[1:]} == {f"Bearer {token}"}


@pytest.mark.parametrize("date", ["", "never", "Thu, 01 Jan 1970 00:00:00 GMT", "Fri, 31 Dec 9999 23:59:59 GMT"])
async def test_a_login_whose_date_is_of_no_use(gateway: GwmsEmulator, date: str) -> None:
    """A token without a usable expiry is used until it is refused."""
    body = json.dumps({"data": {"token": "t", "expiresIn": FAR}}).encode()
    gateway.inject(Status(200, body=body, headers={"Date": date}), operation="login", times=9)
    gateway.inject(answer([]), operation="list", times=2)
    gateway.inject(Status(401), operation="list", at=3)
    gateway.inject(answer([]), operation="list", at=4)
    async with client(gateway) as gwms:
        for _ in range(3):
            assert await gwms.webhooks.list() == []

    assert statuses(gateway, "list") == [200, 200, 401, 200]
    assert gateway.logins == 2


async def test_a_gateway_that_tells_no_date() -> None:
    """Neither logins nor waits depend on its clock: one login serves all calls, and `Retry-After` is obeyed."""
    seen: list[bytes] = []
    bodies = {b"POST": answer({"token": "t", "expiresIn": FAR}).body, b"GET ": answer([HOOK]).body}

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError):
            while head := await reader.readuntil(b"\r\n\r\n"):
                seen.append(head[:4])
                if head.startswith(b"POST"):
                    await reader.readuntil(b"}")
                body = bodies[head[:4]]
                late = len(seen) == 3  # the second list
                line = b"429 Too Many Requests\r\nRetry-After: 0" if late else b"200 OK"
                writer.write(b"HTTP/1.1 %b\r\nContent-Length: %d\r\n\r\n%b" % (line, len(body), body))
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with (
        server,
        GwmsClient(
            Credentials("user", "password", "key"),
            base_url=f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v21",
        ) as gwms,
    ):
        for _ in range(3):
            assert [hook.id for hook in await gwms.webhooks.list()] == [1]

    assert seen == [b"POST", b"GET ", b"GET ", b"GET ", b"GET "]


@pytest.mark.parametrize("user", [ABSENT, None, {}, "Jon", {"id": "1", "roles": []}])
async def test_who_logged_in_does_not_matter(gateway: GwmsEmulator, user: object) -> None:
    """`data.user` is ignored."""
    gateway.inject(answer(hook_with(token="t", user=user)), operation="login")
    gateway.inject(answer([]), operation="list")
    async with client(gateway) as gwms:
        assert await gwms.webhooks.list() == []


# Envelopes


@pytest.mark.parametrize("status", [200, 201, 202, 0, -1, 304, 200.0, "200", None, True, [], {}, ABSENT])
@pytest.mark.parametrize("message", ["OK", "", None, 5, {"en": "OK"}, ABSENT])
async def test_an_envelope_that_does_not_tell_of_an_error(
    gateway: GwmsEmulator, status: object, message: object
) -> None:
    """With HTTP 200, only a `statusCode` of 400 or more is an error; the message may be missing."""
    gateway.inject(answer([HOOK], statusCode=status, message=message), operation="list")
    gateway.inject(answer(HOOK, statusCode=status, message=message), operation="create")
    async with client(gateway) as gwms:
        (hook,) = await gwms.webhooks.list()
        assert await gwms.webhooks.create(spec()) == hook


@pytest.mark.parametrize("status", [201, 202, 203, 299])
@pytest.mark.parametrize("operation", SINGLE)
async def test_any_success_of_http_is_one(gateway: GwmsEmulator, operation: str, status: int) -> None:
    """The contract has only 200, but a create answered 201 has succeeded."""
    gateway.inject(Status(status, body=answer(HOOK).body), operation=operation)
    async with client(gateway) as gwms:
        assert (await OPERATIONS[operation](gwms)).id == 1

    assert gateway.count(operation) == 1


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize(
    ("status", "kind"),
    [(400, ApiError), (403, ForbiddenError), (404, NotFoundError), (404.0, NotFoundError), ("404", NotFoundError)],
)
async def test_the_envelope_s_refusal_is_one_for_all(
    gateway: GwmsEmulator, operation: str, status: float | str, kind: type[ApiError]
) -> None:
    """HTTP 200 with a refusal in the envelope is a refusal, even with data."""
    gateway.inject(answer([HOOK], statusCode=status, message="because"), operation=operation)
    async with client(gateway) as gwms:
        with pytest.raises(kind, match="because") as caught:
            await OPERATIONS[operation](gwms)

    assert caught.value.status == int(status)
    assert gateway.count(operation) == 1


@pytest.mark.parametrize("operation", OPERATIONS)
async def test_the_envelope_s_401_is_one(gateway: GwmsEmulator, operation: str) -> None:
    """It triggers a login and a replay."""
    gateway.add_webhook(spec().url, "CREATE_ORDER")
    gateway.inject(EnvelopeStatus(401), operation=operation)
    async with client(gateway) as gwms:
        await OPERATIONS[operation](gwms)

    assert (gateway.logins, gateway.count(operation)) == (2, 2)


async def test_the_envelope_s_429_is_one(gateway: GwmsEmulator) -> None:
    """A create throttled that way was not processed, so it is sent again."""
    gateway.inject(EnvelopeStatus(429), operation="create")
    async with client(gateway) as gwms:
        await gwms.webhooks.create(spec())

    assert len(gateway.webhooks) == 1
    assert gateway.count("create") == 2


@pytest.mark.parametrize("inner", [200, 500, None, "x"])
async def test_http_s_refusal_stands_whatever_the_envelope_says(gateway: GwmsEmulator, inner: object) -> None:
    """The envelope turns an HTTP error neither into a success nor into another one; without a number it is none."""
    gateway.inject(Status(404, body=answer(HOOK, statusCode=inner, message="gone").body), operation="get")
    async with client(gateway) as gwms:
        with pytest.raises(ApiError, match=r"failed with 404 .*gone") as caught:
            await gwms.webhooks.get(1)

    assert isinstance(caught.value, NotFoundError) is isinstance(inner, int)


@pytest.mark.parametrize(
    ("status", "kind"),
    [(400, ApiError), (401, AuthenticationError), (403, ForbiddenError), (404, ApiError), (429, ThrottledError)],
)
@pytest.mark.parametrize(
    "body", [b"", b"null", b"[]", b'"no"', b"<h1>no</h1>", b"\xff\xfe", b'{"error": {"code": 7}}', b'{"message": [5]}']
)
async def test_a_refusal_without_the_envelope(
    gateway: GwmsEmulator, status: int, kind: type[ApiError], body: bytes
) -> None:
    """Its HTTP status decides; but what is not there only the gateway can say, and a proxy may have answered."""
    gateway.inject(Status(status, "3600", body=body), operation="get", times=9)
    async with client(gateway) as gwms:
        with pytest.raises(kind) as caught:
            await gwms.webhooks.get(1)

    assert not isinstance(caught.value, NotFoundError)
    assert caught.value.status == int(status)
    assert caught.value.message


@pytest.mark.parametrize("content_type", ["text/plain", "text/html", "application/octet-stream", "application/x; y="])
async def test_the_content_type_is_not_trusted(gateway: GwmsEmulator, content_type: str) -> None:
    """JSON is read under any content type, also after a byte order mark."""
    gateway.inject(RawBody(b"\xef\xbb\xbf" + answer([HOOK]).body, content_type), operation="list")
    async with client(gateway) as gwms:
        assert len(await gwms.webhooks.list()) == 1


@pytest.mark.parametrize("retry_after", ["", "soon", "-5", "nan", "inf", "1e400", "Thu, 01 Jan 1970 00:00:00 GMT"])
async def test_a_wait_that_makes_no_sense(gateway: GwmsEmulator, retry_after: str) -> None:
    """A `Retry-After` without a usable value is ignored."""
    gateway.inject(Status(503, retry_after), operation="list")
    async with client(gateway) as gwms:
        assert await gwms.webhooks.list() == []


async def test_maintenance_of_which_nothing_is_said(gateway: GwmsEmulator) -> None:
    """An HTML page, with HTTP 200 or 503, is an error that quotes it."""
    gateway.inject(Html(carry_out=False), operation="list")
    gateway.inject(Status(503, body=b"<h1>Maintenance</h1>"), operation="list", at=2, times=9)
    async with client(gateway) as gwms:
        with pytest.raises(DecodeError, match="stand by"):
            await gwms.webhooks.list()
        with pytest.raises(ServerError, match="Maintenance"):
            await gwms.webhooks.list()
