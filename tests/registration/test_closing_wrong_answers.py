"""Gateways whose answers are wrong: another webhook's id, another spelling, reads from replicas; in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from attrs import evolve

from gwms_async import GwmsError, OutcomeStatus, OutcomeUnknownError, Webhook, WebhookSpec
from gwms_async.chain import Call
from gwms_async.registration.bulk import register_many
from gwms_async.registration.coordinator import Coordinator
from gwms_async.registration.report import Outcome

from ..helpers import virtual_loop
from ..helpers.fake_gateway import Cascading, FakeGateway, Fault, lost, refused, specs

S = OutcomeStatus
LAG = 2.0


async def register(coordinator: Coordinator, *wanted: WebhookSpec) -> tuple[Outcome, ...]:
    """Register webhooks, one at a time."""
    return (await register_many(coordinator, wanted, concurrency=1)).outcomes


def run(main: Callable[[], object]) -> None:
    """Run a test in virtual time."""
    virtual_loop.run(main())  # type: ignore[arg-type]


def test_the_id_of_another_clients_webhook() -> None:
    """A create is answered with the largest id there is, which is no longer its own: that one is not deleted."""

    async def main() -> None:
        gateway, (spec, other) = FakeGateway(), specs(2)
        gateway.answer = lambda webhook: evolve(webhook, id=gateway.add(other).id)

        (outcome,) = await register(gateway.coordinator(), spec)

        assert list(gateway.webhooks) == [1, 2]
        assert outcome.webhook == gateway.webhooks[1]

    run(main)


def test_the_id_of_the_next_webhook_of_the_same_run() -> None:
    """None of them is deleted."""

    async def main() -> None:
        gateway, wanted = FakeGateway(), specs(3)
        gateway.rng = None
        gateway.answer = lambda webhook: evolve(webhook, id=max(gateway.webhooks))
        report = await register_many(gateway.coordinator(), wanted, concurrency=3)

        assert sorted(webhook.url for webhook in gateway.webhooks.values()) == [spec.url for spec in wanted]
        assert not report.failures
        assert gateway.count("delete") == 0

    run(main)


def test_what_has_become_another_webhook_is_not_deleted() -> None:
    """A list did not show the copy that stays, and somebody has changed ours since."""

    async def main() -> None:
        gateway, (spec, other) = FakeGateway(), specs(2)
        gateway.add(spec)
        gateway.stale = []

        def answer(webhook: Webhook) -> Webhook:
            gateway.webhooks[webhook.id] = evolve(webhook, url=other.url)
            return webhook

        gateway.answer = answer
        (outcome,) = await register(gateway.coordinator(), spec)

        assert outcome.webhook == gateway.webhooks[1]
        assert gateway.webhooks[2].url == other.url

    run(main)


def test_a_create_that_replaces_a_webhook() -> None:
    """The gateway keeps one webhook per host, say: the outcome says which one may be gone."""

    async def main() -> None:
        gateway, (spec, other) = FakeGateway(), specs(2)
        before = gateway.add(other)

        def answer(webhook: Webhook) -> Webhook:
            gateway.webhooks = {before.id: evolve(webhook, id=before.id)}
            return gateway.webhooks[before.id]

        gateway.answer = answer
        (outcome,) = await register(gateway.coordinator(), spec)

        assert outcome.is_failure
        assert f"webhook 1, which it had listed as '{other.url}'" in str(outcome.error)
        assert list(gateway.webhooks) == [1]

    run(main)


def test_an_answer_that_repeats_the_request() -> None:
    """It is stored in another spelling, which only lists show: the error has the id and both spellings."""

    async def main() -> None:
        gateway, (spec,) = FakeGateway(), specs(1)
        gateway.stores = lambda one: evolve(one, url=f"{one.url}?stored")
        gateway.answer = lambda webhook: evolve(webhook, url=spec.url)

        (outcome,) = await register(gateway.coordinator(), spec)

        assert outcome.status is S.FAILED
        assert outcome.webhook == gateway.webhooks[1]
        assert f"webhook 1 was created, but the gateway stores it as '{spec.url}?stored'" in str(outcome.error)

    run(main)


def test_what_is_stored_in_another_spelling_is_not_created_again_while_reads_lag() -> None:
    """A replica does not show it yet; nor does one show at once that this client has deleted it."""

    async def main() -> None:
        gateway, (spec,) = FakeGateway(get_lag=2.0), specs(1)
        gateway.stores = lambda one: evolve(one, url=f"{one.url}?stored")
        coordinator = gateway.coordinator()
        outcomes = [*await register(coordinator, spec), *await register(coordinator, spec)]
        assert [outcome.status for outcome in outcomes] == [S.CREATED, S.EXISTING]
        assert list(gateway.webhooks) == [1]

        del gateway.webhooks[1]
        gateway.changed()
        coordinator.memory.note_deleted(1)
        (outcome,) = await register(coordinator, spec)
        assert (outcome.status, list(gateway.webhooks)) == (S.CREATED, [2])

    run(main)


def test_what_is_stored_in_another_spelling_is_not_created_again() -> None:
    """By the same client, for as long as it is there; every outcome has the error."""

    async def main() -> None:
        gateway, (spec, other) = FakeGateway(), specs(2)
        gateway.stores = lambda one: evolve(one, url=f"{one.url}?stored")
        coordinator = gateway.coordinator()
        for status in (S.CREATED, S.EXISTING, S.EXISTING):
            (outcome,) = await register(coordinator, spec)
            assert outcome.status is status
            assert outcome.webhook == gateway.webhooks[1]
            assert "webhook 1 was created, but the gateway stores it as" in str(outcome.error)
            await asyncio.sleep(900)
            gateway.webhooks[1] = evolve(gateway.webhooks[1], active=False)  # the outcome shows it as it is by then
        assert list(gateway.webhooks) == [1]

        gateway.webhooks[1] = evolve(gateway.webhooks[1], url=other.url)  # somebody uses it for something else
        (outcome,) = await register(coordinator, spec)
        assert outcome.status is S.CREATED

        gateway.stores = lambda one: one
        del gateway.webhooks[2]
        outcomes = [*await register(coordinator, spec), *await register(coordinator, spec)]
        assert [(one.status, one.error) for one in outcomes] == [(S.CREATED, None), (S.EXISTING, None)]
        assert list(gateway.webhooks) == [1, 3]

    run(main)


@pytest.mark.parametrize("active", [True, False])
def test_what_is_stored_in_another_spelling_and_marked_as_unregistered(active: bool) -> None:
    """A gateway may mark what is inactive as it marks what is deleted: it is created again if it should be active."""

    async def main() -> None:
        gateway, (spec,) = FakeGateway(), specs(1, active=active)
        gateway.stores = lambda one: evolve(one, url=f"{one.url}?stored")
        coordinator = gateway.coordinator()
        await register(coordinator, spec)
        await asyncio.sleep(900)
        gateway.webhooks[1] = evolve(gateway.webhooks[1], active=False, unregistered_at=datetime.now(UTC))

        (outcome,) = await register(coordinator, spec)

        assert outcome.status is (S.CREATED if active else S.EXISTING)
        assert list(gateway.webhooks) == ([1, 2] if active else [1])

    run(main)


@pytest.mark.parametrize("pause", [0.0, 0.3, 1.0, 1.9])
def test_replicas_that_do_not_show_a_create_yet(pause: float) -> None:
    """Neither a list nor `get` shows it: registered again, it is there once."""

    async def main() -> None:
        gateway, (spec,) = FakeGateway(list_lag=LAG, get_lag=LAG), specs(1)
        coordinator = gateway.coordinator()
        await (coordinator.create_direct(spec) if pause == 1.0 else coordinator.create(spec, Call()))
        await asyncio.sleep(pause)

        (outcome,) = await register(coordinator, spec)

        assert list(gateway.webhooks) == [1]
        assert outcome.webhook == gateway.webhooks[1]
        assert not outcome.is_failure

    run(main)


@pytest.mark.parametrize("concurrently", [False, True])
def test_registrations_on_replicas(concurrently: bool) -> None:
    """Two in a row, or at once: one webhook, which both return."""

    async def main() -> None:
        gateway, (spec,) = FakeGateway(list_lag=LAG, get_lag=LAG), specs(1)
        coordinator = gateway.coordinator()
        if concurrently:
            first, again = await asyncio.gather(register(coordinator, spec), register(coordinator, spec))
        else:
            first, again = await register(coordinator, spec), await register(coordinator, spec)

        assert list(gateway.webhooks) == [1]
        assert [one.webhook for one in (*first, *again)] == [gateway.webhooks[1]] * 2

    run(main)


def test_replicas_that_still_show_what_was_deleted() -> None:
    """It is created again."""

    async def main() -> None:
        gateway, (spec,) = FakeGateway(list_lag=LAG, get_lag=LAG), specs(1)
        coordinator = gateway.coordinator()
        await register(coordinator, spec)
        await asyncio.sleep(10)
        await coordinator.api_for(Call()).delete(1)
        coordinator.memory.note_deleted(1)

        (outcome,) = await register(coordinator, spec)

        assert list(gateway.webhooks) == [2]
        assert outcome.status is S.CREATED

    run(main)


def test_replicas_that_do_not_show_a_change_yet() -> None:
    """What this client has just deactivated is activated again, although lists and `get` still show it active."""

    async def main() -> None:
        gateway, (spec,) = FakeGateway(list_lag=2.0, get_lag=1.0), specs(1)
        webhook, coordinator = gateway.add(spec), gateway.coordinator()
        await asyncio.sleep(3)
        coordinator.memory.note_changed(await coordinator.api_for(Call()).deactivate(webhook.id))

        (outcome,) = await register(coordinator, spec)

        assert (outcome.status, outcome.webhook) == (S.UPDATED, gateway.webhooks[1])
        assert gateway.webhooks[1].active

    run(main)


@pytest.mark.parametrize("takes", [0.01, 1.0])
def test_a_delete_that_was_cut_short_where_lists_lag(takes: float) -> None:
    """On the wire, or during the read that checks it: the next run reads it too."""

    async def main() -> None:
        gateway, (spec,) = FakeGateway(list_lag=3.0, get_lag=1.0), specs(1)
        webhook, coordinator = gateway.add(spec), gateway.coordinator()
        await asyncio.sleep(4)
        gateway.fail("delete", Fault(lambda: OutcomeUnknownError("lost"), 0, takes=takes))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.5):
                await coordinator.by_id.delete(webhook.id, spec, lambda: coordinator.api_for(Call()))
        gateway.webhooks.pop(1, None)
        gateway.changed()

        (outcome,) = await register(coordinator, spec)

        assert (outcome.status, outcome.webhook) == (S.CREATED, gateway.webhooks[2])

    run(main)


def test_a_delete_without_effect() -> None:
    """After six seconds `get` is believed: the webhook is there."""

    async def main() -> None:
        gateway, (spec,) = FakeGateway(), specs(1)
        coordinator = gateway.coordinator()
        await register(coordinator, spec)
        coordinator.memory.note_deleted(1)

        (outcome,) = await register(coordinator, spec)

        assert outcome.status is S.EXISTING
        assert list(gateway.webhooks) == [1]

    run(main)


def test_a_second_id_for_one_webhook() -> None:
    """A create is answered with an id that no list shows, under which the gateway knows it too: it is not deleted."""

    async def main() -> None:
        gateway, (spec,) = FakeGateway(aliases={1001: 1}), specs(1)
        gateway.answer = lambda webhook: evolve(webhook, id=1001)

        (outcome,) = await register(gateway.coordinator(), spec)

        assert list(gateway.webhooks) == [1]
        assert outcome.is_failure
        assert "expected 1001 @ $.id" in str(outcome.error)

    run(main)


def test_lists_that_cut_urls() -> None:
    """By its id it is as it was created: the error says that a later run, which looks at lists, will not know it."""

    async def main() -> None:
        gateway, (spec,) = FakeGateway(), specs(1)
        gateway.lists_as = lambda webhook: evolve(webhook, url=webhook.url[:-1])

        (outcome,) = await register(gateway.coordinator(), spec)

        assert (outcome.status, outcome.webhook) == (S.CREATED, gateway.webhooks[1])
        assert f"the gateway stores it as '{spec.url[:-1]}'" in str(outcome.error)

    run(main)


def test_what_is_stored_in_another_spelling_is_named_with_what_earlier_runs_created() -> None:
    """Each new client creates it again: the outcome has the ids of all, so that they can be deleted."""

    async def main() -> None:
        gateway, (spec,) = FakeGateway(), specs(1)
        gateway.stores = lambda one: evolve(one, url=f"{one.url}?stored")

        found = [(await register(gateway.coordinator(), spec))[0] for _ in range(3)]

        assert [(one.webhook and one.webhook.id, one.copies) for one in found] == [(1, ()), (2, (1,)), (3, (1, 2))]
        assert all(one.is_failure for one in found)

    run(main)


@pytest.mark.parametrize(("is_whole_by_id", "creates"), [(True, 1), (False, 2)])
def test_what_lists_show_in_another_spelling_is_not_created_again(is_whole_by_id: bool, creates: int) -> None:
    """By the same client, however long; where `get` shows it so too, once: somebody may have changed it."""

    async def main() -> None:
        gateway, (spec,) = FakeGateway(), specs(1)
        if is_whole_by_id:
            gateway.lists_as = lambda webhook: evolve(webhook, url="https://shop.example/****")
        else:
            gateway.stores = lambda one: evolve(one, url="https://shop.example/****")
            gateway.answer = lambda webhook: evolve(webhook, url=spec.url)
        coordinator = gateway.coordinator()

        outcomes: list[Outcome] = []
        for _ in range(4):
            outcomes += await register(coordinator, spec)
            await asyncio.sleep(100)

        assert [outcome.is_failure for outcome in outcomes] == [True] + 3 * [not is_whole_by_id]
        assert (gateway.count("create"), len(gateway.webhooks)) == (creates, creates)

    run(main)


def test_what_somebody_changes_at_once_is_created_again() -> None:
    """Once changed, it is another webhook."""

    async def main() -> None:
        gateway, (spec, other) = FakeGateway(), specs(2)
        coordinator = gateway.coordinator()

        def change(webhook: Webhook) -> Webhook:
            gateway.webhooks[1] = evolve(webhook, url=other.url)
            gateway.answer = lambda webhook: webhook
            return webhook

        gateway.answer = change
        (lost_track,) = await register(coordinator, spec)
        await asyncio.sleep(100)
        (outcome,) = await register(coordinator, spec)

        assert lost_track.status is S.FAILED
        assert (outcome.status, outcome.error, list(gateway.webhooks)) == (S.CREATED, None, [1, 2])

    run(main)


def test_what_only_lists_show_in_another_spelling_is_adopted_by_its_id() -> None:
    """A read showed it in another spelling at first."""

    async def main() -> None:
        gateway, (spec,) = FakeGateway(), specs(1)
        gateway.stores = lambda one: evolve(one, url="https://shop.example/****")
        gateway.lists_as = lambda one: evolve(one, url="https://shop.example/****")
        coordinator = gateway.coordinator()
        await register(coordinator, spec)
        gateway.webhooks[1] = evolve(gateway.webhooks[1], url=spec.url)
        await asyncio.sleep(100)

        (outcome,) = await register(coordinator, spec)

        assert (outcome.status, outcome.error, list(gateway.webhooks)) == (S.EXISTING, None, [1])

    run(main)


class Newest(FakeGateway):
    """Lists the newest three webhooks, without a word about the others."""

    def listed(self) -> list[Webhook]:
        """Return what a list shows now."""
        return super().listed()[-3:]


def test_lists_that_leave_out_the_older_webhooks() -> None:
    """A later run would create these again: the report says so."""

    async def main() -> None:
        gateway = Newest()

        outcomes = await register(gateway.coordinator(), *specs(5))

        assert [outcome.status for outcome in outcomes] == [S.CREATED] * 5
        assert [outcome.is_failure for outcome in outcomes] == [True, True, False, False, False]
        assert "webhook 1 exists, but lists show later ones, up to 5, and not this one" in str(outcomes[0].error)

    run(main)


@pytest.mark.parametrize("create", [Fault(), Fault(lost, commits_after=0)])
def test_the_copy_that_stays_cannot_be_read_once_the_other_is_deleted(create: Fault) -> None:
    """There is no second copy any more: the outcome says what is not known."""

    async def main() -> None:
        gateway, (spec,) = FakeGateway(), specs(1)
        gateway.add(spec)
        gateway.stale = []
        gateway.fail("create", create)
        gateway.fail("get", *[Fault()] * 3, Fault(refused))  # of both before the delete, of what was deleted, after it

        (outcome,) = await register(gateway.coordinator(), spec)

        assert (outcome.webhook, outcome.copies) == (gateway.webhooks[1], (2,))
        assert isinstance(outcome.error, OutcomeUnknownError)
        assert str(outcome.error) == f"webhook 1 may be gone since its copies were deleted: {refused()}. Run again"
        assert list(gateway.webhooks) == [1]
        assert outcome.attempts == len(gateway.journal) - gateway.count("list")

    run(main)


def test_a_gateway_that_deletes_all_copies_together() -> None:
    """The one that was to stay is gone: the outcome says so, and the next run creates it."""

    async def main() -> None:
        gateway, (spec,) = Cascading(), specs(1)
        gateway.add(spec)
        gateway.stale = []

        coordinator = gateway.coordinator()
        (outcome,) = await register(coordinator, spec)
        assert (outcome.status, outcome.webhook) == (S.FAILED, None)
        assert str(outcome.error) == "webhook 1 is gone since its copies were deleted (2): run again"

        (outcome,) = await register(coordinator, spec)
        assert outcome.status is S.CREATED
        assert list(gateway.webhooks) == [3]

    run(main)


class OldestThree(FakeGateway):
    """A gateway whose lists show no more than the three oldest webhooks."""

    def listed(self) -> list[Webhook]:
        """Return what a list shows now."""
        return super().listed()[:3]


def test_what_no_list_shows_is_not_created_again() -> None:
    """What a client has found by its id, it does not create again, whenever it registers that again."""

    async def main() -> None:
        gateway = OldestThree()
        coordinator = gateway.coordinator()
        for _ in range(3):
            outcomes = await register(coordinator, *specs(5))
            await asyncio.sleep(900)

        assert [outcome.status for outcome in outcomes] == [S.EXISTING] * 5
        assert len(gateway.webhooks) == 5

    run(main)


class Oldest(FakeGateway):
    """Lists the oldest ten webhooks, without a word about the others."""

    def listed(self) -> list[Webhook]:
        """Return what a list shows now."""
        return super().listed()[:10]


def test_lists_that_leave_out_the_later_webhooks() -> None:
    """A later run would create these again: the report says so."""

    async def main() -> None:
        gateway = Oldest()

        outcomes = await register(gateway.coordinator(), *specs(12))

        assert [outcome.status for outcome in outcomes] == [S.CREATED] * 12
        assert [outcome.is_failure for outcome in outcomes] == [False] * 10 + [True] * 2
        assert "webhook 11 exists, but lists show exactly 10 others and not this one" in str(outcomes[10].error)

    run(main)


@pytest.mark.parametrize("both", [False, True])
def test_a_list_that_contradicts_itself(both: bool) -> None:
    """It shows an id as two webhooks, so that either may be there: nothing is created."""

    async def main() -> None:
        gateway, (spec, other) = FakeGateway(), specs(2)
        held = gateway.add(spec)
        gateway.stale = [held, evolve(held, url=other.url) if both else held]

        if both:
            with pytest.raises(GwmsError, match=f"lists webhook 1 as '{spec.url}' .* and as '{other.url}'"):
                await register(gateway.coordinator(), spec)
        else:
            assert [one.status for one in await register(gateway.coordinator(), spec)] == [S.EXISTING]

        assert list(gateway.webhooks) == [1]

    run(main)


@pytest.mark.parametrize("commits_after", [0.0, 1.5, 2.9])
@pytest.mark.parametrize("list_lag", [0.0, 1.5, 3.2, 4.5, 5.9])
def test_creates_that_are_never_answered_where_lists_lag(list_lag: float, commits_after: float) -> None:
    """No answer has an id that a list could lack: what is found late shows that the others may be late, too."""

    async def main() -> None:
        gateway, (spec,) = FakeGateway(list_lag=list_lag), specs(1)
        gateway.fail("create", *[Fault(lost, commits_after=commits_after)] * 4)

        (outcome,) = await register(gateway.coordinator(), spec)
        await gateway.settle()

        assert list(gateway.webhooks) == [1]
        assert (outcome.status, outcome.webhook) == (S.RECOVERED, gateway.webhooks[1])

    run(main)
