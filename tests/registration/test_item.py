"""What becomes of one spec, row by row of the table in the package's docstring; in virtual time."""

from __future__ import annotations

import asyncio
import re
from datetime import UTC, datetime
from typing import Any

import pytest
from attrs import evolve

from gwms_async import (
    ConflictError,
    DecodeError,
    NotFoundError,
    Outcome,
    OutcomeStatus,
    OutcomeUnknownError,
    Report,
    ServerError,
    Webhook,
    WebhookSpec,
    WebhookType,
    registration,
)
from gwms_async.registration.bulk import register_many
from gwms_async.registration.coordinator import Coordinator
from gwms_async.registration.item import Item, State
from gwms_async.registration.snapshot import Snapshot

from ..helpers import virtual_loop
from ..helpers.fake_gateway import FakeGateway, FakeOperations, Fault, answered, lost, refused, specs, urls

S = OutcomeStatus


async def register(
    coordinator: Coordinator, wanted: list[WebhookSpec], concurrency: int = 8, deadline: float | None = None
) -> Report:
    """Register without a callback."""
    return await register_many(coordinator, wanted, concurrency=concurrency, deadline=deadline, on_outcome=None)


def statuses(report: Report) -> list[OutcomeStatus]:
    """Tell how each spec ended."""
    return [outcome.status for outcome in report.outcomes]


def not_there() -> Exception:
    """Make the error of a delete that came too late."""
    return NotFoundError(status=404, message="no", method="DELETE", path="/webhooks/9")


def test_the_table_of_states() -> None:
    """It has rows for each state that leads to another one, and for no others."""
    rows = re.findall(r"^\| (\w+) \|", registration.__doc__ or "", re.MULTILINE)

    assert {state.name for state in State} - {"DONE"} == set(rows) - {"state", "any"}


def test_of_several_copies_the_lowest_is_adopted() -> None:
    """Copies that were there before are named and left alone."""

    async def main() -> None:
        gateway, (spec,) = FakeGateway(), specs(1)
        for _ in range(3):
            gateway.add(spec)

        (outcome,) = (await register(gateway.coordinator(), [spec])).outcomes

        assert Outcome(spec, S.EXISTING, gateway.webhooks[1], copies=(2, 3)) == outcome
        assert len(gateway.webhooks) == 3

    virtual_loop.run(main())


def test_a_copy_that_is_active_is_not_joined_by_a_second_one() -> None:
    """An active copy is adopted rather than a lower inactive one activated: deliveries would double."""

    async def main() -> None:
        gateway, (spec,) = FakeGateway(), specs(1)
        gateway.add(evolve(spec, active=False))
        gateway.add(spec)

        (outcome,) = (await register(gateway.coordinator(), [spec])).outcomes

        assert Outcome(spec, S.EXISTING, gateway.webhooks[2], copies=(1,)) == outcome

    virtual_loop.run(main())


@pytest.mark.parametrize(("active", "operation"), [(True, "activate"), (False, "deactivate")])
def test_a_webhook_that_is_there_is_brought_into_its_state(active: bool, operation: str) -> None:
    """Same identity, other `active`: it is activated or deactivated, and looked at before and after."""

    async def main() -> None:
        gateway, (spec,) = FakeGateway(), specs(1, active=active)
        gateway.add(evolve(spec, active=not active))

        (outcome,) = (await register(gateway.coordinator(), [spec])).outcomes

        assert Outcome(spec, S.UPDATED, gateway.webhooks[1], attempts=3) == outcome
        assert active is gateway.webhooks[1].active
        assert [name for name, _ in gateway.journal] == ["list", "get", operation, "get"]

    virtual_loop.run(main())


@pytest.mark.parametrize(("unregistered_at", "attempts"), [(datetime(2026, 1, 1, tzinfo=UTC), 3), (None, 10)])
def test_an_entry_that_is_a_tombstone_is_created_again(unregistered_at: datetime | None, attempts: int) -> None:
    """A listed webhook that cannot be activated, for it is gone, is created; unmarked, once no lag explains it."""

    async def main() -> None:
        gateway, (spec,) = FakeGateway(), specs(1)
        gateway.add(evolve(spec, active=False))
        gateway.webhooks[1] = evolve(gateway.webhooks[1], unregistered_at=unregistered_at)
        gateway.memories.add(1)

        (outcome,) = (await register(gateway.coordinator(), [spec])).outcomes

        assert Outcome(spec, S.CREATED, gateway.webhooks[2], attempts=attempts) == outcome

    virtual_loop.run(main())


