"""How close a bulk comes to the rate limit of a throttling gateway, and how many requests are rejected on the way.

Run it: ``uv run benchmarks/pace.py``

The emulator, with a token bucket, runs in another process; 50 workers create N webhooks. ``x`` is the time taken
divided by the minimum, ``(N - burst) / rate``. Exits with 1 if a figure is above its limit.
"""

from __future__ import annotations

import asyncio
import sys
import time
from itertools import count
from subprocess import PIPE, Popen
from typing import NamedTuple

from gwms_async import Credentials, GwmsClient, WebhookSpec, WebhookType
from gwms_async.testing import GwmsEmulator, RateLimit

SERVE, WORKERS = "serve", 50


class Case(NamedTuple):
    """A gateway, and the limits for the client."""

    name: str
    rate: int
    burst: int
    creates: int
    max_time: float
    max_rejected: float
    sends_retry_after: bool = True
    halved: bool = False

    @property
    def ideal(self) -> float:
        """The minimum in seconds; half the rate for half of the time is three quarters of the rate."""
        return (self.creates - self.burst) / (self.rate * (0.75 if self.halved else 1))

    @property
    def allowed(self) -> float:
        """How many requests may be rejected: one per worker before the first response, and a share of all."""
        return WORKERS + self.max_rejected * self.creates


CASES = (
    Case("200/s, burst 200, Retry-After: 1", 200, 200, 2_000, 1.15, 0.01),
    Case("200/s, burst 200, no header", 200, 200, 1_600, 1.08, 0.01, sends_retry_after=False),
    Case("1,000/s, burst 1,000, Retry-After: 1", 1_000, 1_000, 16_000, 1.08, 0.01),
    Case("200/s, halved from 30 % to 80 %", 200, 200, 1_600, 1.10, 0.02, halved=True),
    Case("20/s, burst 20, Retry-After: 1", 20, 20, 400, 1.15, 0.05),
    Case("200/s, burst 1, no header", 200, 1, 1_600, 1.5, 0.05, sends_retry_after=False),
)


async def serve(case: Case) -> None:
    """Print base URL and credentials, serve until standard input ends, then print how many requests were rejected."""
    async with GwmsEmulator() as gateway:
        print(gateway.base_url, *gateway.credentials, flush=True)
        await asyncio.to_thread(sys.stdin.readline)
        limit = RateLimit(case.rate, case.burst, "seconds" if case.sends_retry_after else None)
        gateway.rate_limit = limit
        if case.halved:
            loop, half = asyncio.get_running_loop(), RateLimit(limit.rate / 2, limit.burst, limit.retry_after)
            loop.call_later(0.3 * case.ideal, setattr, gateway, "rate_limit", half)
            loop.call_later(0.8 * case.ideal, setattr, gateway, "rate_limit", limit)
        await asyncio.to_thread(sys.stdin.readline)
        print(sum(exchange.status == 429 for exchange in gateway.requests), flush=True)


async def create_all(case: Case, base_url: str, username: str, password: str, api_key: str) -> float:
    """Create the webhooks of a case; return the seconds it took."""
    numbers = count()
    async with GwmsClient(Credentials(username, password, api_key), base_url=base_url) as gwms:

        async def work() -> None:
            while (number := next(numbers)) < case.creates:
                await gwms.webhooks.create(WebhookSpec(f"https://shop.example/{number}", WebhookType.CREATE_ORDER))

        start = time.perf_counter()
        async with asyncio.TaskGroup() as group:
            for _ in range(WORKERS):
                group.create_task(work())
        return time.perf_counter() - start


def run(case: Case) -> bool:
    """Run a case and print its row; return whether it is within its limits."""
    command = [sys.executable, __file__, SERVE, str(CASES.index(case))]
    with Popen(command, stdin=PIPE, stdout=PIPE, text=True) as server:
        assert server.stdin  # noqa: S101  # both are pipes
        assert server.stdout  # noqa: S101
        address = server.stdout.readline().split()
        server.stdin.write("\n")
        server.stdin.flush()
        x = asyncio.run(create_all(case, *address)) / case.ideal
        server.stdin.write("\n")
        server.stdin.flush()
        rejected = int(server.stdout.readline())
    print(f"{case.name:<38} x {x:5.3f} (at most {case.max_time})   rejected {rejected:4} (at most {case.allowed:.0f})")
    return x <= case.max_time and rejected <= case.allowed


if __name__ == "__main__":
    if sys.argv[1:2] == [SERVE]:
        asyncio.run(serve(CASES[int(sys.argv[2])]))
    else:
        sys.exit(sum(not run(case) for case in CASES))
