"""What happens between lists and creates, seen through one client; in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from gwms_async import (
    ConfigurationError,
    GwmsClient,
    OutcomeStatus,
    OutcomeUnknownError,
    Report,
    ThrottledError,
    WebhookSpec,
)
from gwms_async.chain import Call
from gwms_async.clock import Clock
from gwms_async.registration import Coordinator, register_many, register_stream
from gwms_async.testing import DropAfter, GwmsEmulator, Status

from ..helpers import virtual_loop
from ..helpers.emulated import client, spec
from ..helpers.fake_gateway import FakeGateway, FakeOperations, Fault, lost, refused, specs

S = OutcomeStatus


async def register(registry: Coordinator, wanted: list[WebhookSpec], deadline: float | None = None) -> Report:
    """Register without a callback."""
    return await register_many(registry, wanted, concurrency=4, deadline=deadline, on_outcome=None)


def test_what_was_recovered_is_known_to_an_older_run() -> None:
    """A stream whose list is older than a lost create looks again before it creates."""

    async def main() -> None:
        gateway = FakeGateway()
        registry, gate = gateway.registry(), asyncio.Event()
        first, second = specs(2)

        async def source() -> AsyncIterator[WebhookSpec]:
            yield first
            await gate.wait()
            yield second

        stream = register_stream(registry, source(), concurrency=1)
        assert (await anext(stream)).status is S.CREATED
        gateway.fail("create", Fault(lost, 0.0))
        assert (await register(registry, [second])).counts == {S.RECOVERED: 1}
        await asyncio.sleep(60)
        gate.set()

        assert [outcome.status async for outcome in stream] == [S.RECOVERED]
        assert len(gateway.webhooks) == 2
        assert registry._doubts == {}

    virtual_loop.run(main())


def test_a_second_copy_that_nobody_looked_for_is_told() -> None:
    """It was created again, and the last list failed: the outcome says so."""

    async def main() -> None:
        gateway = FakeGateway()
        gateway.fail("create", Fault(lost, 1.5))
        gateway.fail("list", Fault(), Fault(), Fault(refused))
        report = await register(gateway.registry(), specs(1))

        (outcome,) = report.outcomes
        assert outcome.status is S.CREATED
        assert isinstance(outcome.error, OutcomeUnknownError)
        assert len(gateway.webhooks) == 2

    virtual_loop.run(main())


def test_an_empty_run_sends_nothing() -> None:
    """There is nothing to list for."""

    async def main() -> None:
        gateway = FakeGateway()
        assert await register(gateway.registry(), []) == Report(())
        assert gateway.journal == []

    virtual_loop.run(main())


@pytest.mark.parametrize("steps", range(2, 6))
def test_closing_at_any_step_of_a_list(steps: int) -> None:
    """Who waits for it gets an error, also if its task has not begun."""

    async def main() -> None:
        registry = FakeGateway().registry()
        run = asyncio.create_task(register(registry, specs(1)))
        for _ in range(steps):
            await asyncio.sleep(0)
        await registry.close()
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

        registry = Coordinator(operations, Clock(asyncio.get_running_loop().time))
        reports = await asyncio.gather(register(registry, specs(1), deadline=0.3), register(registry, specs(1)))

        assert [report.outcomes[0].status for report in reports] == [S.FAILED, S.CREATED]

    virtual_loop.run(main())


@pytest.mark.parametrize(("count", "concurrency"), [(2, 1), (33, 32), (200, 4)])
def test_closing_a_full_stream_does_not_wait(count: int, concurrency: int) -> None:
    """Nothing is on the wire: it ends at once."""

    async def main() -> None:
        stream = register_stream(FakeGateway().registry(), specs(count), concurrency=concurrency)
        await anext(stream)
        await asyncio.sleep(1)
        began = asyncio.get_running_loop().time()
        await stream.aclose()
        assert asyncio.get_running_loop().time() == began

    virtual_loop.run(main())


async def test_the_copy_that_stays_is_brought_into_its_state(gateway: GwmsEmulator) -> None:
    """Another process's inactive one is the lowest: it is activated before ours is deleted."""
    async with client(gateway) as gwms:
        await paused_by_another(gateway, gwms)

    (hook,) = gateway.webhooks
    assert (hook.id, hook.active) == (1, True)


async def test_a_copy_that_cannot_be_activated(gateway: GwmsEmulator) -> None:
    """Ours stays too, and the outcome tells the error."""
    gateway.inject(Status(403), operation="activate", times=9)
    async with client(gateway) as gwms:
        report = await paused_by_another(gateway, gwms)

    assert [(hook.id, hook.active) for hook in gateway.webhooks] == [(1, False), (2, True)]
    assert "403" in str(report.outcomes[0].error)


async def paused_by_another(gateway: GwmsEmulator, gwms: GwmsClient) -> Report:
    """Let another process add an inactive webhook between our list and our second create."""
    gateway.inject(DropAfter(commit_delay=1e6), operation="create")
    webhooks = gateway.webhooks

    async def add() -> None:
        while gateway.count("list") < 2:  # noqa: ASYNC110
            await asyncio.sleep(0)
        gateway.add_webhook(spec().url, "CREATE_ORDER", active=False)

    assert webhooks == []
    adding = asyncio.create_task(add())
    report = await gwms.webhooks.register_many([spec()])
    await adding
    return report
