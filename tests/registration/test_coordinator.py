"""What happens between lists and creates, seen through one client; in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
from attrs import evolve

from gwms_async import ConfigurationError, OutcomeStatus, Report, ServerError, ThrottledError, Webhook, WebhookSpec
from gwms_async.chain import Call
from gwms_async.clock import Clock
from gwms_async.registration.bulk import register_many
from gwms_async.registration.coordinator import Coordinator
from gwms_async.registration.stream import register_stream

from ..helpers import virtual_loop
from ..helpers.fake_gateway import FakeGateway, FakeOperations, Fault, lost, refused, spec_values, specs, urls


def statuses(report: Report) -> list[OutcomeStatus]:
    """Tell how each spec ended."""
    return [outcome.status for outcome in report.outcomes]


S = OutcomeStatus


async def register(
    coordinator: Coordinator, wanted: list[WebhookSpec], concurrency: int = 4, deadline: float | None = None
) -> Report:
    """Register without a callback."""
    return await register_many(coordinator, wanted, concurrency=concurrency, deadline=deadline)


@pytest.mark.parametrize(("seconds", "status"), [(14, S.RECOVERED), (60, S.EXISTING)])
def test_what_was_recovered_is_known_to_an_older_run(seconds: float, status: OutcomeStatus) -> None:
    """A stream whose list is older than a lost create looks again before it creates."""

    async def main() -> None:
        gateway = FakeGateway()
        coordinator, gate = gateway.coordinator(), asyncio.Event()
        first, second = specs(2)

        async def source() -> AsyncIterator[WebhookSpec]:
            yield first
            await gate.wait()
            yield second

        stream = register_stream(coordinator, source(), concurrency=1)
        assert (await anext(stream)).status is S.CREATED
        await asyncio.sleep(4)  # past its closing list
        gateway.fail("create", Fault(lost, 0.0))
        assert (await register(coordinator, [second])).counts == {S.RECOVERED: 1}
        await asyncio.sleep(seconds)
        gate.set()

        assert [outcome.status async for outcome in stream] == [status]
        assert len(gateway.webhooks) == 2

    virtual_loop.run(main())


@pytest.mark.parametrize("steps", range(2, 6))
def test_closing_at_any_step_of_a_list(steps: int) -> None:
    """Who waits for it gets an error, also if its task has not begun."""

    async def main() -> None:
        coordinator = FakeGateway().coordinator()
        run = asyncio.create_task(register(coordinator, specs(1)))
        for _ in range(steps):
            await asyncio.sleep(0)
        await asyncio.gather(*coordinator.lists.stop(), return_exceptions=True)
        with pytest.raises(ConfigurationError, match="closed"):
            await run

    virtual_loop.run(main())


def test_a_run_that_was_stopped_does_not_fail_the_others() -> None:
    """Its create failed for want of time; who waited for it creates."""

    async def main() -> None:
        gateway, attempts = FakeGateway(), list[float]()

        def operations(call: Call) -> FakeOperations:
            class Throttled(FakeOperations):
                async def create(self, spec: WebhookSpec) -> object:  # type: ignore[override]
                    attempts.append(asyncio.get_running_loop().time())
                    call.attempts += 1
                    if len(attempts) == 1:
                        call.on_wire = True
                        await asyncio.sleep(0.5)
                        call.on_wire = False
                        raise ThrottledError(status=429, message="wait", method="POST", path="/webhooks")
                    return await super().create(spec)

            return Throttled(gateway, call)

        coordinator = Coordinator(operations, Clock(asyncio.get_running_loop().time))
        reports = await asyncio.gather(register(coordinator, specs(1), deadline=0.3), register(coordinator, specs(1)))

        assert [report.outcomes[0].status for report in reports] == [S.FAILED, S.CREATED]

    virtual_loop.run(main())


@pytest.mark.parametrize("is_refused", [False, True])
def test_the_copy_that_stays_is_brought_into_its_state(is_refused: bool) -> None:
    """Another process's inactive one is the lowest: it is activated before ours is deleted; else ours stays too."""

    async def main() -> None:
        gateway, (spec,) = FakeGateway(), specs(1)
        gateway.fail("create", Fault(lost))
        gateway.fail("activate", *[Fault(refused)] * 9 * is_refused)
        # Between our second list and our second create.
        gateway.later(1.025, lambda: gateway.add(evolve(spec, active=False)))

        (outcome,) = (await register(gateway.coordinator(), [spec])).outcomes

        states = [(number, webhook.active) for number, webhook in gateway.webhooks.items()]
        assert states == ([(1, False), (2, True)] if is_refused else [(1, True)])
        assert gateway.count("create") == 2
        assert isinstance(outcome.error, ServerError) is is_refused

    virtual_loop.run(main())


