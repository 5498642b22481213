"""The fleet on docket."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio

pytest.importorskip("docket", reason="docket is an extra")

from docket import Disposition, Docket, Execution, ExecutionState, ExponentialRetry, Worker
from redis.exceptions import OutOfMemoryError

from gwms_async import Credentials
from gwms_async.fleet import Eshop, EshopResult, Fleet, make_tasks, start

from ..helpers.accounts import Accounts, accounts, find_in
from ..helpers.emulated import QUICK
from ..helpers.redis_server import RedisServer

QUICKLY = timedelta(milliseconds=10)
Find = Callable[[str], Awaitable[Eshop]]


@pytest_asyncio.fixture
async def some() -> AsyncIterator[Accounts]:
    """Three accounts with three e-shops each, which want two webhooks each."""
    async with accounts(3, 3, events=2) as three:
        yield three


@pytest_asyncio.fixture
async def docket(request: pytest.FixtureRequest) -> AsyncIterator[Docket]:
    """A docket of this test's own."""
    async with Docket(name=request.node.name, url="memory://") as one:
        yield one


def finder(some: Accounts) -> Find:
    """Find the e-shops of accounts."""

    async def find(name: str) -> Eshop:
        return find_in(some.as_json(), name)

    return find


@asynccontextmanager
async def worker(docket: Docket, find: Find) -> AsyncGenerator[Worker]:
    """Open a worker, which does not run yet."""
    for task in make_tasks(lambda: Fleet(find, retry=QUICK)):
        docket.register(task)
    async with Worker(docket, minimum_check_interval=QUICKLY, scheduling_resolution=QUICKLY) as one:
        yield one


@asynccontextmanager
async def running(one: Worker) -> AsyncGenerator[None]:
    """Let a worker run."""
    task = asyncio.create_task(one.run_forever())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


async def until(executions: list[Execution], condition: Callable[[Execution], bool]) -> None:
    """Wait for a state of tasks that is bound to come, 10 seconds at most."""
    async with asyncio.timeout(10):
        while not all(map(condition, executions)):
            await asyncio.sleep(0.01)
            for execution in executions:
                await execution.sync()


async def test_a_run(some: Accounts, docket: Docket) -> None:
    """A task per account; their results are those of their e-shops."""
    executions = await start(docket, some.names, run="monday")
    async with worker(docket, finder(some)) as one:
        await one.run_until_finished()
    results: list[list[EshopResult]] = [await execution.get_result() for execution in executions]

    assert [execution.key for execution in executions] == [f"monday:account-{number}:0" for number in range(3)]
    assert [[result.name for result in part] for part in results] == list(some.names.values())
    assert {result.counts["created"] for part in results for result in part} == {2}
    assert some.copies == {1: 3 * 3 * 2}
    assert [gateway.logins for gateway in some.gateways] == [1, 1, 1]


async def test_a_redis_that_refuses_tasks(redis: RedisServer) -> None:
    """None is lost silently; the next start adds what is missing."""
    async with Docket(name="gwms", url=redis.url) as docket:
        redis.command("CONFIG", "SET", "maxmemory", "1")
        try:
            with pytest.raises(OutOfMemoryError):
                await start(docket, {"one": ["0/0"], "two": ["1/0"]}, run="monday")
        finally:
            redis.command("CONFIG", "SET", "maxmemory", "0")
        started = await start(docket, {"one": ["0/0"], "two": ["1/0"]}, run="monday")

    assert [one.disposition for one in started] == [Disposition.SCHEDULED, Disposition.SCHEDULED]


@pytest.mark.parametrize(("one", "other"), [(("a", "b:c"), ("a:b", "c")), (("a%3Ab", "c"), ("a:b", "c"))])
async def test_runs_are_told_apart(docket: Docket, one: tuple[str, str], other: tuple[str, str]) -> None:
    """Whatever the names of the runs and of the accounts: each run gets its own tasks."""
    for run, account in (one, other):
        (execution,) = await start(docket, {account: ["0/0"]}, run=run)
        assert execution.disposition is Disposition.SCHEDULED


