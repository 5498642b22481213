"""What calls cost with this package, with plain aiohttp and with other ways to make them: CPU time, side by side.

Run it: ``uv run --group bench benchmarks/speed.py`` (`README.md` tells of the workloads, and how to read the result)

Each measurement is a process of its own, the processes take turns, and each turn gives one ratio to plain aiohttp.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import re
import resource
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import date
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from statistics import median, quantiles
from subprocess import PIPE, Popen, run
from typing import Any, NamedTuple, cast

SERVE, MEASURE = "serve", "measure"
REFERENCE, CONTROL, OURS, FAST, GENERATED = (
    "aiohttp", "aiohttp again", "gwms_async", "gwms_async[speed], uvloop", "openapi-python-client",
)  # fmt: skip
BARE, BARE_FAST = "aiohttp, bare", "aiohttp, bare, orjson, uvloop"
SLOW = frozenset({"httpx", GENERATED})  # a tenth of the calls is enough
CONTRACT = Path(__file__).parent.parent / "tests/contract/gwms-v21-webhooks.openapi.json"
PICTURED = ("A", "B")
CONNECTIONS, LISTED = 100, 10_000
LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d+)", re.IGNORECASE)
WEBHOOK = {"url": "https://shop.example/gwms/1", "webhookType": "CREATE_ORDER", "active": True, "method": "POST"}
Act = Callable[[int], Awaitable[object]]


class Workload(NamedTuple):
    """What is measured.

    Args:
        title: What it is.
        act: The name of the operation.
        workers: How many calls are under way at once.
        calls: How many there are in all.
        subjects: Who takes part.
        against: Whom a subject is compared with, and in which workload.
    """

    title: str
    act: str
    workers: int
    calls: int
    subjects: tuple[str, ...]
    against: str = REFERENCE


PEERS = (REFERENCE, CONTROL, OURS, FAST, BARE, BARE_FAST, "aiohttp-retry", "httpx", GENERATED)
WORKLOADS = {
    "A": Workload("create, 50 workers", "create", 50, 3_000, PEERS),
    "B": Workload("get by id, 50 workers", "get", 50, 3_000, PEERS),
    "C": Workload("get, one after another", "get", 1, 2_000, (REFERENCE, CONTROL, OURS, BARE)),
    "D": Workload(f"list of {LISTED:,}", "list", 1, 10, (REFERENCE, CONTROL, OURS, FAST, GENERATED)),
    "E": Workload("register_many of 5,000, per webhook", "register", 1, 5_000, (OURS, FAST)),
    "F0": Workload("1,000 gets at once", "get", 1_000, 1_000, (OURS,), OURS),
    "F": Workload("1,000 gets at once, token revoked", "get", 1_000, 1_000, (OURS,), OURS),
}


class CannedGateway(asyncio.Protocol):
    """Answers each request, once it is there in full, from what was made ready; creates are echoed."""

    generation = 0
    listed = b",".join(json.dumps({"id": n, **WEBHOOK, "registeredAt": "2025-01-01T12:00:00.000Z"}).encode()
                       for n in range(LISTED))  # fmt: skip

    def __init__(self) -> None:
        self._unread = bytearray()

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
            head, body = bytes(self._unread[:end]), bytes(self._unread[end + 4 : size])
            del self._unread[:size]
            self._transport.write(self._answer(head, body))

    def _answer(self, head: bytes, body: bytes) -> bytes:
        method, path = head.split(b" ", 2)[:2]
        token = b"t%0199d" % CannedGateway.generation
        if path.endswith(b"/revoke"):
            CannedGateway.generation += 1
            return _answer(b"200 OK", b"{}")
        if path.endswith(b"/login"):
            return _answer(b"200 OK", b'{"token": "%b", "expiresIn": %d}' % (token, time.time() + 3600))
        if b"Bearer " + token not in head:
            return _answer(b"401 Unauthorized", b"null")
        if path == b"/large/webhooks":
            return _answer(b"200 OK", b"[%b]" % self.listed)
        if method == b"POST":
            return _answer(b"200 OK", b'{"id": 1, %b, "registeredAt": "2025-01-01T12:00:00.000Z"}' % body[1:-1])
        single = self.listed[: self.listed.index(b"}") + 1]
        return _answer(b"200 OK", b"[]" if path.endswith(b"/webhooks") else single)


def _answer(status: bytes, data: bytes) -> bytes:
    body = b'{"statusCode": %b, "message": "OK", "data": %b}' % (status[:3], data)
    return b"HTTP/1.1 %b\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (status, len(body), body)


async def serve() -> None:
    """Listen on a free port, print it, and answer until standard input ends."""
    server = await asyncio.get_running_loop().create_server(CannedGateway, "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.to_thread(sys.stdin.read)


def _spec(number: int) -> dict[str, object]:
    return {**WEBHOOK, "url": f"https://shop.example/gwms/{number}"}


@asynccontextmanager
async def by_aiohttp(base_url: str, *, retrying: bool = False) -> AsyncIterator[dict[str, Act]]:
    """Call with nothing but aiohttp, or with aiohttp-retry: the least that works."""
    import aiohttp  # noqa: PLC0415  # a process imports what it measures

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=CONNECTIONS)) as session:
        async with session.post(f"{base_url}/users/login", json={"username": "u", "password": "p"}) as answer:
            token = (await answer.json())["data"]["token"]
        session.headers.update({"authorization": f"Bearer {token}", "x-api-key": "k"})
        client: Any = import_module("aiohttp_retry").RetryClient(session) if retrying else session

        async def create(number: int) -> object:
            async with client.post(f"{base_url}/webhooks", json=_spec(number)) as answer:
                return (await answer.json())["data"]

        async def get(number: int) -> object:
            async with client.get(f"{base_url}/webhooks/{number}") as answer:
                return (await answer.json())["data"]

        async def list_all(_: int) -> object:
            async with client.get(f"{base_url}/webhooks") as answer:
                return (await answer.json())["data"]

        yield {"create": create, "get": get, "list": list_all}


@asynccontextmanager
async def by_bare_aiohttp(base_url: str) -> AsyncIterator[dict[str, Act]]:
    """Call with what is left of aiohttp where all that can be switched off is: the floor for whoever builds on it."""
    import aiohttp  # noqa: PLC0415  # as above

    fast: Any = sys.modules.get("orjson")
    loads: Callable[[bytes], Any] = fast.loads if fast else json.loads
    dumps: Callable[[object], bytes] = fast.dumps if fast else lambda content: json.dumps(content).encode()
    options: dict[str, Any] = {"timeout": aiohttp.ClientTimeout(total=None), "allow_redirects": False}
    typed = {**options, "headers": {"content-type": "application/json"}}
    connector, jar = aiohttp.TCPConnector(limit=0), aiohttp.DummyCookieJar()
    async with aiohttp.ClientSession(connector=connector, cookie_jar=jar) as session:
        async with session.post(f"{base_url}/users/login", data=dumps({"username": "u"}), **typed) as answer:
            token = loads(await answer.read())["data"]["token"]
        session.headers.update({"authorization": f"Bearer {token}", "x-api-key": "k"})

        async def create(number: int) -> object:
            async with session.post(f"{base_url}/webhooks", data=dumps(_spec(number)), **typed) as answer:
                return loads(await answer.read())["data"]

        async def get(number: int) -> object:
            async with session.get(f"{base_url}/webhooks/{number}", **options) as answer:
                return loads(await answer.read())["data"]

        yield {"create": create, "get": get}


@asynccontextmanager
async def by_httpx(base_url: str) -> AsyncIterator[dict[str, Act]]:
    """Call with httpx."""
    httpx: Any = import_module("httpx")
    async with httpx.AsyncClient(limits=httpx.Limits(max_connections=CONNECTIONS)) as client:
        answer = await client.post(f"{base_url}/users/login", json={"username": "u", "password": "p"})
        client.headers.update({"authorization": f"Bearer {answer.json()['data']['token']}", "x-api-key": "k"})

        async def create(number: int) -> object:
            return (await client.post(f"{base_url}/webhooks", json=_spec(number))).json()["data"]

        async def get(number: int) -> object:
            return (await client.get(f"{base_url}/webhooks/{number}")).json()["data"]

        yield {"create": create, "get": get}


@asynccontextmanager
async def by_generated(base_url: str, folder: str) -> AsyncIterator[dict[str, Act]]:
    """Call with what openapi-python-client makes of the contract."""
    sys.path.insert(0, folder)
    (package,) = (path.parent.name for path in Path(folder).glob("*/client.py"))  # noqa: ASYNC240  # before it begins
    operations = f"{package}.api.webhooks.v_21_"
    post, get_one, get_all = (
        import_module(operations + name) for name in ("post_webhooks", "get_webhook", "get_webhooks")
    )
    models = import_module(f"{package}.models")
    http: Any = import_module("httpx")
    login = http.post(f"{base_url}/users/login", json={"username": "u", "password": "p"}).json()["data"]
    keys = {"x_api_key": "k", "authorization": f"Bearer {login['token']}"}
    async with import_module(package).Client(base_url=base_url) as client:

        async def create(number: int) -> object:
            body = models.V21CreateWebhook.from_dict(_spec(number))
            return (await post.asyncio(client=client, body=body, **keys)).data

        async def get(number: int) -> object:
            return (await get_one.asyncio(number, client=client, **keys)).data

        async def list_all(_: int) -> object:
            return (await get_all.asyncio(client=client, **keys)).data

        yield {"create": create, "get": get, "list": list_all}


@asynccontextmanager
async def by_sdk(base_url: str, *, calls: int) -> AsyncIterator[dict[str, Act]]:
    """Call with this package, as its users do."""
    from gwms_async import Credentials, GwmsClient, WebhookSpec, WebhookType  # noqa: PLC0415  # as above

    async with GwmsClient(Credentials("u", "p", "k"), base_url=base_url, max_connections=CONNECTIONS) as gwms:

        async def create(number: int) -> object:
            return await gwms.webhooks.create(
                WebhookSpec(f"https://shop.example/gwms/{number}", WebhookType.CREATE_ORDER)
            )

        async def get(number: int) -> object:
            return await gwms.webhooks.get(number)

        async def list_all(_: int) -> object:
            return await gwms.webhooks.list()

        async def register(_: int) -> object:
            specs = (WebhookSpec(f"https://shop.example/gwms/{n}", WebhookType.CREATE_ORDER) for n in range(calls))
            report = await gwms.webhooks.register_many(specs, concurrency=50)
            report.raise_for_failures()
            return report

        await gwms.webhooks.get(1)
        yield {"create": create, "get": get, "list": list_all, "register": register}


async def measure(name: str, subject: str, origin: str, folder: str) -> dict[str, float]:
    """Run a workload once; give microseconds per call, and the process's peak memory."""
    workload = WORKLOADS[name]
    calls = workload.calls // 10 if subject in SLOW and workload.calls > 100 else workload.calls
    base_url = origin + ("/large" if name == "D" else "/v21")
    clients = {
        REFERENCE: lambda: by_aiohttp(base_url),
        CONTROL: lambda: by_aiohttp(base_url),
        BARE: lambda: by_bare_aiohttp(base_url),
        BARE_FAST: lambda: by_bare_aiohttp(base_url),
        "aiohttp-retry": lambda: by_aiohttp(base_url, retrying=True),
        "httpx": lambda: by_httpx(base_url),
        GENERATED: lambda: by_generated(base_url, folder),
    }
    async with clients.get(subject, lambda: by_sdk(base_url, calls=workload.calls))() as acts:
        act, took = acts[workload.act], list[float]()
        numbers = iter(range(1 if workload.act == "register" else calls))
        warm_up = 0 if workload.act == "register" else min(calls, 100)
        for number in range(0 if workload.act == "list" else warm_up):
            await act(number)
        if name == "F":
            await _revoke(origin)

        async def work() -> None:
            for number in numbers:
                began = time.perf_counter()
                await act(number)
                took.append(time.perf_counter() - began)

        cpu, wall = time.process_time(), time.perf_counter()
        async with asyncio.TaskGroup() as group:
            for _ in range(workload.workers):
                group.create_task(work())
        cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    ranks = quantiles(took, n=100) if len(took) > 1 else took * 99
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    per_call = 1e6 / calls
    return {"cpu": cpu * per_call, "wall": wall * per_call, "p50": ranks[49] * 1e6, "p99": ranks[98] * 1e6, "mb": peak}


