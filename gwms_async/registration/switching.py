"""Activate or deactivate a webhook, and check the effect: a success response is not proof."""

from __future__ import annotations

from attrs import evolve

from ..errors import DecodeError, NotFoundError
from ..models import Webhook, WebhookSpec, same_identity
from .memory import Memory
from .reasons import became_another, not_switched, vanished
from .workers import Job


async def switched(job: Job, webhook: Webhook, spec: WebhookSpec, listed_at: float) -> Webhook:
    """Return a webhook if it is as its spec asks; otherwise (de)activate it, and return it as `get` shows it then.

    `listed_at` is when the list began by which this was decided, in monotonic seconds.

    Raises:
        GwmsError: It failed or had no effect, the webhook has another identity now, or it could not be read.
    """
    if webhook.active is spec.active:
        return webhook
    by_id, memory = job.coordinator.by_id, job.coordinator.memory
    if not memory.contradicts_write(webhook.id, None):  # else this client has only just written it
        await by_id.check_identity(webhook.id, spec, job.next_api, listed_at)
    api = job.next_api()
    try:
        answer = await (api.activate if spec.active else api.deactivate)(webhook.id)
    except DecodeError:  # no `data`, which the contract does not require, or another webhook: the read decides
        answer = evolve(webhook, active=spec.active)
    _check_and_note(memory, answer, spec)
    seen = await by_id.read(webhook.id, job.next_api)
    if seen is None:
        raise vanished(webhook.id)
    _check_and_note(memory, seen, spec)
    return seen


async def switched_unless_gone(job: Job, webhook: Webhook, spec: WebhookSpec, listed_at: float) -> Webhook | None:
    """Return what `switched` does, None if the webhook is gone; a 404 alone does not prove that.

    Raises:
        GwmsError: As in `switched`.
    """
    try:
        return await switched(job, webhook, spec, listed_at)
    except NotFoundError as error:
        not_found = error
    found = await job.coordinator.by_id.after_404(webhook, spec, job.next_api, listed_at)
    if found is not None and found.active is not spec.active:
        raise not_found
    return found


def _check_and_note(memory: Memory, answer: Webhook, spec: WebhookSpec) -> None:
    """Remember how a webhook is now; raise `GwmsError` if that is not as the spec asks."""
    if not same_identity(answer, spec):
        raise became_another(answer)
    memory.note_changed(answer)
    if answer.active is not spec.active:
        raise not_switched(answer)
