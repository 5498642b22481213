"""Limit concurrency, and slow down all calls together while the gateway throttles."""

from __future__ import annotations

import asyncio
from collections import deque
from math import ceil

from ..chain import Handler, Request, Response
from ..clock import SYSTEM_CLOCK, Clock
from ..timeouts import is_over
from ..wire.classify import is_push_back
from ..wire.headers import retry_after
from .rate import Rate, Ticket


class Pace:
    """Limits how many attempts are in flight at once, and how fast they go; first come, first served.

    All calls of a client and its siblings share it. The connection pool itself has no limit, so the wait for a slot
    never counts against the time limit of an attempt. A waiting call occupies no slot.

    Args:
        slots: How many attempts may be in flight at once.
        rate: How fast requests may go.
    """

    def __init__(self, slots: int, rate: Rate, clock: Clock = SYSTEM_CLOCK) -> None:
        self._free, self._rate, self._clock = slots, rate, clock
        self._waiting: deque[tuple[asyncio.Future[Ticket | None], float]] = deque()
        self._timer: asyncio.TimerHandle | None = None

    async def __call__(self, request: Request, handler: Handler) -> Response:
        """Send one attempt as soon as a slot is free and the rate allows it.

        Returns:
            Its response, or a 429 of our own, with nothing sent, where the pause would outlast the call's deadline.
        """
        rate, now = self._rate, self._clock.monotonic()
        ticket: Ticket | None
        if self._free and not self._waiting and rate.due(now) <= now:
            self._free -= 1
            ticket = rate.issue_ticket(now)
        else:
            ticket = await self._wait_for_slot(request.call.deadline, now)
            if ticket is None:
                return self._own_429()
        try:
            response = await handler(request)
            if is_push_back(response):
                rate.push_back(ticket, self._clock.monotonic(), retry_after(response, self._clock.wall()))
                self._end_hopeless_waits()
            return response
        finally:
            self._free += 1
            self._hand_out_slots()

    async def _wait_for_slot(self, deadline: float, now: float) -> Ticket | None:
        """Wait for a slot; return None if there will be none in time."""
        resume_at = self._rate.resume_at
        if now < resume_at and deadline <= resume_at:
            return None
        turn: asyncio.Future[Ticket | None] = asyncio.get_running_loop().create_future()
        self._waiting.append((turn, deadline))
        self._hand_out_slots()
        try:
            return await turn
        except asyncio.CancelledError:
            if not turn.cancelled() and turn.result() is not None:
                self._free += 1
                self._hand_out_slots()
            raise

    def _hand_out_slots(self) -> None:
        """Give free slots to the calls that have waited longest, as soon as the rate allows."""
        while self._waiting and self._free:
            turn, _ = self._waiting[0]
            if is_over(turn):
                self._waiting.popleft()
                continue
            now = self._clock.monotonic()
            wait = self._rate.due(now) - now
            if wait > 0:
                if self._timer is None:
                    self._timer = asyncio.get_running_loop().call_later(wait, self._wake_up)
                return
            self._waiting.popleft()
            self._free -= 1
            turn.set_result(self._rate.issue_ticket(now))

    def _wake_up(self) -> None:
        self._timer = None
        self._hand_out_slots()

    def _end_hopeless_waits(self) -> None:
        """End the waits of the calls whose deadline falls into the pause."""
        for turn, deadline in self._waiting:
            if deadline <= self._rate.resume_at and not turn.done():
                turn.set_result(None)

    def _own_429(self) -> Response:
        """Return the response to a call that was not sent, because the pause would outlast its deadline."""
        wait = ceil(self._rate.resume_at - self._clock.monotonic())
        return Response(
            429,
            "Too Many Requests",
            {"retry-after": str(wait)},
            message=f"not sent: the gateway asks to wait {wait} s more, past this call's deadline",
        )

    def close(self) -> None:
        """Release all waiting calls; the closed transport rejects them."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._rate = Rate()  # without a limit
        self._hand_out_slots()
