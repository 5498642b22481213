"""The way out of the emulator: to servers on this machine, and nowhere else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from functools import lru_cache
from io import BytesIO
from ipaddress import ip_address
from urllib.parse import quote, urlsplit

import aiohttp
from yarl import URL

from .deliveries import CutPayload, DeliveryAttempt, Impatient
from .journal import KEPT
from .spelling import normalized_url
from .wire import JSON

ANY = "*"
"""The origin of a route for all hosts that are not this machine and have no route of their own."""
_SCHEMES = frozenset({"http", "https"})
_LEGAL = "%/?!$&'()*+,;=:@"  # what a URL may contain besides letters, digits and -._~


@lru_cache
def origin_of(url: str) -> str:
    """Return the scheme, host and port of a URL, normalized; `ValueError`: it is not a URL."""
    parts = urlsplit(normalized_url(url))
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


def read_route(origin: str, target: str) -> tuple[str, str]:
    """Return both ends of a route, normalized.

    Raises:
        ValueError: One of them is not just a scheme, host and port, or the target is not on this machine.
    """
    for url in (target,) if origin == ANY else (origin, target):
        if normalized_url(url) != f"{origin_of(url)}/":
            raise ValueError(f"{url!r} is not a scheme, host and port, e.g. https://shop.example")
    if not _is_loopback(target):
        raise ValueError(f"{target!r} is not on this machine; use 127.0.0.1, ::1 or localhost")
    return origin if origin == ANY else origin_of(origin), origin_of(target)


def address_of(url: str, suffix: str, routes: Mapping[str, str]) -> URL | None:
    """Return where a webhook's URL leads with a suffix to its path, or None if that is not on this machine."""
    try:
        parts, origin = urlsplit(url), origin_of(url)
        target = routes.get(origin) or (origin if _is_loopback(origin) else routes.get(ANY))
        if target is None or parts.scheme not in _SCHEMES or not parts.hostname:
            return None
        user, at, _ = parts.netloc.rpartition("@")
        scheme, host = target.replace("//localhost", "//127.0.0.1").split("//")
        path, query = quote(parts.path or "/", _LEGAL), quote(parts.query, _LEGAL)
        # The path goes out as it was registered; yarl would change its percent-encoding.
        return URL(f"{scheme}//{quote(user, ':%')}{at}{host}{path}{suffix}{query and '?'}{query}", encoded=True)
    except ValueError:
        return None


async def send(session: aiohttp.ClientSession, attempt: DeliveryAttempt, url: URL, seconds: float) -> None:
    """Make an attempt as its disturbance says; note the answer, redirects included, or why none came in time."""
    hit, data, body = attempt.disturbance, None, attempt.body
    if body is not None:
        data = _half(body) if isinstance(hit, CutPayload) else BytesIO(body)
        attempt.headers = {"Content-Type": JSON, "Content-Length": str(len(body))}
    try:
        async with (
            asyncio.timeout(hit.seconds if isinstance(hit, Impatient) else seconds),
            session.request(attempt.method, url, data=data, headers=attempt.headers, allow_redirects=False) as response,
        ):
            attempt.headers, attempt.answer_headers = response.request_info.headers, response.headers
            async for chunk in response.content.iter_any():
                attempt.answer_start += chunk[: KEPT - len(attempt.answer_start)]
            attempt.status = response.status
    except TimeoutError:
        attempt.problem = "timeout"
    except (aiohttp.ClientError, OSError, ValueError):  # aiohttp cannot send some methods and usernames
        attempt.problem = "no answer"


@lru_cache
def _is_loopback(origin: str) -> bool:
    parts = urlsplit(origin)
    if parts.port == 0:  # reading the port checks it
        return False
    try:
        return ip_address(parts.hostname or "").is_loopback
    except ValueError:
        return parts.hostname == "localhost"


async def _half(body: bytes) -> AsyncIterator[bytes]:
    yield body[: len(body) // 2]
    raise ConnectionAbortedError  # aiohttp closes the connection
