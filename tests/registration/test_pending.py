"""When lists decide what is in doubt or was created: together, no sooner than due, beside a stream's work."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Iterator

import pytest

from gwms_async import ApiError, Outcome, OutcomeStatus, ServerError, Webhook, WebhookSpec
from gwms_async.registration.bulk import register_many
from gwms_async.registration.snapshot import Snapshot
from gwms_async.registration.stream import register_stream

from ..helpers import virtual_loop
from ..helpers.fake_gateway import FakeGateway, Fault, answered, lost, refused, specs
from ..helpers.slow import first

S = OutcomeStatus


def now() -> float:
    """Return the virtual time."""
    return asyncio.get_running_loop().time()


@pytest.mark.parametrize("status", [400, 409, 422])
def test_conflicts_are_settled_by_one_list(status: int) -> None:
    """All that were refused in one of the ways in which gateways refuse what exists: what is there is adopted."""

    async def main() -> None:
        gateway, wanted = FakeGateway(unique=status, list_lag=0.5), specs(10)
        for spec in wanted:
            gateway.add(spec)

        report = await register_many(gateway.coordinator(), wanted, concurrency=4)

        assert report.counts == {S.EXISTING: 10}
        assert gateway.count("create") == 10
        assert gateway.count("list") <= 4
        assert report.failures == ()

    virtual_loop.run(main())


@pytest.mark.parametrize(("status", "lists", "seconds"), [(400, 2, 1.0), (409, 4, 6.0), (422, 2, 1.0)])
def test_a_conflict_with_nothing_that_is_listed_fails(status: int, lists: int, seconds: float) -> None:
    """After a list at once and one more, or three after a 409: the gateway's own words are the error."""

    async def main() -> None:
        gateway, (spec,) = FakeGateway(), specs(1)
        gateway.fail("create", Fault(lambda: answered(status)))

        (outcome,) = (await register_many(gateway.coordinator(), [spec], concurrency=1)).outcomes

        assert outcome.status is S.FAILED
        assert isinstance(outcome.error, ApiError)
        assert outcome.error.status == status
        assert (gateway.count("list"), gateway.count("create")) == (1 + lists, 1)
        assert seconds < now() < seconds + 0.2

    virtual_loop.run(main())


def test_a_conflict_that_another_registration_met() -> None:
    """Who waited for it has sent nothing, and yet the gateway has refused it: cut short, it has failed too."""

    async def main() -> None:
        gateway, wanted = FakeGateway(), specs(1)
        gateway.fail("create", Fault(lambda: answered(409)))
        coordinator = gateway.coordinator()

        first = register_many(coordinator, wanted, concurrency=1)
        second = register_many(coordinator, wanted, concurrency=1, deadline=3.0)
        reports = await asyncio.gather(first, second)

        assert [report.outcomes[0].status for report in reports] == [S.FAILED, S.FAILED]
        assert [report.outcomes[0].attempts for report in reports] == [1, 0]

    virtual_loop.run(main())


def test_doubts_of_a_bulk_share_their_lists() -> None:
    """Three rounds and a closing list at most, however many there are."""

    async def main() -> None:
        gateway, wanted = FakeGateway(), specs(40)
        gateway.fail("create", *[Fault(lost, 0.0), Fault()] * 20)

        report = await register_many(gateway.coordinator(), wanted, concurrency=4)

        assert report.counts == {S.CREATED: 20, S.RECOVERED: 20}
        assert gateway.count("list") == 3
        assert report.failures == ()

    virtual_loop.run(main())


def test_doubts_of_a_bulk_do_not_wait_for_what_is_only_to_be_closed() -> None:
    """The closing list waits until lists must show what came of a lost create; rounds that settle others do not."""

    async def main() -> None:
        gateway, wanted, told = FakeGateway(), specs(2), list[tuple[OutcomeStatus, int]]()
        gateway.fail("create", Fault(lost, 0), Fault(lost), Fault(lost))

        def note(outcome: Outcome) -> None:
            told.append((outcome.status, int(now())))

        await register_many(gateway.coordinator(), wanted, concurrency=1, on_outcome=note)

        assert told == [(S.RECOVERED, 1), (S.CREATED, 3)]

    virtual_loop.run(main())


