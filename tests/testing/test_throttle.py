"""Rate limits: the token bucket by itself, and what a client sees of it."""

from __future__ import annotations

import asyncio
from email.utils import parsedate_to_datetime
from typing import Literal

import pytest

from gwms_async.testing import GwmsEmulator, RateLimit, Status
from gwms_async.testing.throttle import Throttle, retry_headers

from ..helpers.plain_client import EPOCH, logged_in
from ..helpers.virtual_io_loop import with_virtual_gateway


def test_a_throttle_lets_a_burst_pass_then_one_at_a_time() -> None:
    """After a burst, one request passes per period; the wait is the time until the next."""
    throttle, limit = Throttle(), RateLimit(4, 3)

    assert [throttle.admit(limit, 10.0) for _ in range(5)] == [0, 0, 0, 0.25, 0.25]
    assert throttle.admit(limit, 10.125) == 0.125
    assert [throttle.admit(limit, 10.25) for _ in range(2)] == [0, 0.25]


def test_a_throttle_is_full_again_after_a_silence() -> None:
    """After any silence, no more than the burst passes at once."""
    throttle, limit = Throttle(), RateLimit(4, 2)
    for _ in range(3):
        throttle.admit(limit, 0.0)

    assert [throttle.admit(limit, 1000.0) for _ in range(3)] == [0, 0, 0.25]


def test_a_throttle_is_not_refilled_when_its_limit_is_replaced() -> None:
    """Tokens taken under the old limit are missing under the new one too."""
    throttle, first, second = Throttle(), RateLimit(1, 1), RateLimit(1, 1)

    assert [throttle.admit(limit, 5.0) for limit in (first, first, second, second)] == [0, 1, 1, 1]


@pytest.mark.parametrize(("rate", "burst"), [(0, 1), (-1, 1), (1, 0)])
def test_a_rate_limit_that_admits_nothing_is_an_error(rate: float, burst: int) -> None:
    """The rate is above zero, the burst at least one."""
    with pytest.raises(ValueError, match="must be >"):
        RateLimit(rate, burst)


def test_a_rate_limit_with_an_unknown_form() -> None:
    """A typo does not go unnoticed."""
    with pytest.raises(ValueError, match="'retry_after' must be in"):
        RateLimit(1, 1, "Date")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("form", "wait", "headers"),
    [
        ("seconds", 0.001, {"Retry-After": "1"}),
        ("seconds", 1, {"Retry-After": "1"}),
        ("seconds", 2.5, {"Retry-After": "3"}),
        ("date", 2.5, {"Retry-After": "Mon, 21 Sep 2026 14:13:24 GMT"}),
        (None, 2.5, {}),
    ],
)
def test_a_refusal_says_when_to_retry(
    form: Literal["seconds", "date"] | None, wait: float, headers: dict[str, str]
) -> None:
    """In whole seconds or as a date, either rounded up, or not at all."""
    assert retry_headers(RateLimit(1, 1, form), wait, EPOCH + 0.75) == headers


@pytest.mark.parametrize("form", ["seconds", "date", None])
async def test_a_rate_limit_refuses_what_is_too_much(form: Literal["seconds", "date"] | None) -> None:
    """Beyond the burst the answer is a 429 that changes nothing and may say when to retry; logins always pass."""
    limit = RateLimit(0.001, 2, form)
    async with GwmsEmulator(rate_limit=limit, clock=lambda: EPOCH) as gateway, logged_in(gateway) as client:
        await client.log_in()
        assert await client.statuses(2) == [200, 200]

        reply = await client.create()
        assert reply.problem == (429, "Too many requests")
        assert (gateway.webhooks, gateway.requests[-1].fault) == ([], None)

        await client.log_in()
        assert await client.statuses(1) == [429]

    header = reply.headers.get("Retry-After")
    if form is None:
        assert header is None
        return
    assert header is not None
    wait = int(header) if form == "seconds" else parsedate_to_datetime(header).timestamp() - EPOCH
    assert 900 < wait <= 1000


async def test_a_rate_limit_can_be_replaced(gateway: GwmsEmulator) -> None:
    """The first bucket is full, the next has what the last one left; without a limit, everything passes."""
    async with logged_in(gateway) as client:
        gateway.rate_limit = RateLimit(0.001, 3)
        assert await client.statuses(1) == [200]
        gateway.rate_limit = RateLimit(0.001, 5)
        assert await client.statuses(3) == [200, 200, 429]

        gateway.rate_limit = None
        assert await client.statuses(2) == [200, 200]


def test_a_silence_counts_for_the_limit_of_its_time() -> None:
    """A limit with a higher rate does not refill the bucket for the time before it."""

    async def main(gateway: GwmsEmulator, _: object) -> None:
        async with logged_in(gateway) as client:
            gateway.rate_limit = RateLimit(0.001, 1)
            assert await client.statuses(1) == [200]
            await asyncio.sleep(10)
            gateway.rate_limit = RateLimit(1, 1)
            assert await client.statuses(1) == [429]

            await asyncio.sleep(1)

            assert await client.statuses(1) == [200]

    with_virtual_gateway(main)


async def test_a_rate_limit_recovers(gateway: GwmsEmulator) -> None:
    """A client that retries later is accepted."""
    gateway.rate_limit = RateLimit(50, 1)
    async with logged_in(gateway) as client, asyncio.timeout(10):
        while 429 not in await client.statuses(2):
            pass
        while 200 not in await client.statuses(1):
            pass


async def test_a_request_that_is_hit_does_not_count_for_the_rate(gateway: GwmsEmulator) -> None:
    """A fault replaces the rate limit."""
    gateway.rate_limit = RateLimit(0.001, 1)
    async with logged_in(gateway) as client:
        gateway.inject(Status(503), times=2)

        assert await client.statuses(4) == [503, 503, 200, 429]


def test_a_number_for_a_limit() -> None:
    """It is refused at once, and does not make every answer a 500."""
    with pytest.raises(TypeError, match=r"^expected a rate limit, e\.g\. RateLimit\(rate=10, burst=20\); got 10$"):
        GwmsEmulator(rate_limit=10)  # type: ignore[arg-type]
