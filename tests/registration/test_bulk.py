"""Bulk registration without trouble, and with lost answers, on a gateway in memory and virtual time."""

from __future__ import annotations

import asyncio
import random

import pytest
from attrs import evolve

from gwms_async import (
    NotFoundError,
    Outcome,
    OutcomeStatus,
    OutcomeUnknownError,
    Report,
    ServerError,
    WebhookSpec,
    WebhookType,
)
from gwms_async.registration import Coordinator, register_many

from ..helpers import virtual_loop
from ..helpers.fake_gateway import FakeGateway, Fault, lost, refused, specs, urls

S = OutcomeStatus


async def register(
    registry: Coordinator, wanted: list[WebhookSpec], concurrency: int = 8, deadline: float | None = None
) -> Report:
    """Register without a callback."""
    return await register_many(registry, wanted, concurrency=concurrency, deadline=deadline, on_outcome=None)


def statuses(report: Report) -> list[OutcomeStatus]:
    """Tell how each spec ended."""
    return [outcome.status for outcome in report.outcomes]


def test_what_is_missing_is_created_and_a_second_run_creates_nothing() -> None:
    """One list and one create each; then one list."""

    async def main() -> None:
        gateway, wanted = FakeGateway(), specs(40)
        registry = gateway.registry()

        first = await register(registry, wanted)
        second = await register(registry, wanted)

        assert statuses(first) == [S.CREATED] * 40
        assert wanted == [outcome.spec for outcome in first.outcomes]
        assert statuses(second) == [S.EXISTING] * 40
        assert [outcome.attempts for outcome in first.outcomes] == [1] * 40
        assert [outcome.attempts for outcome in second.outcomes] == [0] * 40
        assert (gateway.count("list"), gateway.count("create")) == (2, 40)

    virtual_loop.run(main())


def test_no_more_than_the_given_number_is_worked_on_at_once() -> None:
    """Forty creates of 10 ms each, eight at a time, take five times as long."""

    async def main() -> None:
        gateway = FakeGateway()

        await register(gateway.registry(), specs(40), concurrency=8)

        assert asyncio.get_running_loop().time() == pytest.approx(0.01 + 5 * 0.01)

    virtual_loop.run(main())


def test_nothing_to_do() -> None:
    """An empty input gives an empty report."""

    async def main() -> None:
        assert Report(()) == await register(FakeGateway().registry(), [])

    virtual_loop.run(main())


def test_of_several_copies_the_lowest_is_adopted() -> None:
    """Copies that were there before are named and left alone."""

    async def main() -> None:
        gateway, (spec,) = FakeGateway(), specs(1)
        for _ in range(3):
            gateway.add(spec)

        (outcome,) = (await register(gateway.registry(), [spec])).outcomes

        assert Outcome(spec, S.EXISTING, gateway.webhooks[1], copies=(2, 3)) == outcome
        assert len(gateway.webhooks) == 3

    virtual_loop.run(main())


def test_a_copy_that_is_active_is_not_joined_by_a_second_one() -> None:
    """An active copy is adopted rather than a lower inactive one activated: deliveries would double."""

    async def main() -> None:
        gateway, (spec,) = FakeGateway(), specs(1)
        gateway.add(evolve(spec, active=False))
        gateway.add(spec)

        (outcome,) = (await register(gateway.registry(), [spec])).outcomes

        assert Outcome(spec, S.EXISTING, gateway.webhooks[2], copies=(1,)) == outcome

    virtual_loop.run(main())


@pytest.mark.parametrize(("active", "operation"), [(True, "activate"), (False, "deactivate")])
def test_a_webhook_that_is_there_is_brought_into_its_state(active: bool, operation: str) -> None:
    """Same identity, other `active`: it is activated or deactivated."""

    async def main() -> None:
        gateway, (spec,) = FakeGateway(), specs(1, active=active)
        gateway.add(evolve(spec, active=not active))

        (outcome,) = (await register(gateway.registry(), [spec])).outcomes

        assert Outcome(spec, S.UPDATED, gateway.webhooks[1], attempts=1) == outcome
        assert active is gateway.webhooks[1].active
        assert gateway.count(operation) == 1

    virtual_loop.run(main())


