"""Which requests the emulator's faults hit, and how it slows clients down: its script, latency and rate limit."""

from __future__ import annotations

import asyncio
from email.utils import parsedate_to_datetime
from typing import Literal

import pytest

from gwms_async.testing import DropAfter, GwmsEmulator, RateLimit, RevokeTokens, Status

from ..helpers.emulated import statuses, until
from ..helpers.plain_client import EPOCH, HOOK, Plain, logged_in, plain, request_bytes, wire


async def statuses_of(client: Plain, count: int) -> list[int]:
    """Send requests in a row, and tell how they were answered."""
    return [(await client.send("GET", "/webhooks")).status for _ in range(count)]


async def test_a_fault_hits_the_next_request(gateway: GwmsEmulator) -> None:
    """Once, unless told otherwise."""
    async with logged_in(gateway) as client:
        gateway.inject(Status(503))
        assert gateway.faults_left == 1

        assert await statuses_of(client, 3) == [503, 200, 200]
    assert gateway.faults_left == 0


async def test_a_fault_hits_some_requests_in_a_row(gateway: GwmsEmulator) -> None:
    """From a given one on, as often as told; what is due is known at any time."""
    async with logged_in(gateway) as client:
        gateway.inject(Status(503), at=2, times=3)

        assert await statuses_of(client, 3) == [200, 503, 503]
        assert gateway.faults_left == 1
        assert await statuses_of(client, 2) == [503, 200]
    assert gateway.faults_left == 0


async def test_a_fault_hits_the_requests_of_an_operation(gateway: GwmsEmulator) -> None:
    """Other requests neither meet it nor count."""
    async with logged_in(gateway) as client:
        gateway.inject(Status(503), operation="create", at=2)

        assert await statuses_of(client, 3) == [200, 200, 200]
        assert [(await client.create()).status for _ in range(3)] == [200, 503, 200]


async def test_logins_are_hit_only_if_named(gateway: GwmsEmulator) -> None:
    """A fault for any request leaves logins alone; one for logins hits nothing else."""
    async with plain(gateway) as client:
        gateway.inject(Status(503))
        gateway.inject(Status(502), operation="login", at=2)
        await client.log_in()
        assert gateway.faults_left == 2

        assert await statuses_of(client, 2) == [503, 200]
        assert (await client.send("POST", "/users/login", {})).status == 502
    assert gateway.tokens_issued == [str(client.authorization).removeprefix("Bearer ")]


async def test_unknown_endpoints_are_hit_too(gateway: GwmsEmulator) -> None:
    """They are an operation of their own."""
    async with logged_in(gateway) as client:
        gateway.inject(Status(503), operation="other")

        assert await statuses_of(client, 1) == [200]
        assert (await client.send("GET", "/nowhere")).status == 503


async def test_a_revoked_token_may_be_found_out_at_the_login(gateway: GwmsEmulator) -> None:
    """Tokens that were issued before a login are revoked by it, its own is not."""
    async with logged_in(gateway) as first, plain(gateway) as second:
        gateway.inject(RevokeTokens(), operation="login")
        await second.log_in()

        assert await statuses_of(first, 1) == [401]
        assert await statuses_of(second, 1) == [200]


@pytest.mark.parametrize(("times", "at"), [(0, 1), (1, 0), (-1, 5)])
async def test_a_fault_that_can_hit_nothing_is_an_error(gateway: GwmsEmulator, times: int, at: int) -> None:
    """It is told at once, and nothing is injected."""
    with pytest.raises(ValueError, match=f"times and at must be 1 or more, not {times} and {at}"):
        gateway.inject(DropAfter(), times=times, at=at)
    with pytest.raises(ValueError, match=r"operation must be one of activate, .*, not 'post'"):
        gateway.inject(DropAfter(), operation="post")

    assert gateway.faults_left == 0


