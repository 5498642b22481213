"""Registrations that meet: shared lists, shared creates, what one run knows of another."""

from __future__ import annotations

import asyncio

import pytest

from gwms_async import ConfigurationError, OutcomeStatus, Report, ServerError, WebhookSpec
from gwms_async.chain import Call
from gwms_async.registration import Coordinator, register_many

from ..helpers import virtual_loop
from ..helpers.fake_gateway import FakeGateway, Fault, lost, refused, specs, urls

S = OutcomeStatus


async def register(registry: Coordinator, wanted: list[WebhookSpec], concurrency: int = 4) -> Report:
    """Register without deadline and callback."""
    return await register_many(registry, wanted, concurrency=concurrency, deadline=None, on_outcome=None)


def statuses(report: Report) -> list[OutcomeStatus]:
    """Tell how each spec ended."""
    return [outcome.status for outcome in report.outcomes]


def test_fifty_registrations_of_one_webhook_create_it_once() -> None:
    """They share one create, and two lists at most: the one under way is too old for those who come later."""

    async def main() -> None:
        gateway, wanted = FakeGateway(), specs(1)
        registry = gateway.registry()

        reports = await asyncio.gather(*(register(registry, wanted) for _ in range(50)))

        assert {1} == {outcome.webhook.id for report in reports for outcome in report.outcomes if outcome.webhook}
        assert gateway.count("create") == 1
        assert gateway.count("list") <= 2
        assert sum(statuses(report) == [S.CREATED] for report in reports) == 1

    virtual_loop.run(main())


@pytest.mark.parametrize("delay", [0.0, 0.004, 0.009, 0.011, 0.015, 0.019, 0.021, 0.03])
@pytest.mark.parametrize("latency", [0.005, 0.01, 0.02])
def test_whenever_a_second_run_begins_nothing_is_doubled(delay: float, latency: float) -> None:
    """A create that ended after another run's list began is known to that run."""

    async def main() -> None:
        gateway, wanted = FakeGateway(latency=latency), specs(10)
        registry = gateway.registry()

        first = asyncio.create_task(register(registry, wanted, 3))
        await asyncio.sleep(delay)
        second = await register(registry, list(reversed(wanted)), 2)
        await first

        assert urls(wanted) == urls(gateway.webhooks.values())
        assert second.failures == ()

    virtual_loop.run(main())


def test_a_failed_create_fails_for_all_who_share_it() -> None:
    """Each gets an error of its own; nobody sends it again."""

    async def main() -> None:
        gateway = FakeGateway(latency=0.02)
        registry = gateway.registry()
        gateway.fail("create", Fault(refused))

        first = asyncio.create_task(register(registry, specs(1)))
        await asyncio.sleep(0.001)
        second = asyncio.create_task(register(registry, specs(1)))
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
        registry = gateway.registry()
        gateway.fail("create", Fault(refused))

        errors = await asyncio.gather(*(registry.create(None, spec, Call()) for _ in range(3)), return_exceptions=True)

        assert [ServerError] * 3 == [type(error) for error in errors]
        assert len({id(error) for error in errors}) == 3
        assert gateway.count("create") == 1

    virtual_loop.run(main())


def test_the_next_takes_over_when_the_first_gives_up_before_sending() -> None:
    """A cancelled registration harms no other one that waits for its create."""

    async def main() -> None:
        gateway, (spec,) = FakeGateway(), specs(1)
        registry = gateway.registry()
        slot, real = asyncio.Event(), registry.operations

        def operations(call: Call) -> object:
            made = real(call)

            class Waiting:
                async def create(self, spec: WebhookSpec) -> object:
                    await slot.wait()
                    return await made.create(spec)

            return Waiting()

        registry.operations = operations  # type: ignore[assignment]
        first = asyncio.create_task(registry.create(None, spec, Call()))
        second = asyncio.create_task(registry.create(None, spec, Call()))
        await asyncio.sleep(0.1)
        first.cancel()
        await asyncio.sleep(0.1)
        slot.set()

        webhook, is_ours = await second
        assert (webhook.id, is_ours) == (1, True)
        assert gateway.count("create") == 1

    virtual_loop.run(main())


