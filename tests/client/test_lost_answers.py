"""Creates whose answers are lost: sent once, told honestly, put right by registering."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine

import pytest

from gwms_async import DecodeError, GwmsClient, OutcomeStatus, OutcomeUnknownError, Timeout
from gwms_async.testing import (
    CutBody,
    CutHead,
    DropAfter,
    DropBefore,
    EnvelopeStatus,
    Fault,
    GwmsEmulator,
    Html,
    RawBody,
    Reset,
    Stall,
    Status,
)

from ..helpers.emulated import client, held, spec
from ..helpers.virtual_io_loop import VirtualIoLoop, virtual_client

CARRIED_OUT: tuple[Fault, ...] = (
    DropAfter(),
    CutHead(),
    CutBody(),
    Html(),
    RawBody(b"", carry_out=True),
    RawBody(b'{"statusCode": 200, "message": "OK"}'),
    RawBody(b'{"statusCode": 200, "message": "OK", "data": {"id": "one"}}'),
    RawBody(b"\xff\xfe\x00"),
    Status(500, carry_out=True),
    Status(502, carry_out=True),
    Status(503, carry_out=True),
    Status(504, carry_out=True),
    Stall(5.0, carry_out=True),
    DropAfter(commit_delay=0.4),
)
NOT_CARRIED_OUT: tuple[Fault, ...] = (
    DropBefore(),
    Reset(),
    CutBody(carry_out=False),
    Html(carry_out=False),
    Status(500),
    Status(502),
    Status(503),
    Status(504),
    EnvelopeStatus(503),
    Stall(5.0),
)
IMPATIENT = Timeout(attempt=0.5)


def run(main: Callable[[GwmsEmulator, GwmsClient], Coroutine[None, None, None]], *, list_lag: float = 0.0) -> None:
    """Run a test in virtual time."""

    async def run_it() -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualIoLoop)
        async with (
            GwmsEmulator(list_lag=list_lag) as gateway,
            client(gateway, kind=virtual_client(loop), timeout=IMPATIENT) as gwms,
        ):
            await main(gateway, gwms)

    with asyncio.Runner(loop_factory=VirtualIoLoop) as runner:
        runner.run(run_it())


@pytest.mark.parametrize("fault", [*CARRIED_OUT, *NOT_CARRIED_OUT], ids=str)
async def test_a_create_whose_answer_is_lost_is_sent_once(gateway: GwmsEmulator, fault: Fault) -> None:
    """It raises `OutcomeUnknownError` with the spec."""
    gateway.inject(fault, operation="create")
    async with client(gateway, timeout=IMPATIENT) as gwms:
        with pytest.raises(OutcomeUnknownError, match=r"may or may not|probably") as caught:
            await gwms.webhooks.create(spec())

    assert caught.value.spec == spec()
    assert gateway.count("create") == 1


@pytest.mark.parametrize("fault", [*CARRIED_OUT, *NOT_CARRIED_OUT], ids=str)
def test_registering_ends_with_exactly_one(fault: Fault) -> None:
    """Whatever the fault, and whether or not the request was carried out."""

    async def main(gateway: GwmsEmulator, gwms: GwmsClient) -> None:
        gateway.inject(fault, operation="create")

        hook = await gwms.webhooks.register(spec())

        assert (hook.spec, len(gateway.webhooks)) == (spec(), 1)
        assert gateway.count("create") == (1 if fault in CARRIED_OUT else 2)

    run(main)


def test_registering_after_a_lost_create() -> None:
    """A create that may still be carried out is looked for before it is sent again."""

    async def main(gateway: GwmsEmulator, gwms: GwmsClient) -> None:
        gateway.inject(DropAfter(commit_delay=0.4), operation="create")
        with pytest.raises(OutcomeUnknownError):
            await gwms.webhooks.create(spec())

        report = await gwms.webhooks.register_many([spec()])

        assert report.counts == {OutcomeStatus.RECOVERED: 1}
        assert gateway.count("create") == 1

    run(main)


@pytest.mark.parametrize("fault", [Html(), Stall(5.0, carry_out=True)], ids=str)
@pytest.mark.parametrize("operation", ["delete", "deactivate", "update"])
def test_registering_after_a_lost_write_where_lists_lag(operation: str, fault: Fault) -> None:
    """A write that was carried out unseen, or cut short, is looked up by its id: lists still show the old state."""

    async def main(gateway: GwmsEmulator, gwms: GwmsClient) -> None:
        hook = await gwms.webhooks.register(spec())
        await asyncio.sleep(70)  # longer than anything is remembered
        gateway.inject(fault, operation=operation)
        values = (hook, spec(2)) if operation == "update" else (hook,)
        with pytest.raises((DecodeError, TimeoutError)):
            await asyncio.wait_for(getattr(gwms.webhooks, operation)(*values), 0.2)

        await gwms.webhooks.register(spec())

        assert [one.active for one in gateway.webhooks if one.url == spec().url] == [True]

    run(main, list_lag=2.0)


@pytest.mark.parametrize("fault", [Html(), Stall(5.0, carry_out=True)], ids=str)
def test_registering_what_a_lost_update_has_doubled(fault: Fault) -> None:
    """Lists still show the webhook as what it was before; as what it is now it is a copy, and named."""

    async def main(gateway: GwmsEmulator, gwms: GwmsClient) -> None:
        hooks = [await gwms.webhooks.register(spec(number)) for number in (1, 2)]
        await asyncio.sleep(70)  # longer than anything is remembered
        gateway.inject(fault, operation="update")
        with pytest.raises((DecodeError, TimeoutError)):
            await asyncio.wait_for(gwms.webhooks.update(hooks[0], spec(2)), 0.2)

        (outcome,) = (await gwms.webhooks.register_many([spec(2)])).outcomes

        assert outcome.webhook is not None
        assert {outcome.webhook.id, *outcome.copies} == {hook.id for hook in hooks}

    run(main, list_lag=2.0)


def test_a_commit_that_comes_after_the_second_create() -> None:
    """The second copy is deleted, the lowest id stays."""

    async def main(gateway: GwmsEmulator, gwms: GwmsClient) -> None:
        gateway.inject(DropAfter(commit_delay=1.4), operation="create")

        (outcome,) = (await gwms.webhooks.register_many([spec()])).outcomes

        assert len(gateway.webhooks) == 1
        assert outcome.webhook is not None
        assert outcome.webhook.id == gateway.webhooks[0].id == 1
        assert outcome.copies == (2,)
        assert set(held(gateway).values()) == {1}

    run(main)


async def test_fifty_registrations_of_one_webhook(gateway: GwmsEmulator) -> None:
    """They make one create."""
    gateway.latency = 0.01
    async with client(gateway) as gwms:
        hooks = await asyncio.gather(*(gwms.webhooks.register(spec()) for _ in range(50)))

    assert {hook.id for hook in hooks} == {1}
    assert gateway.count("create") == 1