@pytest.mark.parametrize("form", ["seconds", "date", None])
async def test_a_rate_limit_refuses_what_is_too_much(form: Literal["seconds", "date"] | None) -> None:
    """Beyond the burst it is a 429 that does nothing, and says when to come back, or not; logins always pass."""
    limit = RateLimit(0.001, 2, form)
    async with GwmsEmulator(rate_limit=limit, clock=lambda: EPOCH) as gateway, logged_in(gateway) as client:
        await client.log_in()
        assert await statuses_of(client, 2) == [200, 200]

        reply = await client.create()
        assert reply.problem == (429, "Too many requests")
        assert (gateway.webhooks, gateway.requests[-1].fault) == ([], None)

        await client.log_in()
        assert await statuses_of(client, 1) == [429]

    header = reply.headers.get("Retry-After")
    if form is None:
        assert header is None
        return
    assert header is not None
    wait = int(header) if form == "seconds" else parsedate_to_datetime(header).timestamp() - EPOCH
    assert 900 < wait <= 1000


async def test_a_rate_limit_may_be_exchanged(gateway: GwmsEmulator) -> None:
    """The first begins full, another one with what the last left over; without one, everything passes."""
    async with logged_in(gateway) as client:
        gateway.rate_limit = RateLimit(0.001, 3)
        assert await statuses_of(client, 1) == [200]
        gateway.rate_limit = RateLimit(0.001, 5)
        assert await statuses_of(client, 3) == [200, 200, 429]

        gateway.rate_limit = None
        assert await statuses_of(client, 2) == [200, 200]


async def test_a_rate_limit_recovers(gateway: GwmsEmulator) -> None:
    """A client that comes back later is let in."""
    gateway.rate_limit = RateLimit(50, 1)
    async with logged_in(gateway) as client, asyncio.timeout(10):
        while 429 not in await statuses_of(client, 2):
            pass
        while 200 not in await statuses_of(client, 1):
            pass


async def test_a_request_that_is_hit_does_not_count_for_the_rate(gateway: GwmsEmulator) -> None:
    """A fault takes the place of the rate limit."""
    gateway.rate_limit = RateLimit(0.001, 1)
    async with logged_in(gateway) as client:
        gateway.inject(Status(503), times=2)

        assert await statuses_of(client, 4) == [503, 503, 200, 429]


async def test_latency_delays_the_answer_not_the_deed(gateway: GwmsEmulator) -> None:
    """A request is carried out when it comes, and answered later."""
    async with logged_in(gateway) as client:
        gateway.latency = 0.05
        loop = asyncio.get_running_loop()
        began = loop.time()
        call = asyncio.create_task(client.create())
        await until(lambda: gateway.webhooks)
        assert statuses(gateway, "create") == [None]

        assert (await call).status == 200
        assert loop.time() - began >= 0.05
        assert statuses(gateway, "create") == [200]

        gateway.latency = 0
        assert await statuses_of(client, 1) == [200]


async def test_a_client_that_goes_during_the_latency(gateway: GwmsEmulator) -> None:
    """Its request was carried out all the same, and nobody waits for the rest."""
    async with logged_in(gateway) as client:
        gateway.latency = 3600
        async with wire(gateway) as connection:
            connection.send(request_bytes(client, "POST", "/webhooks", HOOK))
            await until(lambda: gateway.webhooks)
        await until(lambda: gateway.connections == 1)

    assert (gateway.requests[-1].status, len(gateway.webhooks)) == (None, 1)


async def test_a_drop_comes_after_the_latency(gateway: GwmsEmulator) -> None:
    """A fault that loses the answer takes as long as the answer would have."""
    async with logged_in(gateway) as client, wire(gateway) as connection:
        gateway.latency = 0.05
        gateway.inject(DropAfter())
        loop = asyncio.get_running_loop()
        began = loop.time()
        connection.send(request_bytes(client, "POST", "/webhooks", HOOK))

        assert await connection.rest() == b""
        assert loop.time() - began >= 0.05
    assert len(gateway.webhooks) == 1