def test_a_stream_closes_when_nothing_comes() -> None:
    """Three seconds after its last create, by one list; its source is still open."""

    async def main() -> None:
        gateway, gate = FakeGateway(), asyncio.Event()

        async def source() -> AsyncIterator[WebhookSpec]:
            for spec in specs(5):
                yield spec
            await gate.wait()

        stream = register_stream(gateway.coordinator(), source(), concurrency=2)
        assert [(await anext(stream)).status for _ in range(5)] == [S.CREATED] * 5
        await asyncio.sleep(2.5)
        assert gateway.count("list") == 1
        await asyncio.sleep(1.0)
        assert gateway.count("list") == 2
        gate.set()

        assert [outcome async for outcome in stream] == []
        assert gateway.count("list") == 2

    virtual_loop.run(main())


def test_a_stream_settles_beside_its_work() -> None:
    """From a second after the first doubt, while its source says nothing."""

    async def main() -> None:
        gateway, gate = FakeGateway(), asyncio.Event()
        gateway.fail("create", Fault(lost, 0.0))

        async def source() -> AsyncIterator[WebhookSpec]:
            yield specs(1)[0]
            await gate.wait()

        stream = register_stream(gateway.coordinator(), source(), concurrency=2)

        assert (await anext(stream)).status is S.RECOVERED
        assert 1.0 < now() < 1.1
        gate.set()
        assert [outcome async for outcome in stream] == []

    virtual_loop.run(main())


def test_a_stream_decides_by_lists_of_the_last_half_minute() -> None:
    """What another client registered or deleted meanwhile is known; each list closes what was created before it."""

    async def main() -> None:
        gateway, (first, second, third) = FakeGateway(), specs(3)
        gateway.add(first)

        async def source() -> AsyncIterator[WebhookSpec]:
            yield first
            await asyncio.sleep(31)
            gateway.webhooks.clear()
            gateway.add(second)
            for spec in (first, second, third, third):
                yield spec

        outcomes = [outcome async for outcome in register_stream(gateway.coordinator(), source(), concurrency=1)]

        assert [outcome.status for outcome in outcomes] == [S.EXISTING, S.CREATED, S.EXISTING, S.CREATED, S.DUPLICATE]
        assert gateway.count("list") == 3

    virtual_loop.run(main())


def test_a_refresh_that_fails_is_asked_for_again() -> None:
    """After 1, 2 and 3 s, once for all workers; then what waits gets its error, and the next spec asks again."""

    async def main() -> None:
        gateway, wanted = FakeGateway(), specs(8)

        async def source() -> AsyncIterator[WebhookSpec]:
            yield wanted[0]
            await asyncio.sleep(35)
            gateway.fail("list", *[Fault(refused)] * 4)
            for spec in wanted[1:]:
                yield spec

        outcomes: list[Outcome] = [
            outcome async for outcome in register_stream(gateway.coordinator(), source(), concurrency=4)
        ]

        assert [outcome.status for outcome in outcomes] == [S.CREATED] + [S.FAILED] * 4 + [S.CREATED] * 3
        assert all(isinstance(outcome.error, ServerError) for outcome in outcomes[1:5])
        assert gateway.count("list") == 2 + 4 + 1 + 1

    virtual_loop.run(main())


@pytest.mark.parametrize("failures", [1, 2])
def test_a_list_that_failed_does_not_delay_the_next_one(failures: int) -> None:
    """Only after a list that took long does a stream take none for a while."""

    async def main() -> None:
        gateway, wanted, known_at = FakeGateway(), specs(2), list[float]()
        gateway.fail("create", Fault(lost, 0), Fault(lost, 0))
        gateway.fail("list", Fault(), *[Fault(refused)] * failures)

        async def source() -> AsyncIterator[WebhookSpec]:
            for spec in wanted:
                yield spec
                await asyncio.sleep(8)
            await asyncio.sleep(40)

        async for outcome in register_stream(gateway.coordinator(), source(), concurrency=1):
            assert outcome.status is S.RECOVERED
            known_at.append(now())

        assert known_at[0] < 10
        assert known_at[1] < 10

    virtual_loop.run(main())


