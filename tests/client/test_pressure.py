"""The client before a gateway that throttles or is down."""

from __future__ import annotations

import asyncio

import pytest

from gwms_async import ConfigurationError, RetryPolicy, ServerError, ThrottledError, Timeout
from gwms_async.testing import GwmsEmulator, RateLimit, Status

from ..helpers.emulated import client, held, specs, until


async def test_a_bulk_is_throttled(gateway: GwmsEmulator) -> None:
    """Everything is registered once, and hardly more than one request per worker is refused."""
    gateway.rate_limit = RateLimit(200, 20, None)
    async with client(gateway, retry=RetryPolicy()) as gwms:
        report = await gwms.webhooks.register_many(specs(200), concurrency=20)

    report.raise_for_failures()
    assert set(held(gateway).values()) == {1}
    assert sum(exchange.status == 429 for exchange in gateway.requests) < 60


async def test_an_outage_ends_in_errors(gateway: GwmsEmulator) -> None:
    """500 concurrent calls, all answered 503, send fewer than 60 requests more."""
    async with client(gateway, retry=RetryPolicy(base=0.01)) as gwms:
        await gwms.webhooks.list()
        sent = len(gateway.requests)
        gateway.inject(Status(503), times=10_000)
        ends = await asyncio.gather(*(gwms.webhooks.get(1) for _ in range(500)), return_exceptions=True)

    assert all(isinstance(end, ServerError) for end in ends)
    assert len(gateway.requests) - sent < 560


async def test_a_pause_beyond_the_deadline(gateway: GwmsEmulator) -> None:
    """The call that was refused, and those after it, end at once; these are not even sent."""
    async with client(gateway, timeout=Timeout(total=5.0)) as gwms:
        await gwms.webhooks.list()
        gateway.inject(Status(429, retry_after="30"))
        sent = len(gateway.requests)
        for message in ("Emulated fault", "not sent"):
            with pytest.raises(ThrottledError, match=message) as caught:
                await gwms.webhooks.list()
            assert caught.value.retry_after == 30

    assert len(gateway.requests) == sent + 1


async def test_closing_ends_a_pause(gateway: GwmsEmulator) -> None:
    """A call that waits for the pause to end is told at once that the client is closed."""
    async with client(gateway, retry=RetryPolicy()) as gwms:
        await gwms.webhooks.list()
        gateway.inject(Status(429, retry_after="30"))
        call = asyncio.create_task(gwms.webhooks.list())
        await until(lambda: gateway.requests[-1].status == 429)
        # Once more, so that the client has read the answer too.
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.shield(call), 0.05)

    with pytest.raises(ConfigurationError, match="closed"):
        await asyncio.wait_for(call, 10)
