"""CPU time of calls with this package, with plain aiohttp and with other clients, side by side.

Run it: ``uv run --group bench benchmarks/speed.py`` (`README.md` explains the workloads and the results)

Each client runs in a process of its own. They take turns, one short chunk of calls each, and each turn gives one ratio.
All processes are restarted several times.
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
from collections.abc import Awaitable, Callable, Generator, Iterator
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
    open_client,
)
from gateway import LISTED, Gateway, gateway

GOOD, GOOD_AGAIN, REVOKED = "gwms_async, valid token", "gwms_async, valid token again", "gwms_async, revoked token"
MEASURE, WARM_UP = "measure", 2
STARTS = 6  # of each process: its memory layout is random, and makes a difference of up to 2 %
SLOW = frozenset({HTTPX, GENERATED})  # half of the calls is enough to keep all workers busy


class Workload(NamedTuple):
    """A workload.

    Args:
        title: Its title in the results.
        operation: The operation to call.
        workers: The number of concurrent calls.
        calls: The number of calls in a chunk.
        clients: The clients to compare; the first one is the reference.
        webhooks: The number of webhooks in one call, if costs are per webhook.
    """

    title: str
    operation: str
    workers: int
    calls: int
    clients: tuple[str, ...]
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
    """The average cost of a call over one chunk, in microseconds."""

    cpu: float
    wall: float


async def run_chunk(workload: Workload, operation: Callable[[int], Awaitable[object]], numbers: Iterator[int]) -> Cost:
    """Share one chunk of calls between the workers, and measure it."""

    async def work() -> None:
        for number in numbers:
            await operation(number)

    cpu, wall = time.process_time(), time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for _ in range(workload.workers):
            group.create_task(work())
    each = 1e6 / (workload.calls * workload.webhooks)
    return Cost((time.process_time() - cpu) * each, (time.perf_counter() - wall) * each)


def measure(name: str, client: str, server: Gateway) -> None:
    """Run a chunk for each line of input and print its cost; at the end print latencies and memory."""
    workload = _workload(name, client)
    loop_factory = import_module("uvloop").new_event_loop if client in {FAST, FAST_FLOOR} else None
    latencies: list[float] = []
    with asyncio.Runner(loop_factory=loop_factory) as runner:
        opened = open_client(client, server.origin + ("/large" if name == "D" else "/v21"), str(server.folder))
        operations = runner.run(_enter(opened))
        operation = operations[workload.operation]

        async def timed(number: int) -> None:
            started_at = time.perf_counter()
            await operation(number)
            latencies.append(time.perf_counter() - started_at)

        numbers = count() if workload.webhooks == 1 else iter(lambda: workload.webhooks, None)
        for turn, _ in enumerate(sys.stdin):
            if turn == WARM_UP:
                latencies.clear()
            if name == "F":
                runner.run(_call_once(operation))  # so that each chunk starts with a valid token
            if client == REVOKED:
                server.revoke()
            cost = runner.run(run_chunk(workload, timed, islice(numbers, workload.calls)))
            print(json.dumps(cost), flush=True)
        runner.run(opened.__aexit__(None, None, None))
    p50, p99 = (quantiles(latencies, n=100)[rank] * 1e6 for rank in (49, 98))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)
    print(json.dumps([p50, p99, peak]))


async def _enter(opened: Any) -> Any:
    return await opened.__aenter__()


async def _call_once(operation: Callable[[int], Awaitable[object]]) -> None:
    await operation(1)


def _workload(name: str, client: str) -> Workload:
    workload = WORKLOADS[name]
    return workload._replace(calls=workload.calls // 2) if client in SLOW and workload.calls > 1 else workload


class Result(NamedTuple):
    """The result of one client in a workload; all but the costs are medians over the starts of its process.

    Args:
        costs: One per turn.
        p50: The median latency, in microseconds.
        p99: The 99th percentile of the latency, in microseconds.
        peak: The peak memory of its process, imports included, in MiB.
    """

    costs: list[Cost]
    p50: float
    p99: float
    peak: float


@contextmanager
def process(name: str, client: str, server: Gateway) -> Generator[Popen[str]]:
    """Start a measuring process."""
    command = [sys.executable, __file__, MEASURE, name, client, *map(str, server)]
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
        raise RuntimeError(f"a process exited with {measuring.wait()}, see above")
    return json.loads(answer)


def results(name: str, chunks: int, server: Gateway) -> dict[str, Result]:
    """Let all clients of a workload take turns, in a random order each time."""
    clients, rng = WORKLOADS[name].clients, random.Random(name)  # noqa: S311  # no secret
    costs: dict[str, list[Cost]] = {client: [] for client in clients}
    ends: dict[str, list[list[float]]] = {client: [] for client in clients}
    for start_number in range(STARTS):
        with ExitStack() as stack:
            started = {client: stack.enter_context(process(name, client, server)) for client in clients}
            turns = chunks // STARTS + (start_number < chunks % STARTS)
            for turn in range(WARM_UP + turns):
                for client in rng.sample(clients, len(clients)):
                    cost = Cost(*_ask(started[client], "\n"))
                    if turn >= WARM_UP:
                        costs[client].append(cost)
            for client in clients:
                ends[client].append(_ask(started[client], None))
    return {client: Result(costs[client], *map(median, zip(*ends[client], strict=True))) for client in clients}


def _found(name: str, chunks: int, server: Gateway) -> dict[str, Result]:
    if name != "E":
        return results(name, chunks, server)
    with gateway(has_state=True) as stateful:  # a registration lists what it has created
        return results(name, chunks, stateful)


def rows(name: str, found: dict[str, Result]) -> Iterator[str]:
    """Format the results of a workload as table rows."""
    workload = WORKLOADS[name]
    base = found[workload.clients[0]]
    for client, result in found.items():
        cpu, wall = (median(getattr(cost, clock) for cost in result.costs) for clock in Cost._fields)
        ratios = [one.cpu / other.cpu for one, other in zip(result.costs, base.costs, strict=True)]
        q1, mid, q3 = quantiles(ratios, method="inclusive")
        yield (
            f"| {name} | {workload.title} | {client} | {cpu:.1f} | {mid:.3f} ({q1:.3f} to {q3:.3f})"
            f" | {wall:.1f} | {result.p50:.0f} / {result.p99:.0f} | {result.peak:.1f} |"
        )


def max_rate(server: Gateway) -> str:
    """Return how many gets per second the server handles, if wrk is installed."""
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
    parser.add_argument("--chunks", type=int, default=120, help="chunks per client and workload (default: %(default)s)")
    parser.add_argument("--picture", metavar="FILE", type=Path, help="write a chart of A and B to this SVG file")
    parser.add_argument(
        "workloads", nargs="*", metavar="|".join([*WORKLOADS, "G"]), help="workloads to run (default: all)"
    )
    options = parser.parse_args()
    names = options.workloads or [*WORKLOADS, "G"]
    if not {*names} <= {*WORKLOADS, "G"}:
        parser.error(f"the workloads are {', '.join([*WORKLOADS, 'G'])}")
    if options.chunks < 2 * STARTS:
        parser.error(f"--chunks must be at least {2 * STARTS}: each process starts {STARTS} times and needs two chunks")
    if options.picture and not ({"A", "B"} & {*names} and options.picture.parent.is_dir()):
        parser.error("--picture needs workload A or B, and an existing folder")
    packages = ("gwms-async", "aiohttp", "httpx", "aiohttp-retry", "openapi-python-client", "orjson", "uvloop")
    versions = ", ".join(f"{package} {version(package)}" for package in packages)
    print(f"{date.today()}: Python {platform.python_version()}, {platform.platform()}, {versions}")  # noqa: DTZ011
    bars: list[chart.Bar] = []
    with gateway() as server:
        print(f"server: {server.name}; wrk says {max_rate(server)}\n")
        generate(str(server.folder))
        start.run(["-c", "import aiohttp_retry, gwms_async.testing, httpx, orjson, uvloop"])  # cache their bytecode
        print("| | workload | with | CPU, us | ratio (quartiles) | wall, us | p50 / p99, us | peak, MiB |")
        print("| --- | --- | --- | --- | --- | --- | --- | --- |", flush=True)
        for name in (name for name in names if name in WORKLOADS):
            found = _found(name, options.chunks, server)
            print(*rows(name, found), sep="\n", flush=True)
            if name in {"A", "B"}:
                bars += [
                    chart.Bar(WORKLOADS[name].title, client, median(cost.cpu for cost in result.costs))
                    for client, result in found.items()
                    if client != CONTROL
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
        case [mode, name, client, *server] if mode == MEASURE:
            if client in {FAST, FAST_FLOOR}:
                import_module("orjson")
            else:
                sys.modules["orjson"] = cast("Any", None)  # as if it were not installed
            measure(name, client, Gateway(server[0], server[1], Path(server[2])))
        case _:
            sys.exit(main())
