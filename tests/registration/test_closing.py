"""What a closing list decides: which copy stays, which go, and what the outcome says; in virtual time."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from itertools import count

import pytest
from attrs import evolve

from gwms_async import (
    GwmsError,
    NotFoundError,
    Outcome,
    OutcomeStatus,
    OutcomeUnknownError,
    ServerError,
    Webhook,
    WebhookSpec,
)
from gwms_async.registration.bulk import register_many
from gwms_async.registration.coordinator import Coordinator

from ..helpers import virtual_loop
from ..helpers.fake_gateway import FakeGateway, Fault, lost, refused, spec_values, specs

S = OutcomeStatus


async def register(coordinator: Coordinator, spec: WebhookSpec) -> tuple[Outcome, list[Outcome]]:
    """Register one webhook; return its last outcome, and all that were emitted."""
    emitted: list[Outcome] = []
    report = await register_many(coordinator, [spec], concurrency=1, on_outcome=emitted.append)
    return report.outcomes[0], emitted


def run(main: Callable[[], object]) -> None:
    """Run a test in virtual time."""
    virtual_loop.run(main())  # type: ignore[arg-type]


def after_create(gateway: FakeGateway, act: Callable[[], object]) -> None:
    """Do something between the first create and the list that follows it."""

    def store(spec: WebhookSpec) -> WebhookSpec:
        gateway.stores = lambda spec: spec
        asyncio.get_running_loop().call_soon(act)
        return spec

    gateway.stores = store


def not_there() -> Exception:
    """Make the error of a webhook that does not exist."""
    return NotFoundError(status=404, message="no", method="DELETE", path="/webhooks/1")


def test_alone() -> None:
    """Two lists, one create, one outcome."""

    async def main() -> None:
        gateway, (spec,) = FakeGateway(), specs(1)

        outcome, emitted = await register(gateway.coordinator(), spec)

        assert (outcome.status, outcome.copies, outcome.is_failure) == (S.CREATED, (), False)
        assert emitted == [outcome]
        assert [name for name, _ in gateway.journal] == ["list", "create", "list"]

    run(main)


def test_not_the_lowest() -> None:
    """Another client was faster: ours is deleted, theirs adopted, and the outcome emitted again."""

    async def main() -> None:
        gateway, (spec,) = FakeGateway(), specs(1)
        gateway.fail("create", Fault(takes=0.5))
        gateway.later(0.2, lambda: gateway.add(spec))

        outcome, emitted = await register(gateway.coordinator(), spec)
        await gateway.settle()

        assert list(gateway.webhooks) == [1]
        assert [one.status for one in emitted] == [S.CREATED, S.EXISTING]
        assert outcome.webhook == gateway.webhooks[1]
        names = [name for name, _ in gateway.journal]
        assert names == ["list", "create", "list", "get", "get", "delete", "get", "get"]

    run(main)


def test_not_the_lowest_after_a_long_run() -> None:
    """The memory has forgotten the create when the closing list comes; the run has not."""

    async def main() -> None:
        gateway, wanted = FakeGateway(ids=count(2)), specs(2)
        gateway.fail("create", Fault(), Fault(takes=90.0))
        gateway.later(1.0, lambda: gateway.webhooks.update({1: Webhook(1, *spec_values(wanted[0]))}))

        first, second = (await register_many(gateway.coordinator(), wanted, concurrency=1)).outcomes

        assert (first.status, first.copies, second.status) == (S.EXISTING, (2,), S.CREATED)
        assert sorted(gateway.webhooks) == [1, 3]

    run(main)


def test_a_copy_that_is_another_webhook_by_now() -> None:
    """Since the list, somebody has updated it, or got its id: it is not deleted, and the outcome says so."""

    async def main() -> None:
        gateway, (spec, other) = FakeGateway(), specs(2)
        gateway.fail("create", Fault(takes=0.5))
        gateway.later(0.2, lambda: gateway.add(spec))
        theirs = Webhook(2, *spec_values(other))
        gateway.later(0.525, lambda: gateway.webhooks.update({2: theirs}))

        outcome, _ = await register(gateway.coordinator(), spec)

        assert gateway.webhooks[2] is theirs
        assert (outcome.webhook, outcome.copies) == (gateway.webhooks[1], (2,))
        assert isinstance(outcome.error, OutcomeUnknownError)
        assert "there may be a second copy, webhook 2: webhook 2 is now 'https://shop.example/1'" in str(outcome.error)
        # For six seconds after the list, a replica may show what it was before.
        assert [name for name, _ in gateway.journal] == ["list", "create", "list", "get", *["get"] * 7, "get"]

    run(main)


def test_the_lowest_is_a_ghost() -> None:
    """Nothing is deleted in favour of a webhook that a list still shows, but that is gone, six seconds later too."""

    async def main() -> None:
        gateway, (spec,) = FakeGateway(), specs(1)
        gateway.fail("create", Fault(takes=0.5))
        gateway.fail("get", *[Fault(not_there)] * 7)
        gateway.later(0.2, lambda: gateway.add(spec))

        outcome, emitted = await register(gateway.coordinator(), spec)
        await gateway.settle()

        assert outcome.webhook == gateway.webhooks[2]
        assert [one.status for one in emitted] == [S.CREATED]
        assert gateway.count("delete") == 0

    run(main)


@pytest.mark.parametrize("goes_away", [True, False])
def test_a_new_copy_of_another_client_is_looked_at_again(goes_away: bool, caplog: pytest.LogCaptureFixture) -> None:
    """After 3 s it is gone, or there is a warning; it is never deleted by us."""

    async def main() -> None:
        gateway, (spec,) = FakeGateway(), specs(1)
        after_create(gateway, lambda: gateway.add(spec))
        if goes_away:
            gateway.later(2.0, lambda: gateway.webhooks.pop(2))

        outcome, emitted = await register(gateway.coordinator(), spec)
        await gateway.settle()

        assert outcome.status is S.CREATED
        assert outcome.copies == (() if goes_away else (2,))
        assert [one.copies for one in emitted] == ([(), (2,), ()] if goes_away else [(), (2,)])
        assert gateway.count("delete") == 0
        assert ("copies that another client created: [2]" in caplog.text) is not goes_away

    run(main)


@pytest.mark.parametrize("is_there", [True, False])
def test_a_copy_that_one_list_showed_and_the_closing_list_does_not(is_there: bool) -> None:
    """Its create was lost, and lists come from replicas that lag: it is looked up by id, and deleted if it is there."""

    async def main() -> None:
        gateway, (spec,) = FakeGateway(ids=count(2)), specs(1)
        gateway.fail("create", Fault(lost, commits_after=0))

        def race() -> None:
            gateway.webhooks[1] = evolve(gateway.webhooks[2], id=1)

        def lag() -> None:
            gateway.stale = [gateway.webhooks[1]]
            if not is_there:
                del gateway.webhooks[2]

        after_create(gateway, race)
        gateway.later(2.0, lag)

        outcome, emitted = await register(gateway.coordinator(), spec)

        assert [one.copies for one in emitted] == [(2,)] if is_there else [(2,), ()]
        assert (outcome.status, outcome.webhook, outcome.error) == (S.RECOVERED, gateway.webhooks[1], None)
        assert list(gateway.webhooks) == [1]
        assert gateway.count("delete") == int(is_there)

    run(main)


@pytest.mark.parametrize(("is_there", "reads_lag"), [(True, False), (True, True), (False, False)])
def test_a_copy_that_stayed_and_the_next_list_does_not_show(is_there: bool, reads_lag: bool) -> None:
    """Lists come from replicas that lag: it is there by id, though one of them showed it, and the next does not."""

    async def main() -> None:
        gateway, (spec,) = FakeGateway(ids=count(2)), specs(1)

        def race() -> None:
            lowest, other = evolve(gateway.webhooks[2], id=1), gateway.add(spec)
            gateway.webhooks[1] = lowest
            gateway.later(2.0, lambda: gateway.webhooks.pop(other.id))
            gateway.later(2.5, lambda: setattr(gateway, "stale", []))
            if not is_there:
                gateway.later(2.5, lambda: gateway.webhooks.pop(1))
            if reads_lag:
                gateway.later(2.5, lambda: gateway.fail("get", Fault(not_there)))

        after_create(gateway, race)

        outcome, _ = await register(gateway.coordinator(), spec)

        assert [webhook_id for operation, webhook_id in gateway.journal if operation == "delete"] == [2]
        if is_there:
            assert (outcome.status, outcome.webhook, outcome.error) == (S.EXISTING, gateway.webhooks[1], None)
        else:
            assert (outcome.status, outcome.webhook) == (S.FAILED, None)
            assert "someone has deleted it" in str(outcome.error)

    run(main)


def test_lists_that_lag_are_looked_at_again() -> None:
    """After 1, 2 and 3 s; what they show then decides."""

    async def main() -> None:
        gateway, (spec,) = FakeGateway(list_lag=2.5), specs(1)

        outcome, emitted = await register(gateway.coordinator(), spec)

        assert emitted == [outcome]
        assert outcome.status is S.CREATED
        assert gateway.count("list") == 4
        assert gateway.count("get") == 0
        assert asyncio.get_running_loop().time() == pytest.approx(3.05, abs=0.05)

    run(main)


def test_a_list_that_lags_too_long_is_told_by_id(caplog: pytest.LogCaptureFixture) -> None:
    """With a warning."""

    async def main() -> None:
        gateway, (spec,) = FakeGateway(list_lag=60.0), specs(1)

        outcome, _ = await register(gateway.coordinator(), spec)

        assert outcome.status is S.CREATED
        assert not outcome.is_failure
        assert (gateway.count("list"), gateway.count("get")) == (5, 1)

    with caplog.at_level(logging.WARNING):
        run(main)
    assert "webhook 1 exists, but no list shows it yet" in caplog.text


class WithoutTheFirst(FakeGateway):
    """Never lists its first webhook."""

    def listed(self) -> list[Webhook]:
        """Return what a list shows now."""
        return [webhook for webhook in super().listed() if webhook.id != 1]


@pytest.mark.parametrize("is_renamed", [True, False])
def test_what_no_list_shows_changes_hours_later(is_renamed: bool) -> None:
    """Another client deletes it, or uses it for something else: one read shows that, and later runs do not read it."""

    async def main() -> None:
        gateway, (spec, other) = WithoutTheFirst(), specs(2)
        hidden = gateway.add(spec)
        coordinator = gateway.coordinator()
        coordinator.memory.note_unlisted(hidden)
        await asyncio.sleep(7200)
        outcome, _ = await register(coordinator, spec)
        assert (outcome.status, gateway.count("get")) == (S.EXISTING, 1)

        gateway.webhooks[1] = evolve(hidden, url=other.url)
        if not is_renamed:
            del gateway.webhooks[1]
        began_at = asyncio.get_running_loop().time()
        outcome, _ = await register(coordinator, spec)
        assert (outcome.status, gateway.count("get")) == (S.CREATED, 2)
        assert asyncio.get_running_loop().time() < began_at + 1

        await asyncio.sleep(120)
        outcome, _ = await register(coordinator, spec)
        assert (outcome.status, gateway.count("get")) == (S.EXISTING, 2)

    run(main)


def test_a_lower_copy_decides_at_once_though_ours_is_not_shown() -> None:
    """A list that lags shows the other one only: ours is deleted by its id."""

    async def main() -> None:
        gateway, (spec,) = FakeGateway(list_lag=1.0), specs(1)
        gateway.add(spec)
        await asyncio.sleep(0.995)

        outcome, _ = await register(gateway.coordinator(), spec)

        assert list(gateway.webhooks) == [1]
        assert outcome.status is S.EXISTING
        assert gateway.count("list") == 2

    run(main)


def test_deleted_by_somebody_meanwhile() -> None:
    """No list shows it, and it is not there: a failure that says so."""

    async def main() -> None:
        gateway, (spec,) = FakeGateway(), specs(1)
        after_create(gateway, gateway.webhooks.clear)

        outcome, emitted = await register(gateway.coordinator(), spec)
        await gateway.settle()

        assert [one.status for one in emitted] == [S.CREATED, S.FAILED]
        assert "someone has deleted it" in str(outcome.error)

    run(main)


def test_deleted_by_this_client_meanwhile() -> None:
    """It is known to be gone: no list is waited for."""

    async def main() -> None:
        gateway, (spec,) = FakeGateway(), specs(1)
        coordinator = gateway.coordinator()

        def delete() -> None:
            del gateway.webhooks[1]
            coordinator.memory.note_deleted(1)

        after_create(gateway, delete)
        outcome, _ = await register(coordinator, spec)

        assert outcome.status is S.FAILED
        assert asyncio.get_running_loop().time() < 0.1

    run(main)


def test_what_create_made_is_never_deleted() -> None:
    """Not even where the run was in doubt and the copy is a new one."""

    async def main() -> None:
        gateway, (spec,) = FakeGateway(), specs(1)
        coordinator = gateway.coordinator()
        gateway.fail("create", Fault(lost, 0.0))

        async def create() -> None:
            await asyncio.sleep(0.5)
            await coordinator.create_direct(spec)

        creating = asyncio.create_task(create())
        outcome, _ = await register(coordinator, spec)
        await creating

        assert list(gateway.webhooks) == [1, 2]
        assert outcome.status is S.RECOVERED
        assert outcome.copies == (2,)

    run(main)


def test_what_create_made_is_named_although_the_closing_list_does_not_show_it() -> None:
    """Lists lag."""

    async def main() -> None:
        gateway, (spec,) = FakeGateway(list_lag=4.0), specs(1)
        coordinator = gateway.coordinator()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await register(coordinator, spec)  # it stays open
        await asyncio.sleep(5)
        await coordinator.create_direct(spec)

        outcome, _ = await register(coordinator, spec)

        assert (outcome.status, outcome.webhook) == (S.EXISTING, gateway.webhooks[1])
        assert outcome.copies == (2,)

    run(main)


def test_what_update_made_a_copy_is_named_although_the_closing_list_does_not_show_it() -> None:
    """What was adopted at first is a copy of what stays."""

    async def main() -> None:
        gateway, (spec, other) = FakeGateway(list_lag=4.0), specs(2)
        coordinator = gateway.coordinator()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await register(coordinator, spec)  # it stays open
        gateway.webhooks[1] = evolve(gateway.webhooks[1], active=False)
        gateway.add(other)
        await asyncio.sleep(7)
        gateway.webhooks[2] = evolve(gateway.webhooks[2], url=spec.url)
        gateway.changed()
        coordinator.memory.note_changed(gateway.webhooks[2])

        outcome, _ = await register(coordinator, spec)

        assert (outcome.webhook, outcome.copies) == (gateway.webhooks[1], (2,))

    run(main)


def test_a_copy_that_cannot_be_deleted() -> None:
    """The outcome names it and the reason; it is a failure."""

    async def main() -> None:
        gateway, (spec,) = FakeGateway(), specs(1)
        gateway.fail("create", Fault(takes=0.5))
        gateway.fail("delete", Fault(refused))
        gateway.later(0.2, lambda: gateway.add(spec))

        outcome, _ = await register(gateway.coordinator(), spec)
        await gateway.settle()

        assert outcome.status is S.EXISTING
        assert outcome.is_failure
        assert isinstance(outcome.error, OutcomeUnknownError)
        assert "there may be a second copy, webhook 2" in str(outcome.error)

    run(main)


def test_one_of_two_copies_cannot_be_deleted() -> None:
    """All three creates were lost, and carried out late; that the last copy can be deleted does not hide the first."""

    async def main() -> None:
        gateway, (spec,) = FakeGateway(), specs(1)
        gateway.fail("create", Fault(lost, 4.0), Fault(lost, 4.0), Fault(lost, 2.5))
        gateway.fail("delete", Fault(refused))

        outcome, _ = await register(gateway.coordinator(), spec)

        assert (outcome.webhook, outcome.copies) == (gateway.webhooks[1], (2, 3))
        assert list(gateway.webhooks) == [1, 2]
        assert "there may be a second copy, webhook 2" in str(outcome.error)

    run(main)


def test_a_copy_that_cannot_be_looked_at_beside_an_outcome_without_a_webhook() -> None:
    """It is named, though the creates are unknown: the first list that shows it contradicts itself about it."""

    async def main() -> None:
        gateway, (spec,) = FakeGateway(), specs(1)
        gateway.fail("create", *[Fault(lost)] * 4)
        gateway.fail("get", Fault(refused))

        def appear() -> None:
            ended = datetime(2026, 1, 1, tzinfo=UTC)
            gateway.webhooks[1] = evolve(gateway.add(spec), unregistered_at=ended)

        gateway.later(8.0, appear)

        outcome, _ = await register(gateway.coordinator(), spec)

        assert (outcome.status, outcome.webhook, outcome.copies) == (S.UNKNOWN, None, (1,))
        assert "there may be a second copy, webhook 1: " in str(outcome.error)

    run(main)


def test_the_copy_to_keep_cannot_be_looked_at() -> None:
    """Then nothing is deleted, and the outcome names both."""

    async def main() -> None:
        gateway, (spec,) = FakeGateway(), specs(1)
        gateway.fail("create", Fault(takes=0.5))
        gateway.fail("get", Fault(refused))
        gateway.later(0.2, lambda: gateway.add(spec))

        outcome, _ = await register(gateway.coordinator(), spec)
        await gateway.settle()

        assert len(gateway.webhooks) == 2
        assert outcome.is_failure
        assert (outcome.webhook, outcome.copies) == (gateway.webhooks[2], (1,))
        assert "there may be a second copy, webhook 1: " in str(outcome.error)

    run(main)


@pytest.mark.parametrize("in_doubt", [True, False])
def test_a_closing_list_that_fails(in_doubt: bool) -> None:
    """Only what was in doubt may have a second copy."""

    async def main() -> None:
        gateway, (spec,) = FakeGateway(), specs(1)
        gateway.fail("create", *[Fault(lost)] * in_doubt)
        gateway.fail("list", *[Fault()] * (1 + in_doubt), *[Fault(refused)] * 4)

        outcome, _ = await register(gateway.coordinator(), spec)

        assert outcome.status is S.CREATED
        assert outcome.is_failure is in_doubt
        assert ("no list has been taken since" in str(outcome.error)) is in_doubt

    run(main)


def test_the_copy_to_keep_is_in_the_other_state() -> None:
    """It is brought into the asked one."""

    async def main() -> None:
        gateway, (spec,) = FakeGateway(), specs(1)
        gateway.fail("create", Fault(takes=0.5))
        gateway.later(0.2, lambda: gateway.add(evolve(spec, active=False)))

        outcome, _ = await register(gateway.coordinator(), spec)
        await gateway.settle()

        assert [webhook.active for webhook in gateway.webhooks.values()] == [True]
        assert outcome.status is S.UPDATED

    run(main)


def test_the_copy_to_keep_stays_in_the_other_state() -> None:
    """The gateway says yes and does nothing: nothing is deleted, and the outcome has failed."""

    async def main() -> None:
        gateway, (spec,) = FakeGateway(), specs(1)
        gateway.without_effect.add("activate")
        gateway.fail("create", Fault(takes=0.5))
        gateway.later(0.2, lambda: gateway.add(evolve(spec, active=False)))

        outcome, _ = await register(gateway.coordinator(), spec)
        await gateway.settle()

        assert len(gateway.webhooks) == 2
        assert outcome.status is S.FAILED
        assert type(outcome.error) is GwmsError
        assert not isinstance(outcome.error, ServerError)

    run(main)


def test_what_another_run_left_open_is_closed_by_the_next() -> None:
    """The run that created it was cancelled before its closing list."""

    async def main() -> None:
        gateway, (spec,) = FakeGateway(), specs(1)
        coordinator = gateway.coordinator()
        gateway.fail("create", Fault(takes=0.5))
        gateway.later(0.2, lambda: gateway.add(spec))
        first = asyncio.create_task(register(coordinator, spec))
        await asyncio.sleep(0.515)
        first.cancel()
        await asyncio.wait([first])
        await gateway.settle()
        assert len(gateway.webhooks) == 2

        outcome, _ = await register(coordinator, spec)

        assert list(gateway.webhooks) == [1]
        assert outcome.status is S.EXISTING
        await asyncio.gather(*coordinator.lists.stop(), return_exceptions=True)

    run(main)


def test_what_another_run_left_open_and_this_one_has_activated() -> None:
    """It is still `updated` once the closing list has shown a copy beside it."""

    async def main() -> None:
        gateway, (spec,) = FakeGateway(), specs(1)
        coordinator = gateway.coordinator()
        coordinator.memory.note_registered(gateway.add(evolve(spec, active=False)), spec)
        gateway.add(evolve(spec, active=False))

        outcome, emitted = await register(coordinator, spec)

        assert (outcome.status, outcome.copies) == (S.UPDATED, (2,))
        assert emitted == [outcome]

    run(main)


def test_what_another_run_left_open_beside_ours_is_deleted() -> None:
    """No other run will: its maker may have been cancelled."""

    async def main() -> None:
        gateway, (spec,) = FakeGateway(), specs(1)
        coordinator = gateway.coordinator()
        after_create(gateway, lambda: coordinator.memory.note_registered(gateway.add(spec), spec))

        outcome, _ = await register(coordinator, spec)

        assert (outcome.status, outcome.webhook, outcome.copies) == (S.CREATED, gateway.webhooks[1], (2,))
        assert list(gateway.webhooks) == [1]

    run(main)


def test_doubt_is_closed_once_lists_must_show_what_came_late() -> None:
    """Seeing our own create does not prove that a late commit would be shown."""

    async def main() -> None:
        gateway, (spec,) = FakeGateway(list_lag=4.0), specs(1)
        gateway.fail("create", Fault(lost, 2.0))

        outcome, _ = await register(gateway.coordinator(), spec)
        await gateway.settle()

        assert len(gateway.webhooks) == 1
        assert outcome.webhook is not None
        assert outcome.webhook.id in gateway.webhooks

    run(main)


def test_a_ghost_beside_what_no_list_shows_yet() -> None:
    """The lower copy is gone, ours is not listed: a later list decides."""

    async def main() -> None:
        gateway, (spec,) = FakeGateway(), specs(1)
        ghost = gateway.add(spec)
        del gateway.webhooks[1]

        def hide() -> None:
            gateway.stale = [ghost]

        after_create(gateway, hide)

        outcome, emitted = await register(gateway.coordinator(), spec)

        assert emitted == [outcome]
        assert outcome.webhook == gateway.webhooks[2]
        assert gateway.count("list") == 3

    run(main)


def test_a_copy_that_stays_beside_one_that_cannot_be_activated_is_named() -> None:
    """Nothing is deleted in favour of a webhook that is not as asked for; the outcome names what else there is."""

    async def main() -> None:
        gateway, (spec,) = FakeGateway(without_effect={"activate"}), specs(1)
        gateway.fail("create", Fault(lost, 1.5))
        gateway.later(2.0, lambda: gateway.webhooks.update({1: evolve(gateway.webhooks[1], active=False)}))

        outcome, _ = await register(gateway.coordinator(), spec)
        await gateway.settle()

        assert sorted(gateway.webhooks) == [1, 2]
        assert (outcome.status, outcome.webhook, outcome.copies) == (S.FAILED, gateway.webhooks[1], (2,))

    run(main)


def test_what_is_carried_out_after_the_closing_list_is_named_by_the_next_run() -> None:
    """Both creates are lost and carried out; the second shows ten seconds after it was sent."""

    async def main() -> None:
        gateway, (spec,) = FakeGateway(list_lag=1.0), specs(1)
        gateway.fail("create", Fault(lost, 1.2), Fault(lost, 9.0))

        first, _ = await register(gateway.coordinator(), spec)
        await gateway.settle()
        await asyncio.sleep(gateway.list_lag)
        second, _ = await register(gateway.coordinator(), spec)

        assert (first.status, first.copies) == (S.RECOVERED, ())
        assert (second.status, second.webhook, second.copies) == (S.EXISTING, first.webhook, (2,))

    run(main)


def test_doubt_is_closed_although_what_was_found_cannot_be_switched() -> None:
    """Another's copy is found and stays active; the create that was lost is carried out after that."""

    async def main() -> None:
        gateway, (spec,) = FakeGateway(without_effect={"deactivate"}), specs(1, active=False)
        gateway.fail("create", Fault(lost, 2.4))
        gateway.later(0.5, lambda: gateway.add(evolve(spec, active=True)))

        outcome, _ = await register(gateway.coordinator(), spec)
        await gateway.settle()

        second = set(gateway.webhooks) - {1}
        assert second <= {*outcome.copies} or isinstance(outcome.error, OutcomeUnknownError)

    run(main)


