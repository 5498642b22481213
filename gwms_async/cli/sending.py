"""Requests to a receiver."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from yarl import URL

from ..transport.exceptions import reason_of
from ..transport.proxies import Proxy

_SECONDS = 60.0
Headers = Sequence[tuple[str, str]]


async def send(method: str, url: str, body: bytes | None, headers: Headers) -> tuple[aiohttp.ClientResponse, bytes]:
    """Send a request as it is, its URL percent-encoded, through the proxy unless the receiver is on this machine.

    Returns:
        The response and its body.

    Raises:
        OSError: There was no answer.
        ConfigurationError: The proxy cannot be used.
    """
    via, parts = Proxy.of(None, url, trust_env=True), urlsplit(url)
    options: dict[str, Any] = {"proxy": via.url, "proxy_headers": via.tunnel_headers, "allow_redirects": False}
    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=_SECONDS)) as session,
            session.request(method, URL(url, encoded=True), data=body, headers=headers, **options) as response,
        ):
            return response, await response.read()
    except TimeoutError:
        reason = f"no answer within {_SECONDS:g} s"
    except (aiohttp.ClientError, OSError) as error:
        reason = reason_of(error) or type(error).__name__
    raise OSError(f"cannot reach {parts.scheme}://{parts.netloc} ({reason})")
