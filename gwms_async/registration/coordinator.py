"""What all registrations of one e-shop share: lists, creates in flight, and what was written lately."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from math import inf
from typing import Protocol

from ..chain import Call
from ..clock import SYSTEM_CLOCK, Clock
from ..errors import ApiError, GwmsError, NotFoundError, OutcomeUnknownError
from ..models import Identity, Webhook, WebhookSpec
from .memory import CLEAR_AFTER, READ_LAG, REMEMBERED, Memory
from .reasons import not_deleted
from .shared_list import SharedList
from .snapshot import Snapshot, is_there

_AGAIN = 1.0  # seconds until a webhook is read again


class WebhookApi(Protocol):
    """The operations that registration needs; `Operations` implements them."""

    async def list(self) -> list[Webhook]:
        """List all webhooks."""

    async def create(self, spec: WebhookSpec) -> Webhook:
        """Create one."""

    async def get(self, webhook_id: int) -> Webhook:
        """Get one; raise `GwmsError` if the response contains another."""

    async def activate(self, webhook_id: int) -> Webhook:
        """Activate one."""

    async def deactivate(self, webhook_id: int) -> Webhook:
        """Deactivate one."""

    async def delete(self, webhook_id: int) -> None:
        """Delete one; never sent again where its response was lost."""


NextApi = Callable[[], WebhookApi]
"""Returns the API for one more request on behalf of an item or a deletion, which counts it and can stop it."""


class Coordinator:
    """Coordinates concurrent registrations of one e-shop: shared lists, one create per identity.

    Args:
        api_for: Returns the API whose requests all count towards a call.
    """

    def __init__(self, api_for: Callable[[Call], WebhookApi], clock: Clock = SYSTEM_CLOCK) -> None:
        self.api_for, self.clock = api_for, clock
        self.lists = SharedList(self._fetch, clock)
        self.memory = Memory(clock)
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
            stored = self.memory.stored_for(spec)
            if stored is not None and (end := await self._as_it_is(stored, spec, call)) is not None:
                return end, False
            webhook = end = await self._post(spec, call)
            self.memory.note_registered(webhook, spec)
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

    async def read(self, webhook_id: int, next_api: NextApi, *, listed_at: float = -inf) -> Webhook | None:
        """Return a webhook, None if it is gone; read it again while that contradicts a recent write or list.

        `listed_at` is when a list began that shows it, in monotonic seconds.

        Raises:
            GwmsError: It could not be read.
        """
        while True:
            webhook = await self._get(webhook_id, next_api)
            is_late = webhook is None and self.clock.monotonic() - listed_at < READ_LAG
            if not is_late and not self.memory.contradicts_write(webhook_id, webhook):
                return webhook
            await self.clock.sleep(_AGAIN)

    async def is_gone(self, webhook: Webhook, next_api: NextApi) -> bool:
        """Return whether a listed webhook is gone, whose (de)activation was answered with 404.

        One that was listed inactive may be a tombstone, and counts as gone. One that was listed active is looked up by
        id, for up to six seconds while it is still there: replicas may lag, or the gateway may lack the operation.

        Raises:
            GwmsError: It could not be read.
        """
        if not webhook.active:
            return True
        patience_ends_at = self.clock.monotonic() + READ_LAG
        while is_there(await self._get(webhook.id, next_api), webhook):
            if self.clock.monotonic() >= patience_ends_at:
                return False
            await self.clock.sleep(_AGAIN)
        return True

    async def delete(self, webhook_id: int, spec: WebhookSpec, next_api: NextApi) -> None:
        """Delete a webhook, and make sure that it is gone; it may have been gone before.

        If the response is lost, or is a 404 within six seconds of the last write, the delete is sent again only if a
        read still finds the webhook: ids may be reused. Where the id shows another identity than `spec`, it is gone.

        Raises:
            GwmsError: It could not be deleted or read, or is still there.
        """
        try:
            problem = await self._delete(webhook_id, spec, next_api)
        except BaseException:  # among them a cancellation
            self.memory.note_uncertain(webhook_id)
            raise
        if problem is not None:
            raise problem
        self.memory.note_deleted(webhook_id)

    async def _fetch(self) -> list[Webhook]:
        webhooks = await self.api_for(Call()).list()
        self.memory.note_listed(webhooks)
        return webhooks

    async def _get(self, webhook_id: int, next_api: NextApi) -> Webhook | None:
        """Return a webhook; None if it is gone."""
        try:
            return await next_api().get(webhook_id)
        except NotFoundError:
            return None

    async def _delete(self, webhook_id: int, spec: WebhookSpec, next_api: NextApi) -> GwmsError | None:
        """Delete a webhook, and read it until it is gone; return the error if it is still there."""
        doubt = await self._send_delete(webhook_id, next_api)
        patience_ends_at = self.clock.monotonic() + READ_LAG
        while True:
            try:
                found = await self._get(webhook_id, next_api)
            except ApiError as error:
                if doubt is not None or error.status not in {404, 410}:
                    raise
                found = None  # the gateway has confirmed the delete, and a proxy may replace its errors by pages
            # A 404, to the delete or to this, may come from a replica that does not show the create yet.
            is_late = doubt is not None and found is None and self.memory.contradicts_write(webhook_id, None)
            if not is_late and not is_there(found, spec):
                return None
            if not is_late and self.clock.monotonic() >= patience_ends_at:
                return doubt if isinstance(doubt, OutcomeUnknownError) else not_deleted(webhook_id)
            # A server may close each connection, unannounced, after a response: a read is then repeated, but a delete
            # that is sent right behind it would be lost every time.
            await self.clock.sleep(_AGAIN)
            if doubt is not None and not is_late:
                doubt = await self._send_delete(webhook_id, next_api)
                if doubt is None:
                    patience_ends_at = self.clock.monotonic() + READ_LAG

    async def _send_delete(self, webhook_id: int, next_api: NextApi) -> OutcomeUnknownError | NotFoundError | None:
        """Send one delete; return the error if it may not have been carried out."""
        try:
            await next_api().delete(webhook_id)
        except NotFoundError as error:
            return error.with_traceback(None) if self.memory.contradicts_write(webhook_id, None) else None
        except OutcomeUnknownError as error:
            return error.with_traceback(None)
        return None

    async def _as_it_is(self, webhook: Webhook, spec: WebhookSpec, call: Call) -> Webhook | None:
        """Return a webhook that was stored differently as it is now, None if it is gone or yet another.

        The read has the deadline of a call.
        """
        found = await self.read(webhook.id, lambda: self.api_for(Call(deadline=call.deadline)))
        return found if is_there(found, webhook) or is_there(found, spec) else None

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
        except BaseException as error:  # any but a GwmsError: cut short, or lost by a user's middleware
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
