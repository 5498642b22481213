"""A client of the emulator that uses nothing of the package: requests as anyone would write them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any

import aiohttp
from attrs import define, frozen

from gwms_async.testing import Fault, GwmsEmulator

EPOCH = 1_790_000_000.0
"""2026-09-21T14:13:20Z."""

HOOK: dict[str, object] = {
    "url": "https://shop.example/1",
    "webhookType": "CREATE_ORDER",
    "active": True,
    "method": "POST",
}
"""A valid body of a create or an update."""


@define
class Clock:
    """A gateway's clock that moves only when a test moves it."""

    now: float = EPOCH

    def __call__(self) -> float:
        """Return the time."""
        return self.now


@frozen
class Reply:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    content: bytes

    @property
    def envelope(self) -> dict[str, Any]:
        """The body, whose status must be the one on the status line."""
        content = json.loads(self.content)
        assert isinstance(content, dict)
        assert self.status == content["statusCode"]
        assert self.headers["Content-Type"] == "application/json; charset=utf-8"
        return content

    @property
    def data(self) -> Any:
        """The `data` of the envelope."""
        return self.envelope["data"]

    @property
    def problem(self) -> tuple[int, str]:
        """The status and message of an error, which has no data."""
        assert self.envelope.keys() == {"statusCode", "message"}
        return self.status, self.envelope["message"]


@define
class Plain:
    """Sends requests to an emulator with any token and API key."""

    gateway: GwmsEmulator
    http: aiohttp.ClientSession
    authorization: str | None = None
    api_key: str | None = None

    async def send(self, method: str, path: str, body: object = None) -> Reply:
        """Send a request whose body is bytes, JSON, or absent (None)."""
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        headers = {"authorization": self.authorization, "x-api-key": self.api_key}
        async with self.http.request(
            method,
            self.gateway.base_url + path,
            data=data,
            headers={name: value for name, value in headers.items() if value is not None},
            allow_redirects=False,
        ) as response:
            return Reply(response.status, response.headers, await response.read())

    async def log_in(self) -> Reply:
        """Log in and keep the token."""
        username, password, _ = self.gateway.credentials
        reply = await self.send("POST", "/users/login", {"username": username, "password": password})
        self.authorization = f"Bearer {reply.data['token']}"
        return reply

    async def create(self) -> Reply:
        """Create the usual webhook."""
        return await self.send("POST", "/webhooks", HOOK)

    async def statuses(self, count: int) -> list[int]:
        """List the webhooks a few times in a row, and return the statuses of the answers."""
        return [(await self.send("GET", "/webhooks")).status for _ in range(count)]


@asynccontextmanager
async def plain(gateway: GwmsEmulator, api_key: str | None = None) -> AsyncGenerator[Plain]:
    """Make a client without a token; its API key is the first e-shop's by default."""
    timeout = aiohttp.ClientTimeout(total=10)
    async with aiohttp.ClientSession(timeout=timeout) as http:
        yield Plain(gateway, http, api_key=api_key or gateway.credentials.api_key)


@asynccontextmanager
async def logged_in(gateway: GwmsEmulator, api_key: str | None = None) -> AsyncGenerator[Plain]:
    """Make a client that has logged in."""
    async with plain(gateway, api_key) as client:
        await client.log_in()
        yield client


@frozen
class Wire:
    """A bare connection, for what an HTTP client would not do or show."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    def send(self, content: bytes) -> None:
        """Send bytes."""
        self.writer.write(content)

    async def rest(self) -> bytes:
        """Receive everything until the other side closes."""
        async with asyncio.timeout(10):
            return await self.reader.read()


@asynccontextmanager
async def wire(gateway: GwmsEmulator) -> AsyncGenerator[Wire]:
    """Open a connection."""
    port = gateway.base_url.rpartition(":")[2].partition("/")[0]
    reader, writer = await asyncio.open_connection("127.0.0.1", int(port))
    try:
        yield Wire(reader, writer)
    finally:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()


def request_bytes(client: Plain, method: str, path: str, body: object = None, *, close: bool = False) -> bytes:
    """Make the bytes of a request with a client's token and API key."""
    content = b"" if body is None else json.dumps(body).encode()
    lines = [
        f"{method} /v21{path} HTTP/1.1",
        "Host: gateway",
        f"Authorization: {client.authorization}",
        f"X-Api-Key: {client.api_key}",
        f"Content-Length: {len(content)}",
        *(["Connection: close"] if close else []),
    ]
    return "\r\n".join([*lines, "", ""]).encode() + content


async def raw_answer(gateway: GwmsEmulator, fault: Fault) -> bytes:
    """Make a fault hit a create, and return all bytes that come back."""
    async with logged_in(gateway) as client, wire(gateway) as connection:
        gateway.inject(fault)
        connection.send(request_bytes(client, "POST", "/webhooks", HOOK))
        content = await connection.rest()
    assert gateway.requests[-1].fault is fault
    assert gateway.faults_left == 0
    return content
