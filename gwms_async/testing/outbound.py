"""The way out of the emulator: to servers on this machine, and nowhere else."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from functools import lru_cache
from io import BytesIO
from ipaddress import ip_address
from urllib.parse import quote, urlsplit

import aiohttp
from yarl import URL

from .spelling import normalized_url
from .wire import JSON

_LEGAL = "%/?!$&'()*+,;=:@"  # what a URL may contain besides letters, digits and -._~


@lru_cache
def origin_of(url: str) -> str:
    """Return the scheme, host and port of a URL, normalized.

    Raises:
        ValueError: It is not a URL.
    """
    parts = urlsplit(normalized_url(url))
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


def read_route(origin: str, target: str) -> tuple[str, str]:
    """Return both ends of a route, normalized.

    Raises:
        ValueError: One of them is not just a scheme, host and port, or the target is not on this machine.
    """
    for url in (origin, target):
        if normalized_url(url) != f"{origin_of(url)}/":
            raise ValueError(f"{url!r} is not a scheme, host and port, e.g. https://shop.example")
    if not _is_loopback(target):
        raise ValueError(f"{target!r} is not on this machine; use 127.0.0.1, ::1 or localhost")
    return origin_of(origin), origin_of(target)


def address_of(url: str, suffix: str, routes: Mapping[str, str]) -> URL | None:
    """Return where a webhook's URL leads with a suffix to its path, or None if that is not on this machine."""
    try:
        target = routes.get(origin := origin_of(url), origin)
        if not _is_loopback(target):
            return None
        parts = urlsplit(url)
        user, at, _ = parts.netloc.rpartition("@")
        scheme, host = target.replace("//localhost", "//127.0.0.1").split("//")
        path, query = quote(parts.path or "/", _LEGAL), quote(parts.query, _LEGAL)
        # The path goes out as it was registered; yarl would change its percent-encoding.
        return URL(f"{scheme}//{quote(user, ':%')}{at}{host}{path}{suffix}{query and '?'}{query}", encoded=True)
    except ValueError:
        return None


async def send(session: aiohttp.ClientSession, method: str, url: URL, body: bytes | None, *, cut: bool) -> int:
    """Send a request, or with `cut` half of its body, and return the status of its answer, also if it is a redirect.

    Raises:
        aiohttp.ClientError: There is no answer.
        OSError: The same.
    """
    headers = {} if body is None else {"Content-Type": JSON, "Content-Length": str(len(body))}
    data = None if body is None else _half(body) if cut else BytesIO(body)
    async with session.request(method, url, data=data, headers=headers, allow_redirects=False) as response:
        await response.read()
        return response.status


@lru_cache
def _is_loopback(origin: str) -> bool:
    parts = urlsplit(origin)
    if parts.scheme not in {"http", "https"} or parts.port == 0:  # reading the port checks it
        return False
    try:
        return ip_address(parts.hostname or "").is_loopback
    except ValueError:
        return parts.hostname == "localhost"


async def _half(body: bytes) -> AsyncIterator[bytes]:
    yield body[: len(body) // 2]
    raise ConnectionAbortedError  # aiohttp closes the connection
