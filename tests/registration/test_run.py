"""Deadlines and cancellation of a registration: who was sent, who was not, and the five seconds of grace."""

from __future__ import annotations

import asyncio
from itertools import count

import pytest

from gwms_async import Outcome, OutcomeStatus, OutcomeUnknownError, Report, ServerError, Webhook, WebhookSpec
from gwms_async.registration.bulk import register_many
from gwms_async.registration.coordinator import Coordinator

from ..helpers import virtual_loop
from ..helpers.fake_gateway import FakeGateway, Fault, lost, refused, spec_values, specs, urls

S = OutcomeStatus


async def register(
    coordinator: Coordinator, wanted: list[WebhookSpec], concurrency: int = 2, deadline: float | None = None
) -> Report:
    """Register without a callback."""
    return await register_many(coordinator, wanted, concurrency=concurrency, deadline=deadline, on_outcome=None)


def now() -> float:
    """Tell the virtual time."""
    return asyncio.get_running_loop().time()


def statuses(report: Report) -> list[OutcomeStatus]:
    """Tell how each spec ended."""
    return [outcome.status for outcome in report.outcomes]


def test_a_deadline_within_the_first_list_starts_nothing() -> None:
    """No snapshot, no creates."""

    async def main() -> None:
        gateway = FakeGateway(latency=1.0)
        coordinator = gateway.coordinator()

        report = await register(coordinator, specs(3), deadline=0.5)

        assert statuses(report) == [S.NOT_STARTED] * 3
        assert gateway.count("create") == 0
        assert now() == 0.5
        await asyncio.gather(*coordinator.lists.stop(), return_exceptions=True)

    virtual_loop.run(main())


def test_a_deadline_while_settling_leaves_it_unknown() -> None:
    """What is in doubt at the deadline stays so; what was decided is reported as decided."""

    async def main() -> None:
        gateway = FakeGateway()
        gateway.fail("create", Fault(lost))

        report = await register(gateway.coordinator(), specs(3), deadline=0.5)

        assert statuses(report) == [S.UNKNOWN, S.CREATED, S.CREATED]
        assert str(report.outcomes[0].error) == "lost"

    virtual_loop.run(main())


def test_a_deadline_before_the_last_look_reports_what_was_created_again() -> None:
    """A webhook that was created again counts as created, even if second copies were not looked for."""

    async def main() -> None:
        gateway = FakeGateway()
        gateway.fail("create", Fault(lost))

        report = await register(gateway.coordinator(), specs(1), deadline=2.0)

        assert statuses(report) == [S.CREATED]
        assert now() == 2.0

    virtual_loop.run(main())


def test_a_round_that_the_deadline_cuts_sends_nothing_more() -> None:
    """Creates of a settling round that are on the wire end; those that wait do not begin."""

    async def main() -> None:
        gateway = FakeGateway()
        gateway.fail("create", *[Fault(lost)] * 4, *[Fault(takes=2.0)] * 4)

        report = await register(gateway.coordinator(), specs(4), concurrency=2, deadline=2.0)

        assert statuses(report) == [S.CREATED, S.CREATED, S.UNKNOWN, S.UNKNOWN]
        assert gateway.count("create") == 6

    virtual_loop.run(main())


@pytest.mark.parametrize("moment", [0.0, 0.005, 0.01, 0.015, 0.02, 0.035, 0.5, 1.011, 1.02, 2.5])
def test_a_cancelled_registration_can_be_run_again(moment: float) -> None:
    """Wherever it is cancelled: it ends cancelled, leaves nothing behind, and a second run ends with one each."""

    async def main() -> None:
        gateway, wanted = FakeGateway(), specs(6)
        gateway.fail("create", Fault(), Fault(lost), Fault(lost, 0.0), Fault(lost, 0.4))
        coordinator = gateway.coordinator()

        task = asyncio.create_task(register(coordinator, wanted))
        await asyncio.sleep(moment)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        again = await register(coordinator, wanted)
        await gateway.settle()

        assert urls(wanted) == urls(gateway.webhooks.values())
        assert again.failures == ()

    virtual_loop.run(main())


