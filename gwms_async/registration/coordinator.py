"""What all registrations of one e-shop share: lists, creates in flight, creates that just ended."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

from ..chain import Call
from ..clock import SYSTEM_CLOCK, Clock
from ..errors import GwmsError, OutcomeUnknownError
from ..models import Identity, Webhook, WebhookSpec
from .shared_list import SharedList
from .snapshot import Snapshot

COMMIT_WINDOW = 3.0
"""Seconds in which the gateway may still carry out a request whose answer was lost."""


class WebhookApi(Protocol):
    """The operations that registration needs, as `Operations` has them."""

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


class Coordinator:
    """Coordinates concurrent registrations of one e-shop: shared lists, one create per identity.

    Args:
        api: Returns the operations, all requests of which count for the given call.
        clock: Its time.
    """

    def __init__(self, api: Callable[[Call], WebhookApi], clock: Clock = SYSTEM_CLOCK) -> None:
        self.api, self.clock = api, clock
        self.lists = SharedList(self._fetch, self._next_tick)
        self._tick = 0
        self._runs: dict[object, int] = {}
        self._creating: dict[Identity, asyncio.Future[Webhook | GwmsError | None] | None] = {}
        self._created: dict[Identity, tuple[int, Webhook]] = {}
        self._doubts: dict[Identity, tuple[int, float]] = {}

    @contextmanager
    def tracking(self, run: object) -> Iterator[None]:
        """Remember for a run, until it ends, what others create from now on."""
        self._runs[run] = self._next_tick()
        try:
            yield
        finally:
            del self._runs[run]
            self._forget()

    def copies(self, identity: Identity, snapshot: Snapshot) -> tuple[Webhook, ...]:
        """Return all known webhooks of an identity: listed, or created since the list began."""
        listed, created = snapshot.copies(identity), self._created.get(identity)
        if created is None:
            return listed
        tick, webhook = created
        if tick <= snapshot.began or any(other.id == webhook.id for other in listed):
            return listed
        return (*listed, webhook)

    def is_in_doubt(self, identity: Identity, snapshot: Snapshot) -> bool:
        """Return whether a create that the snapshot does not show may have been, or may yet be, carried out."""
        doubt = self._doubts.get(identity)
        if doubt is None:
            return False
        tick, since = doubt
        return tick > snapshot.began or self.clock.monotonic() - since < COMMIT_WINDOW

    async def create(self, run: object, spec: WebhookSpec, call: Call) -> tuple[Webhook, bool]:
        """Create a webhook, or wait for another registration that is creating it.

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
        creating[identity] = None  # until another registration waits for it
        end: Webhook | GwmsError | None = None
        try:
            end = await self.post(spec, call, run)
        except GwmsError as error:
            end = error
            raise
        finally:
            waiting = creating.pop(identity)
            if waiting is not None:
                waiting.set_result(self._for_others(end, spec, call))
        return end, True

    async def post(self, spec: WebhookSpec, call: Call, run: object = None) -> Webhook:
        """Send one create, and remember for the runs in flight how it ended."""
        try:
            webhook = await self.api(call).create(spec)
        except OutcomeUnknownError:
            self._doubt(spec, call)
            raise
        except GwmsError:
            raise
        except BaseException:  # cut short, or lost by a user's middleware
            self._doubt(spec, call)
            raise
        if len(self._runs) > (run in self._runs):  # there are others
            self._created[spec.identity] = self._next_tick(), webhook
        return webhook

    async def close(self) -> None:
        """Cancel lists in flight."""
        await self.lists.close()

    async def _fetch(self) -> list[Webhook]:
        return await self.api(Call()).list()

    async def _end_of_other(self, identity: Identity) -> Webhook | GwmsError | None:
        other = self._creating[identity]
        if other is None:
            other = self._creating[identity] = asyncio.get_running_loop().create_future()
        await asyncio.wait([other])
        return other.result()

    def _for_others(self, end: Webhook | GwmsError | None, spec: WebhookSpec, call: Call) -> Webhook | GwmsError | None:
        """Return what those get who waited for a create; None: they do it themselves."""
        if end is None and call.attempts:
            return OutcomeUnknownError("the registration that was creating it was stopped", spec=spec)
        if isinstance(end, Webhook | OutcomeUnknownError) or self.clock.monotonic() < call.deadline:
            return end
        return None  # it ran out of time, of which they may have more

    def _doubt(self, spec: WebhookSpec, call: Call) -> None:
        if call.attempts:
            self._forget()
            self._doubts[spec.identity] = self._next_tick(), self.clock.monotonic()

    def _forget(self) -> None:
        """Drop what no run in flight can have missed."""
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
