"""Deadlines and cancellation: what was sent, what was not, and the five seconds of grace."""

from __future__ import annotations

import asyncio
import gc
from typing import Any

import pytest
from attrs import evolve

from gwms_async import DeadlineExceededError, Outcome, OutcomeStatus, OutcomeUnknownError, Report, WebhookSpec
from gwms_async.registration.bulk import register_many
from gwms_async.registration.coordinator import Coordinator

from ..helpers import virtual_loop
from ..helpers.fake_gateway import FakeGateway, Fault, refused, specs

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


def test_at_the_deadline_the_wire_is_waited_for_and_the_rest_is_not_started() -> None:
    """What is on the wire at the deadline ends; nothing more is sent; the report says which is which."""

    async def main() -> None:
        gateway, wanted = FakeGateway(latency=1.0), specs(8)
        told: list[Outcome] = []

        report = await register_many(gateway.coordinator(), wanted, concurrency=2, deadline=3.5, on_outcome=told.append)

        assert statuses(report) == [S.CREATED] * 6 + [S.NOT_STARTED] * 2
        assert gateway.count("create") == 6
        assert now() == 4.0
        assert len(told) == 8
        assert all(isinstance(outcome.error, DeadlineExceededError) for outcome in report.failures)

        again = await register(gateway.coordinator(), wanted)

        assert statuses(again) == [S.EXISTING] * 6 + [S.CREATED] * 2

    virtual_loop.run(main())


def test_the_grace_is_five_seconds() -> None:
    """A request that is still on the wire after that is given up, and its webhook is unknown."""

    async def main() -> None:
        gateway = FakeGateway(latency=1.0)
        gateway.fail("create", Fault(takes=60.0))

        report = await register(gateway.coordinator(), specs(4), concurrency=2, deadline=3.5)

        assert statuses(report) == [S.UNKNOWN, S.CREATED, S.CREATED, S.CREATED]
        assert isinstance(report.outcomes[0].error, OutcomeUnknownError)
        assert now() == 8.5

    virtual_loop.run(main())


def test_a_second_request_of_a_webhook_is_not_begun_after_the_deadline() -> None:
    """A webhook whose activation was answered 404 in the time of grace is not created any more."""

    async def main() -> None:
        gateway, (spec,) = FakeGateway(latency=1.0), specs(1)
        gateway.add(evolve(spec, active=False))
        gateway.memories.add(1)

        report = await register(gateway.coordinator(), [spec], deadline=1.5)

        assert statuses(report) == [S.FAILED]
        assert isinstance(report.outcomes[0].error, DeadlineExceededError)
        assert gateway.count("create") == 0

    virtual_loop.run(main())


def test_a_call_that_waits_after_an_attempt_is_ended_as_failed() -> None:
    """A webhook that was on the wire, was refused and waits to be sent again is failed, not unknown."""

    async def main() -> None:
        gateway = FakeGateway()
        coordinator = gateway.coordinator()
        real = coordinator.api_for

        def operations(call: object) -> object:
            made = real(call)  # type: ignore[arg-type]

            class Throttled:
                list = made.list

                async def create(self, spec: WebhookSpec) -> object:
                    call.attempts += 1  # type: ignore[attr-defined]
                    await asyncio.sleep(60)
                    raise AssertionError

            return Throttled()

        coordinator.api_for = operations  # type: ignore[assignment]

        report = await register(coordinator, specs(1), deadline=1.0)

        assert statuses(report) == [S.FAILED]
        assert now() == 1.0

    virtual_loop.run(main())


def test_a_second_cancellation_does_not_wait() -> None:
    """Who cancels twice does not get the time of grace."""

    async def main() -> None:
        gateway = FakeGateway()
        gateway.fail("create", Fault(takes=60.0))
        task = asyncio.create_task(register(gateway.coordinator(), specs(1)))
        await asyncio.sleep(1.0)
        task.cancel()
        await asyncio.sleep(1.0)
        task.cancel()

        with pytest.raises(asyncio.CancelledError):
            await task

        assert now() == 2.0
        await asyncio.sleep(0)

    virtual_loop.run(main())


def test_a_run_cancelled_as_its_list_fails_leaves_no_error_behind() -> None:
    """The cancellation goes on; asyncio has no exception to complain of that was never retrieved."""
    complaints: list[str] = []

    def complain(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        complaints.append(context["message"])

    async def main() -> None:
        asyncio.get_running_loop().set_exception_handler(complain)
        gateway = FakeGateway()
        gateway.fail("list", Fault(refused, takes=1.0))
        run = asyncio.create_task(register_many(gateway.coordinator(), specs(1), concurrency=1))
        await asyncio.sleep(0.5)
        (inner,) = (task for task in asyncio.all_tasks() if task.get_name() == "gwms registration")
        inner.add_done_callback(lambda _: run.cancel())
        del inner
        with pytest.raises(asyncio.CancelledError):
            await run

    virtual_loop.run(main())
    gc.collect()
    assert complaints == []


def test_cancelled_at_every_await_it_ends_at_once() -> None:
    """As anyio's cancel scopes do: no task is left, though waiting for the end is cancelled too."""

    async def main() -> None:
        gateway = FakeGateway(latency=1.0)
        coordinator = gateway.coordinator()
        gateway.fail("create", *[Fault(takes=60.0)] * 4)
        run = asyncio.create_task(register(coordinator, specs(4)))
        await asyncio.sleep(1.5)
        while not run.done():
            run.cancel()
            await asyncio.sleep(0)

        assert run.cancelled()
        assert now() == 1.5
        assert [task.get_name() for task in asyncio.all_tasks() if task.get_name().startswith("gwms")] == []

    virtual_loop.run(main())


@pytest.mark.parametrize("step", range(12))
def test_cancelled_just_as_it_takes_another_list(step: int) -> None:
    """The list is not taken, in whatever step of the event loop the cancellation falls."""

    async def main() -> None:
        gateway = FakeGateway(latency=31.0)  # so that its first list is too old at once
        task = asyncio.create_task(register(gateway.coordinator(), specs(2)))
        await asyncio.sleep(31.0)
        for _ in range(step):
            await asyncio.sleep(0)

        task.cancel()
        await asyncio.wait([task])

        assert task.cancelled()
        assert asyncio.all_tasks() == {asyncio.current_task()}

    virtual_loop.run(main())
