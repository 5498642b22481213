"""Plans whose deletions come long after they were made; in virtual time."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest
from attrs import evolve

from gwms_async import Outcome, OutcomeStatus
from gwms_async.chain import Call
from gwms_async.registration.apply import apply
from gwms_async.registration.by_id import WebhookApi
from gwms_async.registration.plan import make_plan

from ..helpers import virtual_loop
from ..helpers.fake_gateway import Cascading, FakeGateway, Fault, not_found, refused, specs

S = OutcomeStatus


@pytest.mark.parametrize("takes", [60.0, 20.0])
def test_what_has_changed_while_others_were_created_is_not_deleted(takes: float) -> None:
    """What is to be deleted is looked at again, also where the list is not old yet."""

    async def main() -> None:
        gateway, (spec, doomed, other) = FakeGateway(), specs(3)
        gateway.add(doomed)
        gateway.fail("create", Fault(takes=takes))
        plan = make_plan([spec], gateway.listed(), lambda _: True)
        applying = asyncio.create_task(apply(gateway.coordinator(), plan, concurrency=1, force=False, on_outcome=None))
        await asyncio.sleep(takes / 2)
        gateway.webhooks[1] = evolve(gateway.webhooks[1], url=other.url)

        created, kept = (await applying).outcomes

        assert created.status is S.CREATED
        assert kept.status is S.NOT_STARTED
        assert "it has changed since the plan was made" in str(kept.error)
        assert gateway.count("delete") == 0

    virtual_loop.run(main())


def test_a_list_that_fails_before_a_deletion() -> None:
    """It is asked for again three times; then it is the outcome's error, and nothing is deleted."""

    async def main() -> None:
        gateway, (spec, doomed) = FakeGateway(), specs(2)
        gateway.add(doomed)
        gateway.fail("create", Fault(takes=60.0))
        gateway.fail("list", Fault(), Fault(), Fault(), *[Fault(refused)] * 4)
        plan = make_plan([spec], gateway.listed(), lambda _: True)

        _, kept = (await apply(gateway.coordinator(), plan, concurrency=1, force=False, on_outcome=None)).outcomes

        assert kept.status is S.FAILED
        assert str(refused()) == str(kept.error)
        assert gateway.count("delete") == 0

    virtual_loop.run(main())


@pytest.mark.parametrize("change", [{"active": False}, {"url": "https://shop.example/another"}])
def test_the_copy_that_stays_has_changed(change: dict[str, Any]) -> None:
    """The gateway has deactivated it since, or it is another webhook by now: the other copy is not deleted."""

    async def main() -> None:
        gateway, (spec,) = FakeGateway(), specs(1)
        gateway.add(spec)
        gateway.add(spec)
        plan = make_plan([spec], gateway.listed(), lambda _: True)

        def act(outcome: Outcome) -> None:
            if outcome.status is S.EXISTING:
                gateway.webhooks[1] = evolve(gateway.webhooks[1], **change)

        report = await apply(gateway.coordinator(), plan, concurrency=1, force=True, on_outcome=act)

        assert [outcome.status for outcome in report.outcomes] == [S.EXISTING, S.NOT_STARTED]
        assert "the copy that was to be kept has vanished" in str(report.outcomes[1].error)
        assert list(gateway.webhooks) == [1, 2]

    virtual_loop.run(main())


@pytest.mark.parametrize("is_there", [True, False])
def test_a_delete_that_is_answered_404(is_there: bool) -> None:
    """Another client was faster, or the gateway has no such route: `get` tells, which may lag for six seconds."""

    async def main() -> None:
        gateway, (doomed,) = FakeGateway(), specs(1)
        gateway.add(doomed)
        plan = make_plan([], gateway.listed(), lambda _: True)
        gateway.fail("delete", Fault(lambda: not_found(1)))
        if not is_there:
            gateway.later(4, gateway.webhooks.clear)

        (outcome,) = (await apply(gateway.coordinator(), plan, concurrency=1, force=False, on_outcome=None)).outcomes

        assert outcome.status is (S.FAILED if is_there else S.DELETED)
        assert outcome.is_failure is is_there
        assert gateway.count("delete") == 1

    virtual_loop.run(main())


