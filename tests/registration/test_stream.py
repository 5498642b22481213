"""Registration of a stream: order of completion, duplicates, back-pressure, its end."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from itertools import cycle, islice
from typing import Any

import pytest
from attrs import evolve

from gwms_async import Outcome, OutcomeStatus, ServerError, WebhookSpec, WebhookType
from gwms_async.registration.coordinator import Coordinator
from gwms_async.registration.stream import register_stream

from ..helpers import virtual_loop
from ..helpers.fake_gateway import FakeGateway, Fault, lost, refused, specs, urls

S = OutcomeStatus


async def collect(coordinator: Coordinator, wanted: object, concurrency: int = 4) -> list[Outcome]:
    """Take a whole stream."""
    stream = register_stream(coordinator, wanted, concurrency=concurrency)  # type: ignore[arg-type]
    return [outcome async for outcome in stream]


async def asynchronous(wanted: list[WebhookSpec]) -> AsyncIterator[WebhookSpec]:
    """Give specs one by one."""
    for spec in wanted:
        await asyncio.sleep(0.001)
        yield spec


def test_outcomes_come_in_order_of_completion() -> None:
    """A slow one holds up no other."""

    async def main() -> None:
        gateway, wanted = FakeGateway(), specs(5)
        gateway.fail("create", Fault(takes=1.0))

        outcomes = await collect(gateway.coordinator(), wanted, 2)

        assert [*wanted[1:], wanted[0]] == [outcome.spec for outcome in outcomes]

    virtual_loop.run(main())


def test_an_asynchronous_source() -> None:
    """Specs may come from an async generator."""

    async def main() -> None:
        gateway = FakeGateway()

        outcomes = await collect(gateway.coordinator(), asynchronous(specs(20)))

        assert [outcome.status for outcome in outcomes] == [S.CREATED] * 20
        assert len(gateway.webhooks) == 20

    virtual_loop.run(main())


def test_a_source_that_repeats_itself_without_end() -> None:
    """Although it never waits, creates are sent and answered meanwhile."""

    async def main() -> None:
        gateway = FakeGateway()
        gateway.fail("create", Fault(takes=0.0))
        source = islice(cycle(specs(1)), 100_000)  # ended, for a test that fails must end too

        stream = register_stream(gateway.coordinator(), source, concurrency=4)
        first = await anext(stream)
        await stream.aclose()

        assert first.status is S.CREATED
        assert next(source, None) is not None

    virtual_loop.run(main())


def test_a_duplicate_follows_its_first() -> None:
    """A duplicate that comes while its first is worked on is told after it, and shows its webhook."""

    async def main() -> None:
        gateway, (one, two) = FakeGateway(), specs(2)
        gateway.fail("create", Fault(takes=1.0))

        outcomes = await collect(gateway.coordinator(), [one, one, two, two, one])

        assert len(outcomes) == 5
        of_one = [outcome for outcome in outcomes if outcome.spec == one]
        assert [outcome.status for outcome in of_one] == [S.CREATED, S.DUPLICATE, S.DUPLICATE]
        assert len({outcome.webhook.id for outcome in of_one if outcome.webhook}) == 1
        assert gateway.count("create") == 2

    virtual_loop.run(main())


@pytest.mark.parametrize("is_there", [False, True])
def test_what_comes_again_after_a_later_list_is_decided_by_it(is_there: bool) -> None:
    """Until then it is a duplicate; after that somebody may have deleted it."""

    async def main() -> None:
        gateway, (spec, other) = FakeGateway(), specs(2)
        if is_there:
            gateway.add(spec)

        async def source() -> AsyncIterator[WebhookSpec]:
            yield spec
            yield spec
            yield other
            await asyncio.sleep(4)
            yield spec

        outcomes = await collect(gateway.coordinator(), source(), 1)

        first = S.EXISTING if is_there else S.CREATED
        assert [outcome.status for outcome in outcomes] == [first, S.DUPLICATE, S.CREATED, S.EXISTING]
        assert outcomes[-1].webhook == gateway.webhooks[1]
        assert gateway.count("list") == 2

    virtual_loop.run(main())


def test_what_cannot_be_registered_is_not_adopted_either() -> None:
    """A gateway may list anything; the spec has failed, and nothing is sent for it."""

    async def main() -> None:
        gateway, spec = FakeGateway(), WebhookSpec("/no/host", WebhookType.CREATE_ORDER)
        gateway.add(spec)

        (outcome,) = await collect(gateway.coordinator(), [spec])

        assert (outcome.status, outcome.webhook, outcome.attempts) == (S.FAILED, None, 0)
        assert "absolute http(s) URL" in str(outcome.error)

    virtual_loop.run(main())


@pytest.mark.parametrize("concurrency", [1, 4])
def test_a_contradiction_is_a_failed_outcome(concurrency: int) -> None:
    """The same webhook, asked for active and inactive, cannot be refused beforehand in a stream."""

    async def main() -> None:
        (spec,) = specs(1)

        outcomes = await collect(FakeGateway().coordinator(), [spec, evolve(spec, active=False)], concurrency)

        by_status = {outcome.status: outcome for outcome in outcomes}
        assert {S.CREATED, S.FAILED} == set(by_status)
        assert isinstance(by_status[S.FAILED].error, ValueError)

    virtual_loop.run(main())


class Aborted(BaseException):
    """As `pytest.fail` raises."""


@pytest.mark.parametrize("bad", [LookupError, asyncio.CancelledError, Aborted, None])
def test_a_source_that_fails_ends_the_stream_after_what_it_gave(
    bad: type[BaseException] | None,
) -> None:
    """All that was given is registered and told; then the source's error is raised."""

    async def main() -> None:
        gateway, wanted = FakeGateway(), specs(3)

        def source() -> Iterator[object]:
            yield from wanted
            if bad is not None:
                raise bad("no more")
            yield "https://shop.example"

        outcomes = []
        with pytest.raises(bad or ValueError):  # noqa: PT012
            async for outcome in register_stream(gateway.coordinator(), source(), concurrency=2):  # type: ignore[arg-type]
                outcomes.append(outcome)  # noqa: PERF401

        assert urls(wanted) == urls(outcome.spec for outcome in outcomes) == urls(gateway.webhooks.values())

    virtual_loop.run(main())


