"""Bulk registration of a whole client against the emulator."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator

import pytest

from gwms_async import GwmsClient, NotFoundError, Outcome, OutcomeStatus, Report, ServerError, Timeout, WebhookSpec
from gwms_async.testing import (
    CutBody,
    CutHead,
    DropAfter,
    DropBefore,
    Fault,
    GwmsEmulator,
    Html,
    RawBody,
    Reset,
    RevokeTokens,
    Stall,
    Status,
)

from ..helpers.emulated import client, held, spec, specs, until
from ..helpers.virtual_io_loop import with_virtual_gateway

FAULTS: tuple[Fault, ...] = (
    DropBefore(),
    DropAfter(),
    DropAfter(commit_delay=0.4),
    CutHead(),
    CutBody(),
    CutBody(carry_out=False),
    Stall(3.0),
    Stall(3.0, carry_out=True),
    Status(429, retry_after="0"),
    Status(408),
    Status(408, carry_out=True),
    Status(500),
    Status(500, carry_out=True),
    Status(503),
    Status(503, carry_out=True),
    Status(504, carry_out=True),
    Html(),
    Html(carry_out=False),
    RawBody(b"null"),
    Reset(),
)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_four_hundred_webhooks_through_sixty_faults(seed: int) -> None:
    """Each is there exactly once, each outcome is true, and a second run sends no POST; for several seeds."""

    async def main(gateway: GwmsEmulator, kind: type[GwmsClient]) -> None:
        rng = random.Random(seed)
        wanted = specs(400)
        async with client(gateway, kind=kind, timeout=Timeout(attempt=1.0)) as gwms:
            # A call survives two revocations in a row, so there are no more of them.
            for fault in [RevokeTokens(), RevokeTokens(), *rng.choices(FAULTS, k=58)]:
                gateway.inject(fault, operation="create", at=rng.randint(1, 400))
            report = await gwms.webhooks.register_many(wanted)

            assert gateway.faults_left == 0
            assert held(gateway) == {one.identity: 1 for one in wanted}
            check_truth(gateway, wanted, report)
            assert report.failures == ()
            creates = gateway.count("create")
            again = await gwms.webhooks.register_many(wanted)
            assert again.counts == {OutcomeStatus.EXISTING: 400}
            assert gateway.count("create") == creates

    with_virtual_gateway(main, latency=0.002)


def check_truth(gateway: GwmsEmulator, wanted: list[WebhookSpec], report: Report) -> None:
    """Compare what a report says with what the gateway holds."""
    assert [outcome.spec for outcome in report.outcomes] == wanted
    ids: dict[tuple[str, ...], int] = {(hook.url, hook.webhook_type, hook.method): hook.id for hook in gateway.webhooks}
    for outcome in report.outcomes:
        if outcome.webhook is not None:
            assert ids[outcome.spec.identity] == outcome.webhook.id
        if outcome.status is OutcomeStatus.NOT_STARTED:
            assert outcome.spec.identity not in ids


def test_a_deadline_that_passes() -> None:
    """What was created and what was not begun is told as it is; a second run does the rest."""

    async def main(gateway: GwmsEmulator, kind: type[GwmsClient]) -> None:
        gateway.latency = 0.05
        wanted = specs(200)
        async with client(gateway, kind=kind) as gwms:
            report = await gwms.webhooks.register_many(wanted, concurrency=4, deadline=1.0)

            check_truth(gateway, wanted, report)
            assert set(report.counts) == {OutcomeStatus.CREATED, OutcomeStatus.NOT_STARTED}
            assert report.counts[OutcomeStatus.CREATED] == len(gateway.webhooks) == gateway.count("create")
            gateway.latency = 0.0
            again = await gwms.webhooks.register_many(wanted)

        assert again.counts[OutcomeStatus.EXISTING] == report.counts[OutcomeStatus.CREATED]
        assert held(gateway) == {one.identity: 1 for one in wanted}

    with_virtual_gateway(main)


def test_nothing_is_sent_after_the_deadline() -> None:
    """Not for those on the wire, not for those that wait for a 429 to be over."""

    async def main(gateway: GwmsEmulator, kind: type[GwmsClient]) -> None:
        gateway.latency = 0.02
        gateway.inject(Status(429, retry_after="1"), operation="create", times=8)
        loop = asyncio.get_running_loop()
        end = loop.time() + 0.25
        async with client(gateway, kind=kind) as gwms:
            await gwms.webhooks.register_many(specs(60), concurrency=8, deadline=0.25)
            assert loop.time() <= end + gateway.latency  # what was on the wire is answered
            sent = len(gateway.requests)
            await asyncio.sleep(1.2)  # the time at which the 429s would have been tried again

        assert len(gateway.requests) == sent
        assert max(exchange.at for exchange in gateway.requests) <= end

    with_virtual_gateway(main)


@pytest.mark.parametrize("moment", [0, 1, 7, 20, 39])
async def test_a_cancelled_run_can_be_run_again(gateway: GwmsEmulator, moment: int) -> None:
    """After any number of creates; the second run ends with exactly one of each."""
    gateway.latency = 0.002
    wanted = specs(40)
    async with client(gateway) as gwms:
        run = asyncio.create_task(gwms.webhooks.register_many(wanted, concurrency=4))
        await until(lambda: gateway.count("list") and gateway.count("create") >= moment)
        run.cancel()
        with pytest.raises(asyncio.CancelledError):
            await run

        report = await gwms.webhooks.register_many(wanted)

    assert report.failures == ()
    assert held(gateway) == {one.identity: 1 for one in wanted}


def test_a_stream_from_an_asynchronous_source() -> None:
    """Outcomes come as webhooks are done, through faults."""

    async def source() -> AsyncIterator[WebhookSpec]:
        for one in specs(30):
            yield one

    async def main(gateway: GwmsEmulator, kind: type[GwmsClient]) -> None:
        gateway.inject(DropAfter(), operation="create", at=3)
        gateway.inject(Status(503), operation="create", at=7)
        async with client(gateway, kind=kind) as gwms:
            outcomes = [outcome async for outcome in gwms.webhooks.register_stream(source(), concurrency=5)]

        assert len(outcomes) == 30
        assert not [outcome for outcome in outcomes if outcome.is_failure]
        assert set(held(gateway).values()) == {1}
        assert len(gateway.webhooks) == 30

    with_virtual_gateway(main)


async def test_what_is_there_in_another_state(gateway: GwmsEmulator) -> None:
    """It is activated or deactivated, not created; several copies are named."""
    gateway.add_webhook(spec(1).url, "CREATE_ORDER", active=False)
    gateway.add_webhook(spec(2).url, "CREATE_ORDER")
    gateway.add_webhook(spec(2).url, "CREATE_ORDER")
    gateway.add_webhook(spec(3).url, "NEW_EVENT")
    told: list[Outcome] = []
    async with client(gateway) as gwms:
        report = await gwms.webhooks.register_many([spec(1), spec(2), spec(1)], on_outcome=told.append)

    first, second, third = report.outcomes
    assert (first.status, second.status, third.status) == (
        OutcomeStatus.UPDATED,
        OutcomeStatus.EXISTING,
        OutcomeStatus.DUPLICATE,
    )
    assert second.copies == (3,)
    assert len(told) == 3
    assert gateway.webhooks[0].active
    assert gateway.count("create") == 0


async def test_a_list_that_cannot_be_had(gateway: GwmsEmulator) -> None:
    """Its error is raised, and nothing was sent."""
    gateway.inject(Status(500), operation="list", times=5)
    async with client(gateway) as gwms:
        with pytest.raises(ServerError):
            await gwms.webhooks.register_many(specs(3))

    assert gateway.count("create") == 0


@pytest.mark.parametrize("data", [b"{}", b"null", b'{"data": null}', b'{"data": {}}', b'{"data": [{"id": 1}]}', b"<p>"])
async def test_a_list_that_cannot_be_read(gateway: GwmsEmulator, data: bytes) -> None:
    """It is an error, never an empty list: else everything would be doubled."""
    gateway.add_webhook(spec().url, "CREATE_ORDER")
    gateway.inject(RawBody(data), operation="list", times=5)
    async with client(gateway) as gwms:
        with pytest.raises(Exception, match="cannot be decoded"):
            await gwms.webhooks.register(spec())

    assert gateway.count("create") == 0


async def test_one_that_cannot_be_had(gateway: GwmsEmulator) -> None:
    """`register` raises the error of its one outcome."""
    gateway.inject(Status(404, message="no such shop"), operation="create")
    async with client(gateway) as gwms:
        with pytest.raises(NotFoundError, match="no such shop"):
            await gwms.webhooks.register(spec())


async def test_one_failure_among_many(gateway: GwmsEmulator) -> None:
    """It is reported beside the successes."""
    gateway.inject(Status(404, message="no such shop"), operation="create", at=2)
    async with client(gateway) as gwms:
        report = await gwms.webhooks.register_many(specs(5), concurrency=1)

    assert report.counts == {OutcomeStatus.CREATED: 4, OutcomeStatus.FAILED: 1}
    with pytest.raises(ExceptionGroup) as caught:
        report.raise_for_failures()
    (error,) = caught.value.exceptions
    assert isinstance(error, NotFoundError)
    assert "no such shop" in str(report)
