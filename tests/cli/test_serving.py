"""The server of `gwms listen`."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from gwms_async import WebhookType
from gwms_async.cli.serving import Respond, Seen, answering, forwarding, keep, serving
from gwms_async.receiving import Delivery, Receiver, aiohttp_app

from ..helpers.deliveries import ORDER, SECRET, Handled, path_of, receiver_of, wrong_paths
from ..helpers.emulated import until
from ..helpers.hosts import aiohttp_host, exchange, send

PATH = path_of(receiver_of(keep))
OK = answering(200, 0)


@asynccontextmanager
async def listener(respond: Respond) -> AsyncGenerator[tuple[int, list[Seen]]]:
    """Serve; give the port and what comes."""
    seen = list[Seen]()
    async with serving(receiver_of(keep), 0, respond, seen.append) as port:
        yield port, seen


async def test_what_is_reported() -> None:
    """Each request, also one that is refused, with its size, headers and answer."""
    async with listener(answering(202, 0)) as (port, seen):
        assert await send(port, f"/pre{PATH}", b'{"eshopOrderId": "A1"}') == 202
        assert (await exchange(port, "GET", f"{PATH}/a%2Fb?c=d")).split()[1] == b"202"
        assert await send(port, PATH, b"no JSON") == 400
        assert (await exchange(port, "GET", wrong_paths(PATH)[0])).split()[1] == b"404"

    assert [(one.event, one.eshop, one.id) for one in seen] == [
        *((ORDER, "", "A1"), (ORDER, "", "a/b"), (None, None, None), (None, None, None))
    ]
    assert [(one.method, one.size, one.answer) for one in seen] == [
        *(("POST", 22, 202), ("GET", 0, 202), ("POST", 7, 400), ("GET", 0, 404))
    ]
    assert seen[1].path == f"{PATH}/a%2Fb?c=d"
    assert ("Host", "shop.example") in seen[0].headers
    assert all(0 <= one.ms < 10_000 for one in seen)


async def test_what_is_refused_after_a_delivery() -> None:
    """On the same connection, it is not taken for another delivery of the same."""
    async with listener(OK) as (port, seen):
        request = "GET {} HTTP/1.1\r\nHost: shop.example\r\n{}\r\n"
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request.format(f"{PATH}/A", "").encode())
        writer.write(request.format(wrong_paths(PATH)[0], "Connection: close\r\n").encode())
        async with asyncio.timeout(20):
            await reader.read()
        writer.close()
        await writer.wait_closed()

    assert [(one.id, one.answer) for one in seen] == [("A", 200), (None, 404)]


async def test_the_other_side_hangs_up() -> None:
    """Before a slow answer: there is none, and how long it waited is known."""
    arrived = asyncio.Event()

    async def wait(request: web.Request, delivery: Delivery) -> web.Response:
        arrived.set()
        return await answering(200, 30)(request, delivery)

    async with listener(wait) as (port, seen):
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(f"GET {PATH}/A HTTP/1.1\r\nHost: a\r\n\r\n".encode())
        await arrived.wait()
        writer.close()
        await writer.wait_closed()
        await until(lambda: seen)

    assert (seen[0].answer, seen[0].id) == (None, "A")


async def test_a_port_that_is_taken() -> None:
    """The error says what to do."""
    async with listener(OK) as (port, _):
        with pytest.raises(OSError, match=r"; --port 0 takes a free port$"):
            async with serving(Receiver(SECRET), port, OK, print):
                pass


async def test_forwarding_to_an_application() -> None:
    """With the same secret and a prefix of its own it gets the same deliveries; its answers come back."""
    handled = Handled()
    app_receiver = Receiver(SECRET)
    app_receiver.on(ORDER)(handled)

    @app_receiver.on(WebhookType.CREATE_ORDER)
    async def fail(_: Delivery) -> None:
        raise LookupError

    app = web.Application()
    app.add_subapp("/app", aiohttp_app(app_receiver))
    bodies = [b'{"eshopOrderId": "A1"}', b'{"eshopOrderId": 5}']
    async with (
        aiohttp_host(app) as app_port,
        listener(forwarding(f"http://127.0.0.1:{app_port}/app/")) as (port, seen),
        listener(forwarding(f"http://127.0.0.1:{app_port}/nothing")) as (wrong, _),
    ):
        for body in bodies:
            assert await send(port, PATH, body) == 200
        for entity_id in ("A%2F1", "", "%zz", "a%20b?c=d"):
            assert (await exchange(port, "GET", f"{PATH}/{entity_id}")).split()[1] == b"200"
        assert await send(port, path_of(receiver_of(keep), WebhookType.CREATE_ORDER)) == 500
        assert (await exchange(wrong, "GET", f"{PATH}/A")).split()[1] == b"404"

    assert [one.body for one in handled[:2]] == bodies
    assert [one.entity_id for one in handled] == ["A1", "5", "A/1", "", "%zz", "a b"]
    assert all(one.raw_path.startswith("/app/UPDATE_ORDER/gw1-***") for one in handled)
    assert [one.answer for one in seen] == [200] * 6 + [500]


async def test_headers_of_forwarded_deliveries() -> None:
    """Those of the connection are its own, repeated ones stay apart; what says how to go on is handed back."""
    headers, repeated = [], list[str]()

    async def answer(request: web.Request) -> web.Response:
        headers.append({name.lower(): value for name, value in request.headers.items()})
        repeated.extend(request.headers.getall("X-Own"))
        assert await request.read() == b"{}"
        return web.Response(status=503, body=b"later", headers={"Retry-After": "7", "Server": "theirs"})

    app = web.Application()
    app.router.add_post("/{tail:.*}", answer)
    async with (
        aiohttp_host(app) as app_port,
        listener(forwarding(f"http://127.0.0.1:{app_port}")) as (port, _),
    ):
        lines = ("Transfer-Encoding: chunked", "TE: trailers", "Content-Type: text/x")
        own = ("X-Own: 1", "X-Own: 2, 3", "x-own: 4")
        response = await exchange(port, "POST", PATH, *lines, *own, body=b"2\r\n{}\r\n0\r\n\r\n")

    assert response.startswith(b"HTTP/1.1 503 ")
    assert b"Retry-After: 7\r\n" in response
    assert b"Content-Length: 5\r\n" in response
    assert b"theirs" not in response
    (seen,) = headers
    assert (seen["host"], seen["content-type"]) == (f"127.0.0.1:{app_port}", "text/x")
    assert repeated == ["1", "2, 3", "4"]
    assert (seen["content-length"], seen.keys() & {"te", "transfer-encoding"}) == ("2", set())


async def test_an_application_that_cannot_be_reached(capsys: pytest.CaptureFixture[str]) -> None:
    """502, and a warning without the token."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # so that the listener does not get this port
        port_of_none = taken.getsockname()[1]
        async with listener(forwarding(f"http://127.0.0.1:{port_of_none}")) as (port, seen):
            assert await send(port, PATH) == 502

    assert seen[0].answer == 502
    assert capsys.readouterr().err == f"Warning: cannot reach http://127.0.0.1:{port_of_none} (connection refused)\n"
