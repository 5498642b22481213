"""Headers of answers: dates, and how long the gateway asks to wait."""

from __future__ import annotations

from datetime import UTC
from email.utils import parsedate_to_datetime
from math import isfinite

from ..chain import Response


def http_date(text: str | None) -> float | None:
    """Read a date of HTTP.

    Returns:
        Unix seconds; None if there is none, or none that can be read.
    """
    if text is None:
        return None
    try:
        when = parsedate_to_datetime(text)
        return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()
    except (ValueError, TypeError, OverflowError, IndexError):
        return None


def retry_after(response: Response, wall: float) -> float | None:
    """Read ``Retry-After``, in seconds or as an HTTP date.

    A date is taken against the ``Date`` of the same answer, so that a wrong clock on either side does no harm.

    Args:
        response: The answer.
        wall: The present, in unix seconds, for an answer without a date.

    Returns:
        Seconds to wait, 0 or more; None if the gateway did not say, or not readably.
    """
    text = response.headers.get("retry-after")
    if text is None:
        return None
    try:
        seconds = float(text)
    except ValueError:
        when = http_date(text)
        if when is None:
            return None
        present = http_date(response.headers.get("date"))
        seconds = when - (wall if present is None else present)
    return max(0.0, seconds) if isfinite(seconds) else None
