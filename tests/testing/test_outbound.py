"""Where deliveries go, and how a request goes out."""

from __future__ import annotations

import asyncio

import aiohttp
import pytest
from aiohttp import web
from yarl import URL

from gwms_async.testing import CutPayload, DeliveryAttempt, StoredWebhook
from gwms_async.testing.journal import KEPT
from gwms_async.testing.outbound import ANY, address_of, origin_of, read_route, send

from ..helpers.emulated import until
from ..helpers.webhook_server import webhook_server

ROUTES = {"https://shop.example": "http://127.0.0.1:8080", "https://xn--lu-ioa2z.example": "http://localhost:1"}
WEBHOOK = StoredWebhook(1, "key", "https://shop.example/", "UPDATE_ORDER", active=True, method="POST", registered_at="")


def attempted(body: bytes | None) -> DeliveryAttempt:
    """Return an attempt that is about to be made."""
    method = "GET" if body is None else "POST"
    return DeliveryAttempt(WEBHOOK, "A1", 1, None, method, WEBHOOK.url, body, 0.0)


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("https://shop.example", "http://127.0.0.1:8080/A1"),
        ("https://shop.example/a", "http://127.0.0.1:8080/aA1"),
        ("https://shop.example/a/?b=1#c", "http://127.0.0.1:8080/a/A1?b=1"),
        ("https://SHOP.example:443/%2f%41%zz/", "http://127.0.0.1:8080/%2f%41%zz/A1"),
        ("https://user:p%40ss@shop.example/", "http://user:p%40ss@127.0.0.1:8080/A1"),
        ('https://shop.example/ž \r\n"<x>/', "http://127.0.0.1:8080/%C5%BE%20%22%3Cx%3E/A1"),
        ("https://žlu.example/", None),
        ("https://ŽLUŤ.example/", None),
        ("http://shop.example/", None),
        ("http://127.9.9.9:1/", "http://127.9.9.9:1/A1"),
        ("http://[::1]:1/", "http://[::1]:1/A1"),
        ("http://LOCALHOST/", "http://127.0.0.1/A1"),
        ("https://127.0.0.1/", "https://127.0.0.1/A1"),
        ("http://127.0.0.1\\@shop.test/", None),
        ("http://shop.test\\@127.0.0.1/", "http://shop.test%5C@127.0.0.1/A1"),
        ("http:///x", None),
        ("http://127.0.0.1:0/", None),
        ("ftp://127.0.0.1/", None),
        ("javascript:alert(1)", None),
        ("ftp://shop.example/", None),
        ("http://0.0.0.0/", None),
        ("http://2130706433/", None),
        ("http://0x7f000001/", None),
    ],
)
def test_addresses(url: str, address: str | None) -> None:
    """Always on this machine; the path as registered, with the id appended as it stands."""
    found = address_of(url, "A1", ROUTES)

    assert address == (None if found is None else str(found))
    assert found is None or found.host in {"127.0.0.1", "127.9.9.9", "::1"}


def test_a_route_is_normalized() -> None:
    """Spelling does not matter."""
    assert read_route("HTTPS://Shop.Example:443/", "http://LocalHost:80") == (
        "https://shop.example",
        "http://localhost",
    )
    assert origin_of("https://u:p@shop.example:8443/x") == "https://shop.example:8443"


def test_a_route_for_any_host() -> None:
    """It is for hosts that are not this machine and have no route of their own."""
    origin, target = read_route(ANY, "http://LocalHost:8000")
    routes = {**ROUTES, origin: target}

    assert [
        str(address_of(url, "", routes)) for url in ("http://other.test/x", "https://shop.example/", "http://[::1]:1")
    ] == [
        "http://127.0.0.1:8000/x",
        "http://127.0.0.1:8080/",
        "http://[::1]:1/",
    ]
    with pytest.raises(ValueError, match="not on this machine"):
        read_route(ANY, "http://shop.example")


async def test_what_is_noted_of_an_answer() -> None:
    """The headers that went out and came back, and the start of the body, which is read to its end."""

    async def answer(_: web.BaseRequest) -> web.Response:
        return web.Response(status=418, body=b"x" * 1_000_000, headers={"X-Own": "1"})

    runner = web.ServerRunner(web.Server(answer, access_log=None))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    attempt = attempted(None)
    try:
        async with aiohttp.ClientSession() as session:
            url = URL.build(scheme="http", host="127.0.0.1", port=runner.addresses[0][1])
            await send(session, attempt, url, 10)
    finally:
        await runner.cleanup()

    assert (attempt.status, attempt.answer_headers["X-Own"], attempt.answer_start) == (418, "1", b"x" * KEPT)
    assert attempt.headers["Host"] == f"127.0.0.1:{url.port}"


@pytest.mark.parametrize("size", [0, 1, 2_000_000])
async def test_a_body_arrives_whole(size: int) -> None:
    """Whatever its size."""
    async with webhook_server() as server, aiohttp.ClientSession() as session:
        body = b'{"eshopOrderId": "%b"}' % (b"x" * size)
        attempt = attempted(body)
        await send(session, attempt, URL(server.url("/")), 10)

        assert attempt.status == 200
        assert server.handled == ["x" * size]


async def test_a_cut_body_does_not_arrive() -> None:
    """The server sees the connection close, and there is no answer."""
    async with webhook_server() as server, aiohttp.ClientSession() as session:
        attempt = attempted(b'{"eshopOrderId": "A1"}')
        attempt.disturbance = CutPayload()
        await send(session, attempt, URL(server.url("/")), 10)

        await until(lambda: server.arrived)
    assert (attempt.problem, attempt.status, attempt.answer_headers) == ("no answer", None, {})
    assert server.handled == []


@pytest.mark.parametrize("answer", [b"", b"nonsense\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"])
async def test_a_server_that_answers_nothing_of_use(answer: bytes) -> None:
    """It is as if it had not answered."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        writer.close()

    attempt = attempted(None)
    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server, aiohttp.ClientSession() as session:
        port = server.sockets[0].getsockname()[1]
        await send(session, attempt, URL.build(scheme="http", host="127.0.0.1", port=port), 10)

    assert (attempt.problem, attempt.status) == ("no answer", None)


@pytest.mark.parametrize("url", ["javascript:alert(1)", "ftp://shop.example/", "https:///x"])
def test_a_route_for_any_host_is_for_urls_with_a_host(url: str) -> None:
    """What is no URL of HTTP leads nowhere."""
    assert address_of(url, "A1", {ANY: "http://127.0.0.1:9"}) is None
