"""What an operation may cost, counted and not timed: requests, logins, lists, tasks."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

import gwms_async
from gwms_async import GwmsClient, testing
from gwms_async.testing import GwmsEmulator

from ..helpers.emulated import client, spec, specs

PACKAGE, EMULATOR = str(Path(gwms_async.__file__).parent), str(Path(testing.__file__).parent)
MANY = 100


async def drain(gwms: GwmsClient) -> None:
    """Register from a stream."""
    async for outcome in gwms.webhooks.register_stream(specs(MANY), concurrency=8):
        assert not outcome.is_failure


BUDGET: dict[str, tuple[int, int, int, Callable[[GwmsClient], Awaitable[object]]]] = {
    #  name: requests in all, lists among them, tasks of ours, the call; once there is a token
    "list": (1, 1, 0, lambda gwms: gwms.webhooks.list()),
    "create": (1, 0, 0, lambda gwms: gwms.webhooks.create(spec())),
    "get": (1, 0, 0, lambda gwms: gwms.webhooks.get(1)),
    "update": (1, 0, 0, lambda gwms: gwms.webhooks.update(1, spec())),
    "activate": (1, 0, 0, lambda gwms: gwms.webhooks.activate(1)),
    "deactivate": (1, 0, 0, lambda gwms: gwms.webhooks.deactivate(1)),
    "delete": (1, 0, 0, lambda gwms: gwms.webhooks.delete(1)),
    "request": (1, 0, 0, lambda gwms: gwms.request("GET", "/webhooks/1")),
    "plan": (1, 1, 0, lambda gwms: gwms.webhooks.plan(specs(MANY))),
    "register": (3, 2, 4, lambda gwms: gwms.webhooks.register(spec())),
    "register_many": (MANY + 2, 2, 3 + 8, lambda gwms: gwms.webhooks.register_many(specs(MANY), concurrency=8)),
    "register_stream": (MANY + 2, 2, 5 + 8, drain),
}


@pytest.mark.parametrize("name", BUDGET)
async def test_the_budget_of_an_operation(gateway: GwmsEmulator, name: str) -> None:
    """It is kept to the unit, and there is no further login."""
    requests, lists, tasks, act = BUDGET[name]
    gateway.add_webhook("https://shop.example/old", "UPDATE_ORDER")
    ours: list[str] = []

    def make(loop: asyncio.AbstractEventLoop, coro: Any, **options: Any) -> asyncio.Task[Any]:
        code = getattr(coro, "cr_code", None)  # the end of an asynchronous generator has none
        if code is not None and code.co_filename.startswith(PACKAGE) and not code.co_filename.startswith(EMULATOR):
            ours.append(coro.__qualname__)
        return asyncio.Task(coro, loop=loop, **options)

    async with client(gateway) as gwms:
        await gwms.webhooks.get(1)
        before = len(gateway.requests), gateway.count("list")
        asyncio.get_running_loop().set_task_factory(make)
        await act(gwms)

    assert (len(gateway.requests) - before[0], gateway.count("list") - before[1]) == (requests, lists)
    assert len(ours) == tasks, ours
    assert gateway.logins == 1


async def test_the_budget_of_the_login(gateway: GwmsEmulator) -> None:
    """A thousand first calls make one login."""
    gateway.add_webhook("https://shop.example/old", "UPDATE_ORDER")
    async with client(gateway) as gwms:
        await asyncio.gather(*(gwms.webhooks.get(1) for _ in range(1000)))

    assert (len(gateway.requests), gateway.logins) == (1001, 1)
