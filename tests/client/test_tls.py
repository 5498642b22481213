"""TLS and proxies: what is refused, and that nothing is sent then."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest
import trustme
from attrs import evolve

from gwms_async import Cause, Credentials, GwmsClient, GwmsError, TransportError
from gwms_async.testing import GwmsEmulator, Status

from ..helpers.emulated import QUICK, client, spec

CREDENTIALS = Credentials("user", "password", "key")


@asynccontextmanager
async def tls_front(ca: trustme.CA, name: str) -> AsyncGenerator[tuple[int, list[bytes]]]:
    """Listen with TLS under a name; give the port and what was read."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    ca.issue_cert(name).configure_cert(context)
    read: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                read.append(head)
                length = next((int(x[15:]) for x in head.lower().split(b"\r\n") if x.startswith(b"content-length:")), 0)
                await reader.readexactly(length)
                body = b'{"data": {"token": "t"}}' if b"/users/login " in head else b'{"data": []}'
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=context)
    async with server:
        yield server.sockets[0].getsockname()[1], read


async def test_a_private_ca() -> None:
    """`ssl=` takes a context that trusts it; without, nothing is sent and nothing is tried again."""
    ca = trustme.CA()
    trusting = ssl.create_default_context()
    ca.configure_trust(trusting)
    async with tls_front(ca, "127.0.0.1") as (port, read):
        url = f"https://127.0.0.1:{port}/v21"
        async with GwmsClient(CREDENTIALS, base_url=url, ssl=trusting) as gwms:
            assert await gwms.webhooks.list() == []
            assert len(read) == 2
        async with GwmsClient(CREDENTIALS, base_url=url) as gwms:
            with pytest.raises(TransportError, match=r"CertificateError.*check base_url, ssl= and proxy=") as caught:
                await gwms.webhooks.create(spec())

    assert caught.value.cause is Cause.MISCONFIGURED
    assert len(read) == 2


async def test_a_wrong_host_name() -> None:
    """A certificate for another name is refused at once."""
    ca = trustme.CA()
    trusting = ssl.create_default_context()
    ca.configure_trust(trusting)
    async with tls_front(ca, "shop.example") as (port, read):
        gwms = GwmsClient(CREDENTIALS, base_url=f"https://127.0.0.1:{port}/v21", ssl=trusting)
        with pytest.raises(TransportError) as caught:
            await gwms.webhooks.list()
        await gwms.close()

    assert caught.value.cause is Cause.MISCONFIGURED
    assert read == []


async def test_plain_text_where_tls_is_due(gateway: GwmsEmulator) -> None:
    """A gateway that speaks no TLS is a wrong address, and is not tried again."""
    url = gateway.base_url.replace("http:", "https:")
    async with GwmsClient(CREDENTIALS, base_url=url) as gwms:
        with pytest.raises(TransportError) as caught:
            await gwms.webhooks.list()

    assert caught.value.cause is Cause.MISCONFIGURED


async def test_a_proxy(gateway: GwmsEmulator) -> None:
    """Requests go to it whole; one that refuses the tunnel has passed nothing on."""
    proxy = gateway.base_url.removesuffix("/v21")
    async with client(gateway, proxy=proxy) as gwms:
        with pytest.raises(GwmsError):
            await gwms.webhooks.list()
    assert gateway.requests[0].path.startswith("http://127.0.0.1")

    gateway.inject(Status(503), operation="other", times=2)
    tunnelled = GwmsClient(
        CREDENTIALS, base_url="https://gw.example/v21", proxy=proxy, retry=evolve(QUICK, max_attempts=2)
    )
    async with tunnelled:
        with pytest.raises(TransportError) as caught:
            await tunnelled.webhooks.create(spec())
    assert caught.value.cause is Cause.NEVER_SENT
