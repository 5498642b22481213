"""What 100,000 registrations cost compared to 10,000: memory with faults and without, time with faults.

Run it: ``uv run benchmarks/soak.py`` (some minutes; ``--scale 0.1`` for a first look)

An async generator feeds `register_stream`, and the emulator runs in another process; so does each run of the client.
Memory is its peak RSS. Time is CPU time per webhook. With faults, 2 % of the creates are dropped or answered with 503
or 429, and tokens live for 5 s. Runs of both sizes take turns.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import resource
import sys
import time
from collections.abc import AsyncIterator
from statistics import median
from subprocess import PIPE, Popen
from typing import Any

from gwms_async import Credentials, GwmsClient, WebhookSpec, WebhookType
from gwms_async.testing import DropAfter, DropBefore, GwmsEmulator, Status

SERVE, REGISTER, SHARE, TTL = "serve", "register", 0.02, 5.0
MAX_MEGABYTES = {"calm": 25.0, "faults": 40.0}
MAX_TIME = 1.10
FAULTS = (DropBefore(), DropAfter(), Status(503), Status(429, retry_after="0"))


async def serve(size: int, *, faults: bool) -> None:
    """Print base URL and credentials, serve until standard input ends, then print what is stored."""
    async with GwmsEmulator(token_ttl=TTL if faults else 3600.0) as gateway:
        if faults:
            chance = random.Random(size)  # noqa: S311
            for at in sorted(chance.sample(range(1, size + 1), int(size * SHARE))):
                gateway.inject(chance.choice(FAULTS), operation="create", at=at)
        print(gateway.base_url, *gateway.credentials, flush=True)
        await asyncio.to_thread(sys.stdin.readline)
        identities = {(hook.url, hook.webhook_type, hook.method) for hook in gateway.webhooks}
        print(len(gateway.webhooks), len(identities), gateway.logins, flush=True)


async def register(size: int, base_url: str, username: str, password: str, api_key: str) -> dict[str, float]:
    """Register that many webhooks; return the costs."""

    async def specs() -> AsyncIterator[WebhookSpec]:
        for number in range(size):
            yield WebhookSpec(f"https://shop.example/gwms/{number}", WebhookType.CREATE_ORDER)

    failures = 0
    async with GwmsClient(Credentials(username, password, api_key), base_url=base_url) as gwms:
        cpu, wall = time.process_time(), time.perf_counter()
        async for outcome in gwms.webhooks.register_stream(specs(), concurrency=32):
            failures += outcome.is_failure
        cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"failures": failures, "cpu_us": cpu / size * 1e6, "wall_us": wall / size * 1e6, "peak_mb": peak}


def run(size: int, *, faults: bool) -> dict[str, Any]:
    """Register that many webhooks in one process, with the emulator in another."""
    mode = "faults" if faults else "calm"
    with Popen([sys.executable, __file__, SERVE, str(size), mode], stdin=PIPE, stdout=PIPE, text=True) as server:
        assert server.stdin  # noqa: S101  # both are pipes
        assert server.stdout  # noqa: S101
        address = server.stdout.readline().split()
        with Popen([sys.executable, __file__, REGISTER, str(size), *address], stdout=PIPE, text=True) as client:
            found: dict[str, Any] = json.loads(client.communicate()[0])
        server.stdin.write("\n")
        server.stdin.flush()
        stored, identities, logins = map(int, server.stdout.readline().split())
    found |= {"size": size, "mode": mode, "stored": stored, "duplicates": stored - identities, "logins": logins}
    print(
        ", ".join(f"{name} {fact:.1f}" if isinstance(fact, float) else f"{name} {fact}" for name, fact in found.items())
    )
    return found


def main() -> int:
    """Run the benchmark from the command line."""
    parser = argparse.ArgumentParser(description="What many registrations cost compared to few.")
    parser.add_argument("--scale", type=float, default=1.0, help="factor for both sizes (default: %(default)s)")
    parser.add_argument("--turns", type=int, default=3, help="number of runs with faults (default: %(default)s)")
    options = parser.parse_args()
    few, many = int(10_000 * options.scale), int(100_000 * options.scale)
    turns = {"calm": 1, "faults": options.turns}
    pairs = {
        mode: [(run(few, faults=mode == "faults"), run(many, faults=mode == "faults")) for _ in range(turns[mode])]
        for mode in MAX_MEGABYTES
    }
    exceeded = False
    for mode, limit in MAX_MEGABYTES.items():
        growth = median(large["peak_mb"] - small["peak_mb"] for small, large in pairs[mode])
        print(f"memory, {mode}: {growth:.1f} MB more for {many} than for {few} (at most {limit})")
        exceeded |= growth > limit
    ratio = median(large["cpu_us"] / small["cpu_us"] for small, large in pairs["faults"])
    print(f"time: {ratio:.3f} times the CPU time per webhook (at most {MAX_TIME})")
    bad = sum(found["failures"] + found["duplicates"] for pair in [*pairs["calm"], *pairs["faults"]] for found in pair)
    return int(exceeded or ratio > MAX_TIME or bad > 0)


if __name__ == "__main__":
    match sys.argv[1:]:
        case [mode, size, faults] if mode == SERVE:
            asyncio.run(serve(int(size), faults=faults == "faults"))
        case [mode, size, *address] if mode == REGISTER:
            print(json.dumps(asyncio.run(register(int(size), *address))))
        case _:
            sys.exit(main())
