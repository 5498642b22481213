"""Attempts, the waits between them, and the budget that all retries share."""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator

import backoff
from attrs import define, field

from ..chain import Call, Handler, Request, Response
from ..clock import SYSTEM_CLOCK, Clock
from ..errors import TransportError
from ..settings import RetryPolicy
from ..wire.classify import Action, Kind, action_for, classify, is_success, is_throttling
from ..wire.headers import retry_after

_logger = logging.getLogger("gwms_async")
_COST = 14


@define(eq=False, repr=False)
class RetryBudget:
    """Tokens for retries, as in botocore's standard mode: an outage ends in errors, not in a storm of retries.

    Args:
        capacity: How many there are at most.
    """

    _capacity: int
    _left: int = field(init=False)

    @_left.default
    def _full(self) -> int:
        return self._capacity

    def take(self, call: Call) -> bool:
        """Pay for one retry of the call; False if too little is left."""
        if self._left < _COST:
            return False
        self._left -= _COST
        call.tokens_spent += _COST
        return True

    def give_back(self, call: Call) -> None:
        """Return what the successful call's retries took, or one token if it needed none."""
        if self._left < self._capacity:
            self._left = min(self._capacity, self._left + (call.tokens_spent or 1))
        call.tokens_spent = 0


@define(eq=False, repr=False)
class Backoff:
    """Sends a request again while the verdict says that this is safe and may help.

    Args:
        policy: How often and how long.
        budget: Shared by a client, its siblings and their login.
        is_paced: Whether the handler itself waits out what a 429 asks for.
        jitter: Makes a wait of the longest one that is due, in seconds.
        clock: Its time.
    """

    _policy: RetryPolicy
    _budget: RetryBudget
    _is_paced: bool = False
    _jitter: Callable[[float], float] = backoff.full_jitter
    _clock: Clock = SYSTEM_CLOCK

    async def __call__(self, request: Request, handler: Handler) -> Response:
        """Carry the request out in as many attempts as it takes and `RetryPolicy` allows."""
        call = request.call
        waits: Generator[float, None, None] | None = None
        while True:
            seen: Response | TransportError
            try:
                seen = await handler(request)
            except TransportError as error:
                seen = error
            else:
                if is_success(seen):
                    self._budget.give_back(call)
                    return seen
            waits = waits or self._waits()
            wait = self._wait(request, seen, waits)
            if wait is None:
                break
            _logger.debug("%s is tried again in %.3f s", request, wait, extra={"attempts": call.attempts, "wait": wait})
            if wait:
                await self._clock.sleep(wait)
        if isinstance(seen, TransportError):
            raise seen
        return seen

    def _waits(self) -> Generator[float, None, None]:
        waits = backoff.expo(factor=self._policy.base, max_value=self._policy.cap)
        next(waits)  # the first step of its generators is for priming
        return waits

    def _wait(
        self, request: Request, seen: Response | TransportError, waits: Generator[float, None, None]
    ) -> float | None:
        """Judge an attempt that has failed: the seconds to the next one, None if there shall be none."""
        call, found = request.call, classify(seen)
        if found in {Kind.UNKNOWN, Kind.UNREADABLE}:
            call.outcome_unknown = True
        if action_for(found, idempotent=request.idempotent) is not Action.RETRY:
            return None
        asked = retry_after(seen, self._clock.wall()) if isinstance(seen, Response) else None
        is_throttled = is_throttling(seen)
        wait = (asked or 0.0) + self._jitter(next(waits))
        if (
            call.attempts >= self._policy.max_attempts
            or (asked is not None and asked > self._policy.max_retry_after)
            or self._clock.monotonic() + wait >= call.deadline
            or not (is_throttled or self._budget.take(call))
        ):
            return None
        return 0.0 if is_throttled and self._is_paced else wait