def test_another_client_s_new_webhook_that_is_not_found_is_not_created_beside_it() -> None:
    """A 404 to its activation may come from a replica that lags behind lists."""

    async def main() -> None:
        gateway, (spec,) = FakeGateway(get_lag=2.0), specs(1)
        gateway.changed()
        gateway.add(evolve(spec, active=False))
        gateway.changed()
        gateway.fail("activate", Fault(not_there))

        (outcome,) = (await register(gateway.coordinator(), [spec])).outcomes

        assert (outcome.status, outcome.webhook) == (S.FAILED, gateway.webhooks[1])
        assert gateway.count("create") == 0

    virtual_loop.run(main())


@pytest.mark.parametrize("commits_after", [None, 0])
@pytest.mark.parametrize("active", [False, True])
def test_a_switch_whose_response_does_not_show_the_webhook(active: bool, commits_after: float | None) -> None:
    """It is read by its id: the contract does not require `data`."""

    async def main() -> None:
        gateway, (spec,) = FakeGateway(), specs(1, active=active)
        gateway.add(evolve(spec, active=not active))
        gateway.fail("activate" if active else "deactivate", Fault(lambda: DecodeError("no data"), commits_after))

        (outcome,) = (await register(gateway.coordinator(), [spec])).outcomes

        assert outcome.status is (S.FAILED if commits_after is None else S.UPDATED)
        assert outcome.webhook == gateway.webhooks[1]
        assert (outcome.error is None) is (gateway.webhooks[1].active is active)

    virtual_loop.run(main())


@pytest.mark.parametrize("is_there", [False, True])
def test_what_is_listed_as_active_and_unregistered_is_looked_at(is_there: bool) -> None:
    """It may be the tombstone of a deleted webhook."""

    async def main() -> None:
        gateway, (spec,) = FakeGateway(), specs(1)
        webhook = gateway.add(spec)
        gateway.stale = [evolve(webhook, unregistered_at=datetime(2026, 1, 1, tzinfo=UTC))]
        if not is_there:
            gateway.webhooks.clear()

        (outcome,) = (await register(gateway.coordinator(), [spec])).outcomes

        assert outcome.status is (S.EXISTING if is_there else S.CREATED)
        assert outcome.webhook in gateway.webhooks.values()
        assert gateway.count("get") == 1

    virtual_loop.run(main())


@pytest.mark.parametrize("get_lag", [0.0, 2.0])
def test_what_is_gone_before_it_is_deactivated_is_created_again(get_lag: float) -> None:
    """Even if `get` shows it for a while: replicas may lag."""

    async def main() -> None:
        gateway, (spec,) = FakeGateway(get_lag=get_lag), specs(1, active=False)
        gateway.add(evolve(spec, active=True))
        await asyncio.sleep(3)

        def vanished() -> Exception:
            del gateway.webhooks[1]
            gateway.changed()
            return not_there()

        gateway.fail("deactivate", Fault(vanished))

        (outcome,) = (await register(gateway.coordinator(), [spec])).outcomes

        assert S.CREATED is outcome.status
        assert list(gateway.webhooks) == [2]

    virtual_loop.run(main())


@pytest.mark.parametrize("get_lag", [0.0, 2.0])
@pytest.mark.parametrize(("active", "unregistered_at"), [(False, None), (False, datetime.now(UTC)), (True, None)])
def test_what_was_just_created_and_is_not_found_is_not_created_beside_it(
    get_lag: float, unregistered_at: datetime | None, *, active: bool
) -> None:
    """A 404 to its (de)activation may come from a replica that lags, and what is inactive may be marked."""

    async def main() -> None:
        gateway, (spec,) = FakeGateway(get_lag=get_lag), specs(1, active=active)
        coordinator = gateway.coordinator()
        gateway.changed()
        await register(coordinator, [spec])
        gateway.webhooks[1] = evolve(gateway.webhooks[1], unregistered_at=unregistered_at)
        gateway.changed()
        gateway.fail("deactivate" if active else "activate", Fault(not_there))

        (outcome,) = (await register(coordinator, [evolve(spec, active=not active)])).outcomes

        assert (outcome.status, outcome.webhook) == (S.FAILED, gateway.webhooks[1])
        assert isinstance(outcome.error, NotFoundError)
        assert gateway.count("create") == 1

    virtual_loop.run(main())