async def _revoke(origin: str) -> None:
    _, writer = await asyncio.open_connection("127.0.0.1", int(origin.rpartition(":")[2]))
    writer.write(b"GET /revoke HTTP/1.1\r\n\r\n")
    await writer.drain()
    await _.readuntil(b"\r\n\r\n")
    writer.close()


@contextmanager
def gateway() -> Iterator[str]:
    """Run the server until the block ends; give its address. Where there are two cores, it has one to itself."""
    with Popen([sys.executable, __file__, SERVE], stdin=PIPE, stdout=PIPE, text=True, start_new_session=True) as server:
        try:
            port = server.stdout.readline().strip() if server.stdout else ""
            cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_setaffinity") else []
            if len(cores) > 1:
                os.sched_setaffinity(server.pid, cores[:1])
                os.sched_setaffinity(0, cores[-1:])
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()


def once(name: str, subject: str, origin: str, folder: str) -> dict[str, float]:
    """Measure in a process of its own."""
    command = [sys.executable, __file__, MEASURE, name, subject, origin, folder]
    done = run(command, check=True, stdout=PIPE, text=True)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def generate(folder: str) -> str:
    """Make a client of the contract; give where it is."""
    path = f"{folder}/generated"
    command = [
        sys.executable,
        "-m",
        "openapi_python_client",
        "generate",
        "--path",
        str(CONTRACT),
        "--output-path",
        path,
    ]
    run(command, check=False, capture_output=True)
    return path


