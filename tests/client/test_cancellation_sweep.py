"""`register_many` cut short at each step that the event loop takes, from the first to the last.

Real sockets and the emulator, on a virtual clock: the seconds that a registration waits take no time here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from itertools import count
from typing import Any

import anyio
import pytest

from gwms_async import ConfigurationError, GwmsClient, Report, Timeout
from gwms_async.testing import DropAfter, DropBefore, GwmsEmulator, RevokeTokens, Stall, Status

from ..helpers.emulated import client, held, specs, until
from ..helpers.model_world import identity_of
from ..helpers.virtual_io_loop import SteppingLoop, virtual_client

GRACE = 5.0
WANTED = specs(4)
TIMEOUT = Timeout(attempt=10.0)
Registration = asyncio.Task[Report | None]
End = Callable[[Registration, GwmsClient], Coroutine[Any, Any, None]]


def calm(gateway: GwmsEmulator) -> None:
    """Let nothing go wrong; one webhook is to be adopted, and activated."""
    gateway.add_webhook(WANTED[0].url, WANTED[0].webhook_type, active=False)


def troubled(gateway: GwmsEmulator) -> None:
    """Let each create fail in another way, one of them carried out late."""
    gateway.inject(DropAfter(commit_delay=0.5), operation="create")
    gateway.inject(RevokeTokens(), operation="create", at=2)
    gateway.inject(DropBefore(), operation="create", at=3)
    gateway.inject(Stall(30, carry_out=True), operation="create", at=4)
    gateway.inject(Status(429, retry_after="1"), operation="create", at=5)


def raced(gateway: GwmsEmulator) -> None:
    """Let another process be faster than each create: a lower copy is there, which no list has shown before."""
    gateway.list_lag = 1.5
    for wanted in WANTED[1:]:
        gateway.add_webhook(wanted.url, wanted.webhook_type)
    gateway.inject(DropAfter(), operation="create")


def raced_at_once(gateway: GwmsEmulator) -> None:
    """Let the closing list show the copies of another process at once, and delete their doubles slowly."""
    gateway.list_lag = 0.2
    for wanted in WANTED:
        gateway.add_webhook(wanted.url, wanted.webhook_type)
    gateway.latency = 0.1


def read_again(gateway: GwmsEmulator) -> None:
    """Let all be there, one of them inactive, and the list after its activation lag, so that it is read by id."""
    for wanted in WANTED:
        gateway.add_webhook(wanted.url, wanted.webhook_type, active=wanted is not WANTED[0])
    gateway.latency = 0.1
    asyncio.get_running_loop().call_later(0.25, setattr, gateway, "list_lag", 1.0)


RACES = (raced, raced_at_once)


async def cancel(task: Registration, gwms: GwmsClient) -> None:
    """Cancel the registration; it ends soon, and may be run again at once."""
    began = asyncio.get_running_loop().time()
    if task.cancel():  # it has not ended in this very step
        with pytest.raises(asyncio.CancelledError):
            await task
    assert asyncio.get_running_loop().time() <= began + GRACE
    (await gwms.webhooks.register_many(WANTED)).raise_for_failures()


async def close(task: Registration, gwms: GwmsClient) -> None:
    """Close the client; the registration ends in a report, or in an error that says why."""
    await gwms.close()
    (end,) = await asyncio.gather(task, return_exceptions=True)
    assert isinstance(end, Report | ConfigurationError)


async def register(gwms: GwmsClient, scope: anyio.CancelScope) -> Report | None:
    """Register within a scope of anyio; None where that was cancelled."""
    with scope:
        return await gwms.webhooks.register_many(WANTED, concurrency=3)
    return None


async def cut_short(step: int, prepare: Callable[[GwmsEmulator], None], end: End | None) -> bool:
    """Register, end that before a step, register again; False if it came to its end before that step.

    Args:
        step: Before which step of the loop.
        prepare: Makes the world.
        end: Ends it; None for a scope of anyio, which cancels at every await.
    """
    loop = asyncio.get_running_loop()
    assert isinstance(loop, SteppingLoop)
    ends: list[asyncio.Task[None]] = []
    stopped_at: list[float] = []
    async with GwmsEmulator() as gateway:
        prepare(gateway)
        async with client(gateway, kind=virtual_client(loop), timeout=TIMEOUT) as gwms:
            scope = anyio.CancelScope()
            task = asyncio.create_task(register(gwms, scope))

            def begin_to_end() -> None:
                if task.done():
                    return
                stopped_at.append(loop.time())
                if end is None:
                    scope.cancel()
                else:
                    ends.append(loop.create_task(end(task, gwms)))

            loop.before_step(step, begin_to_end)
            await asyncio.wait([task])
            if end is None and stopped_at:
                assert loop.time() == stopped_at[0]  # at once, whatever was on the wire
                assert not [
                    left for left in asyncio.all_tasks() if left.get_name() in {"gwms registration", "gwms refresh"}
                ]
                sent = gateway.count("create"), gateway.count("delete")
            loop.forget()
            await asyncio.gather(*ends)
            if end is None and stopped_at:
                await asyncio.sleep(30)
                assert (gateway.count("create"), gateway.count("delete")) == sent
        await until(lambda: not gateway.connections)
        # A new client knows nothing of a create that may be carried out late, nor what lists do not show yet.
        await asyncio.sleep(1.0 + gateway.list_lag)
        gateway.latency = 0.0
        async with client(gateway, kind=virtual_client(loop), timeout=TIMEOUT) as gwms:
            (await gwms.webhooks.register_many(WANTED)).raise_for_failures()
            if prepare in RACES:  # what was created beside another's copy is named, and removed by a plan
                await gwms.webhooks.apply(await gwms.webhooks.plan(WANTED, prune="https://shop.example/"), force=True)
        assert sorted(held(gateway).values()) == [1] * len(WANTED)
        if prepare in RACES:
            foreign = {
                wanted.identity: number
                for number, wanted in enumerate(WANTED[1:] if prepare is raced else WANTED, start=1)
            }
            lowest = {identity_of(row): row.id for row in gateway.webhooks}
            assert all(lowest[identity] == number for identity, number in foreign.items())
    assert asyncio.all_tasks() == {asyncio.current_task()}
    return bool(stopped_at)


@pytest.mark.parametrize("end", [cancel, close, None], ids=["cancel", "close", "anyio"])
@pytest.mark.parametrize(
    ("prepare", "stride"),
    [
        pytest.param(calm, 3, id="calm, every third"),
        *(pytest.param(prepare, 1, marks=pytest.mark.slow) for prepare in (calm, troubled, read_again, *RACES)),
    ],
)
def test_cut_short_at_each_step(prepare: Callable[[GwmsEmulator], None], stride: int, end: End | None) -> None:
    """It ends soon and leaves nothing behind; registered again, each webhook is there once."""
    for step in count(0, stride):
        with asyncio.Runner(loop_factory=SteppingLoop) as runner:
            if not runner.run(cut_short(step, prepare, end)):
                break
    assert step > 10