@pytest.mark.parametrize(
    ("active", "change"),
    [
        (True, {"unregistered_at": datetime.now(UTC)}),
        (True, {"url": "https://b.example"}),
        (False, {"url": "https://b.example"}),
    ],
)
def test_what_a_read_shows_as_gone_is_created_again(active: bool, change: dict[str, Any]) -> None:
    """As a tombstone, or with another identity, because ids may be reused; the list is older."""

    async def main() -> None:
        gateway, (spec,) = FakeGateway(), specs(1, active=active)
        gateway.stale = [gateway.add(evolve(spec, active=not active))]
        gateway.webhooks[1] = evolve(gateway.webhooks[1], **change)
        gateway.fail("get", Fault(not_there))
        gateway.fail("activate" if active else "deactivate", Fault(not_there))

        (outcome,) = (await register(gateway.coordinator(), [spec])).outcomes

        assert (outcome.status, outcome.webhook) == (S.CREATED, gateway.webhooks[2])

    virtual_loop.run(main())


def test_what_another_client_has_deactivated_is_not_created_beside_it() -> None:
    """A replica that lags answers 404, and a gateway may mark what is inactive as it marks what is deleted."""

    async def main() -> None:
        gateway, (spec,) = FakeGateway(), specs(1, active=False)
        gateway.stale = [gateway.add(evolve(spec, active=True))]
        gateway.webhooks[1] = evolve(gateway.webhooks[1], active=False, unregistered_at=datetime.now(UTC))
        gateway.fail("get", *[Fault(not_there)] * 5)
        gateway.fail("deactivate", Fault(not_there))

        (outcome,) = (await register(gateway.coordinator(), [spec])).outcomes

        assert Outcome(spec, S.UPDATED, gateway.webhooks[1], attempts=outcome.attempts) == outcome
        assert gateway.count("create") == 0

    virtual_loop.run(main())


def test_what_cannot_be_deactivated_but_is_there_is_not_created_beside_it() -> None:
    """A gateway without that route answers 404: the webhook exists, and delivers."""

    async def main() -> None:
        gateway, (spec,) = FakeGateway(), specs(1, active=False)
        gateway.add(evolve(spec, active=True))
        gateway.fail("deactivate", Fault(not_there))

        (outcome,) = (await register(gateway.coordinator(), [spec])).outcomes

        assert (outcome.status, outcome.webhook) == (S.FAILED, gateway.webhooks[1])
        assert isinstance(outcome.error, NotFoundError)
        assert gateway.count("create") == 0

    virtual_loop.run(main())


@pytest.mark.parametrize("commits_after", [None, 0, 0.4, 0.9, 1.5, 2.5])
def test_a_lost_answer_is_settled_with_exactly_one(commits_after: float | None) -> None:
    """Carried out or not, at once or late: there is one in the end, and the outcome names it."""

    async def main() -> None:
        gateway, wanted = FakeGateway(), specs(5)
        gateway.fail("create", Fault(lost, commits_after))

        report = await register(gateway.coordinator(), wanted)
        await gateway.settle()

        assert urls(wanted) == urls(gateway.webhooks.values())
        outcome = report.outcomes[0]
        was_found = commits_after is not None and commits_after < 1
        assert (S.RECOVERED if was_found else S.CREATED) is outcome.status
        for_copies = 4 if outcome.copies else 0  # one is read, deleted, looked for, and the other one read again
        assert (1 if was_found else 2) + for_copies == outcome.attempts
        assert outcome.webhook in gateway.webhooks.values()
        assert outcome.error is None
        assert statuses(report)[1:] == [S.CREATED] * 4

    virtual_loop.run(main())


def test_copies_of_a_late_commit_are_removed_and_named() -> None:
    """A create that was sent again, and then carried out twice, leaves the lowest id; the other is named."""

    async def main() -> None:
        gateway, (spec,) = FakeGateway(), specs(1)
        gateway.fail("create", Fault(lost, 1.5))

        (outcome,) = (await register(gateway.coordinator(), [spec])).outcomes

        assert list(gateway.webhooks) == [1]
        assert (outcome.webhook.id if outcome.webhook else None, outcome.copies) == (1, (2,))

    virtual_loop.run(main())


