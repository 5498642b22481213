"""The errors of webhooks that are not as their specs ask; pure."""

from __future__ import annotations

from collections.abc import Iterable

from ..errors import DeadlineExceededError, GwmsError, NotFoundError, OutcomeUnknownError
from ..models import Webhook, WebhookSpec, same_identity
from ..redaction import escaped, redacted

_MAX_TEXT = 200  # characters shown of a text that the gateway sent


def too_late() -> DeadlineExceededError:
    """Return the error of a spec that the run had not finished when it was stopped."""
    return DeadlineExceededError("the run ended before this webhook was registered: run it again")


def cut_short(spec: WebhookSpec) -> OutcomeUnknownError:
    """Return the error of a spec whose last request, a create or another one, was stopped on the wire."""
    text = "the last request for it was cut short: it may or may not be registered. Run again"
    return OutcomeUnknownError(text, spec=spec)


def not_closed(spec: WebhookSpec, *errors: Exception | None) -> OutcomeUnknownError:
    """Return the error of a spec that was in doubt, and that no closing list has decided.

    `errors` say what else went wrong, and why there was no list.
    """
    reasons = "; ".join(str(error) for error in errors if error is not None)
    text = f"there may be a second copy: no list has been taken since{reasons and f' ({reasons})'}. Run again"
    return OutcomeUnknownError(text, spec=spec)


def half_closed(spec: WebhookSpec, excess: Iterable[int]) -> OutcomeUnknownError:
    """Return the error of a spec whose run was stopped while it deleted the copies that it had created."""
    copies = ", ".join(map(str, excess))
    text = f"there may be a second copy: the run was stopped while it was deleted (webhook {copies}). Run again"
    return OutcomeUnknownError(text, spec=spec)


def stored_differently(webhook: Webhook, spec: WebhookSpec) -> GwmsError | None:
    """Return the error of a webhook that is stored with another identity than its spec asks for; None if it is not."""
    if same_identity(webhook, spec):
        return None
    return GwmsError(
        f"webhook {webhook.id} was created, but the gateway stores it as {_described(webhook)}, not as "
        f"{_described(spec)}: a later run will not recognise it. Use the gateway's spelling"
    )


def id_of_another(listed: Webhook, spec: WebhookSpec) -> GwmsError | None:
    """Return the error of a create whose response has the id of another webhook; None if it has not.

    `listed` is what a list showed under that id before.
    """
    if same_identity(listed, spec):
        return None
    return GwmsError(
        f"the gateway answered with webhook {listed.id}, which it had listed as {_described(listed)}: it may have "
        "replaced that one. See what `list` shows, and run again"
    )


def no_longer_as_asked(webhook: Webhook, found: Webhook | None) -> GwmsError:
    """Return the error of a webhook that is no longer as the spec asks when a run ends: it is gone, or as `found`."""
    now = "gone" if found is None else "active" if found.active else "inactive"
    return GwmsError(
        f"webhook {webhook.id} is {now} by the end of the run: someone has changed it, or what the run created or "
        "deleted has affected it. Run again; if it recurs, the gateway does not keep all of them"
    )


def undecided(copies: Iterable[int], spec: WebhookSpec, error: Exception) -> OutcomeUnknownError:
    """Return the error of a spec whose copies could not be read or deleted, so that two may stay."""
    names = "".join(f", webhook {each}" for each in copies)
    return OutcomeUnknownError(f"there may be a second copy{names}: {error}", spec=spec)


def gone_with_copies(webhook_id: int, deleted: Iterable[int]) -> GwmsError:
    """Return the error of a webhook that was to stay, and is gone once its copies are deleted."""
    copies = ", ".join(map(str, deleted))
    return GwmsError(f"webhook {webhook_id} is gone since its copies were deleted ({copies}): run again")


def unconfirmed(webhook_id: int, spec: WebhookSpec, error: Exception) -> OutcomeUnknownError:
    """Return the error of a webhook that could not be read after its copies were deleted."""
    text = f"webhook {webhook_id} may be gone since its copies were deleted: {error}. Run again"
    return OutcomeUnknownError(text, spec=spec)


def left_out(webhook: Webhook, shown: str | None) -> GwmsError | None:
    """Return the error of a webhook that exists, but that lists leave out; None if they just lag.

    `shown` is what they show instead.
    """
    if shown is None:
        return None
    return GwmsError(
        f"webhook {webhook.id} exists, but lists show {shown} and not this one: they seem incomplete, and a later run "
        "would create it again. Ask Skladon to return the whole list"
    )


def lost_track(spec: WebhookSpec, stored_as: Webhook | None) -> GwmsError:
    """Return the error of a spec whose webhooks are all gone, or where one is now `stored_as` something else."""
    found = stored_as and stored_differently(stored_as, spec)
    return GwmsError(f"{found}, unless someone has changed it" if found else "someone has deleted it: run again")


def not_switched(webhook: Webhook) -> GwmsError:
    """Return the error of an activation or deactivation that had no effect."""
    wanted = "inactive" if webhook.active else "active"
    return GwmsError(f"webhook {webhook.id} is not {wanted}: the gateway reported success but left it as it was")


def vanished(webhook_id: int) -> NotFoundError:
    """Return the error of a webhook that is gone, although its (de)activation was answered with a success."""
    path = f"/webhooks/{webhook_id}"
    return NotFoundError(status=404, message="the gateway had reported success", method="GET", path=path)


def not_deleted(webhook_id: int) -> GwmsError:
    """Return the error of a webhook that is still there after its delete."""
    return GwmsError(
        f"webhook {webhook_id} is still there: the gateway accepted its delete but left it as it was, unless a cache "
        "on the way shows what was there before"
    )


def became_another(webhook: Webhook) -> GwmsError:
    """Return the error of a webhook that has another identity by the time it is changed."""
    return GwmsError(f"webhook {webhook.id} is now {_described(webhook)}: run again")


def contradictory(one: Webhook, other: Webhook) -> GwmsError:
    """Return the error of a list that shows two webhooks under one id."""
    text = f"{_described(one)} and as {_described(other)}"
    return GwmsError(f"the gateway lists webhook {one.id} as {text}: a list that contradicts itself decides nothing")


def _described(one: Webhook | WebhookSpec) -> str:
    return escaped(f"{redacted(one.url)[:_MAX_TEXT]!r} on {one.webhook_type:.{_MAX_TEXT}} by {one.method:.{_MAX_TEXT}}")
