"""Plans carried out against the emulator: fresh ones, stale ones, and those that would do harm."""

from __future__ import annotations

import pytest

from gwms_async import Outcome, OutcomeStatus, Plan, PlanRefusedError, ServerError
from gwms_async.testing import GwmsEmulator, Status

from ..helpers.emulated import client, held, spec, specs

S = OutcomeStatus
OURS = "https://shop.example/"


async def test_twice(gateway: GwmsEmulator) -> None:
    """The first time it does what the plan says, the second time there is nothing to do."""
    gateway.add_webhook(spec(1).url, "CREATE_ORDER", active=False)
    gateway.add_webhook(spec(9).url, "CREATE_ORDER")
    gateway.add_webhook("https://other.example/", "CREATE_ORDER")
    told: list[Outcome] = []
    async with client(gateway) as gwms:
        plan = await gwms.webhooks.plan([spec(1), spec(2)], prune=lambda hook: hook.url.startswith(OURS))
        report = await gwms.webhooks.apply(plan, on_outcome=told.append)
        again = await gwms.webhooks.plan([spec(1), spec(2)], prune=lambda hook: hook.url.startswith(OURS))

    assert [outcome.status for outcome in report.outcomes] == [S.CREATED, S.UPDATED, S.DELETED]
    assert len(told) == 3
    assert again.changes == 0
    assert sorted(hook.url for hook in gateway.webhooks) == ["https://other.example/", spec(1).url, spec(2).url]


async def test_a_stale_plan(gateway: GwmsEmulator) -> None:
    """What has appeared is adopted, what has vanished is created or as good as deleted."""
    for number in (1, 2, 3):
        gateway.add_webhook(spec(number).url, "CREATE_ORDER", active=number != 2)
    async with client(gateway) as gwms:
        plan = await gwms.webhooks.plan([spec(1), spec(2), spec(4)], prune=lambda hook: hook.url == spec(3).url)
        for number in (1, 2, 3):
            gateway.remove_webhook(number)
        gateway.add_webhook(spec(4).url, "CREATE_ORDER")
        report = await gwms.webhooks.apply(plan)

    assert [(outcome.spec.url[-1], outcome.status) for outcome in report.outcomes] == [
        ("4", S.EXISTING),
        ("2", S.CREATED),
        ("1", S.CREATED),
        ("3", S.DELETED),
    ]
    assert gateway.count("delete") == 0
    assert set(held(gateway).values()) == {1}


async def test_what_is_needed_after_all_is_not_deleted(gateway: GwmsEmulator) -> None:
    """The copy that the plan kept has vanished: the other one stays."""
    gateway.add_webhook(spec().url, "CREATE_ORDER")
    gateway.add_webhook(spec().url, "CREATE_ORDER")
    async with client(gateway) as gwms:
        plan = await gwms.webhooks.plan([spec()], prune=lambda _: True)
        assert [hook.id for hook in plan.delete] == [2]
        gateway.remove_webhook(1)
        report = await gwms.webhooks.apply(plan)

    assert [outcome.status for outcome in report.outcomes] == [S.EXISTING, S.EXISTING]
    assert [hook.id for hook in gateway.webhooks] == [2]


async def test_nothing_is_deleted_while_something_is_missing(gateway: GwmsEmulator) -> None:
    """A new url that could not be registered keeps the old one alive."""
    gateway.add_webhook(spec(1).url, "CREATE_ORDER")
    gateway.inject(Status(404), operation="create")
    async with client(gateway) as gwms:
        plan = await gwms.webhooks.plan([spec(2)], prune=lambda _: True)
        report = await gwms.webhooks.apply(plan)

    assert [outcome.status for outcome in report.outcomes] == [S.FAILED, S.NOT_STARTED]
    assert "Run again" in str(report.outcomes[1].error)
    assert len(gateway.webhooks) == 1


async def test_deletes_that_fail_or_come_too_late(gateway: GwmsEmulator) -> None:
    """A failure is an outcome; what somebody else deleted meanwhile is deleted."""
    for number in (1, 2):
        gateway.add_webhook(spec(number).url, "CREATE_ORDER")
    gateway.add_webhook("", "CREATE_ORDER")
    gateway.inject(Status(501), operation="delete")
    gateway.inject(Status(404), operation="delete", at=2)
    async with client(gateway) as gwms:
        plan = await gwms.webhooks.plan([], prune=lambda _: True)
        report = await gwms.webhooks.apply(plan, concurrency=1)

    assert [outcome.status for outcome in report.outcomes] == [S.FAILED, S.DELETED, S.DELETED]
    assert isinstance(report.outcomes[0].error, ServerError)
    assert report.outcomes[2].spec.url == ""


@pytest.mark.parametrize(
    ("there", "unwanted", "refused"), [(9, 9, False), (10, 3, False), (10, 4, True), (40, 13, True)]
)
async def test_mass_deletes(gateway: GwmsEmulator, there: int, unwanted: int, refused: bool) -> None:
    """More than 30 % of 10 or more are refused before anything is sent, unless forced."""
    wanted = specs(there)
    for one in wanted:
        gateway.add_webhook(one.url, one.webhook_type)
    async with client(gateway) as gwms:
        plan = await gwms.webhooks.plan(wanted[unwanted:], prune=lambda _: True)
        if refused:
            with pytest.raises(PlanRefusedError, match=f"delete {unwanted} of the {there} webhooks"):
                await gwms.webhooks.apply(plan)
            assert gateway.count("delete") == 0
        await gwms.webhooks.apply(plan, force=refused)

    assert len(gateway.webhooks) == there - unwanted


async def test_a_plan_by_hand(gateway: GwmsEmulator) -> None:
    """It may hold anything, or nothing."""
    async with client(gateway) as gwms:
        assert (await gwms.webhooks.apply(Plan())).outcomes == ()
        assert (await gwms.webhooks.apply(Plan(create=(spec(),)))).counts == {S.CREATED: 1}
