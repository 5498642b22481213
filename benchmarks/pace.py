"""How near to the gateway's rate a bulk comes while it throttles, and how many requests are refused on the way.

Run it: ``uv run benchmarks/pace.py``

The emulator, with its bucket of tokens, runs in another process; 50 workers create N webhooks. ``x`` is the time
taken divided by the least that is possible, ``(N - burst) / rate``. Exits with 1 where a figure is above its limit.
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
    """A gateway, and what is asked of the client there."""

    name: str
    rate: int
    burst: int
    creates: int
    most_time: float
    most_refused: float
    says_when: bool = True
    halved: bool = False

    @property
    def ideal(self) -> float:
        """The seconds that it takes at least; half the rate for half of the time makes three quarters of it."""
        return (self.creates - self.burst) / (self.rate * (0.75 if self.halved else 1))

    @property
    def allowed(self) -> float:
        """How many requests may be refused: one per worker before the first answer, and a share of all."""
        return WORKERS + self.most_refused * self.creates


CASES = (
    Case("200/s, burst 200, Retry-After: 1", 200, 200, 2_000, 1.15, 0.01),
    Case("200/s, burst 200, no header", 200, 200, 1_600, 1.08, 0.01, says_when=False),
    Case("1,000/s, burst 1,000, Retry-After: 1", 1_000, 1_000, 16_000, 1.08, 0.01),
    Case("200/s, halved from 30 % to 80 %", 200, 200, 1_600, 1.10, 0.02, halved=True),
    Case("20/s, burst 20, Retry-After: 1", 20, 20, 400, 1.15, 0.05),
    Case("200/s, burst 1, no header", 200, 1, 1_600, 1.5, 0.05, says_when=False),
)


async def serve(case: Case) -> None:
    """Print address and credentials, serve until standard input ends, then print how many requests were refused."""
    async with GwmsEmulator() as gateway:
        print(gateway.base_url, *gateway.credentials, flush=True)
        await asyncio.to_thread(sys.stdin.readline)
        limit = RateLimit(case.rate, case.burst, "seconds" if case.says_when else None)
        gateway.rate_limit = limit
        if case.halved:
            loop, half = asyncio.get_running_loop(), RateLimit(limit.rate / 2, limit.burst, limit.retry_after)
            loop.call_later(0.3 * case.ideal, setattr, gateway, "rate_limit", half)
            loop.call_later(0.8 * case.ideal, setattr, gateway, "rate_limit", limit)
        await asyncio.to_thread(sys.stdin.readline)
        print(sum(exchange.status == 429 for exchange in gateway.requests), flush=True)


async def create_all(case: Case, base_url: str, username: str, password: str, api_key: str) -> float:
    """Create as many as the case says; give the seconds that it took."""
    numbers = count()
    async with GwmsClient(Credentials(username, password, api_key), base_url=base_url) as gwms:

        async def work() -> None:
            while (number := next(numbers)) < case.creates:
                await gwms.webhooks.create(WebhookSpec(f"https://shop.example/{number}", WebhookType.CREATE_ORDER))

        began = time.perf_counter()
        async with asyncio.TaskGroup() as group:
            for _ in range(WORKERS):
                group.create_task(work())
        return time.perf_counter() - began


def run(case: Case) -> bool:
    """Run a case, print its row, and tell whether it is within its limits."""
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
        refused = int(server.stdout.readline())
    print(f"{case.name:<38} x {x:5.3f} (at most {case.most_time})   refused {refused:4} (at most {case.allowed:.0f})")
    return x <= case.most_time and refused <= case.allowed


if __name__ == "__main__":
    if sys.argv[1:2] == [SERVE]:
        asyncio.run(serve(CASES[int(sys.argv[2])]))
    else:
        sys.exit(sum(not run(case) for case in CASES))
