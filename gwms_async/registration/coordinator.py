"""The state that all registrations of one e-shop share: lists, creates in flight, and recent writes."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from math import inf

from ..chain import Call
from ..clock import SYSTEM_CLOCK, Clock
from ..errors import GwmsError, OutcomeUnknownError
from ..models import Identity, Webhook, WebhookSpec, same_identity
from .by_id import ById, WebhookApi
from .memory import CLEAR_AFTER, REMEMBERED, Memory
from .shared_list import SharedList
from .snapshot import Snapshot, counts_for
from .spellings import Spellings


class Coordinator:
    """Coordinates concurrent registrations of one e-shop: shared lists, one create per identity.

    Args:
        api_for: Returns the API whose requests all count towards a call.
    """

    def __init__(self, api_for: Callable[[Call], WebhookApi], clock: Clock = SYSTEM_CLOCK) -> None:
        self.api_for, self.clock = api_for, clock
        self.lists = SharedList(self._fetch, clock)
        self.memory = Memory(clock)
        self.spellings = Spellings()
        self.by_id = ById(self.memory, clock)
        self._creating: dict[Identity, asyncio.Future[Webhook | GwmsError | None] | None] = {}
        self._doubts: OrderedDict[Identity, float] = OrderedDict()  # the oldest first

    def forget(self) -> None:
        """Drop the writes that are too old to matter to registrations."""
        self.memory.forget()

    def clear_at(self, identity: Identity, snapshot: Snapshot) -> float:
        """Return when lists will show what became of a lost create; -inf if none was lost, or the snapshot does."""
        clear_at = self._doubts.get(identity, -inf) + CLEAR_AFTER
        return clear_at if snapshot.began_at < clear_at else -inf

    async def create(self, spec: WebhookSpec, call: Call) -> tuple[Webhook, bool]:
        """Create a webhook, or wait for another registration that is creating it.

        Returns:
            The webhook, and whether this call created it: not if what this client created earlier is still stored with
            another identity.

        Raises:
            GwmsError: It was not created, or that is unknown.
        """
        identity, creating = spec.identity, self._creating
        while identity in creating:
            found = await self._result_of_other(identity)
            if isinstance(found, Webhook):
                return found, False
            if found is not None:
                raise found.fresh()
        creating[identity] = None  # a future once another registration waits for it
        end: Webhook | GwmsError | None = None
        try:
            stored = self.spellings.stored_for(spec)
            if stored is not None and (end := await self._reread(stored, spec, call)) is not None:
                return end, False
            webhook = end = await self._post(spec, call)
            self.memory.note_registered(webhook, spec)
            self.spellings.note_created(webhook, spec)
        except GwmsError as error:
            end = error
            raise
        finally:
            waiting = creating.pop(identity)
            if waiting is not None:
                waiting.set_result(self._for_others(end, spec, call))
            end = None  # else the error and this frame would keep each other alive
        return webhook, True

    async def create_direct(self, spec: WebhookSpec) -> Webhook:
        """Create a webhook whatever exists; no closing list deletes it."""
        webhook = await self._post(spec, Call())
        self.memory.note_created(webhook)
        return webhook

    async def _fetch(self) -> list[Webhook]:
        webhooks = await self.api_for(Call()).list()
        self.memory.note_listed(webhooks)
        return webhooks

    async def _reread(self, webhook: Webhook, spec: WebhookSpec, call: Call) -> Webhook | None:
        """Return what was stored differently for a spec, as it is now; None if it is gone, or something else by now.

        The read is a call of its own, with the deadline of `call`.
        """
        found = await self.by_id.read(webhook.id, lambda: self.api_for(Call(deadline=call.deadline)))
        if found is None or not counts_for(spec, found):
            return None
        return found if same_identity(found, webhook) or same_identity(found, spec) else None

    async def _result_of_other(self, identity: Identity) -> Webhook | GwmsError | None:
        other = self._creating[identity]
        if other is None:
            other = self._creating[identity] = asyncio.get_running_loop().create_future()
        await asyncio.wait([other])
        return other.result()

    async def _post(self, spec: WebhookSpec, call: Call) -> Webhook:
        """Send one create; remember its identity as in doubt if its outcome is unknown."""
        try:
            return await self.api_for(call).create(spec)
        except BaseException as error:  # if no GwmsError: cut short, or lost by a user's middleware
            if isinstance(error, OutcomeUnknownError) or not isinstance(error, GwmsError):
                self._note_doubt(spec, call)
            raise

    def _for_others(self, end: Webhook | GwmsError | None, spec: WebhookSpec, call: Call) -> Webhook | GwmsError | None:
        """Return what those who waited for a create get; None if they are to create it themselves."""
        if end is None and call.attempts:
            return OutcomeUnknownError("the registration that was creating it was stopped", spec=spec)
        if isinstance(end, Webhook | OutcomeUnknownError) or self.clock.monotonic() < call.deadline:
            return end
        return None  # it ran out of time; they may have more

    def _note_doubt(self, spec: WebhookSpec, call: Call) -> None:
        if not call.attempts:
            return
        now = self.clock.monotonic()
        self._doubts.pop(spec.identity, None)
        self._doubts[spec.identity] = now
        while now - self._doubts[oldest := next(iter(self._doubts))] > REMEMBERED:
            del self._doubts[oldest]
