"""Where deliveries go, and how a request goes out."""

from __future__ import annotations

import aiohttp
import pytest
from yarl import URL

from gwms_async.testing.outbound import address_of, origin_of, read_route, send

from ..helpers.emulated import until
from ..helpers.webhook_server import webhook_server

ROUTES = {"https://shop.example": "http://127.0.0.1:8080", "https://xn--lu-ioa2z.example": "http://localhost:1"}


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


@pytest.mark.parametrize("size", [0, 1, 2_000_000])
async def test_a_body_arrives_whole(size: int) -> None:
    """Whatever its size."""
    async with webhook_server() as server, aiohttp.ClientSession() as session:
        body = b'{"eshopOrderId": "%b"}' % (b"x" * size)
        assert await send(session, "POST", URL(server.url("/")), body, cut=False) == 200

        assert server.handled == ["x" * size]


async def test_a_cut_body_does_not_arrive() -> None:
    """The server sees the connection close, and there is no answer."""
    async with webhook_server() as server, aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.ClientError):
            await send(session, "POST", URL(server.url("/")), b'{"eshopOrderId": "A1"}', cut=True)

        await until(lambda: server.arrived)
    assert server.handled == []