def test_what_was_sent_once_is_looked_at_once() -> None:
    """Its create was lost: no other one of ours can be carried out."""

    async def main() -> None:
        gateway, (spec,) = FakeGateway(), specs(1)
        gateway.fail("create", Fault(lost, 0.0))

        outcome, _ = await register(gateway.coordinator(), spec)

        assert outcome.status is S.RECOVERED
        assert gateway.count("list") == 3
        assert asyncio.get_running_loop().time() == pytest.approx(9.05, abs=0.05)

    run(main)


@pytest.mark.parametrize("can_be_switched_later", [True, False])
def test_doubt_is_closed_although_what_was_created_cannot_be_switched(can_be_switched_later: bool) -> None:
    """The second create is stored in the other state; the first is carried out after that."""

    async def main() -> None:
        gateway, (spec,) = FakeGateway(), specs(1)
        gateway.fail("create", Fault(lost, 2.4))
        gateway.stores = lambda spec: evolve(spec, active=False)
        refusals = [Fault(refused)] * (1 if can_be_switched_later else 3)
        gateway.fail("activate", *refusals)

        outcome, emitted = await register(gateway.coordinator(), spec)
        await gateway.settle()

        assert [one.status for one in emitted[:1]] == [S.FAILED]
        assert (outcome.webhook, outcome.copies) == (gateway.webhooks[1], (2,))
        if can_be_switched_later:
            assert (outcome.status, outcome.error, list(gateway.webhooks)) == (S.CREATED, None, [1])
        else:
            assert (outcome.status, list(gateway.webhooks)) == (S.FAILED, [1, 2])
            assert isinstance(outcome.error, ServerError)

    run(main)


