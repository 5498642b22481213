"""What the state machine found, each case by itself."""

from __future__ import annotations

import asyncio
import gc
from typing import Any

import pytest
from attrs import evolve

from gwms_async import OutcomeStatus, OutcomeUnknownError, ServerError, WebhookSpec
from gwms_async.chain import Call
from gwms_async.registration import register_many

from .helpers import virtual_loop
from .helpers.fake_gateway import FakeGateway, Fault, lost, refused, specs


@pytest.mark.parametrize("active", [True, False])
def test_the_copy_that_stays_is_brought_into_its_state(active: bool) -> None:
    """A lost create of the other state commits late, below our own: what stays is as the last call asked."""

    async def main() -> None:
        gateway, (spec,) = FakeGateway(), specs(1, active=active)
        registry = gateway.registry()
        gateway.fail("create", Fault(lost, commits_after=2.0), Fault(takes=1.5))
        with pytest.raises(OutcomeUnknownError):
            await registry.create_once(evolve(spec, active=not active), Call())

        wanted: list[WebhookSpec] = [spec]
        report = await register_many(registry, wanted, concurrency=1, deadline=None, on_outcome=None)
        await gateway.settle()

        (outcome,) = report.outcomes
        assert [webhook.active for webhook in gateway.webhooks.values()] == [active]
        assert outcome.webhook is not None
        assert outcome.webhook.active == active

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
        run = asyncio.create_task(
            register_many(gateway.registry(), specs(1), concurrency=1, deadline=None, on_outcome=None)
        )
        await asyncio.sleep(0.5)
        (inner,) = (task for task in asyncio.all_tasks() if task.get_name() == "gwms registration")
        inner.add_done_callback(lambda _: run.cancel())
        del inner
        with pytest.raises(asyncio.CancelledError):
            await run

    virtual_loop.run(main())
    gc.collect()
    assert complaints == []


def test_what_the_last_look_finds_is_brought_into_its_state() -> None:
    """Another process creates it in the other state after the last round: it is not as asked, and not `recovered`."""

    async def main() -> None:
        gateway, (spec,) = FakeGateway(), specs(1)
        gateway.fail("create", *[Fault(lost)] * 4)
        gateway.later(7.5, lambda: gateway.add(evolve(spec, active=False)))

        report = await register_many(gateway.registry(), [spec], concurrency=1, deadline=None, on_outcome=None)
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

        report = await register_many(gateway.registry(), [spec], concurrency=1, deadline=None, on_outcome=None)
        await gateway.settle()

        (outcome,) = report.outcomes
        assert outcome.status is OutcomeStatus.FAILED
        assert isinstance(outcome.error, ServerError)
        assert outcome.webhook == gateway.webhooks[1]

    virtual_loop.run(main())
