"""Slots: how many may send at once, who is next, and that none is lost; driven by hand."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from gwms_async import Cause, ConnectionFailedError, DeadlineExceededError, Request, Response, Timeout
from gwms_async.chain import Call, compose
from gwms_async.clock import Clock
from gwms_async.middleware import Pace
from gwms_async.middleware.rate import Rate
from gwms_async.session import Session
from gwms_async.timeouts import SharedTimeout
from gwms_async.transport.transport import Transport

from ..helpers import virtual_loop


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
        pace, ended = Pace(3, Rate()), list[tuple[int, float]]()

        async def call(number: int) -> None:
            await pace(request(), one_second)
            ended.append((number, asyncio.get_running_loop().time()))

        await asyncio.gather(*(call(number) for number in range(10)))

        assert ended == [(number, 1.0 + number // 3) for number in range(10)]

    virtual_loop.run(main())


@pytest.mark.parametrize("moment", [0.5, 1.0])
def test_a_cancelled_wait_loses_no_slot(moment: float) -> None:
    """Neither while it waits, nor at the very moment at which its turn has come."""

    async def main() -> None:
        pace = Pace(1, Rate())
        calls = [asyncio.create_task(pace(request(), one_second)) for _ in range(4)]
        await asyncio.sleep(0)
        # At 1.0 this runs before the first call's timer, and once more after its slot was passed on.
        asyncio.get_running_loop().call_at(moment, soon, 0 if moment == 0.5 else 1, calls[1].cancel)
        await asyncio.wait(calls)

        assert [call.cancelled() for call in calls] == [False, True, False, False]
        assert asyncio.get_running_loop().time() == 3.0

    virtual_loop.run(main())


def soon(steps: int, act: Callable[[], object]) -> None:
    """Act some steps of the event loop later."""
    if steps:
        asyncio.get_running_loop().call_soon(soon, steps - 1, act)
    else:
        act()


async def test_a_wait_that_outlasts_the_call() -> None:
    """A call that got no slot in time was never sent, and says so."""
    pace, gate = Pace(1, Rate()), asyncio.Event()

    async def held(_: Request) -> Response:
        await gate.wait()
        return Response(200)

    transport = Transport("http://127.0.0.1:9", Timeout())
    chain = compose([pace], held)
    first = asyncio.create_task(Session(transport, chain, SharedTimeout(10.0)).call(request()))
    await asyncio.sleep(0)

    with pytest.raises(DeadlineExceededError, match="the deadline passed after 0 attempts"):
        await Session(transport, chain, SharedTimeout(0.01)).call(request())

    gate.set()
    assert (await first).status == 200


class Gateway:
    """Refuses the first requests as told, and notes when each came."""

    def __init__(self, *refusals: Response) -> None:
        self.refusals, self.came = list(refusals), list[float]()

    async def __call__(self, _: Request) -> Response:
        """Answer at once."""
        self.came.append(asyncio.get_running_loop().time())
        return self.refusals.pop(0) if self.refusals else Response(200)


def due_in(seconds: float) -> Request:
    """Make a request of a call that has to end within some seconds."""
    return Request("GET", "/webhooks", idempotent=True, call=Call(asyncio.get_running_loop().time() + seconds))


@pytest.mark.parametrize("status", [429, 503])
def test_a_push_back_holds_all_calls_back(status: int) -> None:
    """Those that come later wait for its end too, and then go one after another; waiting, they hold no slot."""

    async def main() -> None:
        loop = asyncio.get_running_loop()
        pace, gateway = Pace(1, Rate(), Clock(loop.time)), Gateway(Response(status, headers={"retry-after": "5"}))

        assert (await pace(due_in(60.0), gateway)).status == status
        answers = await asyncio.gather(*(pace(due_in(60.0), gateway) for _ in range(3)))

        assert [answer.status for answer in answers] == [200] * 3
        assert gateway.came == pytest.approx([0.0, 5.0, 6.0, 6.1], abs=0.5)
        pace.close()

    virtual_loop.run(main())


def test_other_refusals_hold_nobody_back() -> None:
    """A 503 that does not say how long, and an attempt without an answer."""

    async def main() -> None:
        loop = asyncio.get_running_loop()
        pace, gateway = Pace(1, Rate(), Clock(loop.time)), Gateway(Response(503), Response(500))

        async def lost(_: Request) -> Response:
            raise ConnectionFailedError("lost", cause=Cause.UNKNOWN)

        with pytest.raises(ConnectionFailedError):
            await pace(due_in(60.0), lost)
        for _ in range(4):
            await pace(due_in(60.0), gateway)

        assert gateway.came == [0.0] * 4

    virtual_loop.run(main())


def test_a_call_that_cannot_outlast_the_pause() -> None:
    """It is told at once, without being sent, whether it comes during the pause or waited already when that began."""

    async def main() -> None:
        loop = asyncio.get_running_loop()
        pace, answers = Pace(1, Rate(), Clock(loop.time)), list[tuple[float, int]]()

        async def slow(_: Request) -> Response:
            await asyncio.sleep(2.0)
            return Response(429, headers={"retry-after": "30"})

        async def call(seconds: float) -> None:
            answer = await pace(due_in(seconds), Gateway())
            answers.append((round(loop.time(), 1), answer.status))
            if answer.status == 429:
                assert answer.headers["retry-after"] == "30"
                assert "not sent" in str(answer.message)

        first = asyncio.create_task(pace(due_in(60.0), slow))
        await asyncio.sleep(0)
        waiting = [asyncio.create_task(call(seconds)) for seconds in (20.0, 60.0)]
        await first
        await call(20.0)
        await asyncio.gather(*waiting)

        assert sorted(answers) == [(2.0, 429), (2.0, 429), (32.0, 200)]
        pace.close()

    virtual_loop.run(main())


@pytest.mark.parametrize("gives_up", [True, False])
def test_nobody_is_held_back_after_the_end(*, gives_up: bool) -> None:
    """Who waits for a pause to end goes on at once; who gave up leaves no timer behind."""

    async def main() -> None:
        loop = asyncio.get_running_loop()
        pace = Pace(1, Rate(), Clock(loop.time))
        await pace(due_in(60.0), Gateway(Response(429, headers={"retry-after": "30"})))
        waiting = asyncio.create_task(pace(due_in(60.0), Gateway()))
        await asyncio.sleep(1.0)
        if gives_up:
            waiting.cancel()

        timer = pace._timer
        pace.close()

        await asyncio.wait([waiting])
        assert waiting.cancelled() == gives_up
        assert loop.time() == 1.0
        assert timer is not None
        assert timer.cancelled()
        assert pace._timer is None

    virtual_loop.run(main())


def test_who_gave_up_is_passed_over() -> None:
    """The pause ends for the next one as if nobody had been before."""

    async def main() -> None:
        loop = asyncio.get_running_loop()
        pace, gateway = Pace(1, Rate(), Clock(loop.time)), Gateway()
        await pace(due_in(60.0), Gateway(Response(429, headers={"retry-after": "30"})))
        waiting = [asyncio.create_task(pace(due_in(60.0), gateway)) for _ in range(2)]
        await asyncio.sleep(1.0)
        waiting[0].cancel()
        await asyncio.wait(waiting)

        assert gateway.came == [30.0]
        pace.close()

    virtual_loop.run(main())


def test_nobody_overtakes_those_who_wait() -> None:
    """The pause is over and a slot is free, but the timer is late: a new call goes after the one that waits."""

    async def main() -> None:
        now, came = 0.0, list[str]()
        pace = Pace(1, Rate(), Clock(lambda: now))
        await pace(due_in(60.0), Gateway(Response(429, headers={"retry-after": "30"})))

        async def call(name: str) -> None:
            async def sent(_: Request) -> Response:
                came.append(name)
                return Response(200)

            await pace(due_in(60.0), sent)

        waiting = asyncio.create_task(call("waiting"))
        await asyncio.sleep(0)
        now = 30.0
        late = asyncio.create_task(call("late"))
        await asyncio.sleep(0)
        now = 40.0
        await asyncio.wait([waiting, late])

        assert came == ["waiting", "late"]
        pace.close()

    virtual_loop.run(main())


@pytest.mark.parametrize("is_turned_away", [True, False])
def test_a_pause_begins_while_a_call_gives_up(*, is_turned_away: bool) -> None:
    """The throttled call ends in its 429, not in an error of asyncio, and there is one slot as before."""

    async def main() -> None:
        loop = asyncio.get_running_loop()
        pace, gate = Pace(1, Rate(), Clock(loop.time)), asyncio.Event()

        async def throttled(_: Request) -> Response:
            await gate.wait()
            if is_turned_away:
                loop.call_soon(waiting.cancel)  # the pause has begun by then
            else:
                waiting.cancel()
            return Response(429, headers={"retry-after": "5"})

        async def ten_seconds(_: Request) -> Response:
            await asyncio.sleep(10.0)
            return Response(200)

        first = asyncio.create_task(pace(due_in(60.0), throttled))
        await asyncio.sleep(0)
        waiting = asyncio.create_task(pace(due_in(3.0), ten_seconds))
        await asyncio.sleep(0)
        gate.set()
        await asyncio.wait([waiting])

        assert (await first).status == 429
        assert waiting.cancelled()
        await asyncio.gather(*(pace(due_in(60.0), ten_seconds) for _ in range(3)))
        assert loop.time() == 35.0
        pace.close()

    virtual_loop.run(main())