def test_copies_that_were_there_before_are_never_removed() -> None:
    """What the first list showed is not ours to delete, also when the webhook was created again."""

    async def main() -> None:
        gateway, (spec,) = FakeGateway(), specs(1)
        gateway.add(evolve(spec, active=False))
        gateway.add(evolve(spec, active=False))
        gateway.memories |= {1, 2}
        gateway.fail("create", Fault(lost, 1.5))

        (outcome,) = (await register(gateway.coordinator(), [spec])).outcomes

        assert {1, 2, 3} == set(gateway.webhooks)
        assert outcome.webhook == gateway.webhooks[3]
        assert outcome.copies == (4,)

    virtual_loop.run(main())


def test_a_copy_that_cannot_be_removed_is_reported(caplog: pytest.LogCaptureFixture) -> None:
    """The outcome has the error of the delete, or that the copy is still there; one that is gone is no error."""

    async def main() -> None:
        gateway, wanted = FakeGateway(), specs(3)
        gateway.fail("create", *[Fault(lost, 1.5)] * 3)
        gateway.fail("delete", Fault(refused), Fault(not_there), Fault(not_there, commits_after=0))

        report = await register(gateway.coordinator(), wanted)

        assert [str(outcome.error)[:27] for outcome in report.failures] == ["there may be a second copy,"] * 2
        assert "its delete but left it as it was, unless a cache on the way shows" in str(report.outcomes[1].error)
        assert not report.outcomes[2].is_failure
        assert "could not be deleted" in caplog.text

    virtual_loop.run(main())


def test_what_stays_in_doubt_is_unknown() -> None:
    """After three rounds without an answer the outcome is unknown, with the error that says so."""

    async def main() -> None:
        gateway, (spec,) = FakeGateway(), specs(1)
        gateway.fail("create", *[Fault(lost)] * 4)

        (outcome,) = (await register(gateway.coordinator(), [spec])).outcomes

        assert S.UNKNOWN is outcome.status
        assert isinstance(outcome.error, OutcomeUnknownError)
        assert 4 == outcome.attempts == gateway.count("create")

    virtual_loop.run(main())


def test_the_last_look_may_still_find_it() -> None:
    """What was unknown after three rounds, and is there at the last look, is recovered."""

    async def main() -> None:
        gateway, (spec,) = FakeGateway(), specs(1)
        gateway.fail("create", *[Fault(lost)] * 3, Fault(lost, 1.0))

        (outcome,) = (await register(gateway.coordinator(), [spec])).outcomes

        assert Outcome(spec, S.RECOVERED, gateway.webhooks[1], attempts=4) == outcome

    virtual_loop.run(main())


def test_a_created_webhook_that_somebody_deletes_has_failed() -> None:
    """No list shows it, and by its id it is not there either."""

    async def main() -> None:
        gateway, (spec,) = FakeGateway(), specs(1)
        gateway.fail("create", Fault(lost))

        async def delete_it() -> None:
            await asyncio.sleep(2)
            gateway.webhooks.clear()

        deletion = asyncio.create_task(delete_it())
        (outcome,) = (await register(gateway.coordinator(), [spec])).outcomes
        await deletion

        assert outcome.status is S.FAILED
        assert "someone has deleted it" in str(outcome.error)

    virtual_loop.run(main())


def test_a_read_that_fails_leaves_a_doubt_to_the_next_list() -> None:
    """What the first list after a lost create shows has to be read, and cannot be."""

    async def main() -> None:
        gateway, (spec,) = FakeGateway(), specs(1)
        gateway.lists_as = lambda webhook: evolve(webhook, unregistered_at=datetime(2024, 1, 1, tzinfo=UTC))
        gateway.fail("create", Fault(lost, commits_after=0))
        gateway.fail("get", Fault(refused))

        (outcome,) = (await register(gateway.coordinator(), [spec])).outcomes

        assert (outcome.status, outcome.webhook) == (S.RECOVERED, gateway.webhooks[1])
        assert gateway.count("create") == 1

    virtual_loop.run(main())


