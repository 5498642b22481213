"""The fleet with workers in processes of their own, on a real Redis: kills, freezes, secrets, speed."""

from __future__ import annotations

import asyncio
import base64
import os
import random
import re
import signal
import sys
import time
from asyncio.subprocess import DEVNULL, Process
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import IO, Any

import pytest
import pytest_asyncio

pytest.importorskip("docket", reason="docket is an extra")

from docket import Docket, Execution, ExecutionState
from redis.asyncio import Redis

from gwms_async.fleet import start
from gwms_async.testing import DropAfter, DropBefore, GwmsEmulator, RevokeTokens, Status

from ..helpers.accounts import Accounts, accounts
from ..helpers.redis_server import RedisServer

ROOT = Path(__file__).parents[2]
SEEDS = range(int(os.environ.get("GWMS_FLEET_SEEDS", "2")))
pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest_asyncio.fixture
async def docket(redis: RedisServer) -> AsyncIterator[Docket]:
    """An empty docket on an empty Redis; tokens are in another database."""
    async with Docket(name="gwms", url=redis.url) as one:
        yield one


@asynccontextmanager
async def workers(
    count: int, docket: Docket, some: Accounts, *options: str, output: int | IO[bytes] = DEVNULL, patience: int = 3
) -> AsyncGenerator[list[Process]]:
    """Run workers by docket's own command, all of them ready."""
    environment = os.environ | {"ACCOUNTS": some.as_json(), "TOKENS": docket.url.replace("/0", "/1")}
    command = [sys.executable, "-m", "docket", "worker", "--docket", docket.name, "--url", docket.url]
    command += ["--redelivery-timeout", f"{patience}s", "--tasks", "tests.helpers.fleet_worker:tasks", *options]
    started = [
        await asyncio.create_subprocess_exec(
            *command, "--name", f"worker-{number}", cwd=ROOT, env=environment, stdout=output, stderr=output
        )
        for number in range(count)
    ]
    try:
        while len(await docket.workers()) < count:
            assert all(one.returncode is None for one in started)
            await asyncio.sleep(0.1)
        yield started
    finally:
        for one in started:
            if one.returncode is None:
                one.send_signal(signal.SIGCONT)
                one.terminate()
        for one in started:
            await asyncio.wait_for(one.wait(), 30)


async def until(executions: Sequence[Execution], condition: Callable[[Sequence[Execution]], object]) -> None:
    """Wait for a state of tasks."""
    while not condition(executions):
        await asyncio.sleep(0.1)
        for execution in executions:
            await execution.sync()


def all_done(executions: Sequence[Execution]) -> bool:
    """Return whether all tasks have ended."""
    return all(execution.state is ExecutionState.COMPLETED for execution in executions)


def disturb(gateway: GwmsEmulator, chance: random.Random, creates: int) -> None:
    """Let an account's gateway lose answers to creates, be busy, and revoke its token."""
    for fault in (DropAfter(), DropBefore(), Status(503, carry_out=True), Status(429), RevokeTokens()):
        gateway.inject(fault, operation="create", at=chance.randint(1, creates))


@pytest.mark.timeout(600)  # a task may be repeated after five minutes
@pytest.mark.parametrize("seed", SEEDS)
async def test_a_killed_worker(docket: Docket, seed: int) -> None:
    """Its successors do what it had, and nothing twice, on gateways with lags, lost answers and revocations."""
    chance = random.Random(seed)
    async with accounts(20, 10, list_lag=0.3, latency=0.01, journal=1000) as some:
        for gateway in some.gateways:
            disturb(gateway, chance, 180)
        async with workers(3, docket, some, "--concurrency", "3", patience=10) as started:
            executions = await start(docket, some.names, run="monday")
            share = chance.uniform(0.05, 0.9)
            await until([], lambda _: sum(len(gateway.webhooks) for gateway in some.gateways) > share * 3600)
            chance.choice(started).kill()
            killed_at = time.monotonic()
            await until(executions, all_done)
            seconds = time.monotonic() - killed_at
        results = [result for execution in executions for result in await execution.get_result()]
        most = max(gateway.logins for gateway in some.gateways)
        print(f"seed {seed}: killed at {share:.0%}, done {seconds:.0f} s later, at most {most} logins, {some.copies}")

        assert some.copies == {1: 3600}
        assert [result for result in results if result.errors or "copies" in result.counts] == []
        assert len(results) == 200
        assert all_done(await start(docket, some.names, run="monday"))  # which adds nothing
        assert most <= 2 + 2  # one, one for the revocation, and the killed one's of either


