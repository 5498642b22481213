"""URLs of requests: the base URL and a path."""

from __future__ import annotations

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from yarl import URL

from gwms_async import ConfigurationError, Credentials, GwmsClient
from gwms_async.testing import GwmsEmulator
from gwms_async.transport.urls import Urls


@pytest.mark.parametrize("base", ["https://gw.example", "https://gw.example/v21", "https://gw.example:8443/a%20b"])
@pytest.mark.parametrize("path", ["", "/webhooks", "/webhooks/7/activate", "/orders/a.b", "/orders?page=2", "/\u010d"])
def test_a_path_is_appended_to_the_base_url(base: str, path: str) -> None:
    """The URL is that of the joined text, whether or not it has to be parsed."""
    urls = Urls(base)

    assert [URL(urls.join(path)) for _ in range(2)] == [URL(base + path)] * 2


def test_paths_in_turn() -> None:
    """Only the last URL is remembered, and never mistaken for another."""
    urls = Urls("https://gw.example")
    paths = ["/a", "/a", "/b", "/a"]

    assert [str(urls.join(path)) for path in paths] == [f"https://gw.example{path}" for path in paths]


@pytest.mark.parametrize("url", ["https://shop[::1]", "https://gw[", "https://[gw.example]"])
def test_a_base_url_that_aiohttp_cannot_use(url: str) -> None:
    """It is rejected when the client is made; the message is the same on every Python."""
    with pytest.raises(ConfigurationError, match="base_url must be https://host/path and nothing more; got "):
        GwmsClient(Credentials("u", "p", "k"), base_url=url)


async def test_a_base_url_without_a_path(gateway: GwmsEmulator) -> None:
    """Paths are appended with one slash."""
    seen: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        """Note the path; log anybody in."""
        seen.append(request.raw_path)
        return web.json_response({"statusCode": 200, "message": "OK", "data": {"token": "t"}})

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    async with (
        TestServer(app) as server,
        GwmsClient(Credentials("u", "p", "k"), base_url=f"http://127.0.0.1:{server.port}/") as gwms,
    ):
        await gwms.request("GET", "/orders")
        await gwms.request("GET", "/orders/a.b")

    assert seen == ["/users/login", "/orders", "/orders/a.b"]