def test_what_cannot_be_switched_may_have_a_second_copy() -> None:
    """The closing list fails: the error says so, and why it was not as asked before."""

    async def main() -> None:
        gateway, (spec,) = FakeGateway(without_effect={"activate"}), specs(1)
        gateway.fail("create", Fault(lost))
        gateway.later(0.5, lambda: gateway.add(evolve(spec, active=False)))
        gateway.fail("list", *[Fault()] * 2, *[Fault(refused)] * 4)

        outcome, _ = await register(gateway.coordinator(), spec)

        assert outcome.status is S.FAILED
        assert isinstance(outcome.error, OutcomeUnknownError)
        for part in ("there may be a second copy", "webhook 1 is not active", "501"):
            assert part in str(outcome.error)

    run(main)


def test_what_a_late_list_shows_as_it_was_before() -> None:
    """This client has just made it the webhook that a lost create asked for; lists show the one it was."""

    async def main() -> None:
        gateway, (spec, other) = FakeGateway(list_lag=5.0), specs(2)
        before, coordinator = gateway.add(other), gateway.coordinator()
        await asyncio.sleep(6)
        gateway.fail("create", Fault(lost))

        def update() -> None:
            gateway.webhooks[1] = evolve(before, url=spec.url)
            gateway.changed()
            coordinator.memory.note_changed(gateway.webhooks[1])

        gateway.later(0.5, update)
        outcome, _ = await register(coordinator, spec)

        assert (outcome.status, outcome.webhook, outcome.error) == (S.EXISTING, gateway.webhooks[1], None)
        assert list(gateway.webhooks) == [1]

    run(main)


