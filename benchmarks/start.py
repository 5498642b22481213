"""How soon the package is imported and `gwms --help` answers: medians of 20 alternating runs, each its own process.

Run it: ``uv run benchmarks/start.py`` (`README.md` tells how to read what it prints)
"""

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from resource import RUSAGE_CHILDREN, getrusage
from statistics import median
from typing import NamedTuple

RUNS, WARM_UP, LIMIT = 20, 1, 1.4
HELP, IMPORT = "gwms --help", "import gwms_async"
COMMANDS = {
    "import aiohttp": ["-c", "import aiohttp"],
    IMPORT: ["-c", "import gwms_async"],
    "import GwmsClient": ["-c", "from gwms_async import GwmsClient"],
    HELP: ["-m", "gwms_async.cli", "--help"],
}


class Cost(NamedTuple):
    """What a process took, in milliseconds."""

    cpu: float
    wall: float


def as_users_run() -> dict[str, str]:
    """Give the environment of a process that keeps its bytecode: one that compiles has another heap and other costs."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def run(arguments: Sequence[str]) -> Cost:
    """Run Python once."""
    before, began = getrusage(RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL, env=as_users_run())
    wall, after = time.perf_counter() - began, getrusage(RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Cost(1000 * cpu, 1000 * wall)


def main() -> int:
    """Measure, print, and give the exit code: 1 above the limit."""
    taken: dict[str, list[Cost]] = {name: [] for name in COMMANDS}
    for _ in range(WARM_UP + RUNS):
        for name, arguments in COMMANDS.items():
            taken[name].append(run(arguments))
    taken = {name: costs[WARM_UP:] for name, costs in taken.items()}
    cpu = {name: median(cost.cpu for cost in costs) for name, costs in taken.items()}
    print("| | CPU, ms | ratio | wall, ms |\n| --- | --- | --- | --- |")
    for name, costs in taken.items():
        wall = median(cost.wall for cost in costs)
        print(f"| {name} | {cpu[name]:.1f} | {cpu[name] / cpu['import aiohttp']:.2f} | {wall:.1f} |")
    return int(cpu[HELP] > LIMIT * cpu[IMPORT])


if __name__ == "__main__":
    sys.exit(main())
