"""The watchdog on the emulator, at its own time."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import pytest

from gwms_async import GwmsClient, WebhookType
from gwms_async.receiving import Lapse, Receiver
from gwms_async.receiving.watch import Round
from gwms_async.testing import GwmsEmulator, Stall, Status

from ..helpers.deliveries import BASE, NEW_SECRET, ORDER
from ..helpers.emulated import client, until
from ..helpers.watching import Time, watched

TYPES = list(WebhookType)
TWO = (ORDER, WebhookType.CREATE_ORDER)


@asynccontextmanager
async def watching(
    gateway: GwmsEmulator, *types: WebhookType, **options: Any
) -> AsyncGenerator[tuple[Receiver, Time, GwmsClient]]:
    """Watch webhooks until the end of the block."""
    time = Time()
    receiver = watched(time, *types)
    async with client(gateway) as gwms, receiver.watch(gwms, BASE, **options):
        yield receiver, time, gwms


def at(seconds: float) -> datetime:
    """Return a time."""
    return datetime.fromtimestamp(seconds, UTC)


async def test_rounds(gateway: GwmsEmulator) -> None:
    """The first comes after a second, the others every `every` seconds, more or less."""
    async with watching(gateway, *TWO, every=600) as (receiver, time, _):
        await until(lambda: time.is_waiting)
        assert gateway.requests == []
        assert receiver.health().rounds == {}
        await time.go_on()
        assert {webhook.webhook_type for webhook in gateway.webhooks} == set(TWO)
        for _ in range(20):
            await time.go_on()

    assert receiver.health().rounds == {"": Round(at(time.now), None)}
    assert time.waits[0] == 1
    assert all(540 <= wait <= 660 for wait in time.waits[1:])
    assert len(set(time.waits)) > 10
    assert (gateway.count("create"), gateway.count("list")) == (2, 22)


async def test_how_the_gateway_delivers(gateway: GwmsEmulator) -> None:
    """As the watch was told."""
    async with watching(gateway, ORDER, method="GET") as (_, time, _):
        await time.go_on()

    assert [webhook.method for webhook in gateway.webhooks] == ["GET"]


async def test_lapses(gateway: GwmsEmulator, caplog: pytest.LogCaptureFixture) -> None:
    """What was switched off or deleted is back within a round, and reported after that; the first round is none."""
    told = list[Lapse]()

    async def on_lapse(lapses: Sequence[Lapse]) -> None:
        assert all(webhook.active for webhook in gateway.webhooks)
        told.extend(lapses)

    async with watching(gateway, *TYPES[:4], eshop="cz", on_lapse=on_lapse) as (_, time, gwms):
        await time.go_on()
        assert not told
        seen_at = time.now
        first, second, *_ = sorted(gateway.webhooks, key=lambda one: TYPES.index(WebhookType(one.webhook_type)))
        await gwms.webhooks.deactivate(first.id)
        await gwms.webhooks.delete(second.id)
        await time.go_on()
        found_at = time.now
        await time.go_on()

    assert told == [Lapse(one, "cz", at(seen_at), at(found_at)) for one in TYPES[:2]]
    assert len(gateway.webhooks) == 4
    messages = [record.message for record in caplog.records if record.levelno == logging.WARNING]
    assert messages == [
        f"the webhook on {name} was inactive or gone: its events since {at(seen_at)} are lost" for name in TYPES[:2]
    ]


async def test_a_webhook_that_was_inactive_before(gateway: GwmsEmulator, caplog: pytest.LogCaptureFixture) -> None:
    """It is a lapse in the first round already, of unknown length; without `on_lapse` it is logged only."""
    async with client(gateway) as gwms:
        await watched(Time(), ORDER).subscribe(gwms, BASE)
        await gwms.webhooks.deactivate(1)
    async with watching(gateway, ORDER) as (_, time, _):
        await time.go_on()
        await time.go_on()

    assert [webhook.active for webhook in gateway.webhooks] == [True]
    (record,) = caplog.records
    assert (
        record.message
        == "the webhook on UPDATE_ORDER was inactive or gone: its events since it was deactivated are lost"
    )


async def test_on_lapse_fails(gateway: GwmsEmulator, caplog: pytest.LogCaptureFixture) -> None:
    """It is called again, with what has been found first, until it succeeds; the app goes on."""
    told = list[Sequence[Lapse]]()
    errors: list[BaseException] = [LookupError("the database"), asyncio.CancelledError("what it waited for")]

    async def on_lapse(lapses: Sequence[Lapse]) -> None:
        told.append(lapses)
        if errors:
            raise errors.pop(0)

    async with watching(gateway, ORDER, on_lapse=on_lapse) as (receiver, time, gwms):
        await time.go_on()
        await gwms.webhooks.deactivate(1)
        await time.go_on()
        assert receiver.health().rounds[""].error == "LookupError: the database"
        await gwms.webhooks.deactivate(1)
        for _ in range(4):
            await time.go_on()

    assert len(told) == 3
    assert told[0] == told[1] == told[2]
    assert "a round of watch failed and is tried again: LookupError: the database" in caplog.text
    assert receiver.health().rounds[""].error is None


async def test_on_lapse_uses_its_list_up(gateway: GwmsEmulator) -> None:
    """What it got is reported all the same, and not again in each round."""
    told = list[Lapse]()

    async def on_lapse(lapses: Sequence[Lapse]) -> None:
        assert isinstance(lapses, list)
        while lapses:
            told.append(lapses.pop())

    async with watching(gateway, ORDER, on_lapse=on_lapse) as (receiver, time, gwms):
        await time.go_on()
        await gwms.webhooks.deactivate(1)
        for _ in range(3):
            await time.go_on()

    assert len(told) == 1
    assert receiver.health().rounds[""].error is None


async def test_rounds_that_fail(gateway: GwmsEmulator, caplog: pytest.LogCaptureFixture) -> None:
    """They are logged and tried again within a minute; health shows the error, and no text shows a token."""
    gateway.inject(Status(501, message="maintenance"), operation="list", times=3)
    async with watching(gateway, *TWO) as (receiver, time, _):
        for _ in range(3):
            await time.go_on()
            assert "maintenance" in str(receiver.health().rounds[""].error)
        url = receiver.specs(BASE)[0].url
        gateway.inject(Status(403, message=f"{url} is not welcome"), operation="create", times=2)
        await time.go_on()
        assert "2 failed" in str(receiver.health().rounds[""].error)
        await time.go_on()

    assert receiver.health().rounds[""].error is None
    assert all(54 <= wait <= 66 for wait in time.waits[1:5])
    assert time.waits[5] > 800
    assert len(gateway.webhooks) == 2
    assert len([record for record in caplog.records if "a round of watch failed" in record.message]) == 4
    assert "gw1-*** is not welcome" in caplog.text
    assert url not in caplog.text


async def test_a_lapse_that_cannot_be_ended_yet(gateway: GwmsEmulator) -> None:
    """It is reported when deliveries go on, not before; also if somebody else has switched it on."""
    told = list[Lapse]()

    async def on_lapse(lapses: Sequence[Lapse]) -> None:
        told.extend(lapses)

    async with watching(gateway, *TWO, on_lapse=on_lapse) as (_, time, gwms):
        await time.go_on()
        seen_at = time.now
        await gwms.webhooks.deactivate(1)
        gateway.inject(Status(501), operation="activate")
        await time.go_on()
        found_at = time.now
        assert not told
        await gwms.webhooks.activate(1)
        await time.go_on()

    assert [(lapse.seen_active_at, lapse.found_at) for lapse in told] == [(at(seen_at), at(found_at))]


async def test_a_lapse_whose_end_was_not_answered(gateway: GwmsEmulator) -> None:
    """It is reported although the first round could not activate the webhook, and the second one finds it active."""
    told = list[Lapse]()

    async def on_lapse(lapses: Sequence[Lapse]) -> None:
        told.extend(lapses)

    async with client(gateway) as gwms:
        await watched(Time(), ORDER).subscribe(gwms, BASE)
        await gwms.webhooks.deactivate(1)
    gateway.inject(Status(500, carry_out=True), operation="activate", times=5)
    async with watching(gateway, ORDER, on_lapse=on_lapse) as (_, time, _):
        await time.go_on()
        found_at = time.now
        assert not told
        await time.go_on()
        await time.go_on()

    assert told == [Lapse(ORDER, "", None, at(found_at))]


async def test_it_ends_in_the_middle_of_a_round(gateway: GwmsEmulator, caplog: pytest.LogCaptureFixture) -> None:
    """At once, without a task left behind, and without a warning."""
    gateway.inject(Stall(100), operation="list")
    async with watching(gateway, ORDER) as (receiver, time, _):
        await until(lambda: time.is_waiting)
        assert time._next is not None
        time._next.set_result(None)
        await until(lambda: gateway.count("list"))

    assert receiver.health().rounds == {}
    assert not [record for record in caplog.records if "watch" in record.message]


async def test_it_is_cancelled_twice_in_the_middle_of_a_round(gateway: GwmsEmulator) -> None:
    """The second time it does not wait for the request in flight, and no task is left."""
    gateway.inject(Stall(100), operation="create")
    async with client(gateway) as gwms:
        time = Time()

        async def watch() -> None:
            async with watched(time, ORDER).watch(gwms, BASE):
                await asyncio.sleep(100)

        watching = asyncio.create_task(watch())
        await until(lambda: time.is_waiting)
        assert time._next is not None
        time._next.set_result(None)
        await until(lambda: gateway.count("create"))
        for _ in range(2):
            watching.cancel()
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        await asyncio.wait([watching], timeout=3)

        assert watching.cancelled()
        assert not [task for task in asyncio.all_tasks() if task.get_name() in {"gwms watch", "gwms registration"}]


async def test_it_ends_while_a_lapse_is_reported(gateway: GwmsEmulator) -> None:
    """Even if the user's code makes another error of its cancellation."""
    entered = asyncio.Event()

    async def on_lapse(lapses: Sequence[Lapse]) -> None:
        entered.set()
        try:
            await asyncio.sleep(100)
        except asyncio.CancelledError:
            raise LookupError from None

    async with watching(gateway, ORDER, on_lapse=on_lapse) as (_, time, gwms):
        await time.go_on()
        await gwms.webhooks.deactivate(1)
        assert time._next is not None
        time._next.set_result(None)
        await entered.wait()