def test_what_was_recovered_and_deleted_before_its_closing_list_fails() -> None:
    """Lists do not show it any more; by its id it is gone."""

    async def main() -> None:
        gateway, (spec,) = FakeGateway(), specs(1)
        gateway.fail("create", Fault(lost, 0))
        gateway.later(5.0, gateway.webhooks.clear)

        outcome, emitted = await register(gateway.coordinator(), spec)

        assert [one.status for one in emitted] == [S.RECOVERED, S.FAILED]
        assert "someone has deleted it" in str(outcome.error)

    run(main)


@pytest.mark.parametrize("is_reused", [False, True])
def test_a_copy_that_was_deleted_is_still_named_after_a_second_look(is_reused: bool) -> None:
    """Ours is deleted because another client's is lower; a third one, which is higher, is looked at again.

    By then another client may have got the id of ours, for a copy that is not ours to delete.
    """

    async def main() -> None:
        gateway, (spec,) = FakeGateway(), specs(1)
        gateway.fail("create", Fault(takes=0.5))

        def register_elsewhere() -> None:
            gateway.add(spec)
            after_create(gateway, lambda: gateway.add(spec))

        gateway.later(0.2, register_elsewhere)
        if is_reused:
            gateway.later(2.0, lambda: gateway.webhooks.update({2: Webhook(2, *spec_values(spec))}))

        outcome, emitted = await register(gateway.coordinator(), spec)

        assert sorted(gateway.webhooks) == ([1, 2, 3] if is_reused else [1, 3])
        assert (outcome.status, outcome.copies) == (S.EXISTING, (2, 3))
        assert [one.status for one in emitted] == [S.CREATED, S.EXISTING]

    run(main)


