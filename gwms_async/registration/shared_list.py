"""Lists of an e-shop's webhooks, shared by all who ask for one at the same time."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from functools import partial

from ..clock import Clock
from ..errors import ConfigurationError, GwmsError
from ..models import Webhook
from .snapshot import Snapshot

Listing = asyncio.Future[Snapshot | Exception]

PAUSES = (1.0, 2.0, 3.0)
"""Seconds until the next look at lists that come too early, or fail."""
_MAX_AGE = 30.0
"""Seconds after which a list decides nothing any more."""
_logger = logging.getLogger("gwms_async")


class SharedList:
    """Lists webhooks; each list serves everyone who asked before it began.

    Args:
        fetch: Lists once.
        clock: Its time.
    """

    def __init__(self, fetch: Callable[[], Awaitable[list[Webhook]]], clock: Clock) -> None:
        self._fetch, self._clock = fetch, clock
        self._current: Listing | None = None
        self._next: Listing | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def fresh(self) -> Snapshot:
        """Return a list that begins after this call.

        Raises:
            GwmsError: The list failed.
        """
        return await self._end_of(self._next or self._begin())

    async def refreshed(self) -> Snapshot:
        """Return a list that may be in flight already.

        Raises:
            GwmsError: The list failed.
        """
        return await self._end_of(self._current or self._next or self._begin())

    async def renewed(self) -> Snapshot:
        """Return a list as `refreshed` does; one that fails is asked for again after 1, 2 and 3 seconds.

        Raises:
            GwmsError: The last one failed.
        """
        pauses = iter(PAUSES)
        while True:
            try:
                return await self.refreshed()
            except Exception as error:  # a user's middleware may raise anything
                pause = next(pauses, None)
                if pause is None:
                    raise
                _logger.warning("refreshing the list failed, trying again in %g s: %s", pause, error)
                await self._clock.sleep(pause)

    def is_old(self, snapshot: Snapshot) -> bool:
        """Return whether a list is too old to decide anything."""
        return self._clock.monotonic() - snapshot.began_at > _MAX_AGE

    def _begin(self) -> Listing:
        listing = self._next = asyncio.get_running_loop().create_future()
        task = asyncio.create_task(self._list(listing, self._current), name="gwms list")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        # A task that is cancelled before its first step never sets a result.
        task.add_done_callback(partial(_end, listing))
        return listing

    async def _end_of(self, listing: Listing) -> Snapshot:
        await asyncio.wait([listing])
        end = listing.result()
        if isinstance(end, Snapshot):
            return end
        raise end.fresh() if isinstance(end, GwmsError) else end

    def stop(self) -> frozenset[asyncio.Task[None]]:
        """Cancel lists in flight, and return what to wait for; who waits for a list gets a `ConfigurationError`."""
        for task in self._tasks:
            task.cancel()
        return frozenset(self._tasks)

    async def close(self) -> None:
        """Cancel lists in flight, and wait for their end."""
        tasks = self.stop()
        if tasks:
            await asyncio.wait(tasks)

    async def _list(self, listing: Listing, before: Listing | None) -> None:
        end: Snapshot | Exception = _closed()
        try:
            if before is not None:
                await asyncio.wait([before])
            self._next, self._current = None, listing
            began_at = self._clock.monotonic()
            end = Snapshot.of(began_at, await self._fetch())
        except Exception as error:  # whatever it is, those who wait get it
            end = error
        finally:
            if self._current is listing:
                self._current = None
            listing.set_result(end)


def _end(listing: Listing, _: asyncio.Task[None]) -> None:
    if not listing.done():
        listing.set_result(_closed())


def _closed() -> ConfigurationError:
    return ConfigurationError("the client was closed during a list")
