"""Who may use the page: browsers on this machine that show the page itself, and programs on this machine. No I/O."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import ip_address
from urllib.parse import urlsplit

from ..wire import ProblemError

SECURITY_HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": (
        "default-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}


def check(method: str, headers: Mapping[str, str]) -> None:
    """Check that a request comes from the page itself, or from a program on this machine.

    Args:
        method: The HTTP method.
        headers: The headers; names in any case, if the mapping takes them so.

    Raises:
        ProblemError: The host is not loopback, as after DNS rebinding; another website asks; or a POST is not JSON.
    """
    host, origin = headers.get("Host", ""), headers.get("Origin")
    if not _is_loopback(host):
        raise ProblemError(403, "Host must be this machine, for example 127.0.0.1")
    # A plain GET by another website, e.g. for an image, has no Origin, but browsers say where it comes from.
    is_foreign = headers.get("Sec-Fetch-Site", "none") not in {"same-origin", "none"}
    if is_foreign or (origin is not None and origin != f"http://{host}"):
        raise ProblemError(403, "Other websites may not use this page")
    kind = headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if method == "POST" and kind != "application/json":
        raise ProblemError(415, "Content-Type must be application/json")


def _is_loopback(host: str) -> bool:
    try:
        name = urlsplit(f"//{host}").hostname or ""
        return name == "localhost" or ip_address(name).is_loopback
    except ValueError:
        return False
