"""Processes that share a Redis: one login for all, also when one of them is killed in the midst of it."""

from __future__ import annotations

import asyncio

import pytest

pytest.importorskip("redis", reason="the store in Redis is an extra")

from gwms_async.auth.stores.redis import LEASE
from gwms_async.testing import GwmsEmulator, Stall
from gwms_async.tokens import store_key

from ...helpers.emulated import until
from ...helpers.redis_server import RedisServer
from ...helpers.store_processes import processes


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_twelve_processes_that_start_together(gwms_emulator: GwmsEmulator, redis: RedisServer) -> None:
    """There is no token yet: one of them logs in, and all calls of all go through without a warning."""
    key = store_key(gwms_emulator.base_url, gwms_emulator.credentials.username)

    with processes(12, gwms_emulator, redis.url, calls=20) as started:
        for one in started:
            one.go()
        for one in started:
            one.expect("locking")
            one.expect("done: 20")
            one.end()

    assert gwms_emulator.logins == 1
    assert {exchange.status for exchange in gwms_emulator.requests} == {200}
    assert redis.command("KEYS", "*").split()[2:] == [f"gwms-async:token:{{{key}}}".encode()]


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_a_process_killed_while_it_holds_the_lock(gwms_emulator: GwmsEmulator, redis: RedisServer) -> None:
    """One of the others inherits it before they lose patience: one further login, and no warning.

    The lease is shorter than usual, so that a machine under load does not make them lose it.
    """
    gwms_emulator.inject(Stall(60), operation="login")
    with processes(12, gwms_emulator, redis.url, calls=5, lease=LEASE / 2) as (holder, *others):
        holder.go()
        holder.expect("locking")
        asyncio.run(until(lambda: gwms_emulator.logins == 1))
        for one in others:
            one.go()
            one.expect("locking")

        holder.kill()
        for one in others:
            one.expect("done: 5")
            one.end()

    assert gwms_emulator.logins == 2
    assert gwms_emulator.count("list") == 55
