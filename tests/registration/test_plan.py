"""Plans: what would have to change, and that nothing else does; pure."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from attrs import evolve

from gwms_async import HttpMethod, Plan, Webhook, WebhookSpec, WebhookType
from gwms_async.registration.plan import claimed_by, deletes_too_many, make_plan

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SHOP = "https://shop.example/"


def hook(number: int, path: str = "a", *, active: bool = True, unregistered: datetime | None = None) -> Webhook:
    """Make a webhook that is there."""
    return Webhook(number, SHOP + path, WebhookType.CREATE_ORDER, active, HttpMethod.POST, NOW, unregistered)


def spec(path: str = "a", *, active: bool = True) -> WebhookSpec:
    """Make a webhook that is wanted."""
    return WebhookSpec(SHOP + path, WebhookType.CREATE_ORDER, active)


@pytest.mark.parametrize(
    ("there", "expected"),
    [
        ([], Plan(create=(spec(),))),
        ([hook(1)], Plan(unchanged=(hook(1),))),
        ([hook(1, active=False)], Plan(activate=(hook(1, active=False),))),
        ([hook(1, active=False, unregistered=NOW)], Plan(activate=(hook(1, active=False, unregistered=NOW),))),
        ([hook(2), hook(1)], Plan(unchanged=(hook(1),))),
        ([hook(1, active=False), hook(2)], Plan(unchanged=(hook(2),))),
        ([hook(1, "b")], Plan(create=(spec(),))),
    ],
)
def test_what_one_wanted_webhook_needs(there: list[Webhook], expected: Plan) -> None:
    """Created, activated or left alone; by default nothing is deleted."""
    assert make_plan([spec()], there, claimed_by(None)) == expected


def test_what_shall_not_be_active() -> None:
    """It is deactivated, or left alone."""
    wanted = [spec("a", active=False), spec("b", active=False)]

    plan = make_plan(wanted, [hook(1, "a"), hook(2, "b", active=False)], claimed_by(None))

    assert plan == Plan(deactivate=(hook(1, "a"),), unchanged=(hook(2, "b", active=False),))
    assert plan.wanted == (spec("a", active=False), spec("b", active=False))


def test_pruning() -> None:
    """Ours and not wanted: deleted, further copies too; a tombstone never again."""
    there = [hook(1), hook(2), hook(3, "mine/x"), hook(4, "theirs"), hook(5, "mine/y", active=False, unregistered=NOW)]

    plan = make_plan(
        [spec()], there, lambda webhook: webhook.url == SHOP + "a" or webhook.url.startswith(SHOP + "mine/")
    )

    assert plan == Plan(unchanged=(hook(1),), delete=(hook(2), hook(3, "mine/x")), claimed=3)
    assert plan.changes == 2


def test_another_spelling_is_the_same_webhook() -> None:
    """It is as wanted, and is not pruned."""
    there = hook(1, "x/../%61")

    assert make_plan([spec()], [there], lambda _: True) == Plan(unchanged=(there,), claimed=1)


def test_a_plan_reads_like_a_diff() -> None:
    """One line for each change, then the sum, which explains the signs; all in ASCII."""
    plan = Plan(
        create=(spec("new"),),
        activate=(hook(2, "off", active=False),),
        deactivate=(hook(3, "on"),),
        delete=(hook(4, "old"),),
        unchanged=(hook(5), hook(6)),
    )

    assert str(plan).splitlines() == [
        "+ CREATE_ORDER  POST https://shop.example/new",
        "~ CREATE_ORDER  POST https://shop.example/off  inactive -> active  (id 2)",
        "~ CREATE_ORDER  POST https://shop.example/on  active -> inactive  (id 3)",
        "- CREATE_ORDER  POST https://shop.example/old  (id 4)",
        "+ 1 to create, ~ 1 to activate, ~ 1 to deactivate, - 1 to delete, 2 unchanged",
    ]
    assert str(plan).isascii()
    assert str(Plan()) == "nothing to do, 0 unchanged"
    assert str(Plan(delete=(hook(4, "\x1b[2J\ud83d"),))).startswith(
        "- CREATE_ORDER  POST https://shop.example/\\x1b[2J\\ud83d"
    )


def test_a_prefix_claims_what_begins_with_it() -> None:
    """Compared in canonical form; an event type that this version does not list is never claimed."""
    webhooks = [
        evolve(hook(1), url="https://shop.example/gwms/a"),
        evolve(hook(2), url="HTTPS://SHOP.example:443/gwms/b"),
        evolve(hook(3), url="https://shop.example.org/gwms/c"),
        evolve(hook(4), url="https://shop.example/gwms/d", webhook_type=WebhookType.unlisted("NEW_EVENT")),
    ]

    plan = make_plan([], webhooks, claimed_by("https://shop.example/gwms/"))

    assert [webhook.id for webhook in plan.delete] == [1, 2]
    assert plan.claimed == 2


@pytest.mark.parametrize("prefix", ["https://shop.example", "shop.example/", "https://shop.example/x", ""])
def test_a_prefix_ends_with_a_slash(prefix: str) -> None:
    """Otherwise https://shop.example would claim https://shop.example.org/ as well."""
    with pytest.raises(ValueError, match="prune must be a URL that ends with a slash"):
        claimed_by(prefix)


