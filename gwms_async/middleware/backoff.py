"""Retry failed attempts: the waits between them, and the budget that all retries share."""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator

import backoff

from ..chain import Call, Handler, Request, Response
from ..clock import SYSTEM_CLOCK, Clock
from ..errors import TransportError
from ..settings import RetryPolicy
from ..wire.classify import Kind, classify, is_in_doubt, is_success, is_throttling, may_retry
from ..wire.envelope import reason_phrase
from ..wire.headers import retry_after
from ..wire.requests import operation_of

_logger = logging.getLogger("gwms_async")
_RETRY_COST = 14


class RetryBudget:
    """Tokens that pay for retries, as in botocore's standard mode: an outage ends in errors, not in a storm of retries.

    Args:
        capacity: The most tokens there can be.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = self._left = capacity

    def take(self, call: Call) -> bool:
        """Pay for one retry of the call; return False if too little is left."""
        if self._left < _RETRY_COST:
            return False
        self._left -= _RETRY_COST
        call.tokens_spent += _RETRY_COST
        return True

    def give_back(self, call: Call) -> None:
        """Return what the retries of a successful call took, or one token if it needed none."""
        self._left = min(self._capacity, self._left + (call.tokens_spent or 1))


class Backoff:
    """Retries a request while that is safe and may help.

    Args:
        policy: How often and how long to wait.
        budget: Shared by a client, its siblings and their login.
        is_paced: Whether the handler itself waits out what a 429 asks for.
        jitter: Returns a random wait of up to the given seconds.
    """

    def __init__(
        self,
        policy: RetryPolicy,
        budget: RetryBudget,
        *,
        is_paced: bool = False,
        jitter: Callable[[float], float] = backoff.full_jitter,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._policy, self._budget, self._is_paced = policy, budget, is_paced
        self._jitter, self._clock = jitter, clock

    async def __call__(self, request: Request, handler: Handler) -> Response:
        """Send the request in as many attempts as it takes and `RetryPolicy` allows."""
        call = request.call
        waits: Generator[float, None, None] | None = None
        while True:
            end: Response | TransportError
            try:
                end = await handler(request)
            except TransportError as error:
                end = error
            else:
                if is_success(end):
                    self._budget.give_back(call)
                    return end
            kind = classify(end)
            if is_in_doubt(kind):
                call.outcome_unknown = True
            waits = waits or self._waits()
            wait = self._next_wait(request, end, kind, waits)
            if wait is None:
                break
            _log_retry(request, end, wait)
            if wait:
                await self._clock.sleep(wait)
        if isinstance(end, TransportError):
            raise end
        return end

    def _waits(self) -> Generator[float, None, None]:
        waits = backoff.expo(factor=self._policy.base, max_value=self._policy.cap)
        next(waits)  # the generators of backoff yield None first
        return waits

    def _next_wait(
        self, request: Request, end: Response | TransportError, kind: Kind, waits: Generator[float, None, None]
    ) -> float | None:
        """Return the seconds until the next attempt, and pay for it; None if the failed one was the last."""
        call = request.call
        if not may_retry(kind, idempotent=request.idempotent):
            return None
        asked = retry_after(end, self._clock.wall()) if isinstance(end, Response) else None
        is_throttled = is_throttling(end)
        wait = (asked or 0.0) + self._jitter(next(waits))
        if (
            call.attempts >= self._policy.max_attempts
            or (asked is not None and asked > self._policy.max_retry_after)
            or self._clock.monotonic() + wait >= call.deadline
            or not (is_throttled or self._budget.take(call))
        ):
            return None
        return 0.0 if is_throttled and self._is_paced else wait  # `pace` waits instead


def _log_retry(request: Request, end: Response | TransportError, wait: float) -> None:
    reason = end.reason if isinstance(end, TransportError) else f"{end.status} {reason_phrase(end)}".rstrip()
    operation, _ = operation_of(request.method, request.path)
    fields = {"gwms_operation": operation, "gwms_attempt": request.call.attempts, "gwms_wait": wait}
    _logger.debug("%s is retried in %.3f s", request, wait, extra={**fields, "gwms_reason": reason})
