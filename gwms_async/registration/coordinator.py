"""What all registrations of one e-shop share: lists, creates under way, creates just ended."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Protocol

from attrs import define, field

from ..chain import Call
from ..clock import SYSTEM_CLOCK, Clock
from ..errors import ConfigurationError, GwmsError, OutcomeUnknownError
from ..models import Identity, Webhook, WebhookSpec
from .snapshot import Snapshot

COMMIT_WINDOW = 3.0
"""Seconds that a request whose answer was lost is given to be carried out."""


class Operations(Protocol):
    """What registration needs of the gateway."""

    async def list(self) -> list[Webhook]:
        """List all webhooks."""
        ...

    async def create(self, spec: WebhookSpec) -> Webhook:
        """Create one."""
        ...

    async def activate(self, webhook_id: int) -> Webhook:
        """Activate one."""
        ...

    async def deactivate(self, webhook_id: int) -> Webhook:
        """Deactivate one."""
        ...

    async def delete(self, webhook_id: int) -> None:
        """Delete one."""
        ...


@define(eq=False, repr=False)
class Coordinator:
    """Lets the registrations of one e-shop, through one client, know of each other.

    Args:
        operations: Gives the operations, all requests of which count for the call given.
        clock: Its time.
    """

    operations: Callable[[Call], Operations]
    clock: Clock = SYSTEM_CLOCK

    _tick: int = field(default=0, init=False)
    _listing: asyncio.Future[Snapshot | Exception] | None = field(default=None, init=False)
    _next_listing: asyncio.Future[Snapshot | Exception] | None = field(default=None, init=False)
    _tasks: set[asyncio.Task[None]] = field(factory=set, init=False)
    _runs: dict[object, int] = field(factory=dict, init=False)
    _creating: dict[Identity, asyncio.Future[Webhook | GwmsError | None] | None] = field(factory=dict, init=False)
    _created: dict[Identity, tuple[int, Webhook]] = field(factory=dict, init=False)
    _doubts: dict[Identity, tuple[int, float]] = field(factory=dict, init=False)

    @contextmanager
    def entered(self, run: object) -> Iterator[None]:
        """Keep what is created from now on known to a run, for as long as it lasts."""
        self._runs[run] = self._next_tick()
        try:
            yield
        finally:
            del self._runs[run]
            self._forget()

    async def snapshot(self) -> Snapshot:
        """List the webhooks; calls that come together share one list, but none that is under way already.

        Raises:
            GwmsError: The list failed.
        """
        listing = self._next_listing
        if listing is None:
            listing = self._next_listing = asyncio.get_running_loop().create_future()
            task = asyncio.create_task(self._list(listing, self._listing), name="gwms list")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
            # Cancelled before its first step, it has not told those who wait.
            task.add_done_callback(partial(_end, listing))
        await asyncio.wait([listing])
        end = listing.result()
        if isinstance(end, Snapshot):
            return end
        raise end.fresh() if isinstance(end, GwmsError) else end

    def copies(self, identity: Identity, snapshot: Snapshot) -> tuple[Webhook, ...]:
        """All webhooks of one identity that are known of: from a list, or created since it began."""
        listed, created = snapshot.copies(identity), self._created.get(identity)
        if created is None:
            return listed
        tick, webhook = created
        if tick <= snapshot.began or any(other.id == webhook.id for other in listed):
            return listed
        return (*listed, webhook)

    def is_in_doubt(self, identity: Identity, snapshot: Snapshot) -> bool:
        """Tell whether it may have been created, or be created yet, without the snapshot's knowing."""
        doubt = self._doubts.get(identity)
        if doubt is None:
            return False
        tick, since = doubt
        return tick > snapshot.began or self.clock.monotonic() - since < COMMIT_WINDOW

    async def create(self, run: object, spec: WebhookSpec, call: Call) -> tuple[Webhook, bool]:
        """Create a webhook, or wait for another registration that is at it.

        Returns:
            The webhook, and whether it was created for this run.

        Raises:
            GwmsError: It was not created, or that is not known.
        """
        identity, creating = spec.identity, self._creating
        while identity in creating:
            found = await self._end_of_other(identity)
            if isinstance(found, Webhook):
                return found, False
            if found is not None:
                raise found.fresh()
        creating[identity] = None  # until somebody waits for it
        end: Webhook | GwmsError | None = None
        try:  # not by `create_once`: a bulk comes along here for each webhook
            end = webhook = await self.operations(call).create(spec)
        except GwmsError as error:
            end = error
            raise
        finally:
            self._note(run, spec, call, end)
            waited_for = creating.pop(identity)
            if waited_for is not None:
                waited_for.set_result(self._for_others(end, spec, call))
        return webhook, True

    async def _end_of_other(self, identity: Identity) -> Webhook | GwmsError | None:
        """Wait for another registration's create."""
        other = self._creating[identity]
        if other is None:
            other = self._creating[identity] = asyncio.get_running_loop().create_future()
        await asyncio.wait([other])
        return other.result()

    def _for_others(self, end: Webhook | GwmsError | None, spec: WebhookSpec, call: Call) -> Webhook | GwmsError | None:
        """Choose what others are told of a create that they waited for; None: to do it themselves."""
        if end is None and call.attempts:
            return OutcomeUnknownError("the registration that created it was ended on its way", spec=spec)
        if isinstance(end, Webhook | OutcomeUnknownError) or self.clock.monotonic() < call.deadline:
            return end
        return None  # it failed for want of time, of which they may have more

    async def create_once(self, spec: WebhookSpec, call: Call) -> Webhook:
        """Create a webhook, whoever else does, and let registrations know."""
        end: Webhook | GwmsError | None = None
        try:
            end = webhook = await self.operations(call).create(spec)
        except GwmsError as error:
            end = error
            raise
        finally:
            self._note(None, spec, call, end)
        return webhook

    def _note(self, run: object, spec: WebhookSpec, call: Call, end: Webhook | GwmsError | None) -> None:
        """Keep known how a create ended, for the registrations that are under way."""
        if isinstance(end, Webhook):
            if len(self._runs) > (run in self._runs):  # there are others
                self._created[spec.identity] = self._next_tick(), end
        elif call.attempts and (end is None or isinstance(end, OutcomeUnknownError)):
            self._doubt(spec.identity)

    async def close(self) -> None:
        """End a list that is under way."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def _list(
        self,
        listing: asyncio.Future[Snapshot | Exception],
        before: asyncio.Future[Snapshot | Exception] | None,
    ) -> None:
        end: Snapshot | Exception = _closed()
        try:
            if before is not None:
                await asyncio.wait([before])
            self._next_listing, self._listing = None, listing
            began = self._next_tick()
            end = Snapshot.of(began, await self.operations(Call()).list())
        except Exception as error:  # noqa: BLE001  # whatever it is, it is for those who wait
            end = error
        finally:
            if self._listing is listing:
                self._listing = None
            listing.set_result(end)

    def _doubt(self, identity: Identity) -> None:
        self._forget()
        self._doubts[identity] = self._next_tick(), self.clock.monotonic()

    def _forget(self) -> None:
        """Drop what no run under way can have missed."""
        oldest, now = min(self._runs.values(), default=self._tick), self.clock.monotonic()
        self._created = {key: entry for key, entry in self._created.items() if entry[0] > oldest}
        self._doubts = {
            key: (tick, since)
            for key, (tick, since) in self._doubts.items()
            if tick > oldest or now - since < COMMIT_WINDOW
        }

    def _next_tick(self) -> int:
        self._tick += 1
        return self._tick


def _end(listing: asyncio.Future[Snapshot | Exception], _: asyncio.Task[None]) -> None:
    if not listing.done():
        listing.set_result(_closed())


def _closed() -> ConfigurationError:
    return ConfigurationError("the client was closed during a list")
