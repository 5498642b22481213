"""What is wrong with a webhook that is not as its spec asks; pure."""

from __future__ import annotations

from ..errors import GwmsError, NotFoundError, OutcomeUnknownError
from ..models import Webhook, WebhookSpec, same_identity
from ..redaction import escaped, redacted

_LONGEST = 200  # characters of a text of the gateway that are shown


def cut_short(spec: WebhookSpec) -> OutcomeUnknownError:
    """Return the error of a create that was stopped on the wire."""
    return OutcomeUnknownError("its request was cut short: it may or may not exist, run again", spec=spec)


def not_closed(spec: WebhookSpec, *errors: Exception | None) -> OutcomeUnknownError:
    """Return the error of a spec that was in doubt, where no closing list has decided since.

    Args:
        spec: The spec.
        errors: Why not, and what else was wrong.
    """
    reasons = "; ".join(str(error) for error in errors if error is not None)
    text = f"there may be a second copy: no list was looked at since{reasons and f' ({reasons})'}. Run again"
    return OutcomeUnknownError(text, spec=spec)


def misspelt(webhook: Webhook, spec: WebhookSpec) -> GwmsError | None:
    """Return the error of a webhook that was created, and is stored with another identity; None if it is not."""
    if same_identity(webhook, spec):
        return None
    return GwmsError(
        f"webhook {webhook.id} was created, but the gateway stores {_described(webhook)} for {_described(spec)}: a "
        "later run will not recognise it. Use the gateway's spelling"
    )


def replaced(listed: Webhook, spec: WebhookSpec) -> GwmsError | None:
    """Return the error of a create that was answered with the id of another webhook; None if it was not.

    Args:
        listed: What the list showed under that id before.
        spec: The spec.
    """
    if same_identity(listed, spec):
        return None
    return GwmsError(
        f"the gateway answered with webhook {listed.id}, which it had listed as {_described(listed)}: it may have "
        "replaced that one. See what `list` shows, and run again"
    )


def left_out(webhook: Webhook, highest_id: int | None) -> GwmsError | None:
    """Return the error of a webhook that no list shows, although the last one shows a later one; None if none does.

    Args:
        webhook: The webhook, as `get` shows it.
        highest_id: The highest id that the last list shows.
    """
    if highest_id is None or highest_id < webhook.id:
        return None  # lists lag
    return GwmsError(
        f"webhook {webhook.id} exists, and lists show later ones, up to {highest_id}, but not this one: they seem "
        "incomplete, and a later run would create it again. Ask Skladon for the whole list"
    )


def lost_track(spec: WebhookSpec, stored_as: Webhook | None) -> GwmsError:
    """Return the error of a spec none of whose webhooks is there as it was created.

    Args:
        spec: The spec.
        stored_as: What one of them is now, if it is there.
    """
    found = stored_as and misspelt(stored_as, spec)
    return GwmsError(f"{found}, unless somebody has changed it" if found else "somebody has deleted it: run again")


def not_switched(webhook: Webhook) -> GwmsError:
    """Return the error of an activation or deactivation that had no effect."""
    wanted = "inactive" if webhook.active else "active"
    return GwmsError(f"webhook {webhook.id} is not {wanted}: the gateway answered a success and left it as it was")


def vanished(webhook_id: int) -> NotFoundError:
    """Return the error of a webhook whose (de)activation was answered a success, and that is not there."""
    path = f"/webhooks/{webhook_id}"
    return NotFoundError(status=404, message="the gateway had answered a success", method="GET", path=path)


def not_deleted(webhook_id: int) -> GwmsError:
    """Return the error of a webhook that is still there."""
    return GwmsError(f"webhook {webhook_id} is still there: the gateway answered a delete and left it as it was")


def other_answered(webhook_id: int, webhook: Webhook) -> GwmsError:
    """Return the error of a request about one webhook that was answered with another.

    Args:
        webhook_id: The id that was asked for.
        webhook: The answer.
    """
    return GwmsError(f"asked about webhook {webhook_id}, the gateway answered with {webhook.id}, {_described(webhook)}")


def contradictory(one: Webhook, other: Webhook) -> GwmsError:
    """Return the error of a list that shows two webhooks under one id."""
    text = f"{_described(one)} and as {_described(other)}"
    return GwmsError(f"the gateway lists webhook {one.id} as {text}: a list that contradicts itself decides nothing")


def _described(one: Webhook | WebhookSpec) -> str:
    return escaped(f"{redacted(one.url)[:_LONGEST]!r} on {one.webhook_type:.{_LONGEST}} by {one.method:.{_LONGEST}}")
