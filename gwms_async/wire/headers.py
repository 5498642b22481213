"""Response headers: dates, how long the gateway asks to wait, and whether there are further pages."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from math import isfinite

from ..chain import Response

MIN_UNIX_TIME = 1e9
"""A number from this one on is a Unix time; a smaller one counts seconds from now."""
_NUMBER = re.compile(r"\s*([0-9]{1,15})\s*")
_TOTALS = {
    "x-total-count": _NUMBER,
    "x-total": _NUMBER,
    "content-range": re.compile(r"[^/]*/\s*([0-9]{1,15})\s*"),
}
# Targets and other parameters are matched to be skipped: they may contain anything.
_LINK_PART = re.compile(r'<[^>]*>?|;\s*([\w*-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)|([^\s;,"]*))', re.DOTALL)


def http_date(text: str | None) -> float | None:
    """Return an HTTP date in Unix seconds; None if absent or unreadable."""
    try:
        when = parsedate_to_datetime(text or "")
        return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None


def retry_after(response: Response, wall: float) -> float | None:
    """Return the seconds of ``Retry-After``, given as a number or as an HTTP date.

    A date counts from the ``Date`` of the same response, so that a wrong clock on either side does no harm. So does a
    number too large for seconds, which is a Unix time, like the gateway's `expiresIn`.

    Args:
        response: The response.
        wall: Now, in Unix seconds; used if the response has no ``Date``.

    Returns:
        Seconds, 0 or more; None if absent or unreadable.
    """
    text = response.headers.get("retry-after")
    if text is None:
        return None
    try:
        seconds, is_moment = float(text), False
    except ValueError:
        when = http_date(text)
        if when is None:
            return None
        seconds, is_moment = when, True
    if is_moment or seconds >= MIN_UNIX_TIME:
        present = http_date(response.headers.get("date"))
        seconds -= wall if present is None else present
    return max(0.0, seconds) if isfinite(seconds) else None


def age_in(headers: Mapping[str, str]) -> int:
    """Return how many seconds a response has been in caches, as ``Age`` says (RFC 9111, 5.1); 0 if it does not."""
    age = _NUMBER.fullmatch(headers.get("age", ""))
    return int(age[1]) if age else 0


def total_in(headers: Mapping[str, str]) -> int:
    """Return how many items there are in all, as ``X-Total-Count`` or ``Content-Range`` says; 0 if neither does."""
    matches = (pattern.fullmatch(headers.get(name, "")) for name, pattern in _TOTALS.items())
    return max((int(match[1]) for match in matches if match), default=0)


def has_next_page(headers: Mapping[str, str]) -> bool:
    """Return whether a ``Link`` header points to a next page (RFC 8288)."""
    return any(
        part[1] is not None and part[1].lower() == "rel" and "next" in (part[2] or part[3] or "").lower().split()
        for name, value in headers.items()
        if name.lower() == "link"
        for part in _LINK_PART.finditer(value)
    )
