"""The rate at which requests go while the gateway throttles: by hand, and against gateways on a virtual clock."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator

import pytest
from attrs import define, field

from gwms_async import Request, Response, RetryPolicy
from gwms_async.chain import compose
from gwms_async.clock import Clock
from gwms_async.middleware import Backoff, Pace, RetryBudget
from gwms_async.middleware.rate import Rate

from ..helpers import virtual_loop
from ..helpers.slow import first


def test_nothing_is_held_back_before_a_push_back() -> None:
    """Any number of requests is due at once."""
    rate = Rate()

    for _ in range(1_000):
        assert rate.due(5.0) == 5.0
        rate.issue_ticket(5.0)


def test_a_push_back_pauses_all() -> None:
    """As long as the gateway asks; then requests go one after another."""
    rate = Rate()
    tickets = [rate.issue_ticket(1.0) for _ in range(10)]

    rate.push_back(tickets[-1], 1.1, 3.0)

    assert rate.due(1.1) == rate.resume_at == 4.1
    rate.issue_ticket(4.1)
    assert rate.due(4.1) == pytest.approx(4.2, abs=0.01)


@pytest.mark.parametrize(("asked", "pause"), [(3600.0, 60.0), (0.0, 0.0), (None, 0.2)])
def test_the_length_of_a_pause(asked: float | None, pause: float) -> None:
    """Never longer than may be; a short one if the gateway does not say."""
    rate = Rate(60.0)
    rate.issue_ticket(0.0)

    rate.push_back(rate.issue_ticket(0.0), 0.0, asked)

    assert rate.resume_at == pause


def test_pauses_grow_while_nothing_gets_through() -> None:
    """Where the gateway never says how long, up to twenty seconds."""
    rate, now, pauses = Rate(), 0.0, []
    for _ in range(1_100):  # 2 to that power is no float
        rate.push_back(rate.issue_ticket(now), now, None)
        pauses.append(rate.resume_at - now)
        now = rate.resume_at

    assert pauses == pytest.approx([0.4, 0.8, 1.6, 3.2, 6.4, 12.8] + [20] * 1_094)
    assert rate.per_second == 1.0


@pytest.mark.parametrize(
    ("asked", "expected"), [(0.0, [0, 0.4, 0.8, 1.0]), (0.5, [0.5, 0.5, 0.8, 1.0]), (2.0, [2.0] * 4)]
)
def test_a_wait_that_proves_too_short_grows(asked: float, expected: list[float]) -> None:
    """A gateway that rounds down asks for 0 s until it lets requests through again."""
    rate, now, pauses = Rate(), 0.0, []
    rate.issue_ticket(now)
    for _ in range(4):
        rate.push_back(rate.issue_ticket(now), now, asked)
        pauses.append(rate.resume_at - now)
        now = rate.resume_at

    assert pauses == pytest.approx(expected)


def test_a_call_outlasts_a_window_although_the_gateway_asks_for_no_wait() -> None:
    """It has let a hundred requests through, then refuses all for a second: the rate alone would spend the attempts."""

    async def main() -> None:
        loop, count = asyncio.get_running_loop(), 0
        opens_at = loop.time() + 1

        async def window(request: Request) -> Response:
            nonlocal count
            count += 1
            request.call.attempts += 1
            is_open = count <= 100 or loop.time() >= opens_at
            return Response(200) if is_open else Response(429, headers={"retry-after": "0"})

        pace = Pace(100, Rate(), Clock(loop.time))
        backoff = Backoff(RetryPolicy(), RetryBudget(500), is_paced=True, clock=Clock(loop.time))
        chain = compose([backoff, pace], window)
        await asyncio.gather(*(chain(Request("GET", "/webhooks", idempotent=True)) for _ in range(100)))

        assert (await chain(Request("GET", "/webhooks", idempotent=True))).status == 200

    virtual_loop.run(main())


def test_stragglers_do_not_slow_down() -> None:
    """A refusal of a request that was sent before the pause began may prolong it, but says nothing of the rate."""
    rate = Rate()
    tickets = [rate.issue_ticket(0.0) for _ in range(50)]
    rate.push_back(tickets[0], 0.1, 1.0)
    before = rate.per_second

    rate.push_back(tickets[1], 0.2, 1.0)
    rate.push_back(tickets[2], 0.3, None)
    rate.push_back(tickets[3], 0.4, 0.1)

    assert rate.per_second == before == 50.0
    assert rate.due(0.4) == rate.resume_at == 1.2
    rate.push_back(tickets[4], 0.5, 3600.0)
    assert rate.resume_at == 60.5


def test_a_straggler_of_a_later_pause_prolongs_the_present_one() -> None:
    """It says nothing of the rate either."""
    rate = Rate()
    rate.push_back(rate.issue_ticket(0.0), 0.0, 1.0)
    straggler, refused = rate.issue_ticket(1.0), rate.issue_ticket(1.0)
    rate.push_back(refused, 1.1, 1.0)
    before = rate.per_second

    rate.push_back(straggler, 1.2, 3.0)

    assert (rate.per_second, rate.resume_at) == (before, 4.2)


def test_the_rate_is_measured_between_two_push_backs() -> None:
    """What was sent meanwhile is what the gateway earned meanwhile; a tenth more spends what the pause stored."""
    rate = Rate()
    for _ in range(100):
        first = rate.issue_ticket(0.0)
    rate.push_back(first, 0.0, 1.0)
    for number in range(180):
        last = rate.issue_ticket(1.0 + number / 600)

    rate.push_back(last, 1.4, 1.0)

    assert rate.per_second == pytest.approx(1.1 * 179 / (1 + 179 / 600))


def test_the_rate_goes_down_by_steps_where_the_pause_was_not_stored() -> None:
    """Then too little is measured, so it is not trusted all at once."""
    rate = Rate()
    for _ in range(100):
        first = rate.issue_ticket(0.0)
    rate.push_back(first, 0.0, 1.0)
    rate.push_back(rate.issue_ticket(1.0), 1.0, 1.0)
    assert rate.per_second == pytest.approx(70.0)

    rate.push_back(rate.issue_ticket(2.0), 2.0, 1.0)
    assert rate.per_second == pytest.approx(59.5)


def test_silence_is_no_test_of_the_rate() -> None:
    """An hour without requests raises it no more than half a second does."""
    rate = Rate()
    for _ in range(100):
        first = rate.issue_ticket(0.0)
    rate.push_back(first, 0.0, 0.0)
    rate.push_back(rate.issue_ticket(0.0), 0.0, 0.0)
    assert rate.per_second == pytest.approx(70.0)

    rate.issue_ticket(3600.0)

    assert rate.per_second == pytest.approx(70.0 * (1 + 0.04 * 1.5 * 0.5))


def test_a_rate_beyond_reach_is_no_limit() -> None:
    """A gateway that pushes back no more is in the end met as if it never had."""
    rate, now = Rate(), 0.0
    for _ in range(100):
        first = rate.issue_ticket(0.0)
    rate.push_back(first, 0.0, 1.0)
    while rate.per_second is not None:
        now = max(now + 0.1, rate.due(now))
        rate.issue_ticket(now)

    assert now < 10.0
    assert rate.due(now) == now


@pytest.mark.parametrize("later", [[], [11.5] * 3])
def test_the_start_goes_by_the_last_seconds(later: list[float]) -> None:
    """The first rate is that of the second before; what was sent long ago does not count."""
    rate = Rate()
    for now in [0.0] * 500 + [10.0] * 40 + later:
        last = rate.issue_ticket(now)

    rate.push_back(last, 11.5, 1.0)

    assert rate.per_second == 40.0


def rate_without_storage() -> tuple[Rate, float]:
    """Make a rate that was refused the second of fifty requests at once; return it with its next moment."""
    rate = Rate()
    second, *rest = [rate.issue_ticket(0.0) for _ in range(50)][1:]
    for refused in (rest[0], second, *rest):
        rate.push_back(refused, 0.001, None)
    return rate, rate.resume_at


def refused_after(rate: Rate, now: float, count: int, asked: float | None = None) -> tuple[float, float, float]:
    """Send requests, the last of which is refused; return the rate before and after, and the length of the pause."""
    for _ in range(count):
        now = max(now, rate.due(now))
        last = rate.issue_ticket(now)
    before = rate.per_second
    rate.push_back(last, now, asked)
    assert before is not None
    assert rate.per_second is not None
    return before, rate.per_second, rate.resume_at - now


def test_a_refusal_costs_little_where_nothing_is_stored() -> None:
    """It may have arrived too close behind another: the third one ends the doubling, each further one is a step."""
    rate, now = rate_without_storage()

    for count in (30, 5, 5):
        before, after, pause = refused_after(rate, now, count)
        assert after == before
        assert pause == pytest.approx(1 / before)
        now = rate.resume_at
    before, after, pause = refused_after(rate, now, 40)

    assert after == before - 2
    assert pause == pytest.approx(1 / before)


@pytest.mark.parametrize(("count", "asked", "kept"), [(1, None, 0.85), (40, 1.0, 1.0)])
def test_refusals_that_mean_the_same_as_elsewhere(count: int, asked: float | None, kept: float) -> None:
    """Where nothing gets through, or the gateway asks for a wait, which every request would have to sit out."""
    rate, now = rate_without_storage()
    for _ in range(3):
        refused_after(rate, now, 30)
        now = rate.resume_at

    before, after, pause = refused_after(rate, now, count, asked)

    assert after == pytest.approx(kept * before)
    assert pause == pytest.approx(asked or 0.4)


def test_a_single_refusal_shows_that_nothing_is_stored() -> None:
    """Nothing else needs to be in flight: a caller with few requests loses as little by the next refusals."""
    rate = Rate()
    _, second, *_ = [rate.issue_ticket(0.0) for _ in range(100)]
    rate.push_back(second, 0.0, None)

    before, after, pause = refused_after(rate, rate.resume_at, 30)

    assert after == before
    assert pause == pytest.approx(1 / before)


def test_what_the_second_before_let_through_was_stored() -> None:
    """The first request of a second is refused after a hundred in the second before: its gateway needs real pauses."""
    rate = Rate()
    for now in [0.0] * 100 + [1.0]:
        last = rate.issue_ticket(now)
    rate.push_back(last, 1.0, None)

    _, _, pause = refused_after(rate, rate.resume_at, 30)

    assert pause == pytest.approx(0.2)


def test_a_straggler_of_a_later_pause_says_nothing_of_what_is_stored() -> None:
    """Its number counts from that pause: the gateway goes on to get real pauses."""
    rate = Rate()
    for _ in range(100):
        last = rate.issue_ticket(0.0)
    rate.push_back(last, 0.0, None)
    straggler, refused = rate.issue_ticket(1.0), rate.issue_ticket(1.0)
    rate.push_back(refused, 1.1, None)
    rate.push_back(straggler, 1.2, None)

    _, _, pause = refused_after(rate, rate.resume_at, 30)

    assert pause == pytest.approx(0.2)


def test_idle_time_is_not_made_up_for() -> None:
    """After an hour without requests, a limited rate lets as many through at once as timers cannot keep apart."""
    rate = Rate()
    for _ in range(1_430):
        first = rate.issue_ticket(0.0)
    rate.push_back(first, 0.0, 0.0)
    rate.push_back(rate.issue_ticket(0.0), 0.0, 0.0)
    assert rate.per_second == pytest.approx(1_001.0)
    count = 0
    while rate.due(3600.0) <= 3600.0:
        rate.issue_ticket(3600.0)
        count += 1

    assert 8 <= count <= 10


@define
class Bucket:
    """A gateway on the virtual clock that lets requests through as a bucket of tokens does; half a ms away.

    If it is busy, it looks at no request for five milliseconds, five times a second.
    """

    rate: float
    burst: int
    retry_after: bool
    halved: tuple[float, float] = (0.0, 0.0)
    is_busy: bool = False
    refused: int = 0
    _level: float = field(init=False)
    _seen: float = 0.0
    _chance: random.Random = field(factory=lambda: random.Random(7))

    @_level.default
    def _full(self) -> float:
        return self.burst

    async def __call__(self, request: Request) -> Response:
        """Answer after 4 to 19 ms; a refusal comes at once."""
        request.call.attempts += 1
        await asyncio.sleep(0.0005)
        if self.is_busy:
            await asyncio.sleep(max(0.0, 0.005 - asyncio.get_running_loop().time() % 0.2))
        now = asyncio.get_running_loop().time()
        at_half = max(0.0, min(now, self.halved[1]) - max(self._seen, self.halved[0]))
        earned = (now - self._seen - at_half / 2) * self.rate
        self._level, self._seen = min(self.burst, self._level + earned), now
        passes = self._level >= 1
        self._level -= passes
        self.refused += not passes
        await asyncio.sleep(0.0005 + passes * self._chance.uniform(0.004, 0.019))
        return Response(200) if passes else Response(429, headers={"retry-after": "1"} if self.retry_after else {})


GATEWAYS = {
    #                            rate  burst Retry-After creates halved  time  refused
    "200, Retry-After": (200, 200, True, 2_000, False, 1.15, 0.01),
    "200": (200, 200, False, 1_600, False, 1.08, 0.01),
    "200 halved, Retry-After": (200, 200, True, 1_600, True, 1.10, 0.02),
    "200 halved": (200, 200, False, 1_600, True, 1.20, 0.02),
    "20, Retry-After": (20, 20, True, 400, False, 1.15, 0.05),
    "200 without burst": (200, 1, False, 1_600, False, 1.5, 0.05),
    "200 without burst, Retry-After": (200, 1, True, 1_600, False, 2.0, 0.05),
    "20 without burst": (20, 1, False, 400, False, 1.5, 0.05),
    "1,000, Retry-After": (1_000, 1_000, True, 16_000, False, 1.08, 0.01),
}


@pytest.mark.parametrize("name", first(8, GATEWAYS))
def test_a_bulk_through_a_throttling_gateway(name: str) -> None:
    """It takes little longer than the gateway's rate allows, few requests are refused, and no call fails."""
    rate, burst, says_when, creates, is_halved, most_time, most_refused = GATEWAYS[name]
    ideal = (creates - burst) / (rate * (0.75 if is_halved else 1))
    bucket = Bucket(rate, burst, says_when, (0.3 * ideal, 0.8 * ideal) if is_halved else (0.0, 0.0))

    assert virtual_loop.run(seconds_of(bucket, creates)) <= most_time * ideal
    assert bucket.refused <= 50 + most_refused * creates


def test_a_bulk_through_a_busy_gateway_without_burst() -> None:
    """Requests arrive too close together, however evenly they were sent; that costs each only its own refusal."""
    bucket = Bucket(200, 1, retry_after=False, is_busy=True)

    assert virtual_loop.run(seconds_of(bucket, 1_600)) <= 1.5 * 8.0
    assert bucket.refused <= 50 + 0.05 * 1_600


async def seconds_of(bucket: Bucket, creates: int) -> float:
    """Create webhooks by 50 workers; return how long it takes."""
    loop, policy = asyncio.get_running_loop(), RetryPolicy()
    pace = Pace(100, Rate(), Clock(loop.time))
    chain = compose([Backoff(policy, RetryBudget(0), is_paced=True, clock=Clock(loop.time)), pace], bucket)
    todo: Iterator[int] = iter(range(creates))

    async def work() -> None:
        for _ in todo:
            assert (await chain(Request("POST", "/webhooks", idempotent=False))).status == 200

    await asyncio.gather(*(work() for _ in range(50)))
    ended = loop.time()
    pace.close()
    return ended
