"""Lists of an e-shop's webhooks, shared by everyone who asks for one at the same time."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from attrs import define, field

from ..chain import wrong_event_loop
from ..clock import Clock
from ..errors import ConfigurationError, GwmsError
from ..models import Webhook
from ..timeouts import is_over
from .snapshot import Snapshot

PAUSES = (1.0, 2.0, 3.0)
"""Seconds until the next list, where one came too early or failed."""
_MAX_AGE = 30.0
"""Seconds after which a list is too old to decide anything."""
_SLOW = 30.0
"""A list that fails after so many seconds is not retried: with a silent gateway, each takes two minutes."""
_logger = logging.getLogger("gwms_async")


@define(eq=False)
class _Listing:
    """A list that is in flight or will be next, and how many wait for it."""

    task: asyncio.Task[Snapshot | Exception] = field(init=False)
    waiters: int = 0


class SharedList:
    """Lists webhooks; each list serves all who asked before it began or joined it, and ends when nobody waits for it.

    Args:
        fetch: Lists once.
    """

    def __init__(self, fetch: Callable[[], Awaitable[list[Webhook]]], clock: Clock) -> None:
        self._fetch, self._clock = fetch, clock
        self._current: _Listing | None = None
        self._next: _Listing | None = None
        self._tasks: set[asyncio.Task[Any]] = set()

    async def fresh(self) -> Snapshot:
        """Return a list that begins after this call.

        Raises:
            ConfigurationError: Lists of another event loop are in flight; this one would wait for them forever.
            GwmsError: The list failed.
        """
        loop = asyncio.get_running_loop()
        if any(task.get_loop() is not loop for task in self._tasks):
            raise wrong_event_loop()
        return await self._result_of(self._next or self._begin())

    async def joined(self) -> Snapshot:
        """Return the list in flight, or a fresh one if there is none.

        Raises:
            GwmsError: The list failed.
        """
        return await self._result_of(self._current or self._next or self._begin())

    async def with_retries(self, take: Callable[[], Awaitable[Snapshot]]) -> Snapshot:
        """Return the list that `fresh` or `joined` takes; if it fails, try again after 1, 2 and 3 seconds.

        Raises:
            GwmsError: The last one failed.
        """
        for pause in PAUSES:
            began_at = self._clock.monotonic()
            try:
                return await take()
            except Exception as error:  # a user's middleware may raise anything
                if not self.may_succeed_later(error, began_at):
                    raise
                _logger.warning("listing webhooks failed, trying again in %g s: %s", pause, error)
                await self._clock.sleep(pause)
        return await take()

    def may_succeed_later(self, error: Exception, began_at: float) -> bool:
        """Return whether it is worth trying again in a few seconds after a list that failed."""
        is_closed = isinstance(error, ConfigurationError)
        return not is_closed and self._clock.monotonic() - began_at < _SLOW

    def is_old(self, snapshot: Snapshot) -> bool:
        """Return whether a list is too old to decide anything."""
        return self._clock.monotonic() - snapshot.began_at > _MAX_AGE

    def _begin(self) -> _Listing:
        listing = self._next = _Listing()
        listing.task = task = asyncio.create_task(self._list(listing, self._current), name="gwms list")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return listing

    async def _result_of(self, listing: _Listing) -> Snapshot:
        task = listing.task
        listing.waiters += 1
        try:
            await asyncio.wait([task])
        finally:
            listing.waiters -= 1
            if not listing.waiters:
                task.cancel()  # the next list should not wait for one that nobody wants; no effect if it has ended
                self._forget(listing)
        if task.cancelled():
            raise ConfigurationError("the client was closed during a list")
        end = task.result()
        if isinstance(end, Snapshot):
            return end
        raise end.fresh() if isinstance(end, GwmsError) else end

    def _forget(self, listing: _Listing) -> None:
        if self._next is listing:
            self._next = None
        if self._current is listing:
            self._current = None

    def stop(self) -> frozenset[asyncio.Task[Any]]:
        """Cancel lists in flight, whose callers get a `ConfigurationError`, and return the tasks to wait for."""
        tasks = frozenset(task for task in self._tasks if not is_over(task))
        for task in tasks:
            task.cancel()
        return tasks

    async def _list(self, listing: _Listing, before: _Listing | None) -> Snapshot | Exception:
        if before is not None:
            await asyncio.wait([before.task])
        self._next, self._current = None, listing
        began_at = self._clock.monotonic()
        try:
            return Snapshot.of(began_at, await self._fetch())
        except Exception as error:  # a user's middleware may raise anything; those who wait get it
            return error
        finally:
            self._forget(listing)  # even while some who waited have yet to wake: the first may need the next one
