"""A slot to send in."""

import asyncio

from attrs import define, field

from .._http import Handler, Request, Response


@define(eq=False, repr=False)
class Pace:
    """Lets a limited number of attempts be under way at once, first come, first served.

    Shared by all calls of a client and its siblings. The connection pool itself has no limit, so that the wait for a
    slot never counts against the attempt's own time.

    Args:
        max_connections: How many.
    """

    _max_connections: int
    _slots: asyncio.Semaphore = field(init=False)

    @_slots.default
    def _make_slots(self) -> asyncio.Semaphore:
        return asyncio.Semaphore(self._max_connections)

    async def __call__(self, request: Request, handler: Handler) -> Response:
        """Send one attempt as soon as a slot is free."""
        async with self._slots:
            return await handler(request)