def test_a_failing_first_list_is_raised() -> None:
    """Nothing is taken from the source."""

    async def main() -> None:
        gateway, taken = FakeGateway(), []
        gateway.fail("list", Fault(refused))

        def source() -> Iterator[WebhookSpec]:
            for spec in specs(3):
                taken.append(spec)
                yield spec

        with pytest.raises(ServerError):
            await collect(gateway.coordinator(), source())

        assert taken == []

    virtual_loop.run(main())


def test_an_error_that_ends_all_workers_ends_a_source_that_goes_on() -> None:
    """It handles its cancellation and gives a further spec, which nobody wants."""

    async def main() -> None:
        gateway = FakeGateway()

        def abort() -> Exception:
            raise Aborted

        async def source() -> AsyncIterator[WebhookSpec]:
            for spec in specs(5):
                with suppress(asyncio.CancelledError):
                    yield spec

        gateway.fail("create", Fault(abort))
        with pytest.raises(BaseExceptionGroup) as caught:
            async with asyncio.timeout(100):
                await collect(gateway.coordinator(), source(), concurrency=2)

        assert caught.group_contains(Aborted)

    virtual_loop.run(main())


def test_an_error_that_ends_all_workers_waits_for_the_end_of_the_source() -> None:
    """If that fails too, its error gives way to the first one, and asyncio does not complain that nobody took it."""
    log = list[object]()

    async def main() -> None:
        gateway = FakeGateway()
        asyncio.get_running_loop().set_exception_handler(lambda _, context: log.append(context))

        def abort() -> Exception:
            raise Aborted

        async def source() -> AsyncIterator[WebhookSpec]:
            try:
                for spec in specs(5):
                    yield spec
            finally:
                await asyncio.sleep(1)
                log.append("released")
                raise LookupError

        gateway.fail("create", Fault(abort))
        with pytest.raises(BaseExceptionGroup) as caught:
            await collect(gateway.coordinator(), source(), concurrency=2)

        assert caught.group_contains(Aborted)
        assert log == ["released"]

    virtual_loop.run(main())
    gc.collect()
    assert log == ["released"]


def test_a_list_that_holds_something_else() -> None:
    """It is rejected before anything is sent."""

    async def main() -> None:
        gateway = FakeGateway()

        with pytest.raises(ValueError, match="WebhookSpec"):
            await collect(gateway.coordinator(), [*specs(1), "https://shop.example"])

        assert gateway.journal == []

    virtual_loop.run(main())