def test_a_create_cut_on_the_wire_is_in_doubt_for_all() -> None:
    """A run that shares a create, the first of whose runs is ended on the wire, looks before it sends again."""

    async def main() -> None:
        gateway, wanted = FakeGateway(), specs(1)
        registry = gateway.registry()
        gateway.fail("create", Fault(takes=0.5))

        first = asyncio.create_task(register(registry, wanted))
        await asyncio.sleep(0.1)
        second = asyncio.create_task(register(registry, wanted))
        await asyncio.sleep(0.1)
        first.cancel()
        await asyncio.sleep(0)
        first.cancel()
        report = await second

        assert statuses(report) == [S.CREATED]
        assert gateway.count("create") == 2
        assert len(gateway.webhooks) == 1

    virtual_loop.run(main())


def test_a_doubt_is_a_doubt_for_other_runs_too() -> None:
    """A run that begins while a create of its webhook may still be carried out waits and looks first."""

    async def main() -> None:
        gateway, wanted = FakeGateway(), specs(1)
        registry = gateway.registry()
        gateway.fail("create", Fault(lost, 0.9))

        with pytest.raises(Exception, match="lost"):
            await registry.create_once(wanted[0], Call())
        report = await register(registry, wanted)

        assert statuses(report) == [S.RECOVERED]
        assert 1 == len(gateway.webhooks) == gateway.count("create")

    virtual_loop.run(main())


def test_a_doubt_does_not_last() -> None:
    """Three seconds after the lost answer a run sees what is there, and creates what is not."""

    async def main() -> None:
        gateway, wanted = FakeGateway(), specs(2)
        registry = gateway.registry()
        gateway.fail("create", Fault(lost), Fault(lost))

        for spec in wanted:
            with pytest.raises(Exception, match="lost"):
                await registry.create_once(spec, Call())
            await asyncio.sleep(3.0)
        report = await register(registry, wanted)

        assert statuses(report) == [S.CREATED] * 2
        assert 6.0 < asyncio.get_running_loop().time() < 6.1

    virtual_loop.run(main())


def test_a_direct_create_is_known_to_a_run_under_way() -> None:
    """A webhook that was created by hand after the list is not created again."""

    async def main() -> None:
        gateway, wanted = FakeGateway(), specs(2)
        registry = gateway.registry()
        run = asyncio.create_task(register(registry, wanted, 1))
        await asyncio.sleep(0.005)

        await registry.create_once(wanted[1], Call())
        report = await run

        assert statuses(report) == [S.CREATED, S.EXISTING]
        assert registry._created == {}

    virtual_loop.run(main())


def test_a_shared_create_in_another_state_is_brought_into_the_own() -> None:
    """Who shares the create of an active webhook and wants it inactive deactivates it."""

    async def main() -> None:
        gateway = FakeGateway(latency=0.02)
        registry = gateway.registry()

        first = asyncio.create_task(register(registry, specs(1)))
        await asyncio.sleep(0.001)
        second = await register(registry, specs(1, active=False))
        await first

        assert statuses(second) == [S.UPDATED]
        assert gateway.count("create") == 1
        assert not gateway.webhooks[1].active

    virtual_loop.run(main())


def test_a_shared_list_that_fails_is_raised_to_all(caplog: pytest.LogCaptureFixture) -> None:
    """Each gets an error of its own."""

    async def main() -> None:
        gateway = FakeGateway()
        registry = gateway.registry()
        gateway.fail("list", Fault(refused))

        errors = await asyncio.gather(*(registry.snapshot() for _ in range(3)), return_exceptions=True)

        assert [ServerError] * 3 == [type(error) for error in errors]
        assert len({id(error) for error in errors}) == 3

    virtual_loop.run(main())


def test_closing_ends_the_lists_under_way() -> None:
    """Runs that wait for a list when the client is closed get an error."""

    async def main() -> None:
        registry = FakeGateway().registry()
        first = asyncio.create_task(registry.snapshot())
        await asyncio.sleep(0.001)
        second = asyncio.create_task(registry.snapshot())
        await asyncio.sleep(0.001)

        await registry.close()

        for waiting in (first, second):
            with pytest.raises(ConfigurationError, match="closed"):
                await waiting

    virtual_loop.run(main())