async def test_a_frozen_worker(docket: Docket) -> None:
    """It wakes up beside its successor: what it doubles is healed by a closing list, or shows as copies."""
    async with accounts(1, 20, latency=0.05) as some:
        (gateway,) = some.gateways
        async with workers(2, docket, some) as both:
            executions = await start(docket, some.names, run="freeze")
            await until([], lambda _: len(gateway.webhooks) > 40)
            await executions[0].sync()
            frozen = both[int((executions[0].worker or "").removeprefix("worker-"))]
            frozen.send_signal(signal.SIGSTOP)
            await until(executions, lambda tasks: tasks[0].worker != f"worker-{both.index(frozen)}")
            frozen.send_signal(signal.SIGCONT)
            await until(executions, all_done)
        # The frozen one has ended too.
        again = await start(docket, some.names, run="closing")
        async with workers(1, docket, some):
            await until(again, all_done)
        (results,) = [await execution.get_result() for execution in again]
        copies = sum(result.counts.get("copies", 0) for result in results)
        print(f"frozen: {some.copies}, {copies} copies reported")

        assert len(gateway.webhooks) == 20 * 18 + copies
        assert not [result for result in results if result.errors]


async def test_no_secret_in_redis(docket: Docket, tmp_path: Path) -> None:
    """Not after a run, nor after a `find` that raises with a password in its text; nor in what a worker logs."""
    async with accounts(2, 2) as some, AsyncExitStack() as stack:
        output = stack.enter_context((tmp_path / "output").open("wb"))
        some.gateways[1].refuse_logins = True
        names = {**some.names, "account-2": ["0/unlucky"]}
        async with workers(1, docket, some, output=output):
            executions = await start(docket, names, run="monday")
            await until(executions[:2], all_done)
            await until(executions[2:], lambda tasks: tasks[0].state is ExecutionState.SCHEDULED)
            during = await everything(docket.url)
        after = await everything(docket.url)
        tokens = await everything(docket.url.replace("/0", "/1"))
        username, password, _ = some.gateways[0].credentials
        secrets = [*some.gateways[0].tokens_issued, username, password, "the-api-key", "hunter2"]

    assert b"reconcile_eshops" in during
    assert b"all: LoginError" in after
    assert some.gateways[0].tokens_issued[-1].encode() in tokens  # the search finds what is there
    logged = (tmp_path / "output").read_bytes()
    assert b"monday:account-2:0" in logged
    assert not [secret for secret in secrets if secret.encode() in during + after + logged]


async def everything(url: str) -> bytes:
    """Return all that a database of Redis contains, also what is encoded in it."""
    async with Redis.from_url(url) as redis:
        read: Mapping[Any, Callable[[Any], Any]] = {
            b"string": redis.get,
            b"hash": redis.hgetall,
            b"list": lambda key: redis.lrange(key, 0, -1),
            b"set": redis.smembers,
            b"zset": lambda key: redis.zrange(key, 0, -1),
            b"stream": redis.xrange,
            b"none": redis.get,  # it has expired since the keys were listed
        }
        found = [(key, await read[await redis.type(key)](key)) for key in await redis.keys()]
    raw = repr(found).encode()
    return raw + b"".join(base64.b64decode(text) for text in re.findall(rb"(?:[A-Za-z0-9+/]{4}){8,}", raw))


async def test_two_workers_do_more_than_one(docket: Docket) -> None:
    """At 150 ms latency, each of them does almost as much as one alone."""
    at_once = []
    for count in (1, 2):
        async with accounts(6, 16, events=3, latency=0.15) as some, workers(count, docket, some, "--concurrency", "1"):
            executions = await start(docket, some.names, run=f"{count} workers")
            await until(executions, all_done)
            at_once.append(accounts_at_once(some))
            assert some.copies == {1: 6 * 16 * 3}
    print(f"accounts at once: {at_once[0]:.2f} with 1 worker, {at_once[1]:.2f} with 2")

    assert at_once[0] <= 1
    assert at_once[1] >= 1.8


def accounts_at_once(some: Accounts) -> float:
    """Return how many accounts were worked on at once on average, while there was enough work for two workers."""
    works = sorted((one.requests[0].at, one.requests[-1].at + one.latency) for one in some.gateways)
    begin, end = works[1][0], works[-1][0]
    return sum(max(min(last, end) - max(first, begin), 0) for first, last in works) / (end - begin)