async def test_an_error_of_the_app(gateway: GwmsEmulator) -> None:
    """It is the app's own that comes out of the block."""
    with pytest.raises(LookupError):
        async with watching(gateway, ORDER):
            raise LookupError


async def test_a_rolling_deploy(gateway: GwmsEmulator) -> None:
    """Two releases watch side by side, with other handlers and another secret: neither deletes the other's webhooks."""
    one, other = Time(), Time()
    old, new = watched(one, *TYPES[:12]), watched(other, *TYPES[6:], secret=NEW_SECRET)
    async with client(gateway) as first, client(gateway) as second, old.watch(first, BASE), new.watch(second, BASE):
        await one.go_on()
        await other.go_on()
        wanted = {webhook.id for webhook in gateway.webhooks}
        for _ in range(10):
            await asyncio.gather(one.go_on(), other.go_on())
            assert {webhook.id for webhook in gateway.webhooks} == wanted

    assert len(wanted) == 24
    assert gateway.count("delete") == 0


@pytest.mark.slow
async def test_replicas_that_start_together(gateway: GwmsEmulator) -> None:
    """They end with one webhook each."""
    times = [Time() for _ in range(3)]
    receivers = [watched(time, *TWO) for time in times]
    async with AsyncExitStack() as stack:
        for receiver in receivers:
            gwms = await stack.enter_async_context(client(gateway))
            await stack.enter_async_context(receiver.watch(gwms, BASE))
        for _ in range(2):
            await asyncio.gather(*(time.go_on() for time in times))

    assert len(gateway.webhooks) == 2


async def test_a_first_round_that_fails_saw_nothing(gateway: GwmsEmulator) -> None:
    """What the second one then creates was not missing before: no lapse is reported."""
    told = list[Lapse]()

    async def on_lapse(lapses: Sequence[Lapse]) -> None:
        told.extend(lapses)

    gateway.inject(Status(403), operation="create", times=2)
    async with watching(gateway, *TWO, on_lapse=on_lapse) as (_, time, _):
        await time.go_on()
        assert gateway.webhooks == []
        await time.go_on()

    assert len(gateway.webhooks) == 2
    assert told == []


async def test_rounds_that_fail_are_no_rarer_than_others(gateway: GwmsEmulator) -> None:
    """Where rounds come every five seconds, the next one comes after that also if the last one failed."""
    gateway.inject(Status(501), operation="list")
    async with watching(gateway, ORDER, every=5) as (_, time, _):
        await time.go_on()
        await time.go_on()

    assert all(wait <= 5.5 for wait in time.waits)