def test_a_middleware_that_loses_the_answer_leaves_a_doubt() -> None:
    """An error of the user's own, after the create was sent, is settled like any lost answer."""

    async def main() -> None:
        gateway, (spec,) = FakeGateway(), specs(1)
        gateway.fail("create", Fault(lambda: RuntimeError("of a middleware"), commits_after=0))

        (outcome,) = (await register(gateway.coordinator(), [spec])).outcomes

        assert Outcome(spec, S.RECOVERED, gateway.webhooks[1], attempts=1) == outcome

    virtual_loop.run(main())


def test_a_middleware_that_fails_before_a_create_is_sent() -> None:
    """Nothing is in doubt: no further list is needed."""

    async def main() -> None:
        gateway, (spec,) = FakeGateway(), specs(1)
        coordinator = gateway.coordinator()

        class Broken(FakeOperations):
            async def create(self, spec: WebhookSpec) -> Webhook:
                raise LookupError

        coordinator.api_for = lambda call: Broken(gateway, call)

        (outcome,) = (await register(coordinator, [spec])).outcomes

        assert (outcome.status, type(outcome.error)) == (S.FAILED, LookupError)
        assert gateway.journal == [("list", None)]

    virtual_loop.run(main())


def test_a_middleware_that_loses_the_answer_of_a_later_create_leaves_a_doubt() -> None:
    """What that create adds late is found, too: the closing list waits for it."""

    async def main() -> None:
        gateway, (spec,) = FakeGateway(), specs(1)
        gateway.fail(
            "create", Fault(lost), Fault(lambda: RuntimeError("of a middleware"), commits_after=3.0, takes=8.0)
        )

        report = await register(gateway.coordinator(), [spec])
        await gateway.settle()

        assert statuses(report) == [S.CREATED]
        assert list(gateway.webhooks) == [1]
        assert report.outcomes[0].copies == (2,)

    virtual_loop.run(main())


def test_a_middleware_that_loses_the_answer_of_an_activation_fails() -> None:
    """Nothing was created: there is nothing to settle, and the error is shown with the webhook."""

    async def main() -> None:
        gateway, (spec,) = FakeGateway(), specs(1)
        webhook = gateway.add(evolve(spec, active=False))
        gateway.fail("activate", Fault(lambda: RuntimeError("of a middleware")))

        (outcome,) = (await register(gateway.coordinator(), [spec])).outcomes

        assert (outcome.status, outcome.webhook, str(outcome.error)) == (S.FAILED, webhook, "of a middleware")
        assert gateway.count("list") == 1

    virtual_loop.run(main())


def test_a_webhook_stored_in_another_spelling_is_reported() -> None:
    """A later run would not recognise it: the outcome shows both spellings, and is a failure."""

    async def main() -> None:
        gateway, (spec,) = FakeGateway(), specs(1)
        gateway.stores = lambda spec: evolve(spec, url=spec.url + "/hook")

        (outcome,) = (await register(gateway.coordinator(), [spec])).outcomes

        assert outcome.status is S.CREATED
        assert outcome.is_failure
        assert "'https://shop.example/0/hook'" in str(outcome.error)
        assert "'https://shop.example/0'" in str(outcome.error)
        assert gateway.count("list") == 1

    virtual_loop.run(main())


def test_all_types_and_methods_are_identities_of_their_own() -> None:
    """Url, type and method together tell webhooks apart."""

    async def main() -> None:
        gateway = FakeGateway()
        wanted = [
            WebhookSpec("https://shop.example", kind, method=method)
            for kind in WebhookType
            for method in ("GET", "POST")
        ]

        report = await register(gateway.coordinator(), wanted)

        assert statuses(report) == [S.CREATED] * 36

    virtual_loop.run(main())


@pytest.mark.parametrize("active", [True, False])
def test_the_copy_that_stays_is_brought_into_its_state(active: bool) -> None:
    """A lost create of the other state commits late, below our own: what stays is as the last call asked."""

    async def main() -> None:
        gateway, (spec,) = FakeGateway(), specs(1, active=active)
        coordinator = gateway.coordinator()
        gateway.fail("create", Fault(lost, commits_after=2.0), Fault(takes=1.5))
        with pytest.raises(OutcomeUnknownError):
            await coordinator.create_direct(evolve(spec, active=not active))

        wanted: list[WebhookSpec] = [spec]
        report = await register_many(coordinator, wanted, concurrency=1)
        await gateway.settle()

        (outcome,) = report.outcomes
        assert [webhook.active for webhook in gateway.webhooks.values()] == [active]
        assert outcome.webhook is not None
        assert outcome.webhook.active == active

    virtual_loop.run(main())


