"""Connections that never come about: nothing was sent, so that even a create is sent again."""

from __future__ import annotations

import asyncio

import pytest

from gwms_async import AttemptTimeoutError, Cause, ConnectionFailedError, Timeout, TransportError
from gwms_async.chain import Call
from gwms_async.transport.proxies import Proxy
from gwms_async.transport.transport import Transport
from gwms_async.wire.requests import create_request

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
