"""Bulk registration without trouble, and with lost answers, on a gateway in memory and virtual time."""

from __future__ import annotations

import asyncio
import random

import pytest
from attrs import evolve

from gwms_async import NotFoundError, Outcome, OutcomeStatus, Report, ServerError, WebhookSpec
from gwms_async.registration.bulk import register_many, warn_of_copies
from gwms_async.registration.coordinator import Coordinator

from ..helpers import virtual_loop
from ..helpers.fake_gateway import FakeGateway, Fault, lost, refused, specs, urls

S = OutcomeStatus


async def register(
    coordinator: Coordinator, wanted: list[WebhookSpec], concurrency: int = 8, deadline: float | None = None
) -> Report:
    """Register without a callback."""
    return await register_many(coordinator, wanted, concurrency=concurrency, deadline=deadline, on_outcome=None)


def statuses(report: Report) -> list[OutcomeStatus]:
    """Tell how each spec ended."""
    return [outcome.status for outcome in report.outcomes]


def test_what_is_missing_is_created_and_a_second_run_creates_nothing() -> None:
    """Two lists and one create each; then one list."""

    async def main() -> None:
        gateway, wanted = FakeGateway(), specs(40)
        coordinator = gateway.coordinator()

        first = await register(coordinator, wanted)
        second = await register(coordinator, wanted)

        assert statuses(first) == [S.CREATED] * 40
        assert wanted == [outcome.spec for outcome in first.outcomes]
        assert statuses(second) == [S.EXISTING] * 40
        assert [outcome.attempts for outcome in first.outcomes] == [1] * 40
        assert [outcome.attempts for outcome in second.outcomes] == [0] * 40
        assert (gateway.count("list"), gateway.count("create")) == (3, 40)

    virtual_loop.run(main())


def test_no_more_than_the_given_number_is_worked_on_at_once() -> None:
    """Forty creates of 10 ms each, eight at a time, take five times as long; a list before and one after."""

    async def main() -> None:
        gateway = FakeGateway()

        await register(gateway.coordinator(), specs(40), concurrency=8)

        assert asyncio.get_running_loop().time() == pytest.approx(0.01 + 5 * 0.01 + 0.01)

    virtual_loop.run(main())


def test_nothing_to_do() -> None:
    """An empty input gives an empty report."""

    async def main() -> None:
        assert Report(()) == await register(FakeGateway().coordinator(), [])

    virtual_loop.run(main())


def test_the_same_webhook_twice_is_registered_once() -> None:
    """Further ones are duplicates of the first, and show its webhook."""

    async def main() -> None:
        gateway, (one, two) = FakeGateway(), specs(2)
        told: list[Outcome] = []

        report = await register_many(gateway.coordinator(), [one, two, one, one], concurrency=4, on_outcome=told.append)

        assert statuses(report) == [S.CREATED, S.CREATED, S.DUPLICATE, S.DUPLICATE]
        assert report.outcomes[0].webhook == report.outcomes[2].webhook
        assert gateway.count("create") == 2
        assert sorted(map(str, report.outcomes)) == sorted(map(str, told))

    virtual_loop.run(main())