def test_fifty_registrations_of_one_webhook_create_it_once() -> None:
    """They share one create, the list before it and the list after it."""

    async def main() -> None:
        gateway, wanted = FakeGateway(), specs(1)
        coordinator = gateway.coordinator()

        reports = await asyncio.gather(*(register(coordinator, wanted) for _ in range(50)))

        assert {1} == {outcome.webhook.id for report in reports for outcome in report.outcomes if outcome.webhook}
        assert gateway.count("create") == 1
        assert gateway.count("list") <= 3
        assert sum(statuses(report) == [S.CREATED] for report in reports) == 1

    virtual_loop.run(main())


@pytest.mark.parametrize("delay", [0.0, 0.004, 0.009, 0.011, 0.015, 0.019, 0.021, 0.03])
@pytest.mark.parametrize("latency", [0.005, 0.01, 0.02])
def test_whenever_a_second_run_begins_nothing_is_doubled(delay: float, latency: float) -> None:
    """A create that ended after another run's list began is known to that run."""

    async def main() -> None:
        gateway, wanted = FakeGateway(latency=latency), specs(10)
        coordinator = gateway.coordinator()

        first = asyncio.create_task(register(coordinator, wanted, 3))
        await asyncio.sleep(delay)
        second = await register(coordinator, list(reversed(wanted)), 2)
        await first

        assert urls(wanted) == urls(gateway.webhooks.values())
        assert second.failures == ()

    virtual_loop.run(main())


def test_a_failed_create_fails_for_all_who_share_it() -> None:
    """Each gets an error of its own; nobody sends it again."""

    async def main() -> None:
        gateway = FakeGateway(latency=0.02)
        coordinator = gateway.coordinator()
        gateway.fail("create", Fault(refused))

        first = asyncio.create_task(register(coordinator, specs(1)))
        await asyncio.sleep(0.001)
        second = asyncio.create_task(register(coordinator, specs(1)))
        await asyncio.sleep(0.035)
        reports = [await first, await second]

        errors = [report.outcomes[0].error for report in reports]
        assert isinstance(errors[0], ServerError)
        assert gateway.count("create") <= 2

    virtual_loop.run(main())


def test_who_waits_for_a_create_that_fails_gets_its_error() -> None:
    """A create that two runs need at the same moment is sent once, also if it is refused."""

    async def main() -> None:
        gateway, (spec,) = FakeGateway(), specs(1)
        coordinator = gateway.coordinator()
        gateway.fail("create", Fault(refused))

        errors = await asyncio.gather(*(coordinator.create(spec, Call()) for _ in range(3)), return_exceptions=True)

        assert [ServerError] * 3 == [type(error) for error in errors]
        assert len({id(error) for error in errors}) == 3
        assert gateway.count("create") == 1

    virtual_loop.run(main())


def test_the_next_takes_over_when_the_first_gives_up_before_sending() -> None:
    """A cancelled registration harms no other one that waits for its create."""

    async def main() -> None:
        gateway, (spec,) = FakeGateway(), specs(1)
        coordinator = gateway.coordinator()
        slot, real = asyncio.Event(), coordinator.api_for

        def operations(call: Call) -> object:
            made = real(call)

            class Waiting:
                async def create(self, spec: WebhookSpec) -> object:
                    await slot.wait()
                    return await made.create(spec)

            return Waiting()

        coordinator.api_for = operations  # type: ignore[assignment]
        first = asyncio.create_task(coordinator.create(spec, Call()))
        second = asyncio.create_task(coordinator.create(spec, Call()))
        await asyncio.sleep(0.1)
        first.cancel()
        await asyncio.sleep(0.1)
        slot.set()

        webhook, is_ours = await second
        assert (webhook.id, is_ours) == (1, True)
        assert gateway.count("create") == 1

    virtual_loop.run(main())


@pytest.mark.parametrize(("is_carried_out", "status", "creates"), [(False, S.CREATED, 2), (True, S.RECOVERED, 1)])
def test_a_create_cut_on_the_wire_is_in_doubt_for_all(is_carried_out: bool, status: S, creates: int) -> None:
    """A run that shares a create, the first of whose runs is ended on the wire, looks before it sends again."""

    async def main() -> None:
        gateway, wanted = FakeGateway(), specs(1)
        coordinator = gateway.coordinator()
        gateway.fail("create", Fault(takes=0.5))
        if is_carried_out:
            gateway.later(0.9, lambda: gateway.add(wanted[0]))

        first = asyncio.create_task(register(coordinator, wanted))
        await asyncio.sleep(0.1)
        second = asyncio.create_task(register(coordinator, wanted))
        await asyncio.sleep(0.1)
        first.cancel()
        await asyncio.sleep(0)
        first.cancel()
        report = await second

        assert statuses(report) == [status]
        assert gateway.count("create") == creates
        assert len(gateway.webhooks) == 1

    virtual_loop.run(main())


@pytest.mark.parametrize(
    ("fault", "ends"),
    [(Fault(takes=0.5), [S.CREATED, S.EXISTING]), (Fault(lost, 0.3, takes=0.5), [S.UNKNOWN, S.RECOVERED])],
)
def test_a_create_that_ends_after_its_run_was_stopped(fault: Fault, ends: list[S]) -> None:
    """Another run that waited for it goes by how it ended, and does not create it again."""

    async def main() -> None:
        gateway, wanted = FakeGateway(), specs(1)
        coordinator = gateway.coordinator()
        gateway.fail("create", fault)

        stopped, other = await asyncio.gather(
            register(coordinator, wanted, deadline=0.3), register(coordinator, wanted)
        )

        assert [*statuses(stopped), *statuses(other)] == ends
        assert 1 == len(gateway.webhooks) == gateway.count("create")

    virtual_loop.run(main())


