"""A limit on the rate of requests."""

from __future__ import annotations

from math import ceil
from typing import Literal

from attrs import field, frozen
from attrs.validators import ge, gt, in_

from .wire import http_date


@frozen
class RateLimit:
    """How many requests are accepted, not counting logins.

    Args:
        rate: Requests per second in the long run.
        burst: Requests at once after a silence.
        retry_after: The form of `Retry-After` in a refusal: seconds, a date, or (None) no header.
    """

    rate: float = field(validator=gt(0))
    burst: int = field(validator=ge(1))
    retry_after: Literal["seconds", "date"] | None = field(default="seconds", validator=in_(["seconds", "date", None]))


class Throttle:
    """The token bucket behind a rate limit: full at first, and not refilled when the limit is replaced.

    Each method takes the limit in force, and the time in seconds on the event loop's clock.
    """

    def __init__(self) -> None:
        self._level: float | None = None
        self._seen = 0.0

    def admit(self, limit: RateLimit, now: float) -> float:
        """Take a token if there is one; return 0, or the seconds until a request could pass."""
        level = self.settle(limit, now)
        if level >= 1:
            self._level = level - 1
            return 0.0
        return (1 - level) / limit.rate

    def settle(self, limit: RateLimit, now: float) -> float:
        """Add the tokens that have accrued by now, and return how many there are."""
        level = limit.burst if self._level is None else self._level + (now - self._seen) * limit.rate
        self._level, self._seen = min(limit.burst, level), now
        return self._level


def retry_headers(limit: RateLimit, wait: float, now: float) -> dict[str, str]:
    """Return the headers of a refusal at a Unix time that say to retry after some seconds, never too early."""
    match limit.retry_after:
        case "seconds":
            return {"Retry-After": str(ceil(wait))}
        case "date":
            return {"Retry-After": http_date(ceil(now + wait))}
    return {}