def test_what_the_last_look_finds_is_brought_into_its_state() -> None:
    """Another process creates it in the other state after the last round: it is not as asked, and not `recovered`."""

    async def main() -> None:
        gateway, (spec,) = FakeGateway(), specs(1)
        gateway.fail("create", *[Fault(lost)] * 4)
        gateway.later(7.5, lambda: gateway.add(evolve(spec, active=False)))

        report = await register_many(gateway.coordinator(), [spec], concurrency=1)
        await gateway.settle()

        (outcome,) = report.outcomes
        assert outcome.is_failure or gateway.webhooks[1].active

    virtual_loop.run(main())


def test_what_the_last_look_finds_and_cannot_change_has_failed() -> None:
    """It is there, but not as asked: the outcome shows it, and the error that kept it so."""

    async def main() -> None:
        gateway, (spec,) = FakeGateway(), specs(1)
        gateway.fail("create", *[Fault(lost)] * 4)
        gateway.fail("activate", Fault(refused))
        gateway.later(7.5, lambda: gateway.add(evolve(spec, active=False)))

        report = await register_many(gateway.coordinator(), [spec], concurrency=1)
        await gateway.settle()

        (outcome,) = report.outcomes
        assert outcome.status is OutcomeStatus.FAILED
        assert isinstance(outcome.error, ServerError)
        assert outcome.webhook == gateway.webhooks[1]

    virtual_loop.run(main())


def test_a_create_stored_in_the_other_state_is_brought_into_its_own() -> None:
    """The answer says so: one activation, and the webhook is as asked."""

    async def main() -> None:
        gateway, (spec,) = FakeGateway(), specs(1)
        gateway.stores = lambda spec: evolve(spec, active=False)

        (outcome,) = (await register(gateway.coordinator(), [spec])).outcomes

        assert outcome.status is S.CREATED
        assert not outcome.is_failure
        assert gateway.webhooks[1].active
        assert gateway.count("activate") == 1

    virtual_loop.run(main())


@pytest.mark.parametrize("answer", ["without effect", "refused"])
def test_a_create_that_stays_in_the_other_state_has_failed(answer: str) -> None:
    """With the webhook and the reason."""

    async def main() -> None:
        gateway, (spec,) = FakeGateway(), specs(1)
        gateway.stores = lambda spec: evolve(spec, active=False)
        if answer == "refused":
            gateway.fail("activate", Fault(refused))
        else:
            gateway.without_effect.add("activate")

        (outcome,) = (await register(gateway.coordinator(), [spec])).outcomes

        assert outcome.status is S.FAILED
        assert outcome.webhook == gateway.webhooks[1]
        assert ("is not active" if answer == "without effect" else "501") in str(outcome.error)

    virtual_loop.run(main())


@pytest.mark.parametrize("active", [True, False])
def test_an_activation_without_effect_has_failed(active: bool) -> None:
    """A success that leaves the webhook as it was is not `updated`."""

    async def main() -> None:
        gateway, (spec,) = FakeGateway(), specs(1, active=active)
        gateway.add(evolve(spec, active=not active))
        gateway.without_effect |= {"activate", "deactivate"}

        (outcome,) = (await register(gateway.coordinator(), [spec])).outcomes

        assert outcome.status is S.FAILED
        assert outcome.webhook == gateway.webhooks[1]
        assert "left it as it was" in str(outcome.error)

    virtual_loop.run(main())


def test_the_second_run_knows_what_the_first_created_though_lists_lag() -> None:
    """Each is asked for by its id; nothing is created again."""

    async def main() -> None:
        gateway, wanted = FakeGateway(list_lag=5.0), specs(3)
        coordinator = gateway.coordinator()
        await register(coordinator, wanted)
        gateway.add(evolve(wanted[0], url="https://shop.example/other"))
        gateway.list_lag = 60.0

        report = await register(coordinator, wanted)

        assert statuses(report) == [S.EXISTING] * 3
        assert (gateway.count("create"), gateway.count("get")) == (3, 3)

    virtual_loop.run(main())