def test_what_was_never_sent_is_not_in_doubt() -> None:
    """A user's middleware raised before sending: the next run creates at once."""

    async def main() -> None:
        gateway, (spec,) = FakeGateway(), specs(1)
        coordinator = gateway.coordinator()
        real = coordinator.api_for

        class Failing:
            async def create(self, spec: WebhookSpec) -> object:
                raise LookupError

        coordinator.api_for = lambda call: Failing()  # type: ignore[assignment,return-value]
        with pytest.raises(LookupError):
            await coordinator.create_direct(spec)
        coordinator.api_for = real
        report = await register(coordinator, [spec])

        assert statuses(report) == [S.CREATED]
        assert asyncio.get_running_loop().time() < 0.1

    virtual_loop.run(main())


def test_a_doubt_is_a_doubt_for_other_runs_too() -> None:
    """A run that begins while a create of its webhook may still be carried out waits and looks first."""

    async def main() -> None:
        gateway, wanted = FakeGateway(), specs(1)
        coordinator = gateway.coordinator()
        gateway.fail("create", Fault(lost, 0.9))

        with pytest.raises(Exception, match="lost"):
            await coordinator.create_direct(wanted[0])
        report = await register(coordinator, wanted)

        assert statuses(report) == [S.RECOVERED]
        assert 1 == len(gateway.webhooks) == gateway.count("create")

    virtual_loop.run(main())


def test_a_doubt_does_not_last() -> None:
    """Nine seconds after the lost answer a run sees what is there, and creates what is not."""

    async def main() -> None:
        gateway, wanted = FakeGateway(), specs(2)
        coordinator = gateway.coordinator()
        gateway.fail("create", Fault(lost), Fault(lost))

        for lost_one in wanted:
            with pytest.raises(Exception, match="lost"):
                await coordinator.create_direct(lost_one)
            await asyncio.sleep(9.0)
        report = await register(coordinator, wanted)

        assert statuses(report) == [S.CREATED] * 2
        assert 18.0 < asyncio.get_running_loop().time() < 18.1

    virtual_loop.run(main())


def test_a_direct_create_is_known_to_a_run_under_way() -> None:
    """A webhook that was created by hand after the list is not created again."""

    async def main() -> None:
        gateway, wanted = FakeGateway(), specs(2)
        coordinator = gateway.coordinator()
        run = asyncio.create_task(register(coordinator, wanted, 1))
        await asyncio.sleep(0.005)

        await coordinator.create_direct(wanted[1])
        report = await run

        assert statuses(report) == [S.CREATED, S.EXISTING]

    virtual_loop.run(main())


def test_a_shared_create_in_another_state_is_brought_into_the_own() -> None:
    """Who shares the create of an active webhook and wants it inactive deactivates it."""

    async def main() -> None:
        gateway = FakeGateway(latency=0.02)
        coordinator = gateway.coordinator()

        first = asyncio.create_task(register(coordinator, specs(1)))
        await asyncio.sleep(0.001)
        second = await register(coordinator, specs(1, active=False))
        await first

        assert statuses(second) == [S.UPDATED]
        assert gateway.count("create") == 1
        assert not gateway.webhooks[1].active

    virtual_loop.run(main())


def test_a_run_that_is_stopped_before_a_create_reads_no_earlier_one() -> None:
    """What the gateway stores in another spelling is read before it is created again, but not by a stopped run."""

    async def main() -> None:
        gateway, (spec,) = FakeGateway(), specs(1)
        gateway.stores = lambda one: evolve(one, url=f"{one.url}?stored")
        coordinator = gateway.coordinator()
        await register(coordinator, [spec])
        gateway.journal.clear()
        gateway.stale = [evolve(Webhook(7, *spec_values(spec)), unregistered_at=datetime(2026, 1, 1, tzinfo=UTC))]
        gateway.fail("get", Fault(takes=1.0))

        await register(coordinator, [spec], deadline=0.5)

        assert gateway.journal == [("list", None), ("get", 7)]

    virtual_loop.run(main())


def test_doubts_are_dropped_after_a_minute() -> None:
    """By the next one, also if another has been renewed since: they do not grow with the number of calls."""

    async def main() -> None:
        gateway, (first, second, third) = FakeGateway(), specs(3)
        coordinator = gateway.coordinator()
        gateway.fail("create", *[Fault(lost)] * 4)
        for lost_one in (first, second, first, third):
            with pytest.raises(Exception, match="lost"):
                await coordinator.create_direct(lost_one)
            await asyncio.sleep(40)

        assert list(coordinator._doubts) == [first.identity, third.identity]

    virtual_loop.run(main())