@pytest.mark.parametrize(("takes", "seconds"), [(2.0, 21.0), (10.0, 41.0)])
def test_a_slow_list_that_failed_delays_the_next_one_too(takes: float, seconds: float) -> None:
    """A stream takes none for nine times as long, 30 seconds at most, whether or not it arrived."""

    async def main() -> None:
        gateway, (spec,) = FakeGateway(), specs(1)
        gateway.fail("create", Fault(lost, 0))
        gateway.fail("list", Fault(), Fault(refused, takes=takes))

        async def source() -> AsyncIterator[WebhookSpec]:
            yield spec
            await asyncio.sleep(100)

        outcomes = register_stream(gateway.coordinator(), source(), concurrency=1)
        assert (await anext(outcomes)).status is S.RECOVERED
        assert seconds < now() < seconds + 0.1
        await outcomes.aclose()

    virtual_loop.run(main())


def test_a_refresh_between_the_retries_of_a_closing_list_decides() -> None:
    """What the stream lists to go on shows that there is no second copy, although the closing list itself fails."""

    async def main() -> None:
        gateway, wanted = FakeGateway(), specs(2)
        gateway.fail("create", Fault(lost, 0))
        gateway.fail("list", Fault(), Fault(), *[Fault(refused, takes=7.0)] * 3, Fault(), Fault(refused))

        async def source() -> AsyncIterator[WebhookSpec]:
            yield wanted[0]
            await asyncio.sleep(32)
            yield wanted[1]

        outcomes = [outcome async for outcome in register_stream(gateway.coordinator(), source(), concurrency=1)]

        assert [outcome.status for outcome in outcomes] == [S.RECOVERED, S.CREATED]
        assert not any(outcome.is_failure for outcome in outcomes)

    virtual_loop.run(main())


def test_a_refresh_decides_at_once_what_waits_for_a_list() -> None:
    """Although the stream itself would take none for a while, because the last one took long."""

    async def main() -> None:
        gateway, wanted = FakeGateway(), specs(2)
        gateway.add(wanted[1])
        gateway.fail("create", Fault(lost, 0))
        gateway.fail("list", Fault(), Fault(refused, takes=10.0))

        async def source() -> AsyncIterator[WebhookSpec]:
            yield wanted[0]
            await asyncio.sleep(32)
            yield wanted[1]
            await asyncio.sleep(100)

        outcomes = register_stream(gateway.coordinator(), source(), concurrency=1)
        told = [(outcome.spec, outcome.status) for outcome in [await anext(outcomes), await anext(outcomes)]]

        assert set(told) == {(wanted[0], S.RECOVERED), (wanted[1], S.EXISTING)}
        assert 32 < now() < 33
        await outcomes.aclose()

    virtual_loop.run(main())


@pytest.mark.parametrize("again", ["fails", "is created"])
def test_in_a_stream_what_failed_is_tried_again(again: str) -> None:
    """A spec that failed and comes again is no duplicate."""

    async def main() -> None:
        gateway, (spec,) = FakeGateway(), specs(1)
        gateway.fail("create", Fault(refused), *[Fault(refused)] * (again == "fails"))

        outcomes = [
            outcome.status
            async for outcome in register_stream(gateway.coordinator(), [spec, spec, spec], concurrency=1)
        ]

        assert outcomes == ([S.FAILED, S.FAILED, S.CREATED] if again == "fails" else [S.FAILED, S.CREATED, S.DUPLICATE])

    virtual_loop.run(main())


def test_what_was_created_in_a_round_of_a_stream_waits_for_its_closing_list() -> None:
    """Created again after 1 s, it is closed 3 s after its doubt; until then no list could decide it, and none is taken.

    While the source goes on, lists used to follow each other without a pause.
    """

    async def main() -> None:
        gateway, (spec,) = FakeGateway(), specs(1)
        gateway.fail("create", Fault(lost))

        async def source() -> AsyncIterator[WebhookSpec]:
            yield spec
            await asyncio.sleep(10)

        outcomes = [outcome async for outcome in register_stream(gateway.coordinator(), source(), concurrency=1)]

        assert [outcome.status for outcome in outcomes] == [S.CREATED]
        assert gateway.count("create") == 2
        assert gateway.count("list") == 3

    virtual_loop.run(main())