def test_a_cancelled_run_deletes_nothing() -> None:
    """Second copies are not looked for on cancellation."""

    async def main() -> None:
        gateway = FakeGateway()
        gateway.fail("create", Fault(lost, 1.5))
        task = asyncio.create_task(register(gateway.coordinator(), specs(1)))
        await asyncio.sleep(2.0)
        task.cancel()

        with pytest.raises(asyncio.CancelledError):
            await task

        assert len(gateway.webhooks) == 2
        assert gateway.count("delete") == 0

    virtual_loop.run(main())


def test_a_deadline_while_a_copy_is_deleted_is_told() -> None:
    """The delete may still be carried out: the copy that it is about is not what the outcome shows."""

    async def main() -> None:
        gateway, (spec,) = FakeGateway(), specs(1)
        gateway.fail("create", Fault(takes=0.5))
        gateway.later(0.2, lambda: gateway.add(spec))
        gateway.fail("delete", *[Fault(lost, 2.4)] * 9)

        (outcome,) = (await register(gateway.coordinator(), [spec], deadline=2.0)).outcomes
        await gateway.settle()

        assert (outcome.status, outcome.webhook, outcome.copies) == (S.EXISTING, gateway.webhooks[1], (2,))
        assert "the run was stopped while it was deleted (webhook 2)" in str(outcome.error)

    virtual_loop.run(main())


def test_a_deadline_while_a_copy_of_another_webhook_is_looked_up() -> None:
    """What the closing list has decided by then has no second copy."""

    async def main() -> None:
        gateway, wanted = FakeGateway(ids=count(2)), specs(2)
        gateway.fail("create", Fault(lost, 0), Fault(lost, 0))
        gateway.later(5.0, lambda: gateway.webhooks.update({1: Webhook(1, *spec_values(wanted[1]))}))
        gateway.fail("get", Fault(takes=9.0))

        first, second = (await register(gateway.coordinator(), wanted, deadline=12.0)).outcomes

        assert (first.status, first.error) == (S.RECOVERED, None)
        assert second.status is S.RECOVERED
        assert "there may be a second copy" in str(second.error)

    virtual_loop.run(main())


def test_a_failing_first_list_is_raised_and_nothing_is_sent() -> None:
    """Without knowing what is there nothing may be created; all who share the list get the error."""

    async def main() -> None:
        gateway = FakeGateway()
        gateway.fail("list", Fault(refused), Fault(lambda: RuntimeError("of a middleware")))
        coordinator = gateway.coordinator()

        with pytest.raises(ServerError):
            await register(coordinator, specs(3))
        with pytest.raises(RuntimeError):
            await register(coordinator, specs(3))

        assert gateway.count("create") == 0

    virtual_loop.run(main())


def test_trouble_while_settling_leaves_it_to_the_next_round(caplog: pytest.LogCaptureFixture) -> None:
    """A list or a create that fails in a round is tried again in the next one."""

    async def main() -> None:
        gateway, (spec,) = FakeGateway(), specs(1)
        gateway.fail("create", Fault(lost), Fault(refused))
        gateway.fail("list", Fault(), Fault(refused))

        (outcome,) = (await register(gateway.coordinator(), [spec])).outcomes

        assert Outcome(spec, S.CREATED, gateway.webhooks[1], attempts=3) == outcome
        assert "listing webhooks to see what was created failed" in caplog.text

    virtual_loop.run(main())


def test_a_last_look_that_fails_changes_nothing() -> None:
    """Where second copies cannot be looked for, the outcomes stand as they are."""

    async def main() -> None:
        gateway, (spec,) = FakeGateway(), specs(1)
        gateway.fail("create", Fault(lost))
        gateway.fail("list", Fault(), Fault(), *[Fault(refused)] * 4)

        (outcome,) = (await register(gateway.coordinator(), [spec])).outcomes

        assert S.CREATED is outcome.status

    virtual_loop.run(main())


def test_a_second_copy_that_nobody_looked_for_is_told() -> None:
    """It was created again, and the last list failed: the outcome says so."""

    async def main() -> None:
        gateway = FakeGateway()
        gateway.fail("create", Fault(lost, 1.5))
        gateway.fail("list", Fault(), Fault(), *[Fault(refused)] * 4)
        report = await register(gateway.coordinator(), specs(1))

        (outcome,) = report.outcomes
        assert outcome.status is S.CREATED
        assert isinstance(outcome.error, OutcomeUnknownError)
        assert len(gateway.webhooks) == 2

    virtual_loop.run(main())
