"""Requests to a receiver."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from gwms_async import ConfigurationError
from gwms_async.cli import sending
from gwms_async.cli.sending import send

from ..helpers.hosts import aiohttp_host


@asynccontextmanager
async def host(handler: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> AsyncGenerator[int]:
    """Serve a handler of all requests; give the port."""
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", handler)
    async with aiohttp_host(app) as port:
        yield port


async def test_a_request_goes_out_as_it_is() -> None:
    """Percent-encoding included; the answer comes back whole, and a redirect is an answer."""
    seen = []

    async def answer(request: web.Request) -> web.Response:
        seen.append((request.method, request.raw_path, request.headers["X-Own"], await request.read()))
        return web.Response(status=302, body=b"moved", headers={"Location": "/elsewhere", "Retry-After": "3"})

    async with host(answer) as port:
        for body in (b"{}", None):
            reply, content = await send("POST", f"http://127.0.0.1:{port}/a%2fB%41/%zz?x=%20", body, [("X-Own", "1")])
            assert (reply.status, content, reply.headers["retry-after"]) == (302, b"moved", "3")

    assert seen == [("POST", "/a%2fB%41/%zz?x=%20", "1", body) for body in (b"{}", b"")]


async def test_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names the host and the reason; never the path, which is a secret."""
    is_over = asyncio.Event()

    async def hang_up(request: web.Request) -> web.Response:
        assert request.transport
        request.transport.close()
        return web.Response()

    async def wait(_: web.Request) -> web.Response:
        await is_over.wait()
        return web.Response()

    cases = ((hang_up, 10, "the connection was closed"), (wait, 0.05, r"no answer within 0\.05 s"))
    for handler, seconds, reason in cases:
        is_over.clear()
        monkeypatch.setattr(sending, "_SECONDS", seconds)
        async with host(handler) as port:
            with pytest.raises(OSError, match=rf"^cannot reach http://127\.0\.0\.1:{port} \({reason}\)$"):
                await send("GET", f"http://127.0.0.1:{port}/secret", None, [])
            is_over.set()
    with pytest.raises(OSError, match=rf"^cannot reach http://127\.0\.0\.1:{port} \(connection refused\)$"):
        await send("GET", f"http://127.0.0.1:{port}/secret", None, [])


async def test_the_proxy_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is used for other machines."""
    monkeypatch.setenv("https_proxy", "ftp://proxy.example")

    with pytest.raises(ConfigurationError, match="the proxy of the environment must be http://host:port"):
        await send("GET", "https://shop.example/", None, [])
