"""A slot to send in; all calls are held back together while the gateway throttles."""

from __future__ import annotations

import asyncio
from collections import deque
from math import ceil

from attrs import define, field

from ..chain import Handler, Request, Response
from ..clock import SYSTEM_CLOCK, Clock
from ..wire.classify import is_push_back
from ..wire.headers import retry_after
from .rate import Rate, Ticket


@define(eq=False, repr=False)
class Pace:
    """Lets a limited number of attempts be under way at once, first come, first served, as fast as the rate allows.

    Shared by all calls of a client and its siblings. The connection pool itself has no limit, so that the wait for a
    slot never counts against the attempt's own time. Who waits holds no slot.

    Args:
        free: How many slots there are.
        rate: How fast requests may go.
        clock: Its time.
    """

    _free: int
    _rate: Rate = field(factory=Rate)
    _clock: Clock = SYSTEM_CLOCK
    _waiting: deque[tuple[asyncio.Future[Ticket | None], float]] = field(factory=deque, init=False)
    _timer: asyncio.TimerHandle | None = field(default=None, init=False)

    async def __call__(self, request: Request, handler: Handler) -> Response:
        """Send one attempt as soon as a slot is free and the rate allows it.

        Returns:
            Its answer; a 429 of our own, unsent, where the gateway asks for a pause beyond the call's deadline.
        """
        rate, now = self._rate, self._clock.monotonic()
        ticket: Ticket | None
        if self._free and not self._waiting and rate.due(now) <= now:
            self._free -= 1
            ticket = rate.send(now)
        else:
            ticket = await self._turn(request.call.deadline, now)
            if ticket is None:
                return self._held_back()
        try:
            response = await handler(request)
            if is_push_back(response):
                rate.push_back(ticket, self._clock.monotonic(), retry_after(response, self._clock.wall()))
                self._turn_away()
            return response
        finally:
            self._free += 1
            if self._waiting:
                self._pass_on()

    async def _turn(self, deadline: float, now: float) -> Ticket | None:
        """Wait for a slot; None if there will be none in time."""
        if now < self._rate.resume_at >= deadline:
            return None
        turn: asyncio.Future[Ticket | None] = asyncio.get_running_loop().create_future()
        self._waiting.append((turn, deadline))
        self._pass_on()
        try:
            return await turn
        except asyncio.CancelledError:
            if not turn.cancelled() and turn.result() is not None:
                self._free += 1
                self._pass_on()
            raise

    def _pass_on(self) -> None:
        """Give free slots to those who have waited longest, no sooner than they are due."""
        while self._waiting and self._free:
            turn, _ = self._waiting[0]
            if turn.done():
                self._waiting.popleft()
                continue
            now = self._clock.monotonic()
            wait = self._rate.due(now) - now
            if wait > 0:
                self._wake_up_in(wait)
                return
            self._waiting.popleft()
            self._free -= 1
            turn.set_result(self._rate.send(now))

    def _wake_up_in(self, wait: float) -> None:
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(wait, self._wake_up)

    def _wake_up(self) -> None:
        self._timer = None
        self._pass_on()

    def _turn_away(self) -> None:
        """End the waits of those whose deadline falls into the pause."""
        for turn, deadline in self._waiting:
            if deadline <= self._rate.resume_at and not turn.done():
                turn.set_result(None)

    def _held_back(self) -> Response:
        wait = ceil(self._rate.resume_at - self._clock.monotonic())
        return Response(
            429,
            "Too Many Requests",
            {"retry-after": str(wait)},
            message=f"not sent: the gateway asked to be left alone for another {wait} s, beyond this call's deadline",
        )

    def close(self) -> None:
        """Hold nobody back any longer: who waits goes on, and is told by the transport that the client is closed."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._rate = Rate()
        self._pass_on()
