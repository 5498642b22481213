"""The proxy that requests go through: given, or the environment's."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from typing import Self
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from attrs import field, frozen
from yarl import URL  # aiohttp's own type of URLs

from ..chain import NO_HEADERS
from ..errors import ConfigurationError
from ..settings import is_loopback


@frozen
class Proxy:
    """A proxy, or none if it has no URL.

    Args:
        url: Its URL without a password, which aiohttp would show in errors.
        headers: The password, for plain requests, which carry it themselves.
        tunnel_headers: The password, for the request that opens a tunnel.
        secrets: Texts to mask in errors, in case the proxy echoes them.
    """

    url: str | None = None
    headers: Mapping[str, str] = field(default=NO_HEADERS, repr=False)
    tunnel_headers: Mapping[str, str] = field(default=NO_HEADERS, repr=False)
    secrets: tuple[str, ...] = field(default=(), repr=False)

    @classmethod
    def of(cls, proxy: str | None, base_url: str, *, trust_env: bool = False) -> Self:
        """Return the proxy for a gateway; raise `ConfigurationError` where it cannot be used.

        Args:
            proxy: The URL of a proxy; None for none.
            base_url: The gateway's base URL.
            trust_env: Whether to take the environment's proxy where `proxy` is None.
        """
        name = "proxy"
        if proxy is None and trust_env:
            name, proxy = "the proxy of the environment", _proxy_of_environment(base_url)
        if proxy is None:
            return cls()
        url = _parsed(proxy)
        if url is None:
            raise ConfigurationError(f"{name} must be http://host:port or https://host:port")
        is_plain = urlsplit(base_url).scheme == "http"
        if is_plain and not is_loopback(url.host or ""):
            raise ConfigurationError(
                f"{name} must be on this machine, because the password would be sent in clear text to an http base_url"
            )
        if url.user is None and url.password is None:
            return cls(str(url))
        userinfo = b64encode(f"{url.user or ''}:{url.password or ''}".encode()).decode()
        headers = {"proxy-authorization": f"Basic {userinfo}"}
        secrets = (userinfo, url.password or url.user or "")
        shown = str(url.with_user(None))
        return cls(shown, headers, secrets=secrets) if is_plain else cls(shown, NO_HEADERS, headers, secrets)


NO_PROXY = Proxy()


def _parsed(proxy: object) -> URL | None:
    try:
        url = URL(proxy) if isinstance(proxy, str) else URL()
    except ValueError:
        return None
    return url if url.scheme in {"http", "https"} and url.host else None


def _proxy_of_environment(base_url: str) -> str | None:
    """Return the environment's proxy for the gateway; None if there is none, or it is not to be used."""
    # Not aiohttp's own `trust_env`: it also sends the credentials of a .netrc.
    parts = urlsplit(base_url)
    host = parts.hostname or ""
    if is_loopback(host) or proxy_bypass(host):
        return None
    proxy = getproxies().get(parts.scheme)
    return f"http://{proxy}" if proxy and "://" not in proxy else proxy
