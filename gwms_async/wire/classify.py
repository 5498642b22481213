"""The failure table: what the end of an attempt means, and whether to send the request again."""

from __future__ import annotations

from collections.abc import Container
from enum import Enum, auto

from ..chain import Response
from ..errors import SERVER_REFUSALS, Cause, TransportError


class Kind(Enum):
    """The meaning of an attempt's result for its request."""

    SUCCESS = auto()
    MISCONFIGURED = auto()
    NEVER_SENT = auto()
    UNAUTHORIZED = auto()
    NOT_PROCESSED = auto()
    UNREADABLE = auto()
    UNKNOWN = auto()
    REFUSED = auto()


_CAUSES = {
    Cause.MISCONFIGURED: Kind.MISCONFIGURED,
    Cause.NEVER_SENT: Kind.NEVER_SENT,
    Cause.UNKNOWN: Kind.UNKNOWN,
}
_STATUSES: tuple[tuple[Container[int], Kind], ...] = (
    # The first row that fits. What no row names, e.g. 524, counts as 500 (RFC 9110, 15): it comes from a proxy, and the
    # gateway may have carried the request out.
    (range(200, 300), Kind.SUCCESS),
    ({401}, Kind.UNAUTHORIZED),
    ({425, 429}, Kind.NOT_PROCESSED),
    # 303 is the usual answer to a POST that was carried out. Frameworks answer 408 when a handler takes too long, and
    # let it go on.
    ({303, 408}, Kind.UNKNOWN),
    (range(300, 500), Kind.REFUSED),
    (SERVER_REFUSALS, Kind.REFUSED),
)
_PAST_THE_KEY_CHECK = frozenset({400, 404, 409, 410, 422})


def is_success(response: Response) -> bool:
    """Return whether the request was carried out and its response is readable."""
    return response.readable and 200 <= response.status < 300


def classify(end: Response | TransportError) -> Kind:
    """Return what the end of an attempt means."""
    if isinstance(end, TransportError):
        return _CAUSES[end.cause]
    kind = next((kind for statuses, kind in _STATUSES if end.status in statuses), Kind.UNKNOWN)
    return Kind.UNREADABLE if kind is Kind.SUCCESS and not end.readable else kind


def may_retry(kind: Kind, *, idempotent: bool) -> bool:
    """Return whether sending the request again is safe, and may help."""
    return kind in {Kind.NEVER_SENT, Kind.NOT_PROCESSED} or (kind is Kind.UNKNOWN and idempotent)


def is_in_doubt(kind: Kind) -> bool:
    """Return whether the request may have been carried out, although no readable success came back."""
    return kind in {Kind.UNKNOWN, Kind.UNREADABLE}


def is_throttling(end: Response | TransportError) -> bool:
    """Return whether the gateway asks this call to slow down."""
    return isinstance(end, Response) and end.status == 429


def is_push_back(response: Response) -> bool:
    """Return whether the gateway asks all calls to slow down."""
    return response.status == 429 or (response.status == 503 and "retry-after" in response.headers)


def is_not_found(response: Response) -> bool:
    """Return whether the gateway, and not a proxy that has lost it, says that something is not there."""
    return response.readable and response.status in {404, 410}


def key_was_accepted(response: Response) -> bool:
    """Return whether the response comes from behind the checks of token and API key."""
    return is_success(response) or (response.readable and response.status in _PAST_THE_KEY_CHECK)
