"""A list by identity: which webhooks count as copies, and which one is preferred."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import permutations
from typing import Any

import pytest
from attrs import evolve

from gwms_async import HttpMethod, Webhook, WebhookType
from gwms_async.registration.snapshot import Snapshot, is_tombstone, preferred_first

WHEN = datetime(2026, 1, 1, tzinfo=UTC)


def hook(number: int, *, active: bool = True, gone: bool = False, **changes: Any) -> Webhook:
    """Make a webhook."""
    made = Webhook(number, "https://shop.example/1", WebhookType.CREATE_ORDER, active=active, method=HttpMethod.POST)
    return evolve(made, unregistered_at=WHEN if gone else None, **changes)


def test_a_snapshot_finds_by_identity() -> None:
    """URL, event type and method distinguish webhooks; whether they are active does not."""
    other_url = hook(4, url="https://shop.example/2")
    other_type = hook(5, webhook_type=WebhookType.unlisted("NEW_EVENT"))
    other_method = hook(6, method=HttpMethod.GET)
    same = [hook(1), hook(2, active=False), hook(3, gone=True)]

    snapshot = Snapshot.of(7, [other_url, *same, other_type, other_method])

    assert snapshot.began_at == 7
    assert tuple(same) == snapshot.copies(hook(99).identity)
    for one in (other_url, other_type, other_method):
        assert (one,) == snapshot.copies(one.identity)


def test_an_empty_list_decides_as_any_other() -> None:
    """It is not false, as an empty collection is: a run would take another one in its place."""
    assert Snapshot.of(0.0, ())


def test_an_unlisted_event_is_found_by_its_text() -> None:
    """Also by a value made elsewhere."""
    held = hook(1, webhook_type=WebhookType.unlisted("NEW_EVENT"))

    assert (held,) == Snapshot.of(0, [held]).copies(hook(9, webhook_type=WebhookType.unlisted("NEW_EVENT")).identity)


def test_what_is_not_there_has_no_copies() -> None:
    """Nor has anything in an empty list."""
    assert Snapshot.of(0, []).copies(hook(1).identity) == ()
    assert Snapshot.of(0, [hook(1)]).copies(hook(1, url="https://shop.example/1/").identity) == ()


@pytest.mark.parametrize("order", [*permutations([hook(1), hook(2), hook(10)])])
def test_copies_come_lowest_id_first(order: tuple[Webhook, ...]) -> None:
    """Whatever the gateway's order."""
    assert [copy.id for copy in Snapshot.of(0, iter(order)).copies(hook(1).identity)] == [1, 2, 10]


@pytest.mark.parametrize(
    ("webhook", "expected"),
    [
        (hook(1), False),
        (hook(1, active=False), False),
        (hook(1, gone=True), False),
        (hook(1, active=False, gone=True), True),
    ],
)
def test_what_may_be_a_tombstone(webhook: Webhook, expected: bool) -> None:
    """What is inactive and was unregistered at some time; what is active exists."""
    assert expected is is_tombstone(webhook)


@pytest.mark.parametrize(
    ("copies", "active", "expected"),
    [
        ([], True, []),
        ([hook(1), hook(2)], True, [1, 2]),
        ([hook(1), hook(2)], False, [1, 2]),
        ([hook(1, active=False), hook(2)], True, [2, 1]),
        ([hook(1, active=False), hook(2)], False, [1, 2]),
        ([hook(1), hook(2, active=False)], False, [2, 1]),
        ([hook(1, active=False, gone=True), hook(2, active=False), hook(3)], True, [3, 2, 1]),
        ([hook(1, active=False, gone=True), hook(2, active=False), hook(3)], False, [2, 3, 1]),
        ([hook(1, active=False, gone=True), hook(2)], False, [2, 1]),
        ([hook(1, gone=True), hook(2)], True, [1, 2]),
    ],
)
def test_the_preferred_copy_comes_first(copies: list[Webhook], active: bool, expected: list[int]) -> None:
    """Existing webhooks before tombstones, then those that are as wanted, then the lowest id."""
    for order in permutations(copies):
        assert expected == [copy.id for copy in preferred_first(order, active=active)]


def test_many_copies() -> None:
    """They take time in proportion; else the time limit of tests passes."""
    webhooks = list(map(hook, range(100_000)))

    assert len(Snapshot.of(0.0, webhooks).copies(webhooks[0].identity)) == 100_000


def test_lists_that_seem_incomplete() -> None:
    """They show later webhooks, or as many as fit on a page, or none that is inactive: otherwise they may just lag."""
    earlier, active, inactive = [hook(number) for number in range(51)], hook(77), hook(77, active=False)

    assert Snapshot.of(0.0, []).why_incomplete(inactive) is None
    assert Snapshot.of(0.0, earlier[:49]).why_incomplete(active) is None
    assert Snapshot.of(0.0, earlier[:5]).why_incomplete(active) is None
    assert Snapshot.of(0.0, earlier[:45]).why_incomplete(active) is None
    assert Snapshot.of(0.0, [hook(6, active=False)]).why_incomplete(inactive) is None
    assert Snapshot.of(0.0, [hook(78), hook(6)]).why_incomplete(inactive) == "later ones, up to 78,"
    assert Snapshot.of(0.0, earlier[:50]).why_incomplete(active) == "exactly 50 others"
    assert Snapshot.of(0.0, earlier).why_incomplete(inactive) == "active ones only"
