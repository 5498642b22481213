"""Registrations that meet: shared lists, shared creates, what one run knows of another."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from gwms_async import ConfigurationError, OutcomeStatus, Report, ServerError, Webhook, WebhookSpec
from gwms_async.clock import Clock
from gwms_async.registration.bulk import register_many
from gwms_async.registration.coordinator import Coordinator
from gwms_async.registration.shared_list import SharedList
from gwms_async.registration.snapshot import Snapshot

from ..helpers import virtual_loop
from ..helpers.fake_gateway import FakeGateway, FakeOperations, Fault, refused, specs

S = OutcomeStatus


async def register(coordinator: Coordinator, wanted: list[WebhookSpec], concurrency: int = 4) -> Report:
    """Register without deadline and callback."""
    return await register_many(coordinator, wanted, concurrency=concurrency)


def statuses(report: Report) -> list[OutcomeStatus]:
    """Tell how each spec ended."""
    return [outcome.status for outcome in report.outcomes]


def test_a_shared_list_that_fails_is_raised_to_all(caplog: pytest.LogCaptureFixture) -> None:
    """Each gets an error of its own."""

    async def main() -> None:
        gateway = FakeGateway()
        coordinator = gateway.coordinator()
        gateway.fail("list", Fault(refused))

        errors = await asyncio.gather(*(coordinator.lists.fresh() for _ in range(3)), return_exceptions=True)

        assert [ServerError] * 3 == [type(error) for error in errors]
        assert len({id(error) for error in errors}) == 3

    virtual_loop.run(main())


def test_a_list_of_another_event_loop() -> None:
    """Nobody waits for it, which would be without end: a client in two threads is told what is wrong."""
    gateway = FakeGateway()
    with asyncio.Runner(loop_factory=virtual_loop.VirtualLoop) as runner:
        loop = runner.get_loop()
        coordinator = Coordinator(lambda call: FakeOperations(gateway, call), Clock(monotonic=loop.time))
        listing = loop.create_task(coordinator.lists.fresh())
        runner.run(asyncio.sleep(0.001))
        with pytest.raises(ConfigurationError, match="another event loop"):
            virtual_loop.run(register(coordinator, specs(1)))

        assert runner.run(asyncio.wait_for(listing, 1)).get(1) is None


def test_closing_ends_the_lists_under_way() -> None:
    """Runs that wait for a list when the client is closed get an error."""

    async def main() -> None:
        coordinator = FakeGateway().coordinator()
        first = asyncio.create_task(coordinator.lists.fresh())
        await asyncio.sleep(0.001)
        second = asyncio.create_task(coordinator.lists.fresh())
        await asyncio.sleep(0.001)

        await asyncio.gather(*coordinator.lists.stop(), return_exceptions=True)

        for waiting in (first, second):
            with pytest.raises(ConfigurationError, match="closed"):
                await waiting

    virtual_loop.run(main())


@pytest.mark.parametrize(
    "fault",
    [Fault(refused, takes=120.0), Fault(lambda: ConfigurationError("the client is closed"))],
    ids=["the gateway is silent", "the client is closed"],
)
def test_a_closing_list_that_trying_again_does_not_bring(fault: Fault) -> None:
    """It is asked for once: else a run would wait eight minutes for what it has created without a doubt."""

    async def main() -> None:
        gateway, wanted = FakeGateway(), specs(1)
        gateway.fail("list", Fault(), *[fault] * 4)

        report = await register(gateway.coordinator(), wanted)

        assert statuses(report) == [S.CREATED]
        assert gateway.count("list") == 2

    virtual_loop.run(main())


def test_a_list_that_has_ended_is_not_joined() -> None:
    """Each who waited gets another one next, also while the others have yet to wake; else they would go on forever."""

    async def main() -> None:
        lists = FakeGateway().coordinator().lists

        async def next_after_first() -> tuple[Snapshot, Snapshot]:
            return await lists.joined(), await lists.joined()

        pairs = await asyncio.gather(*(next_after_first() for _ in range(3)))

        assert all(first is not following for first, following in pairs)
        assert len({following for _, following in pairs}) == 1

    virtual_loop.run(main())


def test_registrations_that_begin_during_the_lists_of_others() -> None:
    """Lists that began too early for their closing are waited for together, and then the next one is taken."""

    async def main() -> None:
        gateway, wanted = FakeGateway(), specs(6)
        coordinator = gateway.coordinator()
        gateway.fail("list", *[Fault(takes=1.0)] * 3)

        async def register_after(number: int) -> Report:
            await asyncio.sleep(0.4 * number)
            return await register(coordinator, [wanted[number]])

        async with asyncio.timeout(60.0):
            reports = await asyncio.gather(*map(register_after, range(6)))

        assert [statuses(report) for report in reports] == [[S.CREATED]] * 6
        assert gateway.count("list") <= 6

    virtual_loop.run(main())


def test_nobody_waits_behind_a_list_that_nobody_waits_for() -> None:
    """Who gives up takes a list that hangs along, unless others wait for it too."""

    async def main() -> None:
        gateway, spec = FakeGateway(), WebhookSpec("https://shop.example/a", "UPDATE_ORDER")
        coordinator, now = gateway.coordinator(), asyncio.get_running_loop().time
        gateway.fail("list", Fault(takes=60.0), Fault(takes=5.0))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1.0):
                await register(coordinator, [spec])
        await asyncio.sleep(0)
        assert [task.get_name() for task in asyncio.all_tasks()] == [asyncio.current_task().get_name()]  # type: ignore[union-attr]

        first, second = (asyncio.create_task(register(coordinator, [spec])) for _ in range(2))
        await asyncio.sleep(1.0)
        first.cancel()
        report = await second

        assert statuses(report) == [S.CREATED]
        assert 6.0 < now() < 7.0
        assert await asyncio.wait([first]) == ({first}, set())

    virtual_loop.run(main())


def test_a_list_that_is_not_taken_again() -> None:
    """The client is closed: no pause would help."""

    async def main() -> None:
        gateway = FakeGateway()
        gateway.fail("list", Fault(lambda: ConfigurationError("the client is closed")))
        lists = gateway.coordinator().lists

        with pytest.raises(ConfigurationError, match="closed"):
            await lists.with_retries(lists.fresh)

        assert gateway.count("list") == 1

    virtual_loop.run(main())


class Slow:
    """Takes lists of 1 s; notes when each began."""

    def __init__(self, *errors: Exception) -> None:
        self.began: list[float] = []
        self._errors = list(errors)
        self._time = asyncio.get_running_loop().time
        self.lists = SharedList(self._fetch, Clock(monotonic=self._time, sleep=asyncio.sleep))

    async def _fetch(self) -> list[Webhook]:
        self.began.append(self._time())
        await asyncio.sleep(1)
        if self._errors:
            raise self._errors.pop()
        return []

    async def after(self, seconds: float, take: Callable[[], Awaitable[Snapshot]]) -> float:
        """Take a list after some time; return when the one that came had begun."""
        await asyncio.sleep(seconds)
        return (await take()).began_at


def test_who_asks_during_a_list_gets_the_next() -> None:
    """It shows what was written before it was asked for. The two do not overlap, and one serves all who wait."""

    async def main() -> None:
        slow = Slow()

        began = await asyncio.gather(*(slow.after(seconds, slow.lists.fresh) for seconds in (0.0, 0.2, 0.4, 1.2)))

        assert [*began] == [0.0, 1.0, 1.0, 2.0]
        assert slow.began == [0.0, 1.0, 2.0]

    virtual_loop.run(main())


def test_who_joins_a_list_gets_the_one_in_flight() -> None:
    """Without one in flight, it is a new one; with one to come as well, the one in flight."""

    async def main() -> None:
        slow = Slow()

        began = await asyncio.gather(
            slow.after(0.0, slow.lists.joined),
            slow.after(0.0, slow.lists.joined),
            slow.after(0.2, slow.lists.joined),
            slow.after(0.4, slow.lists.fresh),
            slow.after(0.6, slow.lists.joined),
            slow.after(5.0, slow.lists.joined),
        )

        assert [*began] == [0.0, 0.0, 0.0, 1.0, 0.0, 5.0]
        assert slow.began == [0.0, 1.0, 5.0]

    virtual_loop.run(main())


@pytest.mark.parametrize("seconds", [0.5, 1.5])
def test_a_list_that_nobody_waits_for_any_more(seconds: float) -> None:
    """The next one is another, whether it had begun or not."""

    async def main() -> None:
        slow = Slow()
        first = asyncio.create_task(slow.after(0.0, slow.lists.fresh))
        given_up = asyncio.create_task(slow.after(0.2, slow.lists.fresh))
        asyncio.get_running_loop().call_later(seconds, given_up.cancel)
        await asyncio.wait([given_up])

        assert await slow.after(0.0, slow.lists.fresh) == max(seconds, 1.0)
        assert await first == 0.0

    virtual_loop.run(main())


def test_a_list_that_fails_is_taken_again_after_pauses() -> None:
    """After 1, 2 and 3 s; the last error is raised."""

    async def main() -> None:
        slow = Slow(*[refused() for _ in range(4)])

        with pytest.raises(ServerError):
            await slow.lists.with_retries(slow.lists.fresh)

        assert slow.began == [0.0, 2.0, 5.0, 9.0]

    virtual_loop.run(main())