@pytest.mark.parametrize("is_there", [True, False])
def test_a_list_that_does_not_show_what_is_to_be_deleted(is_there: bool) -> None:
    """It may be another e-shop's, or lag: only `get` says that a webhook is gone."""

    async def main() -> None:
        gateway, (doomed,) = FakeGateway(), specs(1)
        plan = make_plan([], [gateway.add(doomed)], lambda _: True)
        if is_there:
            gateway.stale = []
        else:
            gateway.webhooks.clear()

        (outcome,) = (await apply(gateway.coordinator(), plan, concurrency=1, force=False, on_outcome=None)).outcomes

        assert outcome.status is (S.NOT_STARTED if is_there else S.DELETED)
        assert outcome.is_failure is is_there
        assert ("it exists, but the list does not show it" in str(outcome.error)) is is_there
        assert gateway.journal == [("list", None), ("get", 1)]
        assert gateway.count("delete") == 0

    virtual_loop.run(main())


def test_a_read_that_lags_behind_the_list() -> None:
    """It shows the webhook as the plan saw it; the list shows that it has changed since, and it is not deleted."""

    async def main() -> None:
        gateway, (doomed,) = FakeGateway(get_lag=5.0), specs(1)
        plan = make_plan([], [gateway.add(doomed)], lambda _: True)
        await asyncio.sleep(10)
        gateway.webhooks[1] = evolve(gateway.webhooks[1], active=False)
        gateway.changed()

        (outcome,) = (await apply(gateway.coordinator(), plan, concurrency=1, force=False, on_outcome=None)).outcomes

        assert (outcome.status, gateway.count("delete")) == (S.NOT_STARTED, 0)

    virtual_loop.run(main())


def test_what_no_read_finds_and_the_next_list_shows_as_unregistered() -> None:
    """The list before it came too early to show the tombstone."""

    async def main() -> None:
        gateway, (doomed,) = FakeGateway(), specs(1)
        webhook = gateway.add(doomed)
        plan = make_plan([], gateway.listed(), lambda _: True)
        gateway.stale = [webhook]
        gateway.webhooks[1] = evolve(webhook, active=False, unregistered_at=datetime(2026, 1, 1, tzinfo=UTC))
        gateway.memories.add(1)

        (outcome,) = (await apply(gateway.coordinator(), plan, concurrency=1, force=False, on_outcome=None)).outcomes

        assert (outcome.status, outcome.error, gateway.count("delete")) == (S.DELETED, None, 0)

    virtual_loop.run(main())


def test_what_lists_and_reads_show_as_unregistered() -> None:
    """Another client has deleted it since, and the gateway keeps a tombstone: there is nothing left to do."""

    async def main() -> None:
        gateway, (doomed,) = FakeGateway(), specs(1)
        webhook = gateway.add(doomed)
        plan = make_plan([], gateway.listed(), lambda _: True)
        gateway.webhooks[1] = evolve(webhook, active=False, unregistered_at=datetime(2026, 1, 1, tzinfo=UTC))

        (outcome,) = (await apply(gateway.coordinator(), plan, concurrency=1, force=False, on_outcome=None)).outcomes

        assert (outcome.status, outcome.error, gateway.count("delete")) == (S.DELETED, None, 0)

    virtual_loop.run(main())


@pytest.mark.parametrize("is_contradictory", [True, False])
def test_what_lists_show_and_no_read_finds(is_contradictory: bool) -> None:
    """It is reported as deleted only if lists, too, show that it is unregistered: reads by id may not work at all."""

    async def main() -> None:
        gateway, (doomed,) = FakeGateway(), specs(1)
        webhook = gateway.add(doomed)
        if is_contradictory:
            gateway.webhooks[1] = evolve(webhook, unregistered_at=datetime(2026, 1, 1, tzinfo=UTC))
        gateway.memories.add(1)
        plan = make_plan([], gateway.listed(), lambda _: True)

        (outcome,) = (await apply(gateway.coordinator(), plan, concurrency=1, force=False, on_outcome=None)).outcomes

        assert outcome.status is (S.DELETED if is_contradictory else S.NOT_STARTED)
        assert ("lists show it" in str(outcome.error)) is not is_contradictory
        assert gateway.count("delete") == 0

    virtual_loop.run(main())


@pytest.mark.parametrize("list_lag", [0.0, 5.0])
def test_what_another_client_has_deleted_just_before(list_lag: float) -> None:
    """The list that `apply` begins with still shows it, and so may the next ones for a while."""

    async def main() -> None:
        gateway, (doomed,) = FakeGateway(list_lag=list_lag), specs(1)
        plan = make_plan([], [gateway.add(doomed)], lambda _: True)
        await asyncio.sleep(9)
        stale = gateway.listed()
        del gateway.webhooks[1]
        gateway.changed()
        gateway.stale = stale

        (outcome,) = (await apply(gateway.coordinator(), plan, concurrency=1, force=False, on_outcome=None)).outcomes

        assert (outcome.status, outcome.error, gateway.count("delete")) == (S.DELETED, None, 0)

    virtual_loop.run(main())