def report(names: list[str], turns: int) -> tuple[list[str], list[tuple[str, float]]]:
    """Measure; give the rows of the result, and the bars of its picture."""
    bars: list[tuple[str, float]] = []
    rows = ["| | workload | with | CPU, us | ratio to aiohttp (quartiles) | wall, us | p50 / p99 | peak, MB |",
            "| --- | --- | --- | --- | --- | --- | --- | --- |"]  # fmt: skip
    with tempfile.TemporaryDirectory() as scratch, gateway() as origin:
        folder = generate(scratch)
        found: dict[tuple[str, str], list[dict[str, float]]] = {}
        for turn in range(turns):
            each = [(name, subject) for name in names for subject in WORKLOADS[name].subjects]
            for pair in each if turn % 2 else reversed(each):
                found.setdefault(pair, []).append(once(*pair, origin, folder))
        for name in names:
            workload = WORKLOADS[name]
            base = {"E": ("A", REFERENCE), "F": ("F0", OURS)}.get(name, (name, workload.against))
            for subject in workload.subjects:
                taken = found[name, subject]
                mid = {key: median(one[key] for one in taken) for key in taken[0]}
                if name in PICTURED and subject != CONTROL:
                    bars.append((f"{workload.title}: {subject}", mid["cpu"]))
                ratios = [one["cpu"] / other["cpu"] for one, other in zip(taken, found[base], strict=True)]
                q1, ratio, q3 = quantiles(ratios, method="inclusive")
                rows.append(
                    f"| {name} | {workload.title} | {subject} | {mid['cpu']:.1f} | {ratio:.3f} ({q1:.3f} to {q3:.3f})"
                    f" | {mid['wall']:.1f} | {mid['p50']:.0f} / {mid['p99']:.0f} | {mid['mb']:.1f} |"
                )
    return rows, bars