async def test_starting_twice(some: Accounts, docket: Docket) -> None:
    """The second time adds nothing that is waiting, under way or done, and returns all tasks; another run is added."""
    arrived, go = asyncio.Event(), asyncio.Event()

    async def find(name: str) -> Eshop:
        arrived.set()
        await go.wait()
        return find_in(some.as_json(), name)

    async def dispositions(run: str) -> set[Disposition | None]:
        return {execution.disposition for execution in await start(docket, some.names, run=run)}

    assert await dispositions("monday") == {Disposition.SCHEDULED}
    assert await dispositions("monday") == {Disposition.ALREADY_SCHEDULED}
    async with worker(docket, find) as one:
        work = asyncio.create_task(one.run_until_finished())
        await arrived.wait()
        assert await dispositions("monday") == {Disposition.ALREADY_SCHEDULED}
        go.set()
        await work

    again = await start(docket, {**some.names, "new": ["0/0"]}, run="monday")
    assert (await docket.snapshot()).total_tasks == 1  # the new account's
    assert [execution.key for execution in again] == [f"monday:{account}:0" for account in (*some.names, "new")]
    results = [result for execution in again[:3] for result in await execution.get_result()]
    assert [result.counts for result in results] == [{"created": 2}] * 9
    assert await dispositions("tuesday") == {Disposition.SCHEDULED}


async def test_chunks_of_an_account_one_after_another(docket: Docket) -> None:
    """A task has a hundred e-shops, four of them at a time; the next one of the account waits for it."""
    inside = most = 0

    async def find(name: str) -> Eshop:
        nonlocal inside, most
        inside += 1
        most = max(most, inside)
        await asyncio.sleep(0)
        inside -= 1
        return Eshop(Credentials("a", "b", "c"), [], base_url="not one")

    executions = await start(docket, {"one": (str(number) for number in range(201))}, run="monday")
    async with worker(docket, find) as one:
        await one.run_until_finished()
    results = [await execution.get_result() for execution in executions]

    assert [len(part) for part in results] == [100, 100, 1]
    assert {result.errors for part in results for result in part} == {("all: ConfigurationError",)}
    assert most == 4


async def test_progress(some: Accounts, docket: Docket) -> None:
    """It is counted by e-shop, for each task by itself."""
    go, done = asyncio.Event(), 0

    async def find(name: str) -> Eshop:
        nonlocal done
        done += 1
        if name.endswith("/2"):
            await go.wait()
        return find_in(some.as_json(), name)

    executions = await start(docket, some.names, run="monday")
    async with worker(docket, find) as one:
        work = asyncio.create_task(one.run_until_finished())
        await until(executions, lambda one: one.progress.current == 2)
        assert {execution.progress.total for execution in executions} == {3}
        go.set()
        await work