def test_a_slow_consumer_slows_the_source_down() -> None:
    """No more is taken from the source than the workers and their outcomes have room for."""

    async def main() -> None:
        gateway, taken = FakeGateway(), 0

        def source() -> Iterator[WebhookSpec]:
            nonlocal taken
            for spec in specs(1000):
                taken += 1
                yield spec

        stream = register_stream(gateway.coordinator(), source(), concurrency=4)
        await anext(stream)
        await asyncio.sleep(60)

        assert taken <= 9
        await stream.aclose()

    virtual_loop.run(main())


def test_no_more_at_once_than_fits_in_memory() -> None:
    """However large the number is: 10,000 tasks at most, and as many outcomes that wait for the consumer."""

    async def main() -> None:
        gateway, (spec,), tasks, taken = FakeGateway(), specs(1), 0, 0
        gateway.add(spec)

        def source() -> Iterator[WebhookSpec]:
            nonlocal tasks, taken
            tasks = len(asyncio.all_tasks())
            while taken < 30_000:
                taken += 1
                yield spec

        stream = register_stream(gateway.coordinator(), source(), concurrency=30_000)
        assert (await anext(stream)).status is S.EXISTING
        await asyncio.sleep(60)

        assert 10_000 <= tasks < 10_010
        assert 20_000 <= taken < 20_010
        await stream.aclose()

    virtual_loop.run(main())


def test_closing_the_stream_ends_what_waits_and_lets_the_wire_end() -> None:
    """What is on the wire when the stream is closed is carried out; the rest is not begun."""

    async def main() -> None:
        gateway = FakeGateway()
        gateway.fail("create", Fault(), Fault(takes=2.0), Fault(lost))

        stream = register_stream(gateway.coordinator(), asynchronous(specs(50)), concurrency=3)
        await anext(stream)
        await stream.aclose()

        assert 2.0 < asyncio.get_running_loop().time() < 2.1
        assert gateway.count("create") <= 6

    virtual_loop.run(main())


def test_closing_a_stream_whose_source_is_silent() -> None:
    """A source that gives nothing does not hold the end up."""

    async def main() -> None:
        gateway = FakeGateway()

        async def source() -> AsyncIterator[WebhookSpec]:
            yield specs(1)[0]
            await asyncio.Event().wait()

        stream = register_stream(gateway.coordinator(), source(), concurrency=3)
        await anext(stream)
        await stream.aclose()

        assert asyncio.get_running_loop().time() < 1

    virtual_loop.run(main())


def test_lost_answers_are_settled_when_the_source_ends() -> None:
    """What was lost comes last."""

    async def main() -> None:
        gateway, wanted = FakeGateway(), specs(10)
        gateway.fail("create", Fault(lost, 0.0), Fault(lost))

        outcomes = await collect(gateway.coordinator(), wanted)

        assert urls(wanted) == urls(gateway.webhooks.values())
        assert {S.CREATED, S.RECOVERED} == {outcome.status for outcome in outcomes}
        assert set(wanted[:2]) == {outcome.spec for outcome in outcomes[-2:]}

    virtual_loop.run(main())


def test_a_thousand_lost_answers_are_settled_before_the_source_ends() -> None:
    """A source that never ends does not keep doubts for ever; the other workers go on meanwhile."""

    async def main() -> None:
        gateway = FakeGateway()
        gateway.fail("create", *[Fault(lost, 0.0)] * 1000)

        async def source() -> AsyncIterator[WebhookSpec]:
            for spec in specs(1200):
                yield spec
            await asyncio.Event().wait()

        stream = register_stream(gateway.coordinator(), source(), concurrency=8)
        outcomes = [await anext(stream) for _ in range(1200)]
        await stream.aclose()

        assert sum(outcome.status is S.RECOVERED for outcome in outcomes) == 1000
        assert 1200 == len(gateway.webhooks) == gateway.count("create")

    virtual_loop.run(main())


def test_closing_while_a_batch_is_settled() -> None:
    """The end does not wait for the rounds."""

    async def main() -> None:
        gateway = FakeGateway()
        gateway.fail("create", *[Fault(lost)] * 1000)
        stream = register_stream(gateway.coordinator(), specs(1001), concurrency=1)
        waiting = asyncio.ensure_future(anext(stream))
        await asyncio.sleep(0.5)

        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting

        assert asyncio.get_running_loop().time() < 0.6

    virtual_loop.run(main())


