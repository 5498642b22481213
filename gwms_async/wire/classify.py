"""What an attempt's end means, and what is done about it: the failure table as pure functions."""

from __future__ import annotations

from enum import Enum, auto

from ..chain import Response
from ..errors import Cause, TransportError


class Kind(Enum):
    """What an attempt's end says of the request."""

    SUCCESS = auto()
    MISCONFIGURED = auto()
    NEVER_SENT = auto()
    UNAUTHORIZED = auto()
    NOT_PROCESSED = auto()
    UNREADABLE = auto()
    UNKNOWN = auto()
    REFUSED = auto()


class Action(Enum):
    """What is done about it."""

    ACCEPT = auto()
    RAISE = auto()
    RELOGIN = auto()
    RETRY = auto()
    OUTCOME_UNKNOWN = auto()


_CAUSES = {
    Cause.MISCONFIGURED: Kind.MISCONFIGURED,
    Cause.NEVER_SENT: Kind.NEVER_SENT,
    Cause.UNKNOWN: Kind.UNKNOWN,
}
_STATUSES = {
    401: Kind.UNAUTHORIZED,
    408: Kind.NOT_PROCESSED,
    425: Kind.NOT_PROCESSED,
    429: Kind.NOT_PROCESSED,
    500: Kind.UNKNOWN,
    502: Kind.UNKNOWN,
    503: Kind.UNKNOWN,
    504: Kind.UNKNOWN,
}
_VERDICTS = {
    #                       idempotent      not idempotent
    Kind.SUCCESS: (Action.ACCEPT, Action.ACCEPT),
    Kind.MISCONFIGURED: (Action.RAISE, Action.RAISE),
    Kind.NEVER_SENT: (Action.RETRY, Action.RETRY),
    Kind.UNAUTHORIZED: (Action.RELOGIN, Action.RELOGIN),
    Kind.NOT_PROCESSED: (Action.RETRY, Action.RETRY),
    Kind.UNREADABLE: (Action.RAISE, Action.OUTCOME_UNKNOWN),
    Kind.UNKNOWN: (Action.RETRY, Action.OUTCOME_UNKNOWN),
    Kind.REFUSED: (Action.RAISE, Action.RAISE),
}
_SEEN_BY_THE_APPLICATION = frozenset({400, 404, 409, 422})


def is_success(response: Response) -> bool:
    """Tell whether the request was carried out, and the answer can be read."""
    return response.readable and 200 <= response.status < 300  # the classes of HTTP


def classify(seen: Response | TransportError) -> Kind:
    """Read an attempt's end."""
    if isinstance(seen, TransportError):
        return _CAUSES[seen.cause]
    if 200 <= seen.status < 300:  # as above
        return Kind.SUCCESS if seen.readable else Kind.UNREADABLE
    return _STATUSES.get(seen.status, Kind.REFUSED)


def action_for(found: Kind, *, idempotent: bool) -> Action:
    """Decide what is done about it."""
    return _VERDICTS[found][0 if idempotent else 1]


def is_throttling(seen: Response | TransportError) -> bool:
    """Tell whether the gateway asks to slow down."""
    return isinstance(seen, Response) and seen.status == 429  # Too Many Requests


def is_push_back(response: Response) -> bool:
    """Tell whether the answer asks all calls to slow down."""
    return response.status == 429 or (response.status == 503 and "retry-after" in response.headers)


def key_was_accepted(response: Response) -> bool:
    """Tell whether the answer comes from behind the checks of token and x-api-key."""
    return is_success(response) or response.status in _SEEN_BY_THE_APPLICATION