async def test_progress_that_cannot_be_stored(
    some: Accounts, docket: Docket, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It stops no work, and the text of its error appears nowhere."""

    async def fail(*_: object) -> None:
        raise ConnectionError("hunter2")

    executions = await start(docket, some.names, run="monday")
    for name in ("set_total", "increment"):
        monkeypatch.setattr(type(executions[0].progress), name, fail)
    async with worker(docket, finder(some)) as one:
        await one.run_until_finished()

    assert some.copies == {1: 3 * 3 * 2}
    assert [len(await execution.get_result()) for execution in executions] == [3, 3, 3]
    assert "hunter2" not in caplog.text


async def test_a_task_that_is_cancelled(docket: Docket) -> None:
    """It ends when all of its e-shops have ended, whose requests in flight may take a few seconds."""
    names, begun, ended = ["quick", "slow", "other"], asyncio.Semaphore(0), list[str]()

    async def find(name: str) -> Eshop:
        begun.release()
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0.05 if name == "slow" else 0)
            ended.append(name)
        raise AssertionError

    (execution,) = await start(docket, {"one": names}, run="monday")
    async with Fleet(find) as fleet:
        (reconcile,) = make_tasks(lambda: fleet)
        work = reconcile("one", names, fleet=fleet, execution=execution, retry=ExponentialRetry())
        task = asyncio.ensure_future(work)
        for _ in names:
            await begun.acquire()
        task.cancel()
        await asyncio.wait([task])

    assert task.cancelled()
    assert sorted(ended) == sorted(names)


async def test_a_name_instead_of_a_list_of_names(docket: Docket) -> None:
    """It is not taken for the list of its letters; nothing is added, for the other accounts neither."""
    with pytest.raises(ValueError, match=r"^the e-shops of 'two' must be a list of names, not one string$"):
        await start(docket, {"one": ["shop-1"], "two": "shop-2"}, run="monday")

    assert (await docket.snapshot()).total_tasks == 0


@pytest.mark.parametrize(("attempt", "ends"), [(1, False), (2, False), (3, True)])
async def test_what_may_succeed_later_is_repeated_in_minutes(
    some: Accounts, docket: Docket, attempt: int, *, ends: bool
) -> None:
    """Twice; then the results tell what went wrong."""

    async def find(name: str) -> Eshop:
        raise ConnectionError("password=hunter2")

    async with worker(docket, find) as one:
        function = docket.tasks["reconcile_eshops"]
        args = "one", ["shop"]
        execution = Execution(docket, function, args, {}, "monday:one:0", datetime.now(UTC), attempt)
        await docket.schedule(execution)
        async with running(one):
            await until([execution], lambda one: one.state in {ExecutionState.SCHEDULED, ExecutionState.COMPLETED})
        snapshot = await docket.snapshot()

    if ends:
        assert [result.errors for result in await execution.get_result()] == [("find: ConnectionError",)]
    else:
        (future,) = snapshot.future
        assert future.attempt == attempt + 1
        minutes = (future.when - datetime.now(UTC)) / timedelta(minutes=1)
        assert minutes == pytest.approx(5 * attempt, abs=0.5)


async def test_what_cannot_succeed_is_not_repeated(some: Accounts, docket: Docket) -> None:
    """A refused login ends in the results at once."""
    some.gateways[0].refuse_logins = True
    executions = await start(docket, some.names, run="monday")
    async with worker(docket, finder(some)) as one:
        await one.run_until_finished()

    results = [result for execution in executions for result in await execution.get_result()]
    assert [result.errors for result in results] == [("all: LoginError",)] * 3 + [()] * 6


async def test_no_secret_is_logged(some: Accounts, docket: Docket, caplog: pytest.LogCaptureFixture) -> None:
    """Neither by us nor by docket, at any level."""
    caplog.set_level(logging.DEBUG)

    async def find(name: str) -> Eshop:
        if name == "1/1":
            raise ConnectionError("password=hunter2")
        return find_in(some.as_json(), name)

    executions = await start(docket, some.names, run="monday")
    async with worker(docket, find) as one, running(one):
        await until(executions, lambda one: one.state in {ExecutionState.SCHEDULED, ExecutionState.COMPLETED})

    assert "ForcedRetry" in caplog.text
    for secret in ["hunter2", some.gateways[0].credentials.password, "the-api-key", *some.gateways[0].tokens_issued]:
        assert secret not in caplog.text


async def test_a_fleet_is_opened_once_per_worker(some: Accounts, docket: Docket) -> None:
    """And closed when it ends."""
    opened = closed = 0

    @asynccontextmanager
    async def open_fleet() -> AsyncGenerator[Fleet]:
        nonlocal opened, closed
        opened += 1
        async with Fleet(finder(some), retry=QUICK) as fleet:
            yield fleet
        closed += 1

    for task in make_tasks(open_fleet):
        docket.register(task)
    for run in ("monday", "tuesday"):
        await start(docket, some.names, run=run)
    async with Worker(docket, minimum_check_interval=QUICKLY, scheduling_resolution=QUICKLY) as one:
        await one.run_until_finished()

    assert (opened, closed) == (1, 1)
