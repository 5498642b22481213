"""What calls cost with this package, with plain aiohttp and with other ways to make them: CPU time, side by side.

Run it: ``uv run --group bench benchmarks/speed.py`` (`README.md` tells of the workloads, and how to read the result)

Each way is a process of its own. They take turns, one short chunk of calls each, and each turn gives one ratio. Several
times over, all of them are ended and started again.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import random
import resource
import shutil
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import date
from importlib import import_module
from importlib.metadata import version
from itertools import count, islice
from pathlib import Path
from statistics import median, quantiles
from subprocess import PIPE, Popen, run
from typing import Any, NamedTuple, cast

import chart
import start
from clients import (
    CONTROL,
    FAST,
    FAST_FLOOR,
    FLOOR,
    GENERATED,
    HTTPX,
    OURS,
    REFERENCE,
    RETRYING,
    WORKERS,
    generate,
    way,
)
from gateway import LISTED, Gateway, gateway

GOOD, GOOD_AGAIN, REVOKED = "gwms_async, good token", "gwms_async, good token again", "gwms_async, revoked token"
MEASURE, WARM_UP = "measure", 2
STARTS = 6  # of each process: how its memory is laid out is chance, and worth up to two hundredths
SLOW = frozenset({HTTPX, GENERATED})  # half of the calls is enough, and keeps all workers busy


class Workload(NamedTuple):
    """What is measured.

    Args:
        title: What it is.
        act: What is done.
        workers: How many calls are under way at once.
        calls: How many make up a chunk.
        ways: Who takes part; all are compared with the first.
        webhooks: How many webhooks one call is about, where the costs are told for each of them.
    """

    title: str
    act: str
    workers: int
    calls: int
    ways: tuple[str, ...]
    webhooks: int = 1


ALL = (REFERENCE, CONTROL, OURS, FAST, FLOOR, FAST_FLOOR, RETRYING, HTTPX, GENERATED)
WORKLOADS = {
    "A": Workload(f"create, {WORKERS} workers", "create", WORKERS, 250, ALL),
    "B": Workload(f"get by id, {WORKERS} workers", "get", WORKERS, 250, ALL),
    "C": Workload("get, one after another", "get", 1, 100, (REFERENCE, CONTROL, OURS, FAST, FLOOR)),
    "D": Workload(f"list of {LISTED:,}", "list", 1, 1, (REFERENCE, CONTROL, OURS, FAST, GENERATED)),
    "E": Workload("5,000 registered, each", "register", 1, 1, (REFERENCE, CONTROL, OURS, FAST), 5_000),
    "F": Workload("1,000 gets at once", "get", 1_000, 1_000, (GOOD, GOOD_AGAIN, REVOKED)),
}


class Cost(NamedTuple):
    """What a call took on average over one chunk, in microseconds."""

    cpu: float
    wall: float


async def run_chunk(workload: Workload, act: Callable[[int], Awaitable[object]], numbers: Iterator[int]) -> Cost:
    """Let the workers make one chunk of calls between them, and take the time."""

    async def work() -> None:
        """Be one of the workers."""
        for number in numbers:
            await act(number)

    cpu, wall = time.process_time(), time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for _ in range(workload.workers):
            group.create_task(work())
    each = 1e6 / (workload.calls * workload.webhooks)
    return Cost((time.process_time() - cpu) * each, (time.perf_counter() - wall) * each)


def measure(name: str, who: str, server: Gateway) -> None:
    """Run a chunk whenever a line comes in, and print its costs; at the end latencies and memory."""
    workload = _workload(name, who)
    loop_factory = import_module("uvloop").new_event_loop if who in {FAST, FAST_FLOOR} else None
    took: list[float] = []
    with asyncio.Runner(loop_factory=loop_factory) as runner:
        opened = way(who, server.origin + ("/large" if name == "D" else "/v21"), str(server.folder))
        acts = runner.run(_entered(opened))
        act = acts[workload.act]

        async def timed(number: int) -> None:
            began = time.perf_counter()
            await act(number)
            took.append(time.perf_counter() - began)

        numbers = count() if workload.webhooks == 1 else iter(lambda: workload.webhooks, None)
        for turn, _ in enumerate(sys.stdin):
            if turn == WARM_UP:
                took.clear()
            if name == "F":
                runner.run(_entered_call(act))  # so that each begins with a token that is good
            if who == REVOKED:
                server.revoke()
            cost = runner.run(run_chunk(workload, timed, islice(numbers, workload.calls)))
            print(json.dumps(cost), flush=True)
        runner.run(opened.__aexit__(None, None, None))
    p50, p99 = (quantiles(took, n=100)[rank] * 1e6 for rank in (49, 98))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)
    print(json.dumps([p50, p99, peak]))


async def _entered(opened: Any) -> Any:
    return await opened.__aenter__()


async def _entered_call(act: Callable[[int], Awaitable[object]]) -> None:
    await act(1)


def _workload(name: str, who: str) -> Workload:
    workload = WORKLOADS[name]
    return workload._replace(calls=workload.calls // 2) if who in SLOW and workload.calls > 1 else workload


class Result(NamedTuple):
    """What one way has shown in a workload; all but the costs are medians over the starts of its process.

    Args:
        costs: One for each turn.
        p50: The median latency in microseconds.
        p99: The latency that one call in a hundred exceeds.
        peak: The memory of its process at most, imports included, in MiB.
    """

    costs: list[Cost]
    p50: float
    p99: float
    peak: float


@contextmanager
def process(name: str, who: str, server: Gateway) -> Iterator[Popen[str]]:
    """Start a process that measures."""
    command = [sys.executable, __file__, MEASURE, name, who, *map(str, server)]
    with Popen(command, stdin=PIPE, stdout=PIPE, text=True, env=start.as_users_run()) as started:
        try:
            yield started
        finally:
            started.terminate()


def _ask(measuring: Popen[str], line: str | None) -> Any:
    if measuring.stdin is None or measuring.stdout is None:
        raise RuntimeError("a process has no pipes")
    if line is None:
        measuring.stdin.close()
    else:
        measuring.stdin.write(line)
        measuring.stdin.flush()
    answer = measuring.stdout.readline()
    if not answer:
        raise RuntimeError(f"a process ended with {measuring.wait()}: see above")
    return json.loads(answer)


def results(name: str, chunks: int, server: Gateway) -> dict[str, Result]:
    """Let all ways of a workload take turns, in an order that chance renews each time."""
    ways, chance = WORKLOADS[name].ways, random.Random(name)  # noqa: S311  # no secret
    costs: dict[str, list[Cost]] = {who: [] for who in ways}
    ends: dict[str, list[list[float]]] = {who: [] for who in ways}
    for start_number in range(STARTS):
        with ExitStack() as stack:
            started = {who: stack.enter_context(process(name, who, server)) for who in ways}
            turns = chunks // STARTS + (start_number < chunks % STARTS)
            for turn in range(WARM_UP + turns):
                for who in chance.sample(ways, len(ways)):
                    cost = Cost(*_ask(started[who], "\n"))
                    if turn >= WARM_UP:
                        costs[who].append(cost)
            for who in ways:
                ends[who].append(_ask(started[who], None))
    return {who: Result(costs[who], *map(median, zip(*ends[who], strict=True))) for who in ways}


def rows(name: str, found: dict[str, Result]) -> Iterator[str]:
    """Write a workload's results as the rows of a table."""
    workload = WORKLOADS[name]
    base = found[workload.ways[0]]
    for who, result in found.items():
        cpu, wall = (median(getattr(cost, clock) for cost in result.costs) for clock in Cost._fields)
        ratios = [one.cpu / other.cpu for one, other in zip(result.costs, base.costs, strict=True)]
        q1, mid, q3 = quantiles(ratios, method="inclusive")
        yield (
            f"| {name} | {workload.title} | {who} | {cpu:.1f} | {mid:.3f} ({q1:.3f} to {q3:.3f})"
            f" | {wall:.1f} | {result.p50:.0f} / {result.p99:.0f} | {result.peak:.1f} |"
        )