def test_what_was_created_and_deleted_by_another_is_created_again() -> None:
    """It is remembered, and by its id it is gone."""

    async def main() -> None:
        gateway, (spec,) = FakeGateway(), specs(1)
        coordinator = gateway.coordinator()
        await register(coordinator, [spec])
        gateway.webhooks.clear()

        (outcome,) = (await register(coordinator, [spec])).outcomes

        assert outcome.status is S.CREATED
        assert list(gateway.webhooks) == [2]

    virtual_loop.run(main())


def test_stopped_before_anything_is_sent() -> None:
    """Nothing is sent any more, and the outcome says so."""

    async def main() -> None:
        gateway, (spec,) = FakeGateway(), specs(1)
        item = Item(gateway.coordinator(), spec)
        item.stop(asyncio.get_running_loop().time())

        await item.decide(Snapshot.of(0.0, ()))

        assert item.outcome_now().is_failure
        assert gateway.count("create") == 0

    virtual_loop.run(main())


def test_what_was_moved_away_is_created_again() -> None:
    """By its id it is another webhook now, which a late list does not show yet."""

    async def main() -> None:
        gateway, (spec,) = FakeGateway(), specs(1)
        coordinator = gateway.coordinator()
        await register(coordinator, [spec])
        listed = gateway.webhooks[1]
        gateway.webhooks[1] = moved = evolve(listed, url="https://shop.example/moved")
        coordinator.memory.note_changed(moved)
        gateway.stale = [listed]

        (outcome,) = (await register(coordinator, [spec])).outcomes

        assert outcome.status is S.CREATED
        assert list(gateway.webhooks) == [1, 2]

    virtual_loop.run(main())


def test_a_shared_create_that_has_vanished_is_created_again() -> None:
    """Who waited for it wants the other state, and finds it gone."""

    async def main() -> None:
        gateway = FakeGateway(latency=0.02)
        coordinator = gateway.coordinator()
        gateway.fail("create", Fault(takes=1.0))

        def vanished() -> Exception:
            gateway.webhooks.clear()
            return not_there()

        gateway.fail("deactivate", Fault(vanished))
        first = asyncio.create_task(register(coordinator, specs(1)))
        await asyncio.sleep(0.001)
        second = await register(coordinator, specs(1, active=False))
        await first

        assert statuses(second) == [S.CREATED]

    virtual_loop.run(main())


def test_a_shared_create_in_another_spelling_is_reported_to_both() -> None:
    """Neither would recognise it at the next run."""

    async def main() -> None:
        gateway, (spec,) = FakeGateway(latency=0.02), specs(1)
        gateway.stores = lambda spec: evolve(spec, url=spec.url + "/hook")
        coordinator = gateway.coordinator()

        reports = await asyncio.gather(register(coordinator, [spec]), register(coordinator, [spec]))

        assert sorted(status for report in reports for status in statuses(report)) == [S.CREATED, S.EXISTING]
        assert all(report.failures for report in reports)
        assert gateway.count("create") == 1

    virtual_loop.run(main())


def test_a_conflict_that_the_deadline_leaves_unsettled_has_failed() -> None:
    """With the gateway's own words: nothing was created."""

    async def main() -> None:
        gateway, (spec,) = FakeGateway(), specs(1)
        gateway.fail("create", Fault(lambda: answered(409)))

        (outcome,) = (await register(gateway.coordinator(), [spec], deadline=0.5)).outcomes

        assert outcome.status is S.FAILED
        assert isinstance(outcome.error, ConflictError)

    virtual_loop.run(main())


def test_a_create_that_was_carried_out_is_refused_the_second_time() -> None:
    """A gateway with unique urls whose lists lag: a later list shows the first one."""

    async def main() -> None:
        gateway, (spec,) = FakeGateway(unique=409, list_lag=2.0), specs(1)
        gateway.fail("create", Fault(lost, 0.0))

        (outcome,) = (await register(gateway.coordinator(), [spec])).outcomes

        assert outcome.status is S.RECOVERED
        assert not outcome.is_failure
        assert gateway.count("create") == 2
        assert list(gateway.webhooks) == [1]

    virtual_loop.run(main())