def test_an_entry_that_is_only_a_memory_is_created_anew() -> None:
    """A listed webhook that cannot be activated, for it is gone, is created."""

    async def main() -> None:
        gateway, (spec,) = FakeGateway(), specs(1)
        gateway.add(evolve(spec, active=False))
        gateway.memories.add(1)

        (outcome,) = (await register(gateway.registry(), [spec])).outcomes

        assert Outcome(spec, S.CREATED, gateway.webhooks[2], attempts=2) == outcome

    virtual_loop.run(main())


def test_the_same_webhook_twice_is_registered_once() -> None:
    """Further ones are duplicates of the first, and show its webhook."""

    async def main() -> None:
        gateway, (one, two) = FakeGateway(), specs(2)
        told: list[Outcome] = []

        report = await register_many(
            gateway.registry(), [one, two, one, one], concurrency=4, deadline=None, on_outcome=told.append
        )

        assert statuses(report) == [S.CREATED, S.CREATED, S.DUPLICATE, S.DUPLICATE]
        assert report.outcomes[0].webhook == report.outcomes[2].webhook
        assert gateway.count("create") == 2
        assert sorted(map(str, report.outcomes)) == sorted(map(str, told))

    virtual_loop.run(main())


@pytest.mark.parametrize(
    ("wanted", "concurrency", "message"),
    [
        ([*specs(1), *specs(1, active=False)], 8, "both active and inactive"),
        (["https://shop.example"], 8, "a WebhookSpec is needed"),
        (specs(1), 0, "concurrency"),
        (specs(1), True, "concurrency"),
    ],
)
def test_unfit_input_is_refused_before_anything_is_sent(
    wanted: list[WebhookSpec], concurrency: int, message: str
) -> None:
    """Contradictions, things that are no specs, and unfit numbers are errors at once."""

    async def main() -> None:
        gateway = FakeGateway()

        with pytest.raises(ValueError, match=message):
            await register(gateway.registry(), wanted, concurrency)

        assert gateway.journal == []

    virtual_loop.run(main())


def test_one_spec_s_failure_is_not_the_others() -> None:
    """A refused create is one failed outcome with its error."""

    async def main() -> None:
        gateway = FakeGateway()
        gateway.fail("create", Fault(), Fault(refused), Fault(lambda: RuntimeError("of a middleware")))

        report = await register(gateway.registry(), specs(5), concurrency=1)

        assert [S.CREATED if status is S.RECOVERED else status for status in statuses(report)] == [
            S.CREATED,
            S.FAILED,
            S.CREATED,
            S.CREATED,
            S.CREATED,
        ]
        assert isinstance(report.outcomes[1].error, ServerError)

    virtual_loop.run(main())


def test_a_failing_first_list_is_raised_and_nothing_is_sent() -> None:
    """Without knowing what is there nothing may be created; all who share the list get the error."""

    async def main() -> None:
        gateway = FakeGateway()
        gateway.fail("list", Fault(refused), Fault(lambda: RuntimeError("of a middleware")))
        registry = gateway.registry()

        with pytest.raises(ServerError):
            await register(registry, specs(3))
        with pytest.raises(RuntimeError):
            await register(registry, specs(3))

        assert gateway.count("create") == 0

    virtual_loop.run(main())


def test_a_callback_that_fails_does_not_end_the_run(caplog: pytest.LogCaptureFixture) -> None:
    """The callback's error is logged, and all is registered."""

    async def main() -> None:
        def fail(outcome: Outcome) -> None:
            raise ZeroDivisionError

        report = await register_many(FakeGateway().registry(), specs(2), concurrency=2, deadline=None, on_outcome=fail)

        assert statuses(report) == [S.CREATED] * 2
        assert [r.getMessage() for r in caplog.records] == ["on_outcome failed; the registration goes on"] * 2

    virtual_loop.run(main())


