"""Read and delete webhooks by id, although replicas lag and responses are lost."""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from typing import Protocol

from ..clock import Clock
from ..errors import ApiError, GwmsError, NotFoundError, OutcomeUnknownError
from ..models import Webhook, WebhookSpec, same_identity
from ..redaction import frameless
from .memory import READ_LAG, Memory
from .reasons import became_another, not_deleted
from .snapshot import counts_for, is_there, is_tombstone

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


class ById:
    """Reads and deletes webhooks by id, again where that contradicts what is known.

    Args:
        memory: What this client wrote lately.
    """

    def __init__(self, memory: Memory, clock: Clock) -> None:
        self._memory, self._clock = memory, clock

    async def read(self, webhook_id: int, next_api: NextApi, *, listed_at: float = -inf) -> Webhook | None:
        """Return a webhook, None if it is gone; read it again while that contradicts a recent write or list.

        `listed_at` is when a list began that shows it, in monotonic seconds.

        Raises:
            GwmsError: It could not be read.
        """
        while True:
            webhook = await self._get(webhook_id, next_api)
            is_late = webhook is None and self._clock.monotonic() - listed_at < READ_LAG
            if not is_late and not self._memory.contradicts_write(webhook_id, webhook):
                return webhook
            await self._clock.sleep(_AGAIN)

    async def check_identity(self, webhook_id: int, spec: WebhookSpec, next_api: NextApi, listed_at: float) -> None:
        """Read a webhook that is to be changed: since the list, somebody may have updated it, or got its id.

        The list, which began at `listed_at`, showed it with the identity of `spec`; for six seconds after that, a
        replica may show what it was before. One that is not there passes: the change will get a 404.

        Raises:
            GwmsError: It has another identity than `spec` by now, or could not be read.
        """
        while (found := await self._get(webhook_id, next_api)) is not None and not same_identity(found, spec):
            if self._clock.monotonic() - listed_at >= READ_LAG:
                raise became_another(found)
            await self._clock.sleep(_AGAIN)

    async def after_404(
        self, webhook: Webhook, spec: WebhookSpec, next_api: NextApi, listed_at: float
    ) -> Webhook | None:
        """Return a webhook, listed at `listed_at`, whose (de)activation was answered with 404; None if it is gone.

        A tombstone is, unless this client wrote it in the last six seconds: deactivating may mark a webhook alike. Any
        other is looked up by id, for up to six seconds while it is still there: replicas may lag, or the gateway may
        lack the operation. One that `spec` wants inactive is not gone if a read shows it as a tombstone: another client
        may have deactivated it.

        Raises:
            GwmsError: It could not be read.
        """
        is_marked = is_tombstone(webhook)
        if is_marked and not self._memory.contradicts_write(webhook.id, None):
            return None
        patience_ends_at = self._clock.monotonic() + READ_LAG
        while True:
            found = await self.read(webhook.id, next_api, listed_at=listed_at)
            if found is None or not same_identity(found, webhook):
                return None
            if not is_marked and not counts_for(spec, found):
                return None
            if self._clock.monotonic() >= patience_ends_at:
                return found
            await self._clock.sleep(_AGAIN)

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
            self._memory.note_uncertain(webhook_id)
            raise
        if problem is not None:
            raise problem
        self._memory.note_deleted(webhook_id)

    async def _get(self, webhook_id: int, next_api: NextApi) -> Webhook | None:
        """Return a webhook; None if it is gone."""
        try:
            return await next_api().get(webhook_id)
        except NotFoundError:
            return None

    async def _delete(self, webhook_id: int, spec: WebhookSpec, next_api: NextApi) -> GwmsError | None:
        """Delete a webhook, and read it until it is gone; return the error if it is still there."""
        doubt = await self._send_delete(webhook_id, next_api)
        patience_ends_at = self._clock.monotonic() + READ_LAG
        while True:
            try:
                found = await self._get(webhook_id, next_api)
            except ApiError as error:
                if doubt is not None or error.status not in {404, 410}:
                    raise
                found = None  # the gateway has confirmed the delete, and a proxy may replace its errors by pages
            is_gone = not is_there(found, spec)
            # A confirmed delete and a 404 are proof enough. Any other 404, a tombstone or another identity may come
            # from a replica that does not show this client's last write yet.
            is_proven = doubt is None and found is None
            if is_gone and not is_proven and self._memory.contradicts_write(webhook_id, found):
                await self._clock.sleep(_AGAIN)
                continue
            if is_gone:
                return None
            if self._clock.monotonic() >= patience_ends_at:
                return doubt if isinstance(doubt, OutcomeUnknownError) else not_deleted(webhook_id)
            # A server may close each connection, unannounced, after a response: a read is then repeated, but a delete
            # that is sent right behind it would be lost every time.
            await self._clock.sleep(_AGAIN)
            if doubt is not None:
                doubt = await self._send_delete(webhook_id, next_api)
                if doubt is None:
                    patience_ends_at = self._clock.monotonic() + READ_LAG

    async def _send_delete(self, webhook_id: int, next_api: NextApi) -> OutcomeUnknownError | NotFoundError | None:
        """Send one delete; return the error if it may not have been carried out."""
        try:
            await next_api().delete(webhook_id)
        except NotFoundError as error:
            return frameless(error) if self._memory.contradicts_write(webhook_id, None) else None
        except OutcomeUnknownError as error:
            return frameless(error)
        return None