def test_deactivated_by_another_client_before_the_closing_list() -> None:
    """The closing list shows it, alone but inactive: it is activated again, and not reported as it was created."""

    async def main() -> None:
        gateway, (spec,) = FakeGateway(), specs(1)

        def deactivate() -> None:
            gateway.webhooks[1] = evolve(gateway.webhooks[1], active=False)

        after_create(gateway, deactivate)

        outcome, _ = await register(gateway.coordinator(), spec)

        assert gateway.webhooks[1].active
        assert outcome.webhook == gateway.webhooks[1]

    run(main)


def test_a_list_that_leaves_out_the_lower_copy() -> None:
    """It decides nothing yet: the owner of the higher copy, which it shows, deletes that in favour of ours."""

    async def main() -> None:
        gateway, (spec,) = FakeGateway(), specs(1)
        other = Webhook(9, *spec_values(spec))

        def add() -> None:
            gateway.webhooks[9] = other
            gateway.stale = [other]

        after_create(gateway, add)
        gateway.later(2.0, lambda: gateway.webhooks.pop(9))

        outcome, _ = await register(gateway.coordinator(), spec)
        await gateway.settle()

        assert (outcome.status, outcome.webhook, outcome.is_failure) == (S.CREATED, gateway.webhooks[1], False)
        assert list(gateway.webhooks) == [1]
        assert gateway.count("delete") == 0

    run(main)


