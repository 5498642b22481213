"""Plans carried out against the emulator: fresh ones, stale ones, and those that would do harm."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from attrs import evolve

from gwms_async import (
    GwmsClient,
    Handler,
    Outcome,
    OutcomeStatus,
    Plan,
    PlanRefusedError,
    Request,
    Response,
    ServerError,
)
from gwms_async.registration.plan import make_plan
from gwms_async.testing import DropAfter, DropBefore, GwmsEmulator, NoEffect, Stall, Status

from ..helpers.emulated import client, held, spec, specs, until
from ..helpers.virtual_io_loop import VirtualIoLoop, virtual_client

S = OutcomeStatus
OURS = "https://shop.example/"


async def test_twice(gateway: GwmsEmulator) -> None:
    """The first time it does what the plan says, the second time there is nothing to do; a spec twice counts once."""
    gateway.add_webhook(spec(1).url, "CREATE_ORDER", active=False)
    gateway.add_webhook(spec(9).url, "CREATE_ORDER")
    gateway.add_webhook("https://other.example/", "CREATE_ORDER")
    told: list[Outcome] = []
    async with client(gateway) as gwms:
        plan = await gwms.webhooks.plan([spec(1), spec(2), spec(2)], prune=lambda hook: hook.url.startswith(OURS))
        report = await gwms.webhooks.apply(plan, on_outcome=told.append)
        again = await gwms.webhooks.plan([spec(1), spec(2)], prune=lambda hook: hook.url.startswith(OURS))

    assert [outcome.status for outcome in report.outcomes] == [S.CREATED, S.UPDATED, S.DELETED]
    assert len(told) == 3
    assert again.changes == 0
    assert sorted(hook.url for hook in gateway.webhooks) == ["https://other.example/", spec(1).url, spec(2).url]


@pytest.mark.parametrize(("prune", "warning"), [(OURS, []), ("https://other.example/", ["webhook 1 has copies: 2"])])
async def test_second_copies(
    gateway: GwmsEmulator, prune: str, warning: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    """A warning names those that stay, and not those that the plan deletes."""
    for _ in range(2):
        gateway.add_webhook(spec(1).url, "CREATE_ORDER")
    async with client(gateway) as gwms:
        plan = await gwms.webhooks.plan([spec(1)], prune=prune)
        report = await gwms.webhooks.apply(plan)

    assert [outcome.webhook and outcome.webhook.id for outcome in report.outcomes] == [1, 2][: 1 + len(plan.delete)]
    assert [record.message for record in caplog.records if record.levelname == "WARNING"] == warning


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
    gateway.inject(Status(404), operation="get", at=3)
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


@pytest.mark.parametrize("force", ["no", 1, None])
async def test_a_force_that_is_not_a_bool(gateway: GwmsEmulator, force: Any) -> None:
    """A text that counts as true deletes nothing; nothing is sent."""
    async with client(gateway) as gwms:
        with pytest.raises(ValueError, match=f"^force must be bool; got {type(force).__name__}$"):
            await gwms.webhooks.apply(Plan(), force=force)

    assert gateway.requests == []


async def test_a_plan_by_hand(gateway: GwmsEmulator) -> None:
    """It may hold anything, or nothing."""
    async with client(gateway) as gwms:
        assert (await gwms.webhooks.apply(Plan())).outcomes == ()
        assert (await gwms.webhooks.apply(Plan(create=(spec(),)))).counts == {S.CREATED: 1}


async def test_what_has_changed_since_is_not_deleted(gateway: GwmsEmulator) -> None:
    """Its state included: somebody has activated it."""
    gateway.add_webhook(spec(1).url, "CREATE_ORDER", active=False)
    async with client(gateway) as gwms:
        plan = await gwms.webhooks.plan([], prune=OURS)
        await gwms.webhooks.activate(1)
        report = await gwms.webhooks.apply(plan)

    (outcome,) = report.outcomes
    assert outcome.status is S.NOT_STARTED
    assert "has changed since the plan was made" in str(outcome.error)
    assert len(gateway.webhooks) == 1


@pytest.mark.parametrize("status", [404, 501])
async def test_no_copy_is_deleted_for_one_that_has_vanished(gateway: GwmsEmulator, status: int) -> None:
    """A list that lags shows the copy that stays; by its id it is gone, or cannot be looked at."""
    gateway.add_webhook(spec().url, "CREATE_ORDER")
    gateway.add_webhook(spec().url, "CREATE_ORDER")
    async with client(gateway) as gwms:
        plan = await gwms.webhooks.plan([spec()], prune=OURS)
        gateway.inject(Status(status), operation="get", at=2)
        report = await gwms.webhooks.apply(plan)

    assert [outcome.status for outcome in report.outcomes] == [S.EXISTING, S.NOT_STARTED if status == 404 else S.FAILED]
    assert gateway.count("delete") == 0


async def test_a_copy_is_deleted_where_the_one_that_stays_is_there(gateway: GwmsEmulator) -> None:
    """Both are read by id before, and the other afterwards."""
    gateway.add_webhook(spec().url, "CREATE_ORDER")
    gateway.add_webhook(spec().url, "CREATE_ORDER")
    async with client(gateway) as gwms:
        report = await gwms.webhooks.apply(await gwms.webhooks.plan([spec()], prune=OURS))

    assert [outcome.status for outcome in report.outcomes] == [S.EXISTING, S.DELETED]
    assert [hook.id for hook in gateway.webhooks] == [1]
    assert gateway.count("get") == 3


def virtually(main: Callable[[type[GwmsClient]], Coroutine[Any, Any, None]]) -> None:
    """Run a test in virtual time; it gets the class of its clients."""
    with asyncio.Runner(loop_factory=VirtualIoLoop) as runner:
        loop = runner.get_loop()
        assert isinstance(loop, VirtualIoLoop)
        runner.run(main(virtual_client(loop)))


def test_a_delete_without_effect() -> None:
    """A success is no proof: the webhook is still there six seconds later."""

    async def main(kind: type[GwmsClient]) -> None:
        async with GwmsEmulator() as gateway, client(gateway, kind=kind) as gwms:
            gateway.add_webhook(spec().url, "CREATE_ORDER")
            gateway.inject(NoEffect(), operation="delete")
            for status in (S.FAILED, S.DELETED):
                (outcome,) = (await gwms.webhooks.apply(await gwms.webhooks.plan([], prune=OURS))).outcomes
                assert outcome.status is status
            assert gateway.webhooks == []

    virtually(main)


def test_a_delete_whose_response_was_lost() -> None:
    """It is not sent again unless the webhook is still there; `Webhooks.delete` is, as documented."""

    async def main(kind: type[GwmsClient]) -> None:
        async with GwmsEmulator() as gateway, client(gateway, kind=kind) as gwms:
            for fault, requests in ((DropAfter(), 1), (DropBefore(), 2)):
                gateway.add_webhook(spec().url, "CREATE_ORDER")
                gateway.inject(fault, operation="delete")
                before = gateway.count("delete")
                (outcome,) = (await gwms.webhooks.apply(await gwms.webhooks.plan([], prune=OURS))).outcomes
                assert outcome.status is S.DELETED
                assert gateway.count("delete") - before == requests
                assert gateway.webhooks == []
            gateway.inject(DropAfter(), operation="delete")
            await gwms.webhooks.delete(gateway.add_webhook(spec().url, "CREATE_ORDER").id)
            assert gateway.count("delete") == 5

    virtually(main)


def test_a_second_apply_beside_a_delete_without_effect() -> None:
    """It does not believe the first one's success, and deletes."""

    async def main(kind: type[GwmsClient]) -> None:
        async with GwmsEmulator() as gateway, client(gateway, kind=kind) as gwms:
            gateway.add_webhook(spec().url, "CREATE_ORDER")
            gateway.inject(NoEffect(), operation="delete")
            plan = await gwms.webhooks.plan([], prune=OURS)
            first = asyncio.create_task(gwms.webhooks.apply(plan))
            await until(lambda: gateway.count("get"))
            for report in (await gwms.webhooks.apply(plan), await first):
                assert [outcome.status for outcome in report.outcomes] == [S.DELETED]
            assert gateway.webhooks == []

    virtually(main)


