"""Slots: how many may send at once, who is next, and that none is lost; driven by hand."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from gwms_async import DeadlineExceededError, Request, Response, Timeout
from gwms_async._http import compose
from gwms_async._limit import TimeLimit
from gwms_async._session import Session, Transport
from gwms_async.middleware import Pace

from . import virtual


def request() -> Request:
    """Make a request."""
    return Request("POST", "/webhooks", idempotent=False)


async def one_second(_: Request) -> Response:
    """Answer after a second."""
    await asyncio.sleep(1.0)
    return Response(200)


def test_no_more_at_once_than_there_are_slots() -> None:
    """Ten calls through three slots take four turns, first come, first served."""

    async def main() -> None:
        pace, ended = Pace(3), list[tuple[int, float]]()

        async def call(number: int) -> None:
            await pace(request(), one_second)
            ended.append((number, asyncio.get_running_loop().time()))

        await asyncio.gather(*(call(number) for number in range(10)))

        assert ended == [(number, 1.0 + number // 3) for number in range(10)]

    virtual.run(main())


@pytest.mark.parametrize("moment", [0.5, 1.0])
def test_a_cancelled_wait_loses_no_slot(moment: float) -> None:
    """Neither while it waits, nor at the very moment at which its turn has come."""

    async def main() -> None:
        pace = Pace(1)
        calls = [asyncio.create_task(pace(request(), one_second)) for _ in range(3)]
        await asyncio.sleep(0)
        # At 1.0 this runs before the first call's timer, and once more after its slot was passed on.
        asyncio.get_running_loop().call_at(moment, soon, 0 if moment == 0.5 else 1, calls[1].cancel)
        await asyncio.wait(calls)

        assert [call.cancelled() for call in calls] == [False, True, False]
        assert asyncio.get_running_loop().time() == 2.0

    virtual.run(main())


def soon(steps: int, act: Callable[[], object]) -> None:
    """Act some steps of the event loop later."""
    if steps:
        asyncio.get_running_loop().call_soon(soon, steps - 1, act)
    else:
        act()


async def test_a_wait_that_outlasts_the_call() -> None:
    """A call that got no slot in time was never sent, and says so."""
    pace, gate = Pace(1), asyncio.Event()

    async def held(_: Request) -> Response:
        await gate.wait()
        return Response(200)

    transport = Transport("http://127.0.0.1:9", Timeout())
    chain = compose([pace], held)
    first = asyncio.create_task(Session(transport, chain, TimeLimit(10.0)).call(request()))
    await asyncio.sleep(0)

    with pytest.raises(DeadlineExceededError, match="the deadline passed after 0 attempts"):
        await Session(transport, chain, TimeLimit(0.01)).call(request())

    gate.set()
    assert (await first).status == 200
