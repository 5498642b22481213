"""How fast to send while the gateway throttles: pure arithmetic; the caller passes the time."""

from __future__ import annotations

from math import inf

from attrs import define, field

_SHORT_PAUSE = 0.2  # seconds, after a push-back without Retry-After
_MAX_SILENT_PAUSE = 20.0  # seconds, after many of them in a row
_ROUNDING_ERROR = 1.0  # seconds by which a Retry-After that was rounded down, perhaps to 0, may be too short
_MIN_RATE = 1.0  # requests per second
_UNLIMITED = 20_000.0  # requests per second: more than a process can send
_DOUBLING_TIME = 0.35  # seconds in which the rate doubles until it has been measured
_HEADROOM = 1.1  # times the measured rate: uses the tokens that gathered in the bucket during the pause
_MIN_SHARE = 0.85  # of the rate, kept at a cut: where the bucket stays empty in the pause, the measure is too low
_MIN_SHARE_UNMEASURED = 0.7
_PROBE = 0.04  # growth of the rate per second, more with each second without a push-back
_TINY_BUCKET = 1 / 30  # seconds; a bucket that is full in less time is tiny
_STEP_DOWN = 2.0  # requests per second: a refusal by a tiny bucket takes back what fifty requests have probed
_MAX_EARLY_REFUSALS = 3  # refusals by a tiny bucket until the rate no longer doubles
_IDLE = 0.5  # seconds; a longer gap between requests does not test the rate
_TIMER_GRAIN = 0.01  # seconds that a timer may be late


@define(eq=False)
class Ticket:
    """When a request was sent, in terms of the rate.

    Args:
        episode: How many pauses there had been.
        number: Its number among the requests sent since the last pause.
        at: When it was sent.
    """

    episode: int
    number: int
    at: float


@define(eq=False)
class Rate:
    """A pause for all after a push-back, then evenly spaced requests at a rate that is measured and probed upwards.

    It takes the gateway's limit for a token bucket, which is empty when the gateway pushes back. Between two push-backs
    the gateway accepts as many requests as tokens flow in, so their number, divided by the time, is its rate, provided
    that the bucket fills up in the pause. A tiny bucket refuses any request that a busy machine sends too close behind
    another: there, one refusal says little, and lowers the rate by a small step. Times are monotonic seconds.

    Args:
        max_pause: The longest pause, in seconds.
    """

    _max_pause: float = 60.0
    resume_at: float = field(default=0.0, init=False)  # the end of the pause
    per_second: float | None = field(default=None, init=False)  # None: unlimited
    _episode: int = field(default=0, init=False)  # pauses so far
    _sent: int = field(default=0, init=False)  # since the last pause; while unlimited, in the current second
    _sent_before: int = field(default=0, init=False)  # while unlimited, in the second before
    _since: float = field(default=0.0, init=False)  # when `_sent` began to count
    _due: float = field(default=0.0, init=False)  # when the next request may go
    _last: float = field(default=0.0, init=False)  # when the last request went, or the pause ends
    _clean_for: float = field(default=0.0, init=False)  # seconds of sending without a push-back
    _is_measured: bool = field(default=False, init=False)  # until then, the rate doubles
    _fruitless_pauses: int = field(default=0, init=False)  # pauses in a row that ended in a push-back at once
    _bucket_size: float = field(default=inf, init=False)  # of the gateway, in tokens, at most
    _early_refusals: int = field(default=0, init=False)  # by a tiny bucket, while the rate still doubles

    def due(self, now: float) -> float:
        """Return when the next request may go: no later than `now` if it may go at once."""
        return now if self.per_second is None else self._due

    def issue_ticket(self, now: float) -> Ticket:
        """Count a request that is sent now, and return its ticket."""
        if self.per_second is not None:
            self._space(self.per_second, now)
        elif now - self._since >= 1.0:
            self._sent_before = self._sent if now - self._since < 2.0 else 0
            self._sent, self._since = 0, now
        self._sent += 1
        return Ticket(self._episode, self._sent, now)

    def _space(self, rate: float, now: float) -> None:
        """Set when the next request is due, and probe a slightly higher rate."""
        passed = min(now - self._last, _IDLE)
        self._last = now
        self._clean_for += passed
        rate *= 1 + _PROBE * (1 + self._clean_for) * passed if self._is_measured else 2 ** (passed / _DOUBLING_TIME)
        # Requests closer together than timers can resolve go in small groups.
        self._due = max(self._due, now - max(0.0, _TIMER_GRAIN - 2 / rate)) + 1 / rate
        self.per_second = rate if rate < _UNLIMITED else None

    def push_back(self, ticket: Ticket, now: float, asked: float | None) -> None:
        """Slow down after a push-back.

        Args:
            ticket: The ticket of the request that was pushed back.
            now: The current time.
            asked: How many seconds the gateway asked to wait; None if it did not.
        """
        if ticket.episode != self._episode:
            # It was in flight before the pause began, and says nothing about the rate since.
            if ticket.episode == 0:
                self._bucket_size = min(self._bucket_size, ticket.number)
            if asked is not None:
                self._pause_until(max(self.resume_at, now + min(asked, self._max_pause)))
            return
        rate = self.per_second
        self._fruitless_pauses = 0 if ticket.number > 1 else self._fruitless_pauses + 1
        if rate is None:  # unlimited so far: start from the busier of the last two seconds
            rate, self._is_measured = float(max(self._sent, self._sent_before)), False
            self._bucket_size = float(ticket.number + self._sent_before)  # at most: fewer than these were let through
        elif asked is None and not self._fruitless_pauses and self._bucket_size < rate * _TINY_BUCKET:
            asked = 1 / rate  # one refusal says little: see the class
            if self._is_measured:
                rate -= _STEP_DOWN
            else:
                self._early_refusals += 1
                self._is_measured = self._early_refusals == _MAX_EARLY_REFUSALS
        else:
            measured = (ticket.number - 1) / max(ticket.at - self._since, 1e-9)
            share = _MIN_SHARE if self._is_measured else _MIN_SHARE_UNMEASURED
            rate = min(rate, max(_HEADROOM * measured, share * rate))
            self._is_measured = True
        self.per_second = max(rate, _MIN_RATE)
        self._episode += 1
        self._sent, self._since = 0, ticket.at
        self._clean_for = 0.0
        self._pause_until(now + min(self._pause_after(asked), self._max_pause))

    def _pause_after(self, asked: float | None) -> float:
        """Return the seconds to pause, which grow while each pause ends in a push-back at once."""
        silent = min(_SHORT_PAUSE * 2.0 ** min(self._fruitless_pauses, 10), _MAX_SILENT_PAUSE)
        if asked is None:
            return silent
        return max(asked, min(silent, _ROUNDING_ERROR)) if self._fruitless_pauses else asked

    def _pause_until(self, moment: float) -> None:
        self.resume_at = self._last = moment
        self._due = max(self._due, moment)
