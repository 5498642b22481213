"""Webhooks activated or deactivated as their specs ask, and seen to be so: a success is no proof."""

from __future__ import annotations

from collections.abc import Callable

from attrs import evolve

from ..errors import DecodeError
from ..models import Webhook, WebhookSpec, same_identity
from .coordinator import Coordinator, WebhookApi
from .reasons import not_switched, other_answered, vanished


async def switched(
    coordinator: Coordinator, webhook: Webhook, spec: WebhookSpec, api: Callable[[], WebhookApi]
) -> Webhook:
    """Activate or deactivate a webhook, and return it as `get` shows it.

    Args:
        coordinator: Shared by the registrations of the e-shop.
        webhook: The webhook, in the other state.
        spec: What asks for it.
        api: Returns the operations, for one more call.

    Raises:
        GwmsError: It failed, had no effect, was answered with another webhook, or could not be read afterwards.
    """
    operations = api()
    try:
        answer = await (operations.activate if spec.active else operations.deactivate)(webhook.id)
    except DecodeError:  # the contract does not require that a response shows the webhook
        answer = evolve(webhook, active=spec.active)
    _note(coordinator, answer, webhook, spec)
    seen = await coordinator.read(webhook.id, api)
    if seen is None:
        raise vanished(webhook.id)
    _note(coordinator, seen, webhook, spec)
    return seen


def _note(coordinator: Coordinator, answer: Webhook, webhook: Webhook, spec: WebhookSpec) -> None:
    """Remember how a webhook is now; raise `GwmsError` if that is not as the spec asks, or another one was answered."""
    if answer.id != webhook.id or not same_identity(answer, spec):
        raise other_answered(webhook.id, answer)
    coordinator.memory.note_changed(answer)
    if answer.active is not spec.active:
        raise not_switched(answer)