def test_an_inactive_copy_of_a_spec_that_wants_it_inactive() -> None:
    """It may look like a tombstone; it is the lowest, and stays."""

    async def main() -> None:
        gateway, (spec,) = FakeGateway(ids=count(5)), specs(1)
        spec = evolve(spec, active=False)
        other = evolve(Webhook(1, *spec_values(spec)), unregistered_at=datetime.now(UTC))
        after_create(gateway, lambda: gateway.webhooks.update({1: other}))

        outcome, _ = await register(gateway.coordinator(), spec)

        assert (outcome.status, outcome.webhook, outcome.copies) == (S.EXISTING, other, (5,))
        assert list(gateway.webhooks) == [1]

    run(main)


def test_ones_own_that_somebody_deactivates() -> None:
    """It looks like a tombstone by then; it is activated."""

    async def main() -> None:
        gateway, (spec,) = FakeGateway(), specs(1)

        def deactivate() -> None:
            gateway.webhooks[1] = evolve(gateway.webhooks[1], active=False, unregistered_at=datetime.now(UTC))

        after_create(gateway, deactivate)

        outcome, _ = await register(gateway.coordinator(), spec)

        assert (outcome.status, outcome.is_failure) == (S.CREATED, False)
        assert gateway.webhooks[1].active
        assert gateway.count("create") == 1

    run(main)