async def test_callbacks_and_middlewares_that_raise_do_not_end_it(gateway: GwmsEmulator) -> None:
    """Neither loses the report; what could not be deleted has failed."""

    async def interfere(request: Request, handler: Handler) -> Response:
        if request.method == "DELETE" and request.path.endswith("/1"):
            raise ZeroDivisionError
        return await handler(request)

    def complain(outcome: Outcome) -> None:
        raise ZeroDivisionError

    for number in (1, 2, 3):
        gateway.add_webhook(spec(number).url, "CREATE_ORDER")
    async with client(gateway, middlewares=[interfere]) as gwms:
        plan = await gwms.webhooks.plan([], prune=OURS)
        report = await gwms.webhooks.apply(plan, on_outcome=complain)

    assert [outcome.status for outcome in report.outcomes] == [S.FAILED, S.DELETED, S.DELETED]


async def test_nothing_is_sent_for_a_concurrency_that_is_none(gateway: GwmsEmulator) -> None:
    """Not even a list."""
    async with client(gateway) as gwms:
        with pytest.raises(ValueError, match="concurrency"):
            await gwms.webhooks.apply(Plan(), concurrency=0)

    assert not gateway.requests


async def test_the_guard_counts_what_prune_claims(gateway: GwmsEmulator) -> None:
    """All but one of ours would go, however many others there are."""
    for one in specs(18):
        gateway.add_webhook(one.url, one.webhook_type)
    for number in range(72):
        gateway.add_webhook(f"https://other.example/{number}", "CREATE_ORDER")
    async with client(gateway) as gwms:
        plan = await gwms.webhooks.plan(specs(1), prune=OURS)
        with pytest.raises(PlanRefusedError, match="delete 17 of the 18 webhooks"):
            await gwms.webhooks.apply(plan)

    assert plan.needs_force
    assert "`apply` refuses this by default: it deletes 17 of the 18 webhooks that `prune` claims" in str(plan)


