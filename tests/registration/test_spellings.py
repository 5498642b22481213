"""What the gateway stores with another identity is known when its spec is registered again."""

from __future__ import annotations

from gwms_async import HttpMethod, Webhook, WebhookType
from gwms_async.registration.spellings import Spellings


def hook(number: int, url: str = "https://shop.example/") -> Webhook:
    """Make a webhook."""
    return Webhook(number, url, WebhookType.CREATE_ORDER, active=True, method=HttpMethod.POST)


OTHER = "https://shop.example/other"


def test_what_was_stored_otherwise_is_forgotten_with_the_next_create() -> None:
    """Only what the gateway last made of a spec is of interest."""
    spellings = Spellings()
    spellings.note_created(hook(1, OTHER), hook(1).spec)
    assert spellings.stored_for(hook(1).spec) == hook(1, OTHER)

    spellings.note_created(hook(2), hook(2).spec)

    assert spellings.stored_for(hook(1).spec) is None


def test_one_that_has_changed_may_have_been_changed_by_somebody() -> None:
    """However often that one is seen; a second one of the same spec shows that the gateway stores it so."""
    spellings = Spellings()
    for _ in range(2):
        spellings.note_changed(hook(1, OTHER), hook(1).spec)
    assert spellings.stored_for(hook(1).spec) is None

    spellings.note_changed(hook(2, OTHER), hook(1).spec)

    assert spellings.stored_for(hook(1).spec) == hook(2, OTHER)


def test_no_more_than_a_thousand_are_kept() -> None:
    """The oldest one is forgotten first."""
    spellings = Spellings()
    asked = [hook(0, f"https://shop.example/{number}").spec for number in range(1001)]
    for number, spec in enumerate(asked):
        spellings.note_created(hook(number, OTHER), spec)

    assert [spec for spec in asked if spellings.stored_for(spec) is None] == asked[:1]
