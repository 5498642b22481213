"""The items that later lists have yet to decide."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import suppress
from functools import partial
from math import inf

from .closing import is_alone, look_at, on_list_failed
from .coordinator import Coordinator
from .item import UNSETTLED, Item, State
from .shared_list import PAUSES
from .snapshot import Snapshot
from .workers import Workers

_logger = logging.getLogger("gwms_async")
_QUIET = 3.0  # seconds without a create until a stream takes a closing list
_MAX_UNSETTLED = 1000
_REST, _MAX_REST = 9, 30.0  # a stream takes no list for 9 times as long as the last one took, 30 s at most


class Pending:
    """Takes a list whenever items are due, and lets it decide them.

    Args:
        coordinator: Shared by the registrations of the e-shop.
        workers: The run's.
        take_list: Returns a list, which may be in flight already.
        on_change: Called with each item that a list may have changed.
    """

    def __init__(
        self,
        coordinator: Coordinator,
        workers: Workers,
        take_list: Callable[[], Awaitable[Snapshot]],
        on_change: Callable[[Item], Awaitable[None]],
    ) -> None:
        self._coordinator, self._clock, self._workers = coordinator, coordinator.clock, workers
        self._take_list, self._on_change = take_list, on_change
        self._unseen: list[Item] = []  # open, and no closing list has looked at them yet
        self._others: list[Item] = []  # unsettled, or open and seen, to be looked at again
        self._unsettled = 0  # how many of these
        self._unseen_due = -inf  # when a stream lists for the unseen ones: all are due, and no more have come for 3 s
        self._next_own_list = -inf  # when a stream may take its next list
        self._refreshed: Snapshot | None = None  # a list taken for another reason, until it is used
        self._retries = iter(PAUSES)  # the pauses left since a list last succeeded
        self._is_complete = False
        self._wake = asyncio.Event()
        self._room = asyncio.Event()

    def add(self, item: Item) -> None:
        """Take an item that a later list decides."""
        if item.state in UNSETTLED:
            self._others.append(item)
            self._unsettled += 1
            self._wake.set()
        else:
            self._unseen.append(item)
            self._unseen_due = max(self._unseen_due, item.due, self._clock.monotonic() + _QUIET)
            if len(self._unseen) == 1:
                self._wake.set()

    def complete(self) -> None:
        """Note that no more items will be added."""
        self._is_complete = True
        self._wake.set()

    def use(self, snapshot: Snapshot) -> None:
        """Decide the items that are due by a list that was taken for another reason."""
        self._refreshed = snapshot
        self._wake.set()

    async def wait_for_room(self) -> None:
        """Wait while too many items are unsettled; `decide_all` has to run beside it."""
        while self._unsettled >= _MAX_UNSETTLED:
            self._room.clear()
            with self._workers.waiting():
                await self._room.wait()

    async def decide_all(self) -> None:
        """Decide all items; return when none is left and no more will be added."""
        while self._unseen or self._others or not self._is_complete:
            wait = self._next_list() - self._clock.monotonic()
            if self._refreshed is None and wait > 0:
                await self._sleep(wait)
                continue
            listed = self._refreshed or await self._list()
            self._refreshed = None
            await (self._decide(listed) if isinstance(listed, Snapshot) else self._do_without(listed))
            del listed  # it may be large, and the next one is on its way

    def _next_list(self) -> float:
        """Return when the next list is due, in monotonic seconds."""
        if self._is_complete:
            unsettled = [item.due for item in self._others if item.state in UNSETTLED]
            return max(unsettled or [item.due for item in (*self._unseen, *self._others)])  # one list for all
        due = min([item.due for item in self._others], default=inf)
        if self._unseen:
            due = min(due, self._unseen_due)
        return due if self._unsettled >= _MAX_UNSETTLED else max(due, self._next_own_list)

    async def _decide(self, snapshot: Snapshot) -> None:
        self._retries = iter(PAUSES)
        due = self._due_at(snapshot.began_at)
        # Beside a stream's own workers, one more is enough.
        tasks = None if self._is_complete else 1
        await self._workers.each(_close_uncontested(due, snapshot), partial(look_at, snapshot=snapshot), tasks)
        if not self._workers.is_stopped:
            await self._sort(due)

    async def _do_without(self, error: Exception) -> None:
        """Let the items that are due go on without the list that failed; open ones wait for three further lists."""
        pause = next(self._retries, None)
        if pause is None:
            self._retries = iter(PAUSES)
        due = self._due_at(self._clock.monotonic())
        for item in due:
            on_list_failed(item, error, pause)
        await self._sort(due)

    def _due_at(self, moment: float) -> list[Item]:
        return [item for item in (*self._unseen, *self._others) if item.due <= moment]

    async def _sort(self, changed: Iterable[Item]) -> None:
        left = [item for item in (*self._unseen, *self._others) if item.state is not State.DONE]
        self._unseen = [item for item in left if item.state is State.OPEN and not item.was_seen]
        self._others = [item for item in left if item.state is not State.OPEN or item.was_seen]
        self._unseen_due = max([self._unseen_due, *(item.due for item in self._unseen)])
        self._unsettled = sum(item.state in UNSETTLED for item in self._others)
        self._room.set()
        for item in changed:
            await self._on_change(item)

    async def _list(self) -> Snapshot | Exception:
        began_at = self._clock.monotonic()
        with self._workers.waiting():
            try:
                return await self._take_list()
            except Exception as error:  # a user's middleware may raise anything
                _logger.warning("listing webhooks to see what was created failed: %s", error)
                if not self._coordinator.lists.may_succeed_later(error, began_at):
                    self._retries = iter(())
                return self._refreshed or error  # the stream may have taken a list meanwhile
            finally:
                now = self._clock.monotonic()
                self._next_own_list = now + min(_REST * (now - began_at), _MAX_REST)

    async def _sleep(self, seconds: float) -> None:
        """Sleep, or less if something happens that may be due earlier."""
        self._wake.clear()
        with self._workers.waiting(), suppress(TimeoutError):
            async with asyncio.timeout(None if seconds == inf else seconds):
                await self._wake.wait()


def _close_uncontested(items: Iterable[Item], snapshot: Snapshot) -> Iterator[Item]:
    """Close the items of which a list shows one copy, as it ended: nearly all. Yield the others."""
    for item in items:
        if item.state is State.OPEN and is_alone(item, snapshot):
            item.close()
        else:
            yield item
