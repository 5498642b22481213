"""Wherever one of several calls is cut short, its end is the right one, and the client is as good as before.

Each scenario is run once for each step of the event loop, with real sockets and the emulator, in virtual time.
"""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Awaitable, Callable, Coroutine
from itertools import count
from typing import Any

import pytest

from gwms_async import GwmsClient, GwmsError, Request, Response, Timeout
from gwms_async.chain import Handler
from gwms_async.testing import GwmsEmulator, Status

from ..helpers.emulated import client, spec, until
from ..helpers.slow import first
from ..helpers.virtual_io_loop import SteppingLoop, virtual_client

SLOTS = 2
Prepare = Callable[[GwmsEmulator, GwmsClient], Awaitable[None]]


async def slow(request: Request, handler: Handler) -> Response:
    """Wait before and after each attempt, as a user's middleware may."""
    await asyncio.sleep(0.01)
    response = await handler(request)
    await asyncio.sleep(0.01)
    return response


async def throttled(gateway: GwmsEmulator, gwms: GwmsClient) -> None:
    """Let calls wait for a slot, and out a pause."""
    await gwms.webhooks.list()
    gateway.latency = 0.1
    gateway.inject(Status(429, retry_after="1"), operation="list", at=2)


async def revoked(gateway: GwmsEmulator, gwms: GwmsClient) -> None:
    """Let calls need another login, which fails once."""
    await gwms.webhooks.list()
    gateway.revoke_tokens()
    gateway.inject(Status(503), operation="login")


async def due(gateway: GwmsEmulator, gwms: GwmsClient) -> None:
    """Let the token be renewed while calls go on."""
    await gwms.webhooks.list()
    loop = asyncio.get_running_loop()
    assert isinstance(loop, SteppingLoop)
    loop.jump(3490)
    gateway.latency = 0.05


async def refused(gateway: GwmsEmulator, _: GwmsClient) -> None:
    """Let the first login fail."""
    gateway.refuse_logins = True


async def disturbed(gateway: GwmsEmulator, _: GwmsClient) -> None:
    """Let an attempt of the first call fail."""
    gateway.inject(Status(503), operation="list")


def calls(gwms: GwmsClient) -> list[asyncio.Task[Any]]:
    """Begin several calls."""
    other = gwms.for_eshop("other").webhooks
    begun: list[Coroutine[Any, Any, object]] = [gwms.webhooks.list(), gwms.webhooks.create(spec()), other.list()]
    return [asyncio.create_task(call) for call in (*begun, gwms.webhooks.list(), gwms.request("GET", "/webhooks"))]


SCENARIOS = {
    "a failed attempt": (disturbed, 0),
    "a shared login": (revoked, 0),
    "a shared login, who waits": (revoked, 2),
    "a login that fails": (refused, 0),
    "a renewal": (due, 1),
    "a pause": (throttled, 3),
}
"""What prepares the world, and which of the calls is cut short."""
ENDS = first(2, ["cancel", "close", "cancel again and again", "deadline"])


async def cut_short(prepare: Prepare, number: int, end: str, step: int) -> bool:
    """Begin calls, and end one of them, or all, before a step; False if it had ended before."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, SteppingLoop)
    problems, ends, closing = list[object](), list[bool](), list[asyncio.Task[None]]()
    loop.set_exception_handler(lambda _, context: problems.append(context))
    async with GwmsEmulator(clock=lambda: 1_790_000_000.0 + loop.time()) as gateway:
        gateway.add_eshop("other")
        options: dict[str, Any] = {"timeout": Timeout(attempt=30, total=120), "middlewares": [slow]}
        async with client(gateway, kind=virtual_client(loop), max_connections=SLOTS, **options) as gwms:
            await prepare(gateway, gwms)
            victim = (tasks := calls(gwms))[number]

            def act() -> None:
                if victim.done():
                    return
                ends.append(True)
                if end.startswith("cancel"):
                    victim.cancel()
                    if end != "cancel":
                        loop.before_step(0, act)
                elif end == "close":
                    closing.append(loop.create_task(gwms.close()))
                else:
                    loop.jump(120)

            loop.before_step(step, act)
            await asyncio.wait(tasks)
            loop.forget()
            await asyncio.gather(*closing)
            assert victim.cancelled() is (bool(ends) and end.startswith("cancel"))
            if victim.cancelled():
                tasks.remove(victim)
            failures = list(filter(None, (task.exception() for task in tasks)))
            assert all(isinstance(error, GwmsError) for error in failures)
            assert not failures or prepare is refused or end in {"close", "deadline"}
            if not closing:
                await asyncio.sleep(1000)  # past a pause, and the cooldown after a login that failed
                gateway.refuse_logins, issued = False, len(gateway.tokens_issued)
                await asyncio.gather(*(gwms.webhooks.list() for _ in range(2 * SLOTS)))
                assert len(gateway.tokens_issued) <= issued + 1
                assert gwms._pace._free == SLOTS
        sent = len(gateway.requests)
        await until(lambda: not gateway.connections)
        await asyncio.sleep(100)
        assert len(gateway.requests) == sent
    assert asyncio.all_tasks() == {asyncio.current_task()}
    gc.collect(0)
    assert not problems
    return bool(ends)


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("stride", [19, pytest.param(1, marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", SCENARIOS)
def test_cut_short_at_each_step(name: str, stride: int, end: str) -> None:
    """Before each step, or every so many."""
    for step in count(0, stride):
        with asyncio.Runner(loop_factory=SteppingLoop) as runner:
            if not runner.run(cut_short(*SCENARIOS[name], end, step)):
                break
    assert step > 10
