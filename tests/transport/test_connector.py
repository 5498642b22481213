"""Connections that never come about, that answer without being asked, and that cannot be closed in peace."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest

from gwms_async import AttemptTimeoutError, Cause, ConnectionFailedError, Timeout, TransportError
from gwms_async.chain import Call
from gwms_async.transport.proxies import Proxy
from gwms_async.transport.transport import Transport
from gwms_async.wire.requests import any_request, create_request, list_request

from ..helpers.emulated import spec

GATEWAY = "https://gw.example/v21"


@pytest.mark.parametrize(
    ("answer", "seconds", "expected"),
    [
        (b"", 10, ConnectionFailedError),
        (b"SSH-2.0-OpenSSH\r\n\r\n", 10, ConnectionFailedError),
        (None, 0.2, AttemptTimeoutError),
    ],
)
async def test_a_proxy_that_opens_no_tunnel(
    answer: bytes | None, seconds: float, expected: type[TransportError]
) -> None:
    """It hangs up, babbles or hangs: the gateway was sent nothing."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"CONNECT gw.example:443")
        if answer is None:
            await reader.read()
        else:
            writer.write(answer)
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        proxy = Proxy.of(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", GATEWAY, trust_env=False)
        transport = Transport(GATEWAY, Timeout(connect=seconds), proxy=proxy)
        try:
            with pytest.raises(expected) as caught:
                await transport(create_request(spec(), Call()))
        finally:
            await transport.close()

    assert caught.value.cause is Cause.NEVER_SENT


def answer(status: bytes, data: int) -> bytes:
    """Write a response."""
    body = b'{"statusCode":200,"message":"OK","data":[%d]}' % data
    return b"HTTP/1.1 %b\r\nContent-Length: %d\r\n\r\n%b" % (status, len(body), body)


async def test_an_idle_connection_is_used_again() -> None:
    """To open one for each request would take longer than the request."""
    connections = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        with suppress(asyncio.IncompleteReadError):
            while await reader.readuntil(b"\r\n\r\n"):
                writer.write(answer(b"200 OK", 1))
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        transport = Transport(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v21", Timeout())
        for _ in range(3):
            await transport(list_request(Call()))
        await transport.close()

    assert connections == 1


@pytest.mark.parametrize("pushed", [b"200 OK", b"400 Bad Request"])
async def test_what_comes_on_an_idle_connection_answers_nothing(pushed: bytes) -> None:
    """A response that nobody asked for is not taken for that to the next request (RFC 9112, 9.2)."""
    idle, is_pushed = asyncio.Event(), asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer(b"200 OK", 1))
        if not idle.is_set():
            await idle.wait()
            writer.write(answer(pushed, 2))
            is_pushed.set()
        await reader.read()
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        base_url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v21"
        transport, other = Transport(base_url, Timeout()), Transport(base_url, Timeout())
        try:
            await transport(list_request(Call()))
            idle.set()
            await is_pushed.wait()
            await other(list_request(Call()))  # meanwhile what was pushed has arrived
            response = await transport(list_request(Call()))
        finally:
            await transport.close()
            await other.close()

    assert response.data == [1]


async def test_closing_does_not_wait_for_a_gateway_that_reads_no_more() -> None:
    """What is still to be written to it is dropped."""
    begun, over = asyncio.Event(), asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        begun.set()
        await over.wait()
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        transport = Transport(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v21", Timeout())
        request = any_request("POST", "/orders", "x" * 32 * 1024 * 1024, idempotent=None)
        call = asyncio.create_task(transport(request))
        await begun.wait()
        closing = asyncio.create_task(transport.close())
        done, _ = await asyncio.wait([closing], timeout=10)  # or never
        over.set()

    assert done == {closing}
    with pytest.raises(TransportError) as caught:
        await call
    assert caught.value.cause is Cause.UNKNOWN
