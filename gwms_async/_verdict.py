"""What an attempt's end means, and what is done about it: the failure table as pure functions."""

from __future__ import annotations

from datetime import UTC
from email.utils import parsedate_to_datetime
from enum import Enum, auto
from math import isfinite

from ._http import Response
from .errors import Cause, TransportError


class Meaning(Enum):
    """What an attempt's end says of the request."""

    SUCCESS = auto()
    MISCONFIGURED = auto()
    NEVER_SENT = auto()
    UNAUTHORIZED = auto()
    NOT_PROCESSED = auto()
    UNREADABLE = auto()
    UNKNOWN = auto()
    REFUSED = auto()


class Verdict(Enum):
    """What is done about it."""

    ACCEPT = auto()
    RAISE = auto()
    RELOGIN = auto()
    RETRY = auto()
    OUTCOME_UNKNOWN = auto()


_CAUSES = {
    Cause.MISCONFIGURED: Meaning.MISCONFIGURED,
    Cause.NEVER_SENT: Meaning.NEVER_SENT,
    Cause.UNKNOWN: Meaning.UNKNOWN,
}
_STATUSES = {
    401: Meaning.UNAUTHORIZED,
    408: Meaning.NOT_PROCESSED,
    425: Meaning.NOT_PROCESSED,
    429: Meaning.NOT_PROCESSED,
    500: Meaning.UNKNOWN,
    502: Meaning.UNKNOWN,
    503: Meaning.UNKNOWN,
    504: Meaning.UNKNOWN,
}
_VERDICTS = {
    #                       idempotent      not idempotent
    Meaning.SUCCESS: (Verdict.ACCEPT, Verdict.ACCEPT),
    Meaning.MISCONFIGURED: (Verdict.RAISE, Verdict.RAISE),
    Meaning.NEVER_SENT: (Verdict.RETRY, Verdict.RETRY),
    Meaning.UNAUTHORIZED: (Verdict.RELOGIN, Verdict.RELOGIN),
    Meaning.NOT_PROCESSED: (Verdict.RETRY, Verdict.RETRY),
    Meaning.UNREADABLE: (Verdict.RAISE, Verdict.OUTCOME_UNKNOWN),
    Meaning.UNKNOWN: (Verdict.RETRY, Verdict.OUTCOME_UNKNOWN),
    Meaning.REFUSED: (Verdict.RAISE, Verdict.RAISE),
}
_SEEN_BY_THE_APPLICATION = frozenset({400, 404, 409, 422})


def is_success(response: Response) -> bool:
    """Tell whether the request was carried out, and the answer can be read."""
    return response.readable and 200 <= response.status < 300  # noqa: PLR2004  # the classes of HTTP


def meaning(seen: Response | TransportError) -> Meaning:
    """Read an attempt's end."""
    if isinstance(seen, TransportError):
        return _CAUSES[seen.cause]
    if 200 <= seen.status < 300:  # noqa: PLR2004  # as above
        return Meaning.SUCCESS if seen.readable else Meaning.UNREADABLE
    return _STATUSES.get(seen.status, Meaning.REFUSED)


def verdict(found: Meaning, *, idempotent: bool) -> Verdict:
    """Decide what is done about it."""
    return _VERDICTS[found][0 if idempotent else 1]


def is_throttling(seen: Response | TransportError) -> bool:
    """Tell whether the gateway asks to slow down."""
    return isinstance(seen, Response) and seen.status == 429  # noqa: PLR2004  # Too Many Requests


def is_push_back(response: Response) -> bool:
    """Tell whether the answer asks all calls to slow down."""
    return response.status == 429 or (response.status == 503 and "retry-after" in response.headers)  # noqa: PLR2004


def key_was_accepted(response: Response) -> bool:
    """Tell whether the answer comes from behind the checks of token and x-api-key."""
    return is_success(response) or response.status in _SEEN_BY_THE_APPLICATION


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
