"""The errors of webhooks that are not as their specs ask."""

from __future__ import annotations

from attrs import evolve

from gwms_async import GwmsError, HttpMethod, OutcomeUnknownError, Webhook, WebhookSpec, WebhookType
from gwms_async.registration.reasons import (
    cut_short,
    id_of_another,
    left_out,
    lost_track,
    no_longer_as_asked,
    not_closed,
    not_switched,
    stored_differently,
    undecided,
)

SPEC = WebhookSpec("https://shop.example/a", WebhookType.CREATE_ORDER)
ASKED = "'https://shop.example/a' on CREATE_ORDER by POST"


def webhook(url: str, *, active: bool = True) -> Webhook:
    """Return webhook 7."""
    return Webhook(7, url, WebhookType.CREATE_ORDER, active, HttpMethod.POST)


def test_the_same_identity_is_no_mistake() -> None:
    """Nor is another spelling of the same URL."""
    assert stored_differently(webhook("HTTPS://shop.example:443/a"), SPEC) is None
    assert id_of_another(webhook(SPEC.url), SPEC) is None


def test_another_spelling_shows_both() -> None:
    """With the id, so that the webhook can be found."""
    text = str(stored_differently(webhook("https://shop.example/A"), SPEC))

    assert text.startswith("webhook 7 was created, but the gateway stores it as 'https://shop.example/A' on CREATE_")
    assert ASKED in text


def test_what_a_gateway_stores_is_shown_in_short() -> None:
    """It may be of any length."""
    found = evolve(webhook(SPEC.url + "/" * 100_000), webhook_type=WebhookType.unlisted("X" * 100_000))

    assert len(str(stored_differently(found, SPEC))) < 1000


def test_an_id_that_was_another_webhook() -> None:
    """The error shows what that was."""
    assert "webhook 7, which it had listed as 'https://shop.example/b'" in str(
        id_of_another(webhook("https://shop.example/b"), SPEC)
    )


def test_what_is_there_no_longer() -> None:
    """It was deleted, or is stored as something else."""
    assert str(lost_track(SPEC, None)) == "someone has deleted it: run again"
    assert str(lost_track(SPEC, webhook("https://shop.example/b"))).endswith("unless someone has changed it")


def test_what_lists_leave_out() -> None:
    """The error shows what they show instead; where that is nothing, they may just lag."""
    assert "7 exists, but lists show later ones and not this one" in str(left_out(webhook(SPEC.url), "later ones"))
    assert left_out(webhook(SPEC.url), None) is None


def test_what_an_adopted_webhook_has_become() -> None:
    """It is gone, or in the other state."""
    assert "webhook 7 is gone by the end of the run" in str(no_longer_as_asked(webhook(SPEC.url), None))
    for active, state in (True, "active"), (False, "inactive"):
        found = webhook(SPEC.url, active=active)
        assert f"webhook 7 is {state} by the end" in str(no_longer_as_asked(found, found))


def test_errors_that_leave_a_doubt() -> None:
    """They have the spec, and what is known."""
    error = not_closed(SPEC, None, GwmsError("the list failed"))

    assert error.spec is cut_short(SPEC).spec is SPEC
    assert isinstance(cut_short(SPEC), OutcomeUnknownError)
    assert str(error) == "there may be a second copy: no list has been taken since (the list failed). Run again"
    assert str(not_closed(SPEC)).endswith("taken since. Run again")
    assert str(undecided([], SPEC, GwmsError("x"))) == "there may be a second copy: x"
    assert str(undecided([3, 4], SPEC, GwmsError("x"))) == "there may be a second copy, webhook 3, webhook 4: x"


def test_a_switch_without_effect() -> None:
    """The error says what the webhook is not."""
    assert "webhook 7 is not inactive" in str(not_switched(webhook(SPEC.url)))
    assert "webhook 7 is not active" in str(not_switched(webhook(SPEC.url, active=False)))