def test_unfit_concurrency() -> None:
    """An unfit number is refused before anything is sent."""

    async def main() -> None:
        gateway = FakeGateway()

        with pytest.raises(ValueError, match="concurrency"):
            await collect(gateway.coordinator(), specs(1), 0)

        assert gateway.journal == []

    virtual_loop.run(main())


@pytest.mark.parametrize(("count", "concurrency"), [(2, 1), (33, 32), (200, 4)])
def test_closing_a_full_stream_does_not_wait(count: int, concurrency: int) -> None:
    """Nothing is on the wire: it ends at once."""

    async def main() -> None:
        stream = register_stream(FakeGateway().coordinator(), specs(count), concurrency=concurrency)
        await anext(stream)
        await asyncio.sleep(1)
        began = asyncio.get_running_loop().time()
        await stream.aclose()
        assert asyncio.get_running_loop().time() == began

    virtual_loop.run(main())


def test_workers_wait_while_a_thousand_are_in_doubt() -> None:
    """Then the rounds that settle them make room."""

    async def main() -> None:
        gateway = FakeGateway()
        gateway.fail("create", *[Fault(lost, 0.0, takes=0.0)] * 1500)
        taken = 0

        def source() -> Iterator[WebhookSpec]:
            nonlocal taken
            for spec in specs(1500):
                taken += 1
                yield spec

        stream = register_stream(gateway.coordinator(), source(), concurrency=4)
        assert (await anext(stream)).status is S.RECOVERED
        assert 1000 <= taken <= 1000 + 2 * 4

        rest = [outcome.status async for outcome in stream]
        assert rest == [S.RECOVERED] * 1499

    virtual_loop.run(main())


def test_a_list_that_a_stream_waits_for_ends_with_it() -> None:
    """A refresh that hangs is dropped with the stream."""

    async def main() -> None:
        gateway, (first, second) = FakeGateway(), specs(2)
        coordinator = gateway.coordinator()

        async def source() -> AsyncIterator[WebhookSpec]:
            yield first
            await asyncio.sleep(40)
            gateway.fail("list", Fault(takes=60.0))
            yield second

        stream = register_stream(coordinator, source(), concurrency=2)
        assert (await anext(stream)).status is S.CREATED
        waiting = asyncio.ensure_future(anext(stream))
        await asyncio.sleep(41)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting

        assert asyncio.get_running_loop().time() < 41.1
        await asyncio.gather(*coordinator.lists.stop(), return_exceptions=True)

    virtual_loop.run(main())


@pytest.mark.parametrize("concurrency", [1, 2, 4])
@pytest.mark.parametrize("count", [3, 99])
def test_a_source_that_holds_a_timeout(count: int, concurrency: int) -> None:
    """It expires while creates are on the wire, or the source waits: it ends the source, and no registration."""

    async def main() -> None:
        gateway, given = FakeGateway(latency=1.0), []

        async def source() -> AsyncIterator[WebhookSpec]:
            async with asyncio.timeout(5.5):
                for spec in specs(count):
                    given.append(spec)
                    yield spec
                await asyncio.sleep(60)

        outcomes = []
        with pytest.raises(TimeoutError):  # noqa: PT012
            async for outcome in register_stream(gateway.coordinator(), source(), concurrency=concurrency):
                outcomes.append(outcome)  # noqa: PERF401

        assert {outcome.status for outcome in outcomes} == {S.CREATED}
        assert urls(given) == urls(outcome.spec for outcome in outcomes) == urls(gateway.webhooks.values())

    virtual_loop.run(main())


def test_a_source_whose_task_group_fails() -> None:
    """What it gave is registered and told; then the stream raises what the group does."""

    async def main() -> None:
        gateway = FakeGateway(latency=1.0)

        async def fail() -> None:
            await asyncio.sleep(2.5)
            raise LookupError

        async def source() -> AsyncIterator[WebhookSpec]:
            async with asyncio.TaskGroup() as group:
                group.create_task(fail())
                for spec in specs(99):
                    yield spec

        outcomes = []
        with pytest.raises(ExceptionGroup, match="TaskGroup"):  # noqa: PT012
            async for outcome in register_stream(gateway.coordinator(), source(), concurrency=2):
                outcomes.append(outcome)  # noqa: PERF401

        assert urls(outcome.spec for outcome in outcomes) == urls(gateway.webhooks.values())

    virtual_loop.run(main())


