"""What the SDK costs on top of aiohttp: CPU time of a create, against the same POST written by hand.

Run it: ``python benchmarks/creates.py`` (`README.md` tells how to read what it prints)

50 workers send creates, in short alternating chunks, to a server with canned answers in another process: by
`GwmsClient.webhooks.create` ("ours"), by a plain `aiohttp.ClientSession` ("reference"), by a second one ("control").
"""

import argparse
import asyncio
import json
import os
import platform
import re
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from importlib.metadata import version
from itertools import count, cycle, islice, permutations
from statistics import median, quantiles
from subprocess import PIPE, Popen
from typing import Any, NamedTuple, cast

import aiohttp

from gwms_async import Credentials, GwmsClient, WebhookSpec, WebhookType

SERVE, WORKERS, CONNECTIONS, WARM_UP = "serve", 50, 100, 2
CREDENTIALS = Credentials("benchmark", "benchmark", "benchmark")
LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d+)", re.IGNORECASE)
Create = Callable[[int], Awaitable[object]]


class Cost(NamedTuple):
    """What a create took on average over one chunk, in microseconds."""

    cpu: float
    wall: float


class CannedGateway(asyncio.Protocol):
    """Answers each request, once it is there in full, with one of two ready-made answers."""

    def __init__(self, login: bytes, webhook: bytes) -> None:
        self._login, self._webhook, self._unread = login, webhook, bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep what answers are written to."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Answer all requests that are complete; keep the beginning of one that is not."""
        self._unread += data
        while (end := self._unread.find(b"\r\n\r\n")) >= 0:
            length = LENGTH.search(self._unread, 0, end)
            size = end + 4 + (int(length[1]) if length else 0)
            if len(self._unread) < size:
                return
            is_login = self._unread.find(b"/users/login ", 0, end) >= 0
            del self._unread[:size]
            self._transport.write(self._login if is_login else self._webhook)


def canned(data: dict[str, object]) -> bytes:
    """Make an HTTP answer of the envelope around `data`."""
    body = json.dumps({"statusCode": 200, "message": "OK", "data": data})
    return f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()


async def serve() -> None:
    """Listen on a free port, print it, and answer until standard input ends."""
    login = canned({"token": "t" * 200, "expiresIn": int(time.time()) + 3600})
    spec = {"url": "https://shop.example/gwms/0", "webhookType": "CREATE_ORDER", "active": True, "method": "POST"}
    webhook = canned({"id": 1, **spec, "registeredAt": "2025-01-01T12:00:00.000Z"})
    server = await asyncio.get_running_loop().create_server(lambda: CannedGateway(login, webhook), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.to_thread(sys.stdin.read)


@contextmanager
def gateway() -> Iterator[tuple[str, bool]]:
    """Run the server until the block ends; give its base url, and whether client and server have a core each."""
    with Popen([sys.executable, __file__, SERVE], stdin=PIPE, stdout=PIPE, text=True, start_new_session=True) as server:
        try:
            port = server.stdout.readline().strip() if server.stdout else ""
            cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_setaffinity") else []
            if pinned := len(cores) >= 2:
                os.sched_setaffinity(server.pid, cores[:1])
                os.sched_setaffinity(0, cores[-1:])
            yield f"http://127.0.0.1:{port}/v21", pinned
        finally:
            server.terminate()


@asynccontextmanager
async def by_hand(base_url: str) -> AsyncIterator[Create]:
    """Create with nothing but aiohttp: the least that works."""
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=CONNECTIONS)) as session:
        login = {"username": CREDENTIALS.username, "password": CREDENTIALS.password}
        async with session.post(f"{base_url}/users/login", json=login) as answer:
            token = (await answer.json())["data"]["token"]
        session.headers.update({"authorization": f"Bearer {token}", "x-api-key": CREDENTIALS.api_key})

        async def create(number: int) -> object:
            """Send one POST."""
            url = f"https://shop.example/gwms/{number}"
            spec = {"url": url, "webhookType": "CREATE_ORDER", "active": True, "method": "POST"}
            async with session.post(f"{base_url}/webhooks", json=spec) as answer:
                return (await answer.json())["data"]["id"]

        yield create


@asynccontextmanager
async def by_sdk(base_url: str) -> AsyncIterator[Create]:
    """Create with `GwmsClient`, as its users do."""
    async with GwmsClient(CREDENTIALS, base_url=base_url, max_connections=CONNECTIONS) as gwms:

        async def create(number: int) -> object:
            """Make one call."""
            spec = WebhookSpec(f"https://shop.example/gwms/{number}", WebhookType.CREATE_ORDER)
            return (await gwms.webhooks.create(spec)).id

        yield create


async def run_chunk(create: Create, numbers: Iterator[int], size: int) -> Cost:
    """Let all workers send `size` creates between them, and take the time."""
    chunk = islice(numbers, size)

    async def work() -> None:
        """Be one of the workers."""
        for number in chunk:
            await create(number)

    cpu, wall = time.process_time(), time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for _ in range(WORKERS):
            group.create_task(work())
    return Cost((time.process_time() - cpu) / size * 1e6, (time.perf_counter() - wall) / size * 1e6)


async def measure(base_url: str, chunks: int, size: int) -> dict[str, list[Cost]]:
    """Warm up, then let each of the three run `chunks` chunks, in turns that go through all possible orders."""
    async with by_hand(base_url) as reference, by_hand(base_url) as control, by_sdk(base_url) as ours:
        subjects, numbers = {"reference": reference, "control": control, "ours": ours}, count()
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
        lines.append(f"\n{clock} us per create: {each}")
        for name, found in result[f"{clock}_ratio"].items():
            quartiles = f"quartiles {found['q1']:.3f} to {found['q3']:.3f}"
            lines.append(f"{name:>9} / reference: {found['median']:.3f} ({quartiles})")
    return "\n".join(lines)


def main() -> int:
    """Run the benchmark from the command line."""
    parser = argparse.ArgumentParser(description="CPU time of GwmsClient.webhooks.create against plain aiohttp.")
    parser.add_argument("--chunks", type=int, default=60, help="for each of the three (default: %(default)s)")
    parser.add_argument("--size", type=int, default=200, help="creates in a chunk (default: %(default)s)")
    parser.add_argument("--limit", type=float, default=1.25, help="the highest good CPU ratio (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    with gateway() as (base_url, pinned):
        costs = asyncio.run(measure(base_url, options.chunks, options.size))
    result = report(costs) | {"chunks": options.chunks, "size": options.size, "workers": WORKERS, "pinned": pinned}
    print(json.dumps(result) if options.json else readable(result))
    return int(result["cpu_ratio"]["ours"]["median"] > options.limit)


if __name__ == "__main__":
    sys.exit(asyncio.run(serve()) if sys.argv[1:] == [SERVE] else main())
