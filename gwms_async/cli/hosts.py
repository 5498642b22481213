"""Warn about URLs that a gateway on the internet cannot reach, or reaches without encryption."""

from __future__ import annotations

import re
from collections.abc import Iterable
from ipaddress import ip_address

from ..models import canonical_url

_HOST = re.compile(r"https?://(?:[^@/?#]*@)?(?:\[([^\]%]*)[^\]]*\]|([^:/?#]*))")


def is_private(url: str) -> bool:
    """Return whether a URL's host is this machine or in a private network."""
    found = _HOST.match(canonical_url(url))
    host = (found[1] or found[2]).rstrip(".") if found else ""
    try:
        address = ip_address(host)
    except ValueError:
        return "." not in host or host.rpartition(".")[2] in {"localhost", "local", "internal"}
    return not (getattr(address, "ipv4_mapped", None) or address).is_global


def url_warning(urls: Iterable[str], gateway: str) -> str | None:
    """Return a warning about URLs that are private or without https; None if none is, or if the gateway is private."""
    if is_private(gateway):
        return None
    found: dict[str, list[str]] = {}
    for url in dict.fromkeys(urls):
        if is_private(url):
            found.setdefault("the gateway may not reach a private host", []).append(url)
        elif not url.lower().startswith("https:"):
            found.setdefault("without https, others can read deliveries", []).append(url)
    texts = (f"{what}: {ones[0]}" + (f" and {len(ones) - 1} more" if ones[1:] else "") for what, ones in found.items())
    return f"Warning: {'; '.join(texts)}" if found else None
