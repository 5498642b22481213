"""Deadlines and cancellation of a registration: who was sent, who was not, and the five seconds of grace."""

from __future__ import annotations

import asyncio

import pytest
from attrs import evolve

from gwms_async import DeadlineExceededError, Outcome, OutcomeStatus, OutcomeUnknownError, Report, WebhookSpec
from gwms_async.registration import Coordinator, register_many

from ..helpers import virtual_loop
from ..helpers.fake_gateway import FakeGateway, Fault, lost, specs, urls

S = OutcomeStatus


async def register(
    registry: Coordinator, wanted: list[WebhookSpec], concurrency: int = 2, deadline: float | None = None
) -> Report:
    """Register without a callback."""
    return await register_many(registry, wanted, concurrency=concurrency, deadline=deadline, on_outcome=None)


def now() -> float:
    """Tell the virtual time."""
    return asyncio.get_running_loop().time()


def statuses(report: Report) -> list[OutcomeStatus]:
    """Tell how each spec ended."""
    return [outcome.status for outcome in report.outcomes]


def test_at_the_deadline_the_wire_is_waited_for_and_the_rest_is_not_started() -> None:
    """What is on the wire at the deadline ends; nothing more is sent; the report says which is which."""

    async def main() -> None:
        gateway, wanted = FakeGateway(latency=1.0), specs(8)
        told: list[Outcome] = []

        report = await register_many(gateway.registry(), wanted, concurrency=2, deadline=3.5, on_outcome=told.append)

        assert statuses(report) == [S.CREATED] * 6 + [S.NOT_STARTED] * 2
        assert gateway.count("create") == 6
        assert now() == 4.0
        assert len(told) == 8
        assert all(isinstance(outcome.error, DeadlineExceededError) for outcome in report.failures)

        again = await register(gateway.registry(), wanted)

        assert statuses(again) == [S.EXISTING] * 6 + [S.CREATED] * 2

    virtual_loop.run(main())


def test_the_grace_is_five_seconds() -> None:
    """A request that is still on the wire after that is given up, and its webhook is unknown."""

    async def main() -> None:
        gateway = FakeGateway(latency=1.0)
        gateway.fail("create", Fault(takes=60.0))

        report = await register(gateway.registry(), specs(4), concurrency=2, deadline=3.5)

        assert statuses(report) == [S.UNKNOWN, S.CREATED, S.CREATED, S.CREATED]
        assert isinstance(report.outcomes[0].error, OutcomeUnknownError)
        assert now() == 8.5

    virtual_loop.run(main())


def test_a_deadline_within_the_first_list_starts_nothing() -> None:
    """No snapshot, no creates."""

    async def main() -> None:
        gateway = FakeGateway(latency=1.0)
        registry = gateway.registry()

        report = await register(registry, specs(3), deadline=0.5)

        assert statuses(report) == [S.NOT_STARTED] * 3
        assert gateway.count("create") == 0
        assert now() == 0.5
        await registry.close()

    virtual_loop.run(main())


def test_a_deadline_while_settling_leaves_it_unknown() -> None:
    """What is in doubt at the deadline stays so; what was decided is reported as decided."""

    async def main() -> None:
        gateway = FakeGateway()
        gateway.fail("create", Fault(lost))

        report = await register(gateway.registry(), specs(3), deadline=0.5)

        assert statuses(report) == [S.UNKNOWN, S.CREATED, S.CREATED]
        assert str(report.outcomes[0].error) == "lost"

    virtual_loop.run(main())


def test_a_deadline_before_the_last_look_reports_what_was_created_again() -> None:
    """A webhook that was created again counts as created, even if second copies were not looked for."""

    async def main() -> None:
        gateway = FakeGateway()
        gateway.fail("create", Fault(lost))

        report = await register(gateway.registry(), specs(1), deadline=2.0)

        assert statuses(report) == [S.CREATED]
        assert now() == 2.0

    virtual_loop.run(main())