async def test_an_apply_that_is_cancelled_deletes_nothing_more(gateway: GwmsEmulator) -> None:
    """What is on the wire may end."""
    for number in range(9):
        gateway.add_webhook(spec(number).url, "CREATE_ORDER")
    gateway.inject(Stall(0.05), operation="delete", times=9)
    async with client(gateway) as gwms:
        plan = await gwms.webhooks.plan([], prune=OURS)
        applying = asyncio.create_task(gwms.webhooks.apply(plan, concurrency=2))
        await until(lambda: gateway.count("delete"))
        applying.cancel()
        with pytest.raises(asyncio.CancelledError):
            await applying

    assert gateway.count("delete") <= 2


async def test_what_says_something_else_now_is_not_taken_for_deleted(gateway: GwmsEmulator) -> None:
    """An inactive webhook with `unregisteredAt` is a tombstone only if it has the identity that the plan saw."""
    gateway.add_webhook(spec(1).url, "CREATE_ORDER")
    async with client(gateway) as gwms:
        plan = await gwms.webhooks.plan([], prune=OURS)
        await gwms.webhooks.update(1, evolve(spec(2), active=False))
        (outcome,) = (await gwms.webhooks.apply(plan)).outcomes

    assert (outcome.status, gateway.count("delete")) == (S.NOT_STARTED, 0)
    assert "it has changed since the plan was made" in str(outcome.error)


async def test_what_this_client_has_changed_is_looked_up(gateway: GwmsEmulator) -> None:
    """A list that lags shows it as the plan saw it; what is no longer so is not deleted."""
    gateway.add_webhook(spec(1).url, "CREATE_ORDER", active=False)
    async with client(gateway) as gwms:
        plan = await gwms.webhooks.plan([], prune=OURS)
        gateway.list_lag = 5.0
        await gwms.webhooks.activate(1)
        (outcome,) = (await gwms.webhooks.apply(plan)).outcomes

    assert (outcome.status, gateway.count("get"), gateway.count("delete")) == (S.NOT_STARTED, 1, 0)
    assert "it has changed since the plan was made" in str(outcome.error)


async def test_a_list_that_lags_behind_what_this_client_has_changed(gateway: GwmsEmulator) -> None:
    """It shows the webhook as it was before; a read shows it as the plan saw it, and it is deleted."""
    gateway.add_webhook(spec(1).url, "CREATE_ORDER", active=False)
    gateway.list_lag = 5.0
    async with client(gateway) as gwms:
        plan = make_plan([], [await gwms.webhooks.activate(1)], lambda _: True)
        (outcome,) = (await gwms.webhooks.apply(plan)).outcomes

    assert (outcome.status, gateway.webhooks) == (S.DELETED, [])