def picture(bars: list[tuple[str, float]], caption: str) -> str:
    """Draw bars as SVG; the scale ends at three times the shortest, and longer ones are cut."""
    widest = 3 * min(value for _, value in bars)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="860" height="{24 * len(bars) + 50}">',
        "<style>text { font: 13px sans-serif }</style>",
        '<rect width="100%" height="100%" fill="white"/>',
        f'<text x="10" y="20">CPU time of a call, microseconds (shorter is better). {caption}</text>',
    ]
    for row, (label, value) in enumerate(bars):
        top, width = 34 + 24 * row, 400 * min(value / widest, 1)
        color = "#2a7f62" if "gwms_async" in label else "#9aa5b1"
        lines += [
            f'<text x="350" y="{top + 14}" text-anchor="end">{label}</text>',
            f'<rect x="360" y="{top}" width="{width:.0f}" height="18" fill="{color}"/>',
            f'<text x="{366 + width:.0f}" y="{top + 14}">{value:,.0f}{" (cut)" * (value > widest)}</text>',
        ]
    return "\n".join([*lines, "</svg>", ""])


def main() -> None:
    """Run the benchmark from the command line."""
    parser = argparse.ArgumentParser(description="CPU time of calls, side by side.")
    parser.add_argument("--turns", type=int, default=20, help="measurements of each (default: %(default)s)")
    parser.add_argument("--picture", metavar="FILE", type=Path, help="write an SVG of A and B there")
    parser.add_argument("workloads", nargs="*", metavar="|".join(WORKLOADS), help="which; all if none is named")
    options = parser.parse_args()
    packages = ("gwms-async", "aiohttp", "httpx", "aiohttp-retry", "openapi-python-client", "orjson", "uvloop")
    versions = ", ".join(f"{package} {version(package)}" for package in packages)
    print(f"Python {platform.python_version()}, {platform.platform()}; {versions}\n")
    rows, bars = report(options.workloads or list(WORKLOADS), options.turns)
    print(*rows, sep="\n")
    if options.picture:
        caption = f"{date.today()}, Python {platform.python_version()}, aiohttp {version('aiohttp')}"  # noqa: DTZ011
        options.picture.write_text(picture(bars, caption))


if __name__ == "__main__":
    match sys.argv[1:]:
        case [mode] if mode == SERVE:
            asyncio.run(serve())
        case [mode, name, subject, origin, folder] if mode == MEASURE:
            if subject in {FAST, BARE_FAST}:
                import_module("orjson")
                import_module("uvloop").install()
            else:
                sys.modules["orjson"] = cast("Any", None)  # as if it was not installed
            print(json.dumps(asyncio.run(measure(name, subject, origin, folder))))
        case _:
            main()
