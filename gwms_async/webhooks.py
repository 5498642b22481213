"""The operations on webhooks."""

from __future__ import annotations

import builtins
from typing import Any

from attrs import frozen

from . import _wire
from ._http import Handler, Request
from .errors import DecodeError, OutcomeUnknownError
from .models import Webhook, WebhookSpec

_Webhooks = builtins.list[Webhook]


@frozen(eq=False)
class Operations:
    """The seven operations of the contract, each one coroutine.

    Every one of them may raise an `ApiError` as the gateway answers, a `TransportError` where no answer came,
    `DeadlineExceededError` after `Timeout.total` seconds, `DecodeError` for an answer that is not what the contract
    promises, and `LoginError` where username and password are refused.
    """

    _send: Handler

    async def list(self) -> _Webhooks:
        """List all webhooks of the e-shop (``GET /webhooks``)."""
        request = _wire.list_request()
        return _wire.decode_webhooks(request, await self._send(request))

    async def create(self, spec: WebhookSpec) -> Webhook:
        """Create a webhook, whether or not there is such a one already (``POST /webhooks``).

        This is one honest POST. `register` is what most callers want: it never doubles.

        Raises:
            OutcomeUnknownError: It went out once and no readable answer came back.
        """
        request = _wire.create_request(spec)
        response = await self._send(request)
        try:
            return _wire.decode_webhook(request, response)
        except DecodeError as error:
            text = str(error)
        raise OutcomeUnknownError(f"a webhook was probably created, but {text}", spec=spec)

    async def get(self, webhook_id: int) -> Webhook:
        """Get one webhook (``GET /webhooks/{id}``)."""
        return await self._one(_wire.get_request(webhook_id), webhook_id)

    async def update(self, webhook_id: int, spec: WebhookSpec) -> Webhook:
        """Replace all that a webhook says (``PUT /webhooks/{id}``)."""
        return await self._one(_wire.update_request(webhook_id, spec), webhook_id)

    async def activate(self, webhook_id: int) -> Webhook:
        """Let the gateway deliver (``PUT /webhooks/{id}/activate``)."""
        return await self._one(_wire.activate_request(webhook_id), webhook_id)

    async def deactivate(self, webhook_id: int) -> Webhook:
        """Keep the gateway from delivering (``PUT /webhooks/{id}/deactivate``)."""
        return await self._one(_wire.deactivate_request(webhook_id), webhook_id)

    async def delete(self, webhook_id: int) -> None:
        """Delete a webhook (``DELETE /webhooks/{id}``); what the gateway answers besides is not looked at."""
        await self.request(_wire.delete_request(webhook_id))

    async def request(self, request: Request) -> Any:
        """Send any request and give the ``data`` of its answer."""
        return _wire.decode_data(request, await self._send(request))

    async def _one(self, request: Request, webhook_id: int) -> Webhook:
        return _wire.decode_webhook(request, await self._send(request), webhook_id)


class Webhooks(Operations):
    """The webhooks of one e-shop: ``gwms.webhooks``."""