def test_what_the_same_client_has_deactivated_meanwhile() -> None:
    """It looks like a tombstone by then, but its maker knows better; else one run would delete what the other keeps."""

    async def main() -> None:
        gateway, (spec,) = FakeGateway(ids=count(5)), specs(1)
        stamped = partial(evolve, unregistered_at=datetime.now(UTC))
        gateway.lists_as = lambda webhook: webhook if webhook.active else stamped(webhook)
        gateway.fail("create", Fault(lost, 0.0))
        coordinator = gateway.coordinator()
        first = asyncio.create_task(register(coordinator, spec))
        await asyncio.sleep(3)
        gateway.webhooks[1] = Webhook(1, *spec_values(spec))

        second, _ = await register(coordinator, evolve(spec, active=False))
        outcome, _ = await first

        assert (second.status, second.is_failure) == (S.UPDATED, False)
        assert (outcome.webhook, outcome.is_failure) == (gateway.webhooks[1], False)
        assert list(gateway.webhooks) == [1]
        assert gateway.webhooks[1].active

    run(main)


def test_what_was_another_webhook_when_the_doubt_began() -> None:
    """Somebody has changed it since: it was there before, and stays."""

    async def main() -> None:
        gateway, (spec, other) = FakeGateway(ids=count(5)), specs(2)
        gateway.webhooks[9] = Webhook(9, *spec_values(other))
        gateway.fail("create", Fault(lost, 0.0))
        first = asyncio.create_task(register(gateway.coordinator(), spec))
        await asyncio.sleep(3)
        gateway.webhooks[9] = Webhook(9, *spec_values(spec))

        outcome, _ = await first

        assert (outcome.status, outcome.webhook, outcome.copies) == (S.RECOVERED, gateway.webhooks[5], (9,))
        assert list(gateway.webhooks) == [9, 5]

    run(main)


