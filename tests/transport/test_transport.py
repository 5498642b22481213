"""One attempt: what aiohttp is given to send, and what is read of the response."""

from __future__ import annotations

import asyncio
import socket
import traceback
from typing import Any

import aiohttp
import pytest
from attrs import evolve

from gwms_async import (
    AttemptTimeoutError,
    ConfigurationError,
    DeadlineExceededError,
    GwmsClient,
    GwmsError,
    Handler,
    OutcomeUnknownError,
    Request,
    Response,
    Timeout,
    TransportError,
)
from gwms_async.testing import GwmsEmulator, Reset, Stall
from gwms_async.transport.proxies import NO_PROXY
from gwms_async.transport.transport import Transport, request_options, session_options
from gwms_async.wire.requests import login_request

from ..helpers.emulated import client, spec, until
from ..helpers.virtual_io_loop import with_virtual_gateway


async def test_what_a_session_of_the_users_own_does_to_a_body_stays_there(gateway: GwmsEmulator) -> None:
    """Its middlewares find aiohttp's own payload, and what they write on it is written on nothing else."""

    async def sign(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
        body = request.body
        if isinstance(body, aiohttp.Payload):
            assert await body.as_bytes() == body.decode().encode()
            body.headers["x-signature"] = "signed"
        return await handler(request)

    async with aiohttp.ClientSession(middlewares=[sign]) as session, client(gateway, session=session) as gwms:
        await gwms.webhooks.create(spec(1))
    async with client(gateway) as gwms:
        await gwms.webhooks.create(spec(2))

    created = [exchange for exchange in gateway.requests if exchange.operation == "create"]
    assert {exchange.headers["content-type"] for exchange in created} == {"application/json"}
    assert not any("x-signature" in exchange.headers for exchange in created)


@pytest.mark.parametrize("body", ["{}", " " * 2 * 1024 * 1024 + "{}"], ids=["short", "long"])
async def test_a_body_that_is_no_bytes_is_not_sent(gateway: GwmsEmulator, body: Any) -> None:
    """A middleware of the user's that makes a string of it gets an error that says so."""

    async def spoil(request: Request, handler: Handler) -> Response:
        return await handler(evolve(request, body=body))

    async with client(gateway, middlewares=[spoil]) as gwms:
        with pytest.raises(ConfigurationError, match=r"aiohttp rejects it: .*not <class 'str'>.* and middlewares=$"):
            await gwms.webhooks.create(spec())

    assert not gateway.webhooks


async def test_no_frame_of_an_attempt_shows_its_body(gateway: GwmsEmulator) -> None:
    """Crash reporters keep the locals, and the body of a login holds the password."""
    gateway.inject(Reset(), operation="login")
    transport = Transport(gateway.base_url, Timeout())
    try:
        with pytest.raises(GwmsError) as caught:
            await transport(login_request("shop", "hunter2"))
    finally:
        await transport.close()

    frames = traceback.TracebackException.from_exception(caught.value, capture_locals=True).stack
    assert [frame for frame in frames if frame.name == "__call__"]
    assert "hunter2" not in str([frame.locals for frame in frames])


async def test_a_connection_that_is_upgraded_is_given_back() -> None:
    """Nobody asked for that, and nothing else would free it."""

    async def upgrade(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n")
        await reader.read()
        writer.close()

    answers: list[aiohttp.ClientResponse] = []

    async def keep(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
        answers.append(await handler(request))
        return answers[-1]

    async with (
        await asyncio.start_server(upgrade, "127.0.0.1", 0) as server,
        aiohttp.ClientSession(middlewares=[keep]) as session,
    ):
        port = server.sockets[0].getsockname()[1]
        transport = Transport(f"http://127.0.0.1:{port}", Timeout(), borrowed=session)
        response = await transport(Request("GET", "", idempotent=True))
        server.close()

    assert response.status == 101
    assert [answer.connection for answer in answers] == [None]


@pytest.mark.parametrize("is_sent", [False, True])
async def test_only_what_was_sent_may_still_be_on_the_wire(gateway: GwmsEmulator, *, is_sent: bool) -> None:
    """A user's middleware may hold the error until the deadline: a create that was refused a connection is not lost."""
    gateway.inject(Reset(), operation="login")
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        nowhere = f"http://127.0.0.1:{silent.getsockname()[1]}"
        transport = Transport(gateway.base_url if is_sent else nowhere, Timeout())
        request = login_request("shop", "password")
        with pytest.raises(TransportError):
            await transport(request)
        await transport.close()

    assert request.call.on_wire == is_sent


async def test_what_a_borrowed_session_s_own_code_raises(gateway: GwmsEmulator) -> None:
    """It may be raised after sending: the outcome of a create is unknown."""

    async def complain(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
        response = await handler(request)
        if request.url.path.endswith("/webhooks"):
            response.release()
            raise ValueError("mine")
        return response

    async with (
        aiohttp.ClientSession(middlewares=[complain]) as session,
        client(gateway, session=session) as gwms,
    ):
        with pytest.raises(OutcomeUnknownError, match="mine"):
            await gwms.webhooks.create(spec())

    assert len(gateway.webhooks) == 1


def test_closing_with_a_borrowed_session() -> None:
    """Requests in flight keep their limits, and what waits for a slot is not sent."""

    async def main(gateway: GwmsEmulator, kind: type[GwmsClient]) -> None:
        gateway.inject(Stall(60), operation="get")
        limits = Timeout(attempt=0.2, total=0.3)
        async with aiohttp.ClientSession() as session:
            gwms = client(gateway, kind=kind, session=session, max_connections=1, timeout=limits)
            await gwms.webhooks.list()
            stalled = asyncio.create_task(gwms.webhooks.get(1))
            await until(lambda: gateway.count("get"))
            waiting = asyncio.create_task(gwms.webhooks.create(spec()))
            await asyncio.sleep(0)
            await gwms.close()

            ends = await asyncio.gather(stalled, waiting, return_exceptions=True)

        assert isinstance(ends[0], AttemptTimeoutError | ConfigurationError | DeadlineExceededError)
        assert isinstance(ends[1], ConfigurationError | DeadlineExceededError)
        assert gateway.count("create") == 0

    with_virtual_gateway(main)


async def test_the_type_of_what_a_borrowed_session_sends(gateway: GwmsEmulator) -> None:
    """It is ours, whatever the session adds by itself."""
    headers = {"content-type": "text/plain"}
    async with (
        aiohttp.ClientSession(headers=headers, skip_auto_headers=["content-type"]) as session,
        client(gateway, session=session) as gwms,
    ):
        await gwms.webhooks.create(spec())

    assert {request.headers["content-type"] for request in gateway.requests} == {"application/json"}


@pytest.mark.parametrize("runs_middlewares", [False, True])
@pytest.mark.parametrize("has_body", [False, True])
@pytest.mark.parametrize("method", ["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PURGE", "PUT", "TRACE"])
def test_the_options_of_a_request(method: str, has_body: bool, runs_middlewares: bool) -> None:
    """Nothing is sent twice by aiohttp itself; what has no body has no content type; redirects are never followed."""
    options = request_options(method, has_body=has_body, runs_middlewares=runs_middlewares)

    assert options["allow_redirects"] is False
    assert ("middlewares" in options) == (runs_middlewares and method not in {"PATCH", "POST", "PURGE"})
    assert ("skip_auto_headers" in options) == (not has_body and method in {"PATCH", "POST", "PUT"})


@pytest.mark.parametrize("error", [aiohttp.ClientOSError(104, "reset"), aiohttp.ServerDisconnectedError()])
async def test_what_aiohttp_would_send_again(error: aiohttp.ClientError) -> None:
    """It gets another error: an attempt that it repeats by itself would be in no log, limit or budget."""

    async def lost(_: aiohttp.ClientRequest) -> aiohttp.ClientResponse:
        raise error

    (send_once,) = request_options("GET", has_body=False)["middlewares"]
    any_request: Any = None

    with pytest.raises(aiohttp.ClientConnectionError) as caught:
        await send_once(any_request, lost)

    assert type(caught.value) is aiohttp.ClientConnectionError


@pytest.mark.parametrize(("is_borrowed", "expected"), [(False, (7.0, None)), (True, (None, 7.0))])
def test_what_the_time_to_connect_covers(*, is_borrowed: bool, expected: tuple[float | None, float | None]) -> None:
    """In a borrowed session only the socket: many calls may wait for its pool, and for longer."""
    limits = session_options(Timeout(connect=7.0), NO_PROXY, is_borrowed=is_borrowed)["timeout"]

    assert (limits.connect, limits.sock_connect) == expected
