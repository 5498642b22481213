"""Proxies: which are taken, what they get of the password, and that it is shown nowhere."""

from __future__ import annotations

import asyncio
import traceback
from base64 import b64encode
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from gwms_async import ConfigurationError, Credentials, GwmsClient, GwmsError
from gwms_async.testing import GwmsEmulator
from gwms_async.transport.proxies import Proxy

from ..helpers.emulated import QUICK, client, spec

CREDENTIALS = Credentials("user", "password", "key")
GATEWAY = "https://gw.example/v21"
BASIC = f"Basic {b64encode(b'shop:s3cr!et').decode()}"


@pytest.fixture(params=[407, 401])
async def refusing(request: pytest.FixtureRequest) -> AsyncIterator[tuple[int, list[bytes]]]:
    """Listen as a proxy that refuses what it is asked, and repeats it; give the port and what was read."""
    heads: list[bytes] = []

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(await reader.readuntil(b"\r\n\r\n"))
        said = next(line for line in heads[-1].split(b"\r\n") if line.lower().startswith(b"proxy-authorization"))
        writer.write(
            b"HTTP/1.1 %d No %b s3cr!et\r\nContent-Length: 0\r\nConnection: close\r\n\r\n" % (request.param, said)
        )
        writer.close()

    async with await asyncio.start_server(refuse, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1], heads


@pytest.mark.parametrize(
    ("proxy", "problem"),
    [
        ("socks5://shop:s3cr!et@127.0.0.1:1080", "proxy must be http://host:port or https://host:port"),
        ("http://shop:s3cr!et@127.0.0.1:99999", "proxy must be http"),
        ("shop:s3cr!et@127.0.0.1:80", "proxy must be http"),
        ("http://", "proxy must be http"),
        ("", "proxy must be http"),
        (5, "proxy must be http"),
    ],
)
def test_a_proxy_that_cannot_be_used(proxy: Any, problem: str) -> None:
    """It is refused when the client is made, and its password is not shown."""
    with pytest.raises(ConfigurationError, match=f"^{problem}") as caught:
        GwmsClient(CREDENTIALS, base_url=GATEWAY, proxy=proxy)

    frames = [frame for frame, _ in traceback.walk_tb(caught.tb) if frame.f_code.co_filename != __file__]
    assert "s3cr" not in f"{caught.value} {[frame.f_locals for frame in frames]}"


@pytest.mark.parametrize("base_url", ["http://127.0.0.1:8021/v21", "HTTP://localhost:8021/v21"])
def test_a_proxy_that_would_see_the_login(base_url: str) -> None:
    """A plain request to this machine goes through a proxy of this machine only."""
    with pytest.raises(ConfigurationError, match="proxy must be on this machine"):
        GwmsClient(CREDENTIALS, base_url=base_url, proxy="http://proxy.example:3128")

    GwmsClient(CREDENTIALS, base_url=base_url, proxy="http://localhost:3128")


@pytest.mark.parametrize("is_borrowed", [False, True])
@pytest.mark.parametrize("password", ["s3cr%21et", "s3cr!et"])
async def test_a_password_is_shown_in_no_spelling(
    refusing: tuple[int, list[bytes]], gateway: GwmsEmulator, password: str, is_borrowed: bool
) -> None:
    """The proxy gets it, whether or not it opens a tunnel; errors show neither how it is typed nor how it is sent."""
    port, heads = refusing
    proxy = f"http://shop:{password}@127.0.0.1:{port}"
    session = aiohttp.ClientSession() if is_borrowed else None
    for base_url in (GATEWAY, gateway.base_url):
        async with client(gateway, base_url=base_url, proxy=proxy, session=session, retry=QUICK) as gwms:
            with pytest.raises(GwmsError) as caught:
                await gwms.webhooks.create(spec())
        shown = str(caught.value)
        assert not [text for text in ("s3cr", BASIC.split()[1]) if text in shown], shown
        assert f"\r\nproxy-authorization: {BASIC}".lower() in heads[-1].decode().lower()
    if session is not None:
        await session.close()

    assert [head.startswith(b"CONNECT gw.example:443 ") for head in heads[:2]] == [True, False]  # tried once
    assert heads[-1].startswith(b"POST http://127.0.0.1")


async def test_a_proxy_that_is_not_there() -> None:
    """Its error names the proxy without its password."""
    async with GwmsClient(
        CREDENTIALS, base_url=GATEWAY, proxy="http://shop:s3cr%21et@127.0.0.1:9", retry=QUICK
    ) as gwms:
        with pytest.raises(GwmsError, match=r"127\.0\.0\.1:9") as caught:
            await gwms.webhooks.list()

    assert "s3cr" not in str(caught.value)


def test_the_repr_of_a_proxy() -> None:
    """It shows the address only."""
    proxy = Proxy.of("http://shop:s3cr!et@127.0.0.1:3128", GATEWAY)

    assert repr(proxy) == "Proxy(url='http://127.0.0.1:3128')"


@pytest.mark.parametrize(
    ("variables", "base_url", "url"),
    [
        ({}, GATEWAY, None),
        ({"https_proxy": "http://shop:s3cr!et@proxy.example:3128"}, GATEWAY, "http://proxy.example:3128"),
        ({"HTTPS_PROXY": "proxy.example:3128"}, GATEWAY, "http://proxy.example:3128"),
        ({"http_proxy": "http://proxy.example:3128"}, GATEWAY, None),
        ({"https_proxy": "http://proxy.example:3128", "no_proxy": ".example"}, GATEWAY, None),
        ({"http_proxy": "http://proxy.example:3128"}, "http://127.0.0.1:8021/v21", None),
    ],
)
def test_the_proxy_of_the_environment(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], base_url: str, url: str | None
) -> None:
    """It is taken if asked for, and never for this machine."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    found, without = Proxy.of(None, base_url, trust_env=True), Proxy.of(None, base_url)
    assert isinstance(found, Proxy)
    assert found.url == url
    assert without == Proxy()


def test_a_proxy_of_the_environment_that_cannot_be_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error says where it comes from; a proxy that is given goes first."""
    monkeypatch.setenv("https_proxy", "socks5://127.0.0.1:1080")
    with pytest.raises(ConfigurationError, match=r"^the proxy of the environment must be http"):
        GwmsClient(CREDENTIALS, base_url=GATEWAY, trust_env=True)

    GwmsClient(CREDENTIALS, base_url=GATEWAY, trust_env=True, proxy="http://127.0.0.1:3128")


async def test_no_netrc_is_read(gateway: GwmsEmulator, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not with the environment's proxy either."""
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login someone password netrc-secret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    async with client(gateway, trust_env=True) as gwms:
        await gwms.webhooks.create(spec())

    sent = [exchange.headers.get("authorization", "none").split()[0] for exchange in gateway.requests]
    assert sent == ["none", "Bearer"]
