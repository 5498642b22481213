"""A slot to send in."""

import asyncio
from collections import deque

from attrs import define, field

from .._http import Handler, Request, Response


@define(eq=False, repr=False)
class Pace:
    """Lets a limited number of attempts be under way at once, first come, first served.

    Shared by all calls of a client and its siblings. The connection pool itself has no limit, so that the wait for a
    slot never counts against the attempt's own time.

    Args:
        free: How many slots there are.
    """

    _free: int
    _waiting: deque[asyncio.Future[None]] = field(factory=deque, init=False)

    async def __call__(self, request: Request, handler: Handler) -> Response:
        """Send one attempt as soon as a slot is free."""
        if self._free:
            self._free -= 1
        else:
            await self._turn()
        try:
            return await handler(request)
        finally:
            self._pass_on()

    async def _turn(self) -> None:
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled():
                self._pass_on()
            raise

    def _pass_on(self) -> None:
        """Give a slot to who has waited longest."""
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1