@pytest.mark.parametrize("commits_after", [None, 0, 0.4, 0.9, 1.5, 2.5])
def test_a_lost_answer_is_settled_with_exactly_one(commits_after: float | None) -> None:
    """Carried out or not, at once or late: there is one in the end, and the outcome names it."""

    async def main() -> None:
        gateway, wanted = FakeGateway(), specs(5)
        gateway.fail("create", Fault(lost, commits_after))

        report = await register(gateway.registry(), wanted)
        await gateway.settle()

        assert urls(wanted) == urls(gateway.webhooks.values())
        outcome = report.outcomes[0]
        was_found = commits_after is not None and commits_after < 1
        assert (S.RECOVERED if was_found else S.CREATED) is outcome.status
        assert (1 if was_found else 2) + len(outcome.copies) == outcome.attempts
        assert outcome.webhook in gateway.webhooks.values()
        assert outcome.error is None
        assert statuses(report)[1:] == [S.CREATED] * 4

    virtual_loop.run(main())


def test_copies_of_a_late_commit_are_removed_and_named() -> None:
    """A create that was sent again, and then carried out twice, leaves the lowest id; the other is named."""

    async def main() -> None:
        gateway, (spec,) = FakeGateway(), specs(1)
        gateway.fail("create", Fault(lost, 1.5))

        (outcome,) = (await register(gateway.registry(), [spec])).outcomes

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

        (outcome,) = (await register(gateway.registry(), [spec])).outcomes

        assert {1, 2, 3} == set(gateway.webhooks)
        assert outcome.webhook == gateway.webhooks[3]
        assert outcome.copies == (4,)

    virtual_loop.run(main())


def test_a_copy_that_cannot_be_removed_is_reported(caplog: pytest.LogCaptureFixture) -> None:
    """The outcome keeps the error of the delete; one that somebody else removed is no error."""

    async def main() -> None:
        gateway, wanted = FakeGateway(), specs(2)
        gateway.fail("create", Fault(lost, 1.5), Fault(lost, 1.5))
        gateway.fail("delete", Fault(refused), Fault(not_there))

        report = await register(gateway.registry(), wanted)

        assert [isinstance(outcome.error, ServerError) for outcome in report.outcomes] == [True, False]
        assert report.failures == ()
        assert "could not be deleted" in caplog.text

    virtual_loop.run(main())


def not_there() -> Exception:
    """Make the error of a delete that came too late."""
    return NotFoundError(status=404, message="no", method="DELETE", path="/webhooks/9")


def test_what_stays_in_doubt_is_unknown() -> None:
    """After three rounds without an answer the outcome is unknown, with the error that says so."""

    async def main() -> None:
        gateway, (spec,) = FakeGateway(), specs(1)
        gateway.fail("create", *[Fault(lost)] * 4)

        (outcome,) = (await register(gateway.registry(), [spec])).outcomes

        assert S.UNKNOWN is outcome.status
        assert isinstance(outcome.error, OutcomeUnknownError)
        assert 4 == outcome.attempts == gateway.count("create")

    virtual_loop.run(main())


def test_the_last_look_may_still_find_it() -> None:
    """What was unknown after three rounds, and is there at the last look, is recovered."""

    async def main() -> None:
        gateway, (spec,) = FakeGateway(), specs(1)
        gateway.fail("create", *[Fault(lost)] * 3, Fault(lost, 1.0))

        (outcome,) = (await register(gateway.registry(), [spec])).outcomes

        assert Outcome(spec, S.RECOVERED, gateway.webhooks[1], attempts=4) == outcome

    virtual_loop.run(main())