def test_a_lost_create_that_gets_an_id_that_was_not_there_before() -> None:
    """It was looked up in vain, after an update that may have gone to it; a list shows it, and it is read again."""

    async def main() -> None:
        gateway, (spec,) = FakeGateway(), specs(1)
        gateway.fail("create", Fault(lost, 0.0))
        coordinator = gateway.coordinator()
        coordinator.memory.note_uncertain(1, spec)

        outcome, _ = await register(coordinator, spec)

        assert gateway.journal.index(("get", 1)) < gateway.journal.index(("create", spec))
        assert (outcome.status, outcome.webhook, outcome.is_failure) == (S.RECOVERED, gateway.webhooks[1], False)
        assert list(gateway.webhooks) == [1]

    run(main)


def test_a_lower_copy_that_turns_out_to_be_a_tombstone() -> None:
    """A list that lags still shows it as active: nothing is deleted or activated in its favour."""

    async def main() -> None:
        gateway, (spec,) = FakeGateway(ids=count(5)), specs(1)
        other = Webhook(1, *spec_values(spec))

        def add() -> None:
            gateway.webhooks[1] = evolve(other, active=False, unregistered_at=datetime.now(UTC))
            gateway.stale = [other, gateway.webhooks[5]]

        after_create(gateway, add)

        outcome, _ = await register(gateway.coordinator(), spec)

        assert (outcome.status, outcome.webhook) == (S.CREATED, gateway.webhooks[5])
        assert gateway.count("delete") == gateway.count("activate") == 0

    run(main)
