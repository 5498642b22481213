"""The table of answers on real servers: the same bytes go to each."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import quote

import pytest
import uvicorn
from aiohttp import web
from starlette.types import ASGIApp

from gwms_async import WebhookType
from gwms_async.receiving import Delivery, Receiver
from gwms_async.timeouts import SharedTimeout

from .deliveries import IDS, ORDER, SECRET, Handled, path_of, wrong_paths
from .emulated import until

MAX = 1000  # bytes of a body
METHODS = ("GET", "POST", "OPTIONS", "PUT", "DELETE", "PATCH")


@asynccontextmanager
async def aiohttp_host(app: web.Application, **options: Any) -> AsyncGenerator[int]:
    """Serve an aiohttp application; give the port."""
    runner = web.AppRunner(app, lingering_time=0, **options)  # else it waits for the rest of bodies that are refused
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


@asynccontextmanager
async def uvicorn_host(app: ASGIApp, **options: Any) -> AsyncGenerator[int]:
    """Serve an ASGI application; give the port."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(app, log_config=None, **options))
        task = asyncio.create_task(server.serve(sockets=[listener]))
        await until(lambda: server.started)
        try:
            yield listener.getsockname()[1]
        finally:
            server.should_exit = True
            await task


async def exchange(port: int, method: str, path: str, *lines: str, body: bytes = b"") -> bytes:
    """Send a request, and give the head of the response without its date."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    head = [f"{method} {path} HTTP/1.1", "Host: shop.example", "Connection: close", *lines]
    writer.write("\r\n".join([*head, "", ""]).encode() + body)
    async with asyncio.timeout(20):
        response = await reader.readuntil(b"\r\n\r\n")
    writer.close()
    await writer.wait_closed()
    return b"\r\n".join(line for line in response.split(b"\r\n") if not line.lower().startswith(b"date:"))


def status_of(response: bytes) -> int:
    """Return the status of a response, which must be empty and kept by no cache."""
    assert b"\r\ncontent-length: 0\r\n" in response.lower()
    assert b"\r\ncache-control: no-store\r\n" in response.lower()
    return int(response.split()[1])


async def send(port: int, path: str, body: bytes = b"{}") -> int:
    """Deliver by POST."""
    return status_of(await exchange(port, "POST", path, f"Content-Length: {len(body)}", body=body))


class Subject:
    """A receiver whose handlers do all that handlers do.

    - UPDATE_ORDER keeps what it gets, CREATE_ORDER fails, CREATE_PRODUCT takes too long; UPDATE_RETURN has none.
    """

    def __init__(self) -> None:
        self.handled = Handled()
        self.receiver = Receiver(SECRET, max_body=MAX, limit=0.05)
        self.receiver.on(ORDER)(self.handled)
        self.receiver.on(WebhookType.CREATE_ORDER)(self.fail)
        self.receiver.on(WebhookType.CREATE_PRODUCT)(self.take_long)
        self.other = Receiver(SECRET)
        self.other.on(WebhookType.UPDATE_RETURN)(self.fail)

    async def fail(self, delivery: Delivery) -> None:
        """Fail."""
        raise LookupError

    async def take_long(self, delivery: Delivery) -> None:
        """Take too long."""
        await asyncio.sleep(10)


async def check_table(port: int, monkeypatch: pytest.MonkeyPatch, subject: Subject, prefix: str = "") -> None:
    """Go through the table of answers, with the receiver mounted at /gwms."""
    handled, receiver = subject.handled, subject.receiver
    path, create = prefix + path_of(receiver), prefix + path_of(receiver, WebhookType.CREATE_ORDER)
    product, gone = (
        prefix + path_of(receiver, WebhookType.CREATE_PRODUCT),
        path_of(subject.other, WebhookType.UPDATE_RETURN),
    )

    wrong = [prefix + one for one in wrong_paths(path_of(receiver)) if one.startswith("/gwms/")]
    responses = {await exchange(port, method, one) for method in METHODS for one in wrong}
    assert len(responses) == 1
    assert set(map(status_of, responses)) == {404}
    assert (await exchange(port, "HEAD", wrong[0])).split()[1] == b"404"

    for method in ("HEAD", "OPTIONS", "PUT", "DELETE"):
        response = await exchange(port, method, path)
        assert response.split()[1] == b"405"
        assert b"allow: get, post\r\n" in response.lower()
    assert await send(port, path, b"no JSON") == 400
    assert await send(port, path, b"[" * MAX) in {200, 400}
    del handled[:]
    assert await send(port, path, b'"' + b"x" * MAX) == 413
    chunks = f"{MAX:x}\r\n{'x' * MAX}\r\n1\r\nx\r\n".encode()
    assert status_of(await exchange(port, "POST", path, "Transfer-Encoding: chunked", body=chunks)) == 413
    assert await send(port, create) == 500
    assert await send(port, product) == 503
    assert await send(port, prefix + gone, b"no JSON") == 200
    await check_bodies_that_end_early(port, monkeypatch, path, receiver)
    assert not handled

    assert await send(port, path, '{"eshopOrderId": "Ä1"}'.encode()) == 200
    chunks = b'2\r\n{"\r\n10\r\neshopOrderId": 5\r\n1\r\n}\r\n0\r\n\r\n'
    assert status_of(await exchange(port, "POST", path + "?a=b", "Transfer-Encoding: chunked", body=chunks)) == 200
    for entity_id in IDS:
        assert status_of(await exchange(port, "GET", f"{path}/{quote(entity_id, safe='')}")) == 200
        assert status_of(await exchange(port, "GET", f"{path}/{quote(entity_id)}?a=/b")) == 200
    assert [delivery.entity_id for delivery in handled] == ["Ä1", "5", *(one for one in IDS for _ in range(2))]
    assert all("/gwms/UPDATE_ORDER/gw1-***" in delivery.raw_path for delivery in handled)


async def check_bodies_that_end_early(
    port: int, monkeypatch: pytest.MonkeyPatch, path: str, receiver: Receiver
) -> None:
    """One that stops coming is answered 408; a client that has gone leaves nothing in flight."""
    with monkeypatch.context() as patch:
        patch.setattr(receiver, "_body_timeout", SharedTimeout(0.05))
        assert status_of(await exchange(port, "POST", path, "Content-Length: 9", body=b"{")) == 408
    for head in ("Content-Length: 9\r\n\r\n{}", "Transfer-Encoding: chunked\r\n\r\n5\r\n{}"):
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(f"POST {path} HTTP/1.1\r\nHost: shop.example\r\n{head}".encode())
        await until(lambda: receiver.health().in_flight)
        writer.close()
        await until(lambda: not receiver.health().in_flight)
        await writer.wait_closed()