def test_a_round_that_the_deadline_cuts_sends_nothing_more() -> None:
    """Creates of a settling round that are on the wire end; those that wait do not begin."""

    async def main() -> None:
        gateway = FakeGateway()
        gateway.fail("create", *[Fault(lost)] * 4, *[Fault(takes=2.0)] * 4)

        report = await register(gateway.registry(), specs(4), concurrency=2, deadline=2.0)

        assert statuses(report) == [S.CREATED, S.CREATED, S.UNKNOWN, S.UNKNOWN]
        assert gateway.count("create") == 6

    virtual_loop.run(main())


def test_a_second_request_of_a_webhook_is_not_begun_after_the_deadline() -> None:
    """A webhook whose activation was answered 404 in the time of grace is not created any more."""

    async def main() -> None:
        gateway, (spec,) = FakeGateway(latency=1.0), specs(1)
        gateway.add(evolve(spec, active=False))
        gateway.memories.add(1)

        report = await register(gateway.registry(), [spec], deadline=1.5)

        assert statuses(report) == [S.FAILED]
        assert isinstance(report.outcomes[0].error, DeadlineExceededError)
        assert gateway.count("create") == 0

    virtual_loop.run(main())


def test_a_call_that_waits_after_an_attempt_is_ended_as_failed() -> None:
    """A webhook that was on the wire, was refused and waits to be sent again is failed, not unknown."""

    async def main() -> None:
        gateway = FakeGateway()
        registry = gateway.registry()
        real = registry.operations

        def operations(call: object) -> object:
            made = real(call)  # type: ignore[arg-type]

            class Throttled:
                list = made.list

                async def create(self, spec: WebhookSpec) -> object:
                    call.attempts += 1  # type: ignore[attr-defined]
                    await asyncio.sleep(60)
                    raise AssertionError

            return Throttled()

        registry.operations = operations  # type: ignore[assignment]

        report = await register(registry, specs(1), deadline=1.0)

        assert statuses(report) == [S.FAILED]
        assert now() == 1.0

    virtual_loop.run(main())


@pytest.mark.parametrize("moment", [0.0, 0.005, 0.01, 0.015, 0.02, 0.035, 0.5, 1.011, 1.02, 2.5])
def test_a_cancelled_registration_can_be_run_again(moment: float) -> None:
    """Wherever it is cancelled: it ends cancelled, leaves nothing behind, and a second run ends with one each."""

    async def main() -> None:
        gateway, wanted = FakeGateway(), specs(6)
        gateway.fail("create", Fault(), Fault(lost), Fault(lost, 0.0), Fault(lost, 0.4))
        registry = gateway.registry()

        task = asyncio.create_task(register(registry, wanted))
        await asyncio.sleep(moment)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        again = await register(registry, wanted)
        await gateway.settle()

        assert urls(wanted) == urls(gateway.webhooks.values())
        assert again.failures == ()

    virtual_loop.run(main())


def test_a_second_cancellation_does_not_wait() -> None:
    """Who cancels twice does not get the time of grace."""

    async def main() -> None:
        gateway = FakeGateway()
        gateway.fail("create", Fault(takes=60.0))
        task = asyncio.create_task(register(gateway.registry(), specs(1)))
        await asyncio.sleep(1.0)
        task.cancel()
        await asyncio.sleep(1.0)
        task.cancel()

        with pytest.raises(asyncio.CancelledError):
            await task

        assert now() == 2.0
        await asyncio.sleep(0)

    virtual_loop.run(main())


def test_a_cancelled_run_deletes_nothing() -> None:
    """Second copies are not looked for on cancellation."""

    async def main() -> None:
        gateway = FakeGateway()
        gateway.fail("create", Fault(lost, 1.5))
        task = asyncio.create_task(register(gateway.registry(), specs(1)))
        await asyncio.sleep(2.0)
        task.cancel()

        with pytest.raises(asyncio.CancelledError):
            await task

        assert len(gateway.webhooks) == 2
        assert gateway.count("delete") == 0

    virtual_loop.run(main())
