"""What aiohttp is handed to send, and what of an answer is read."""

from __future__ import annotations

import asyncio
import traceback
from typing import Any
from unittest.mock import create_autospec

import aiohttp
import pytest
from aiohttp.abc import AbstractStreamWriter
from attrs import evolve

from gwms_async import ConfigurationError, GwmsError, Handler, Request, Response, Timeout
from gwms_async.testing import GwmsEmulator, Reset
from gwms_async.transport.body import JsonBody
from gwms_async.transport.transport import Transport
from gwms_async.wire.requests import login_request

from ..helpers.emulated import client, spec

BODY = b'{"a":"\xc3\xa1"}'


async def test_a_body_may_be_written_in_part() -> None:
    """As aiohttp asks: all of it, or so many bytes."""
    writer = create_autospec(AbstractStreamWriter)
    for length in (None, 5, 100):
        await JsonBody(BODY).write_with_length(writer, length)
    await JsonBody(BODY).write(writer)

    assert [call.args[0] for call in writer.write.await_args_list] == [BODY, BODY[:5], BODY, BODY]
    assert (JsonBody(BODY).size, JsonBody(BODY).decode()) == (len(BODY), BODY.decode())


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
    headers: Any = JsonBody(BODY).headers
    with pytest.raises(TypeError):
        headers["x-signature"] = "signed"


async def test_a_body_that_is_no_bytes_is_not_sent(gateway: GwmsEmulator) -> None:
    """A middleware of the user's that makes a text of it is told so."""

    async def spoil(request: Request, handler: Handler) -> Response:
        body: Any = "{}"
        return await handler(evolve(request, body=body))

    async with client(gateway, middlewares=[spoil]) as gwms:
        with pytest.raises(ConfigurationError, match="a body must be bytes, not str"):
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