def test_trouble_while_settling_leaves_it_to_the_next_round(caplog: pytest.LogCaptureFixture) -> None:
    """A list or a create that fails in a round is tried again in the next one."""

    async def main() -> None:
        gateway, (spec,) = FakeGateway(), specs(1)
        gateway.fail("create", Fault(lost), Fault(refused))
        gateway.fail("list", Fault(), Fault(refused))

        (outcome,) = (await register(gateway.registry(), [spec])).outcomes

        assert Outcome(spec, S.CREATED, gateway.webhooks[1], attempts=3) == outcome
        assert "could not be looked for" in caplog.text

    virtual_loop.run(main())


def test_a_last_look_that_fails_changes_nothing() -> None:
    """Where second copies cannot be looked for, the outcomes stand as they are."""

    async def main() -> None:
        gateway, (spec,) = FakeGateway(), specs(1)
        gateway.fail("create", Fault(lost))
        gateway.fail("list", Fault(), Fault(), Fault(refused))

        (outcome,) = (await register(gateway.registry(), [spec])).outcomes

        assert S.CREATED is outcome.status

    virtual_loop.run(main())


def test_a_created_webhook_that_the_last_look_misses_keeps_its_outcome() -> None:
    """A list that lags behind takes nothing back."""

    async def main() -> None:
        gateway, (spec,) = FakeGateway(), specs(1)
        gateway.fail("create", Fault(lost))

        async def delete_it() -> None:
            await asyncio.sleep(2)
            gateway.webhooks.clear()

        deletion = asyncio.create_task(delete_it())
        (outcome,) = (await register(gateway.registry(), [spec])).outcomes
        await deletion

        assert S.CREATED is outcome.status

    virtual_loop.run(main())


def test_a_middleware_that_loses_the_answer_leaves_a_doubt() -> None:
    """An error of the user's own, after the create was sent, is settled like any lost answer."""

    async def main() -> None:
        gateway, (spec,) = FakeGateway(), specs(1)
        gateway.fail("create", Fault(lambda: RuntimeError("of a middleware"), commits_after=0))

        (outcome,) = (await register(gateway.registry(), [spec])).outcomes

        assert Outcome(spec, S.RECOVERED, gateway.webhooks[1], attempts=1) == outcome

    virtual_loop.run(main())


@pytest.mark.parametrize("seed", range(30))
def test_any_mixture_of_faults_ends_with_one_each(seed: int) -> None:
    """Whatever is lost, late or refused: never two, and no outcome that is not true."""

    async def main() -> None:
        rng, gateway, wanted = random.Random(seed), FakeGateway(), specs(100)
        for _ in range(100):
            commits_after = rng.choice([None, 0, 0.4, 1.2, 2.4])
            fault = Fault(rng.choice([None, None, None, lost, refused]), commits_after, rng.uniform(0.001, 0.2))
            gateway.fail("create", fault if fault.error is not refused else evolve(fault, commits_after=None))

        report = await register(gateway.registry(), wanted, concurrency=rng.choice([1, 7, 100]))
        await gateway.settle()

        held = urls(gateway.webhooks.values())
        assert sorted(set(held)) == held
        there = [outcome.spec for outcome in report.outcomes if not outcome.is_failure]
        assert held == urls(there)
        assert {S.FAILED} >= {outcome.status for outcome in report.failures}

    virtual_loop.run(main())


def test_a_webhook_stored_otherwise_than_asked_for_is_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    """A gateway that changes the url would be given the same webhook anew at each run: that is worth a warning."""

    async def main() -> None:
        gateway, (spec,) = FakeGateway(), specs(1)
        gateway.stores = lambda spec: evolve(spec, url=spec.url + "/")

        await register(gateway.registry(), [spec])

        assert "webhook 1 is not stored as asked for: a later run will miss it" in caplog.text

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

        report = await register(gateway.registry(), wanted)

        assert statuses(report) == [S.CREATED] * 36

    virtual_loop.run(main())