def test_what_this_client_has_deleted_just_before() -> None:
    """Neither a read nor a list is needed, although lists still show it."""

    async def main() -> None:
        gateway, (doomed,) = FakeGateway(list_lag=50.0), specs(1)
        plan = make_plan([], [gateway.add(doomed)], lambda _: True)
        coordinator = gateway.coordinator()
        await asyncio.sleep(60)
        await coordinator.by_id.delete(1, doomed, lambda: coordinator.api_for(Call()))
        gateway.journal.clear()

        (outcome,) = (await apply(coordinator, plan, concurrency=1, force=False, on_outcome=None)).outcomes

        assert (outcome.status, outcome.error, gateway.journal) == (S.DELETED, None, [("list", None)])

    virtual_loop.run(main())


def test_each_request_of_a_deletion_has_its_own_time() -> None:
    """The session shortens a call's deadline to the time that one call may take; the next one has its own."""

    async def main() -> None:
        gateway, (doomed,) = FakeGateway(get_lag=3.0), specs(1)
        gateway.add(doomed)
        plan = make_plan([], gateway.listed(), lambda _: True)
        coordinator = gateway.coordinator()
        operations = coordinator.api_for

        def shortened(call: Call) -> WebhookApi:
            call.deadline = min(call.deadline, asyncio.get_running_loop().time() + 1)
            return operations(call)

        coordinator.api_for = shortened
        await asyncio.sleep(4)

        (outcome,) = (await apply(coordinator, plan, concurrency=1, force=False, on_outcome=None)).outcomes

        assert (outcome.status, gateway.webhooks) == (S.DELETED, {})

    virtual_loop.run(main())


@pytest.mark.parametrize("failures", [0, 3, 4])
def test_a_wanted_webhook_that_is_gone_after_the_deletions(failures: int, caplog: pytest.LogCaptureFixture) -> None:
    """The gateway deletes all copies together, say: one more list shows it; if none comes, a warning is logged."""

    async def main() -> None:
        gateway, (spec,) = Cascading(), specs(1)
        gateway.add(spec)
        gateway.add(spec)
        plan, told = make_plan([spec], gateway.listed(), lambda _: True), list[Outcome]()
        gateway.fail("list", Fault(), Fault(), *[Fault(refused)] * failures)

        report = await apply(gateway.coordinator(), plan, concurrency=1, force=True, on_outcome=told.append)

        wanted, deleted = report.outcomes
        assert gateway.webhooks == {}
        assert deleted.status is S.DELETED
        if failures < 4:
            assert wanted.status is S.FAILED
            assert "webhook 1 is gone by the end of the run" in str(wanted.error)
            assert told[-1] == wanted
        else:
            assert (wanted.status, wanted.error, told[-1]) == (S.EXISTING, None, deleted)
            assert "to see what the deletions left failed" in caplog.text

    virtual_loop.run(main())


def test_what_was_created_just_before_and_no_list_shows_after_the_deletions() -> None:
    """Lists lag: it is no mistake that they show active webhooks only."""

    async def main() -> None:
        gateway, (spec, doomed) = FakeGateway(list_lag=3.0), specs(2)
        spec = evolve(spec, active=False)
        gateway.add(doomed)
        await asyncio.sleep(10)
        coordinator = gateway.coordinator()
        await coordinator.create_direct(spec)
        plan = make_plan([spec], gateway.webhooks.values(), lambda webhook: webhook.id == 1)

        report = await apply(coordinator, plan, concurrency=1, force=True, on_outcome=None)

        assert [outcome.status for outcome in report.outcomes] == [S.EXISTING, S.DELETED]
        assert not report.failures

    virtual_loop.run(main())


def test_deletions_that_are_cancelled() -> None:
    """No list follows the delete that was on the wire."""

    async def main() -> None:
        gateway, doomed = FakeGateway(), specs(2)
        for spec in doomed:
            gateway.add(spec)
        gateway.fail("delete", Fault(takes=3.0))
        plan = make_plan([], gateway.listed(), lambda _: True)
        applying = asyncio.create_task(apply(gateway.coordinator(), plan, concurrency=1, force=True, on_outcome=None))
        await asyncio.sleep(1.0)
        applying.cancel()

        with pytest.raises(asyncio.CancelledError):
            await applying

        assert [operation for operation, _ in gateway.journal] == ["list", "get", "delete"]

    virtual_loop.run(main())
