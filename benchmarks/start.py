"""Startup time: `gwms --help` against `import click`, and the client's import against `import aiohttp`.

Run it: ``uv run benchmarks/start.py`` (`README.md` explains the output)

Each run is a process of its own; the commands take turns, and each turn gives one ratio.
"""

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from resource import RUSAGE_CHILDREN, getrusage
from statistics import median
from typing import NamedTuple

RUNS, WARM_UP, LIMIT = 20, 1, 1.5


class Command(NamedTuple):
    """A Python command line, and the one it is compared with."""

    arguments: Sequence[str]
    base: str


CLICK, AIOHTTP, HELP = "import click", "import aiohttp", "gwms --help"
COMMANDS = {
    CLICK: Command(["-c", CLICK], CLICK),
    HELP: Command(["-m", "gwms_async.cli", "--help"], CLICK),
    AIOHTTP: Command(["-c", AIOHTTP], AIOHTTP),
    "import gwms_async": Command(["-c", "import gwms_async"], AIOHTTP),
    "import GwmsClient": Command(["-c", "from gwms_async import GwmsClient"], AIOHTTP),
}


class Cost(NamedTuple):
    """The time that a process took, in milliseconds."""

    cpu: float
    wall: float


def as_users_run() -> dict[str, str]:
    """Return an environment in which bytecode is cached: a process that compiles has another heap and other costs."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def run(arguments: Sequence[str]) -> Cost:
    """Run Python once."""
    before, started = getrusage(RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL, env=as_users_run())
    wall, after = time.perf_counter() - started, getrusage(RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Cost(1000 * cpu, 1000 * wall)


def main() -> int:
    """Measure and print; return the exit code, 1 if `gwms --help` is above its limit."""
    turns = [{name: run(command.arguments) for name, command in COMMANDS.items()} for _ in range(WARM_UP + RUNS)]
    turns, ratios = turns[WARM_UP:], dict[str, float]()
    print("| | CPU, ms | ratio | to | wall, ms |\n| --- | --- | --- | --- | --- |")
    for name, (_, base) in COMMANDS.items():
        cpu, wall = (median(getattr(turn[name], clock) for turn in turns) for clock in Cost._fields)
        ratios[name] = median(turn[name].cpu / turn[base].cpu for turn in turns)
        print(f"| {name} | {cpu:.1f} | {ratios[name]:.2f} | {base} | {wall:.1f} |")
    print(f"\n{HELP}: {ratios[HELP]:.2f} times {CLICK} (at most {LIMIT})")
    return int(ratios[HELP] > LIMIT)


if __name__ == "__main__":
    sys.exit(main())
