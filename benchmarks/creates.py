"""What the SDK costs on top of aiohttp: CPU time of a create or a get, against the same request written by hand.

Run it: ``python benchmarks/creates.py`` (`README.md` tells how to read what it prints)

50 workers make the calls, in short alternating chunks, to the server of `speed.py` in another process: by
`GwmsClient.webhooks` ("ours"), by a plain `aiohttp.ClientSession` ("reference"), by a second one ("control").
"""

import argparse
import asyncio
import json
import platform
import sys
import time
from collections.abc import Iterator
from importlib.metadata import version
from itertools import count, cycle, islice, permutations
from statistics import median, quantiles
from typing import Any, NamedTuple

from speed import Act, by_aiohttp, by_sdk, gateway

WORKERS, WARM_UP = 50, 2


class Cost(NamedTuple):
    """What a call took on average over one chunk, in microseconds."""

    cpu: float
    wall: float


async def run_chunk(act: Act, numbers: Iterator[int], size: int) -> Cost:
    """Let all workers make `size` calls between them, and take the time."""
    chunk = islice(numbers, size)

    async def work() -> None:
        """Be one of the workers."""
        for number in chunk:
            await act(number)

    cpu, wall = time.process_time(), time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for _ in range(WORKERS):
            group.create_task(work())
    return Cost((time.process_time() - cpu) / size * 1e6, (time.perf_counter() - wall) / size * 1e6)


async def measure(base_url: str, operation: str, chunks: int, size: int) -> dict[str, list[Cost]]:
    """Warm up, then let each of the three run `chunks` chunks, in turns that go through all possible orders."""
    async with by_aiohttp(base_url) as reference, by_aiohttp(base_url) as control, by_sdk(base_url, calls=0) as ours:
        clients = {"reference": reference, "control": control, "ours": ours}
        subjects, numbers = {name: acts[operation] for name, acts in clients.items()}, count()
        costs: dict[str, list[Cost]] = {name: [] for name in subjects}
        for order in islice(cycle(permutations(subjects)), WARM_UP + chunks):
            for name in order:
                costs[name].append(await run_chunk(subjects[name], numbers, size))
    return {name: taken[WARM_UP:] for name, taken in costs.items()}


def ratio(costs: list[Cost], reference: list[Cost], clock: str) -> dict[str, float]:
    """Divide by the reference's cost in the same turn: median and quartiles over the turns."""
    ratios = [getattr(one, clock) / getattr(other, clock) for one, other in zip(costs, reference, strict=True)]
    return dict(zip(("q1", "median", "q3"), quantiles(ratios, method="inclusive"), strict=True))


def report(costs: dict[str, list[Cost]]) -> dict[str, Any]:
    """Sum up what was measured, and with what."""
    versions = {name: version(name) for name in ("gwms-async", "aiohttp", "attrs", "cattrs")}
    result: dict[str, Any] = {"python": platform.python_version(), **versions, "platform": platform.platform()}
    for clock in Cost._fields:
        result[f"{clock}_us"] = {name: median(getattr(cost, clock) for cost in costs[name]) for name in costs}
        result[f"{clock}_ratio"] = {name: ratio(costs[name], costs["reference"], clock) for name in ("ours", "control")}
    return result


def readable(result: dict[str, Any]) -> str:
    """Write the report for people."""
    lines = [", ".join(f"{name} {fact}" for name, fact in result.items() if isinstance(fact, int | str))]
    for clock in Cost._fields:
        each = ", ".join(f"{name} {cost:.1f}" for name, cost in result[f"{clock}_us"].items())
        lines.append(f"\n{clock} us per call: {each}")
        for name, found in result[f"{clock}_ratio"].items():
            quartiles = f"quartiles {found['q1']:.3f} to {found['q3']:.3f}"
            lines.append(f"{name:>9} / reference: {found['median']:.3f} ({quartiles})")
    return "\n".join(lines)


def main() -> int:
    """Run the benchmark from the command line."""
    parser = argparse.ArgumentParser(description="CPU time of GwmsClient.webhooks against plain aiohttp.")
    parser.add_argument("--of", choices=["create", "get"], default="create", help="(default: %(default)s)")
    parser.add_argument("--chunks", type=int, default=60, help="for each of the three (default: %(default)s)")
    parser.add_argument("--size", type=int, default=200, help="calls in a chunk (default: %(default)s)")
    parser.add_argument("--limit", type=float, default=1.25, help="the highest good CPU ratio (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    with gateway() as origin:
        costs = asyncio.run(measure(f"{origin}/v21", options.of, options.chunks, options.size))
    result = report(costs) | {"chunks": options.chunks, "size": options.size, "workers": WORKERS}
    print(json.dumps(result) if options.json else readable(result))
    return int(result["cpu_ratio"]["ours"]["median"] > options.limit)


if __name__ == "__main__":
    sys.exit(main())