def server_s_limit(server: Gateway) -> str:
    """Tell how many gets a second the server answers to wrk, where that is installed."""
    wrk = shutil.which("wrk")
    if wrk is None:
        return "not measured: wrk is not installed"
    token = f"authorization: Bearer {server.token}"
    command = [wrk, "-t1", f"-c{WORKERS}", "-d3s", "-H", token, f"{server.origin}/v21/webhooks/1"]
    said = run(command, check=True, capture_output=True, text=True).stdout
    return next(line for line in said.splitlines() if line.startswith("Requests/sec"))


def main() -> int:
    """Run the benchmark from the command line."""
    parser = argparse.ArgumentParser(description="CPU time of calls, side by side.")
    parser.add_argument("--chunks", type=int, default=120, help="of each way and workload (default: %(default)s)")
    parser.add_argument("--picture", metavar="FILE", type=Path, help="write an SVG of A and B there")
    parser.add_argument("workloads", nargs="*", metavar="|".join([*WORKLOADS, "G"]), help="which; all if none is named")
    options = parser.parse_args()
    names = options.workloads or [*WORKLOADS, "G"]
    if not {*names} <= {*WORKLOADS, "G"}:
        parser.error(f"the workloads are {', '.join([*WORKLOADS, 'G'])}")
    if options.chunks < 2 * STARTS:
        parser.error(
            f"the least are {2 * STARTS}: each process is started {STARTS} times, and its percentiles take two"
        )
    if options.picture and not ({"A", "B"} & {*names} and options.picture.parent.is_dir()):
        parser.error("the picture is of A and B, and goes into a folder that is there")
    packages = ("gwms-async", "aiohttp", "httpx", "aiohttp-retry", "openapi-python-client", "orjson", "uvloop")
    versions = ", ".join(f"{package} {version(package)}" for package in packages)
    print(f"{date.today()}: Python {platform.python_version()}, {platform.platform()}, {versions}")  # noqa: DTZ011
    bars: list[chart.Bar] = []
    with gateway() as server:
        print(f"server: {server.name}; wrk says {server_s_limit(server)}\n")
        generate(str(server.folder))
        start.run(
            ["-c", "import aiohttp_retry, gwms_async.testing, httpx, orjson, uvloop"]
        )  # their bytecode is cached now
        print("| | workload | with | CPU, us | ratio (quartiles) | wall, us | p50 / p99, us | peak, MiB |")
        print("| --- | --- | --- | --- | --- | --- | --- | --- |", flush=True)
        for name in (name for name in names if name in WORKLOADS):
            found = results(name, options.chunks, server)
            print(*rows(name, found), sep="\n", flush=True)
            if name in {"A", "B"}:
                bars += [
                    chart.Bar(WORKLOADS[name].title, who, median(cost.cpu for cost in result.costs))
                    for who, result in found.items()
                    if who != CONTROL
                ]
    if options.picture:
        machine = f"{date.today()}, Python {platform.python_version()}, aiohttp {version('aiohttp')}, {os.cpu_count()}"  # noqa: DTZ011
        options.picture.write_text(chart.svg(bars, f"{machine} cores"))
    if "G" not in names:
        return 0
    print()
    return start.main()


if __name__ == "__main__":
    match sys.argv[1:]:
        case [mode, name, who, *server] if mode == MEASURE:
            if who in {FAST, FAST_FLOOR}:
                import_module("orjson")
            else:
                sys.modules["orjson"] = cast("Any", None)  # as if it was not installed
            measure(name, who, Gateway(server[0], server[1], Path(server[2])))
        case _:
            sys.exit(main())
