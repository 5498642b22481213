"""Time limits that share one timer; in virtual time."""

from __future__ import annotations

import asyncio
import gc
import time

import pytest

from gwms_async.timeouts import SharedTimeout, TimeoutScope, wait_for_end

from .helpers import virtual_loop


def now() -> float:
    """Tell the virtual time."""
    return asyncio.get_running_loop().time()


async def sleep_within(limit: SharedTimeout, seconds: float) -> float:
    """Sleep under a limit; tell when it ended."""
    try:
        with TimeoutScope(limit, now()):
            await asyncio.sleep(seconds)
    except TimeoutError:
        return -now()
    return now()


def test_each_expires_at_its_own_time() -> None:
    """What takes too long is cut short exactly then, what does not is left alone."""

    async def main() -> None:
        limit = SharedTimeout(10.0)
        first = asyncio.create_task(sleep_within(limit, 60))
        await asyncio.sleep(3)
        others = [asyncio.create_task(sleep_within(limit, seconds)) for seconds in (60, 2, 60)]
        await asyncio.sleep(30)
        late = await sleep_within(limit, 11)

        assert [await first, *[await other for other in others], late] == [-10, -13, 5, -13, -43]
        assert limit.running == {}
        limit.close()

    virtual_loop.run(main())


def test_one_timer_serves_all() -> None:
    """A thousand blocks set one timer, and those that ended in time none."""

    async def main() -> None:
        limit = SharedTimeout(10.0)
        for _ in range(1000):
            await sleep_within(limit, 0.001)
        timer = limit.timer
        assert timer is not None
        assert timer.when() == 10.0
        await asyncio.sleep(20)
        assert limit.timer is None

    virtual_loop.run(main())


def test_blocks_within_blocks() -> None:
    """The outer one's end goes through the inner one; each raises its own `TimeoutError`."""

    async def main() -> None:
        outer, inner = SharedTimeout(5.0), SharedTimeout(10.0)
        first, second = TimeoutScope(outer, now()), TimeoutScope(inner, now())
        with pytest.raises(TimeoutError), first, second:
            await asyncio.sleep(60)

        assert (first.is_expired, second.is_expired) == (True, False)
        assert now() == 5.0
        inner.close()

    virtual_loop.run(main())


def test_a_cancellation_by_others_goes_on() -> None:
    """Also if it comes at the very moment at which the limit expires."""

    async def main() -> None:
        limit = SharedTimeout(10.0)
        task = asyncio.create_task(sleep_within(limit, 60))
        await asyncio.sleep(0)
        asyncio.get_running_loop().call_at(10.0, task.cancel)
        await asyncio.wait([task])
        assert task.cancelled()

    virtual_loop.run(main())


def test_other_errors_pass() -> None:
    """What the block raises comes out as it is."""

    async def main() -> None:
        limit = SharedTimeout(10.0)
        with pytest.raises(LookupError), TimeoutScope(limit, now()):
            raise LookupError
        limit.close()
        limit.close()

    virtual_loop.run(main())


def test_one_event_loop_after_another() -> None:
    """The timer of one that has ended is forgotten, and the next has a timer of its own."""
    limit = SharedTimeout(10.0)

    async def cut_off() -> None:
        task = asyncio.create_task(sleep_within(limit, 60))
        await asyncio.sleep(0)
        assert list(limit.running)
        assert not task.done()

    for _ in range(2):
        asyncio.run(cut_off())
        assert limit.timer is not None
        assert virtual_loop.run(sleep_within(limit, 60)) == -10


def test_an_event_loop_that_ended_amid_a_block() -> None:
    """The block is forgotten with it: the next loop cannot end it, and has its own to end."""
    limit = SharedTimeout(10.0)
    loop = asyncio.new_event_loop()
    task = loop.create_task(sleep_within(limit, 60))
    loop.run_until_complete(asyncio.sleep(0))
    assert list(limit.running)
    loop.close()

    assert virtual_loop.run(sleep_within(limit, 60)) == -10
    assert not task.done()


def test_one_that_is_used_after_it_was_closed() -> None:
    """It sets a new timer."""

    async def main() -> None:
        limit = SharedTimeout(10.0)
        await sleep_within(limit, 1)
        limit.close()
        assert await sleep_within(limit, 60) == -11

    virtual_loop.run(main())


def test_one_that_is_closed_during_a_block() -> None:
    """The block still expires."""

    async def main() -> None:
        limit = SharedTimeout(10.0)
        block = asyncio.create_task(sleep_within(limit, 60))
        await asyncio.sleep(1)
        limit.close()
        assert await block == -10

    virtual_loop.run(main())


def test_closing_without_a_timer() -> None:
    """There is nothing to do."""
    SharedTimeout(1.0).close()


@pytest.mark.parametrize("end", ["result", "error", "cancellation"])
def test_waiting_for_a_task_while_cancelled_repeatedly(end: str) -> None:
    """It waits all the same, then raises the cancellation; nothing is logged about the task."""
    problems: list[object] = []

    async def work() -> None:
        await asyncio.sleep(1)
        if end == "error":
            raise OSError
        if end == "cancellation":
            raise asyncio.CancelledError

    async def main() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: problems.append(context))
        waiting = asyncio.create_task(wait_for_end(asyncio.create_task(work())))
        for _ in range(3):
            await asyncio.sleep(0.1)
            waiting.cancel()
        await asyncio.wait([waiting])
        assert waiting.cancelled()
        assert now() == 1

    virtual_loop.run(main())
    gc.collect()
    assert problems == []


class AheadLoop(asyncio.SelectorEventLoop):
    """Has a clock that is an hour ahead of the monotonic one, as where only one of them counts the time asleep."""

    def time(self) -> float:
        """Tell its time, in seconds."""
        return super().time() + 3600


def test_a_loop_with_a_clock_of_its_own() -> None:
    """A block that began by the monotonic clock has its full time, and no more."""

    async def main() -> None:
        long, limit = SharedTimeout(60.0), SharedTimeout(0.05)
        with TimeoutScope(long, time.monotonic()):
            for _ in range(3):  # a timer that is due goes off between two of them
                await asyncio.sleep(0)
        long.close()
        with pytest.raises(TimeoutError), TimeoutScope(limit, time.monotonic()):
            await asyncio.sleep(60)
        limit.close()

    with asyncio.Runner(loop_factory=AheadLoop) as runner:
        runner.run(main())