def test_a_list_that_settles_or_closes_decides_what_comes_next() -> None:
    """Until it is 30 s old, no other is taken; what another client did before it began is known."""

    async def main() -> None:
        gateway, (first, second, third) = FakeGateway(), specs(3)

        async def source() -> AsyncIterator[WebhookSpec]:
            yield first
            await asyncio.sleep(2)
            gateway.add(second)
            await asyncio.sleep(30)
            yield second
            await asyncio.sleep(5)
            yield third

        outcomes = [outcome async for outcome in register_stream(gateway.coordinator(), source(), concurrency=1)]

        assert [outcome.status for outcome in outcomes] == [S.CREATED, S.EXISTING, S.CREATED]
        assert gateway.count("list") == 2 + 1 + 1

    virtual_loop.run(main())


@pytest.mark.parametrize(("takes", "most"), [(0.01, 70), (1.0, 10), (10.0, 7)])
def test_long_lists_follow_each_other_slowly(takes: float, most: int) -> None:
    """A doubt a second for a minute: they share lists, where these take long."""

    async def main() -> None:
        gateway, wanted = FakeGateway(), specs(60)
        gateway.fail("create", *[Fault(lost, 0.0)] * 60)
        gateway.fail("list", *[Fault(takes=takes)] * 100)

        async def source() -> AsyncIterator[WebhookSpec]:
            for spec in wanted:
                yield spec
                await asyncio.sleep(1)

        outcomes = [outcome async for outcome in register_stream(gateway.coordinator(), source(), concurrency=4)]

        assert [outcome.status for outcome in outcomes] == [S.RECOVERED] * 60
        assert most / 2 <= gateway.count("list") <= most

    virtual_loop.run(main())


@pytest.fixture
def no_collector() -> Iterator[None]:
    """Switch the garbage collector off: what is kept is kept by something in use."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


class CountingGateway(FakeGateway):
    """Counts, at each list, the lists that are kept."""

    def listed(self) -> list[Webhook]:
        """Return what a list shows now."""
        self.journal.append(("kept", sum(isinstance(one, Snapshot) and one.began_at >= 0 for one in gc.get_objects())))
        return super().listed()

    def kept(self) -> list[int]:
        """Return these numbers, and check that there are several."""
        numbers = [number for name, number in self.journal if name == "kept" and isinstance(number, int)]
        assert len(numbers) >= 3
        return [number - numbers[0] for number in numbers]


@pytest.mark.usefixtures("no_collector")
@pytest.mark.parametrize("fault", first(1, [Fault(lost, 0.0), Fault(), Fault(lambda: answered(409)), Fault(refused)]))
def test_a_stream_keeps_one_list(fault: Fault) -> None:
    """None while it refreshes, and beside its work the one that decides: each may take much memory."""

    async def main() -> None:
        gateway, wanted = CountingGateway(), specs(3)

        async def source() -> AsyncIterator[WebhookSpec]:
            for spec in wanted:
                gateway.fail("create", fault)
                yield spec
                await asyncio.sleep(40)

        async for _ in register_stream(gateway.coordinator(), source(), concurrency=2):
            pass

        assert set(gateway.kept()) == {0, 1} - ({1} if fault.error is refused else set())

    virtual_loop.run(main())


@pytest.mark.parametrize("failures", [2, 4])
def test_each_closing_list_of_a_stream_may_fail_three_times(failures: int) -> None:
    """What failed before does not count, whether it was settled or given up."""

    async def main() -> None:
        gateway, wanted = FakeGateway(), specs(2)

        async def source() -> AsyncIterator[WebhookSpec]:
            for spec, times in zip(wanted, (failures, 2), strict=True):
                yield spec
                gateway.fail("list", *[Fault(refused)] * times)
                await asyncio.sleep(20)

        stream = register_stream(gateway.coordinator(), source(), concurrency=1)

        assert [outcome.status async for outcome in stream] == [S.CREATED, S.CREATED]
        assert gateway.count("list") == 1 + min(failures + 1, 4) + 3

    virtual_loop.run(main())


def test_what_a_closing_list_may_still_find_is_not_told_yet() -> None:
    """It was lost in every round, and the last create is carried out late."""

    async def main() -> None:
        gateway, (spec,) = FakeGateway(), specs(1)
        gateway.fail("create", *[Fault(lost)] * 3, Fault(lost, 2.5))
        emitted: list[Outcome] = []

        await register_many(gateway.coordinator(), [spec], concurrency=1, on_outcome=emitted.append)

        assert [outcome.status for outcome in emitted] == [S.RECOVERED]

    virtual_loop.run(main())