def test_a_source_whose_timeouts_go_on() -> None:
    """It handles them itself, and gives a further spec before anyone asks for it: none is lost."""

    async def main() -> None:
        gateway, wanted, given = FakeGateway(), specs(6), []

        async def source() -> AsyncIterator[WebhookSpec]:
            for spec in wanted:
                with suppress(TimeoutError):
                    async with asyncio.timeout(0.5):
                        given.append(spec)
                        yield spec

        outcomes = []
        async for outcome in register_stream(gateway.coordinator(), source(), concurrency=1):
            outcomes.append(outcome)
            assert len(given) <= len(outcomes) + 3
            await asyncio.sleep(0.7)

        assert [outcome.spec for outcome in outcomes] == wanted

    virtual_loop.run(main())


def test_what_timeouts_made_a_source_give_too_early_is_taken_first() -> None:
    """A source without end gives no more until it is used up: else it would pile up in memory."""

    async def main() -> None:
        (spec,), given = specs(1), 0

        async def source() -> AsyncIterator[WebhookSpec]:
            nonlocal given
            while True:
                with suppress(TimeoutError):
                    async with asyncio.timeout(0.5):
                        while True:
                            given += 1
                            yield spec

        stream = register_stream(FakeGateway().coordinator(), source(), concurrency=1)
        await anext(stream)
        await asyncio.sleep(10)
        ahead = given
        for _ in range(given + 10):
            await anext(stream)
        await stream.aclose()

        assert ahead > 10
        assert given <= ahead + 13

    virtual_loop.run(main())


@pytest.mark.parametrize(("seconds", "log"), [(0.5, ["released"]), (4.9, ["released"]), (60.0, [])])
@pytest.mark.parametrize("count", [2, 99])
def test_a_source_that_is_left_has_five_seconds_to_end(count: int, seconds: float, log: list[str]) -> None:
    """It is cancelled once, wherever it waits, so that it may release what it holds."""

    async def main() -> None:
        released: list[str] = []

        async def source() -> AsyncIterator[WebhookSpec]:
            try:
                for spec in specs(count):
                    yield spec
                await asyncio.Event().wait()
            finally:
                await asyncio.sleep(seconds)
                released.append("released")

        stream = register_stream(FakeGateway().coordinator(), source(), concurrency=3)
        await anext(stream)
        began = asyncio.get_running_loop().time()
        await stream.aclose()

        assert log == released
        assert asyncio.get_running_loop().time() - began == pytest.approx(min(seconds, 5.0))

    virtual_loop.run(main())


@pytest.mark.parametrize("count", [1, 99])
def test_a_source_that_is_left_and_goes_on_all_the_same(count: int) -> None:
    """It ignores that it is cancelled: it is asked for nothing more."""

    async def main() -> None:
        gateway, given = FakeGateway(), 0

        async def source() -> AsyncIterator[WebhookSpec]:
            nonlocal given
            for given, spec in enumerate(specs(200), 1):
                with suppress(asyncio.CancelledError):
                    if given > count:
                        await asyncio.Event().wait()
                with suppress(asyncio.CancelledError):
                    yield spec

        stream = register_stream(gateway.coordinator(), source(), concurrency=1)
        await anext(stream)
        await asyncio.sleep(1)
        before = given
        await stream.aclose()

        assert given <= before + 1
        assert asyncio.get_running_loop().time() < 1.1

    virtual_loop.run(main())


def test_a_source_is_closed_in_the_task_that_reads_it() -> None:
    """Also where what it gives cannot be used: the scopes of anyio can be left nowhere else."""

    async def main() -> None:
        tasks: list[object] = []

        async def source() -> AsyncIterator[object]:
            tasks.append(asyncio.current_task())
            try:
                yield "https://shop.example"
            finally:
                tasks.append(asyncio.current_task())

        with pytest.raises(ValueError, match="WebhookSpec"):
            await collect(FakeGateway().coordinator(), source())

        assert tasks[0] is tasks[1]

    virtual_loop.run(main())


@pytest.mark.parametrize("kind", [iter, asynchronous])
@pytest.mark.parametrize("steps", range(8))
def test_leaving_at_any_step_of_the_beginning(steps: int, kind: Any) -> None:
    """Nothing goes on for longer than one list."""

    async def main() -> None:
        stream = register_stream(FakeGateway().coordinator(), kind(specs(3)), concurrency=2)
        waiting = asyncio.ensure_future(anext(stream))
        for _ in range(steps):
            await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        await stream.aclose()

        assert asyncio.get_running_loop().time() < 0.1

    virtual_loop.run(main())