@pytest.mark.parametrize("prune", [5, True, ["https://shop.example/"]])
def test_what_can_claim_nothing(prune: Any) -> None:
    """It is neither a prefix nor a function."""
    with pytest.raises(ValueError, match=r"^prune must be a URL .*, or a function of a Webhook; got") as caught:
        claimed_by(prune)

    assert str(caught.value).endswith(repr(prune))


def test_what_is_to_be_awaited_claims_nothing() -> None:
    """A function that calls an async one returns what is true for every webhook, the others' too."""
    asked = []

    async def is_ours(webhook: Webhook) -> bool:
        raise NotImplementedError

    def prune(webhook: Webhook) -> object:
        asked.append(is_ours(webhook))
        return asked[-1]

    with pytest.raises(ValueError, match="returned coroutine, to be awaited"):
        make_plan([], [hook(1)], claimed_by(prune))
    asked[0].close()


@pytest.mark.parametrize(
    ("old", "is_lost"),
    [
        (f"UPDATE_ORDER/gw1-{'x' * 32}", False),
        (f"UPDATE_ORDER/gw1-{'x' * 32}/", False),
        (f"UPDATE_ORDER/gw1-{'x' * 32}/A1", True),
        (f"cz.UPDATE_ORDER/gw1-{'x' * 32}", True),
        (f"CREATE_ORDER/gw1-{'x' * 32}", True),
        (f"deeper/UPDATE_ORDER/gw1-{'x' * 32}", True),
        ("UPDATE_ORDER/by-hand", True),
    ],
)
def test_what_is_replaced(old: str, is_lost: bool) -> None:
    """A webhook whose URL differs from that of a wanted one in its token only, and perhaps in its method."""
    wanted = [spec(f"UPDATE_ORDER/gw1-{'y' * 32}"), spec("other")]
    there = [hook(1, old), hook(2, "other/")]

    plan = make_plan(wanted, there, claimed_by(SHOP))

    assert plan.delete == tuple(there)
    assert plan.lost == (tuple(there) if is_lost else (there[1],))


def test_a_replacement_for_another_event_type() -> None:
    """It is none."""
    old = evolve(hook(1, f"a/gw1-{'x' * 32}"), webhook_type=WebhookType.UPDATE_ORDER)

    assert make_plan([spec(f"a/gw1-{'y' * 32}")], [old], claimed_by(SHOP)).lost == (old,)


@pytest.mark.parametrize(
    ("deletes", "claimed", "expected"),
    [(3, 10, False), (4, 10, True), (9, 9, False), (1, 10, False), (30, 100, False), (31, 100, True), (10, 0, True)],
)
def test_too_many_deletes(deletes: int, claimed: int, expected: bool) -> None:
    """More than 30 % of ten or more; a plan made by hand, which does not say how many were claimed, counts its own."""
    assert deletes_too_many(deletes, claimed) is expected


def test_a_list_that_shows_a_webhook_twice() -> None:
    """It is deleted, and counted, once; else a plan of few webhooks may be refused, or delete one that is gone."""
    plan = make_plan([], iter([hook(1), hook(1), hook(2)]), lambda _: True)

    assert plan == Plan(delete=(hook(1), hook(2)), claimed=2)


def test_the_changes_of_a_plan() -> None:
    """Each counts, whatever its kind, and what is activated is wanted active."""
    plan = Plan((spec("a"),), (hook(2, "b", active=False),) * 2, (hook(3, "c"),) * 4, (hook(4, "d"),) * 8)

    assert plan.changes == 15
    assert [one.active for one in plan.wanted] == [True, True, True, *[False] * 4]


def test_what_is_created_inactive_says_so() -> None:
    """As what changes its state does; what is active says nothing."""
    assert str(Plan(create=(spec(active=False),))).startswith("+ CREATE_ORDER  POST https://shop.example/a  inactive\n")