@pytest.mark.parametrize(
    ("wanted", "concurrency", "message"),
    [
        ([*specs(1), *specs(1, active=False)], 8, "both active and inactive"),
        (["https://shop.example"], 8, "expected a WebhookSpec"),
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
            await register(gateway.coordinator(), wanted, concurrency)

        assert gateway.journal == []

    virtual_loop.run(main())


def test_copies_are_named_in_one_warning(caplog: pytest.LogCaptureFixture) -> None:
    """Those of twenty webhooks, twenty of each, to keep it readable."""

    async def main() -> None:
        gateway, wanted = FakeGateway(), specs(22)
        for spec in [*wanted, *wanted, wanted[0], *[wanted[1]] * 5000]:
            gateway.add(spec)

        coordinator = gateway.coordinator()
        report = await register(coordinator, wanted)
        warn_of_copies(report, coordinator.memory)

        assert statuses(report) == [S.EXISTING] * 22

    virtual_loop.run(main())
    (warning,) = caplog.messages
    assert warning.startswith("webhook 1 has copies: 23, 45; webhook 2 has copies: 24, 46, 47, ")
    assert " 64, and 4981 more, see `Outcome.copies`; webhook 3 has copies: 25; " in warning
    assert warning.endswith("; webhook 20 has copies: 42; and 2 more, see `Outcome.copies`")


def test_copies_that_the_run_deletes_are_not_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    """A create is lost and carried out late, after it was sent again."""

    async def main() -> None:
        gateway = FakeGateway()
        gateway.fail("create", Fault(lost, commits_after=2.0))

        coordinator = gateway.coordinator()
        report = await register(coordinator, specs(1))
        warn_of_copies(report, coordinator.memory)

        assert [outcome.copies for outcome in report.outcomes] == [(2,)]
        assert list(gateway.webhooks) == [1]

    virtual_loop.run(main())
    assert not caplog.messages


def test_one_spec_s_failure_is_not_the_others() -> None:
    """A refused create is one failed outcome with its error."""

    async def main() -> None:
        gateway = FakeGateway()
        gateway.fail("create", Fault(), Fault(refused), Fault(lambda: RuntimeError("of a middleware")))

        report = await register(gateway.coordinator(), specs(5), concurrency=1)

        assert [S.CREATED if status is S.RECOVERED else status for status in statuses(report)] == [
            S.CREATED,
            S.FAILED,
            S.CREATED,
            S.CREATED,
            S.CREATED,
        ]
        assert isinstance(report.outcomes[1].error, ServerError)

    virtual_loop.run(main())


@pytest.mark.parametrize("error", [ZeroDivisionError, asyncio.CancelledError])
def test_a_callback_that_fails_does_not_end_the_run(
    caplog: pytest.LogCaptureFixture, error: type[BaseException]
) -> None:
    """The callback's error is logged, and all is registered."""

    async def main() -> None:
        def fail(outcome: Outcome) -> None:
            raise error

        report = await register_many(FakeGateway().coordinator(), specs(2), concurrency=2, on_outcome=fail)

        assert statuses(report) == [S.CREATED] * 2
        assert [r.getMessage() for r in caplog.records] == ["on_outcome failed; the registration goes on"] * 2

    virtual_loop.run(main())


def test_a_callback_whose_work_nobody_awaits(caplog: pytest.LogCaptureFixture) -> None:
    """A lambda may hide that a function is async; that the outcomes are lost is told, for each of them."""

    async def save(table: str, outcome: Outcome) -> None:
        raise AssertionError(table, outcome)

    async def main() -> None:
        coordinator = FakeGateway().coordinator()

        await register_many(coordinator, specs(2), concurrency=2, on_outcome=lambda one: save("hooks", one))

        assert caplog.text.count("TypeError: it returned a coroutine, which nobody awaits: make a task of it") == 2

    virtual_loop.run(main())


def not_there() -> Exception:
    """Make the error of a delete that came too late."""
    return NotFoundError(status=404, message="no", method="DELETE", path="/webhooks/9")


@pytest.mark.parametrize("seed", range(30))
def test_any_mixture_of_faults_ends_with_one_each(seed: int) -> None:
    """Whatever is lost, late or refused: never two, and no outcome that is not true."""

    async def main() -> None:
        rng, gateway, wanted = random.Random(seed), FakeGateway(), specs(100)
        for _ in range(100):
            commits_after = rng.choice([None, 0, 0.4, 1.2, 2.4])
            fault = Fault(rng.choice([None, None, None, lost, refused]), commits_after, rng.uniform(0.001, 0.2))
            gateway.fail("create", fault if fault.error is not refused else evolve(fault, commits_after=None))

        report = await register(gateway.coordinator(), wanted, concurrency=rng.choice([1, 7, 100]))
        await gateway.settle()

        held = urls(gateway.webhooks.values())
        assert sorted(set(held)) == held
        there = [outcome.spec for outcome in report.outcomes if not outcome.is_failure]
        assert held == urls(there)
        assert {S.FAILED} >= {outcome.status for outcome in report.failures}

    virtual_loop.run(main())


def test_an_empty_run_sends_nothing() -> None:
    """There is nothing to list for."""

    async def main() -> None:
        gateway = FakeGateway()
        assert await register(gateway.coordinator(), []) == Report(())
        assert gateway.journal == []

    virtual_loop.run(main())
