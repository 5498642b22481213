"""CPU time of deliveries with a receiver, and with plain handlers on the same servers, side by side.

Run it: ``uv run benchmarks/receive.py`` (`README.md` explains the output)

Each server runs in a process of its own. They take short turns, and each round of these gives one ratio.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import time
from collections.abc import Awaitable, Callable, Generator, Mapping, MutableMapping
from contextlib import ExitStack, contextmanager
from socket import socket
from statistics import median
from subprocess import PIPE, Popen
from typing import Any
from urllib.parse import urlsplit

from start import as_users_run

ROUNDS, TURNS, CALLS, WARM_UP, CONNECTIONS = 5, 20, 4_000, 1_000, 10
LIMITS = {"POST": 1.25, "GET": 1.35}
AIOHTTP, *_ = SERVERS = ("aiohttp", "uvicorn, h11", "uvicorn, httptools")
PLAIN, OURS = "plain", "receiver"
SECRET = "a webhook secret of this benchmark only"  # noqa: S105
ORDER = {
    "eshopOrderId": "2026-112233", "id": 88_421, "status": "packed", "updatedAt": "2026-11-28T18:43:10.000Z",
    "recipientName": "Jan Novák", "recipientStreet": "Dlouhá 12", "recipientCity": "Brno", "recipientZip": "60200",
    "trackingNumbers": ["DR0123456789C"],
    "products": [{"sku": f"SKU-{number}", "quantity": number, "lot": None} for number in range(1, 9)],
}  # fmt: skip
BODY = json.dumps(ORDER).encode()

Message = MutableMapping[str, Any]


def receiver() -> tuple[Any, str]:
    """Make a receiver of all event types; return it and the path for orders."""
    from gwms_async import WebhookType  # noqa: PLC0415  # the plain servers do without
    from gwms_async.receiving import Delivery, Receiver  # noqa: PLC0415

    made = Receiver(SECRET)

    @made.on(*WebhookType)
    async def handle(delivery: Delivery) -> None:
        check(delivery.entity_id)

    (url,) = (spec.url for spec in made.specs("http://127.0.0.1/gwms") if spec.webhook_type == "UPDATE_ORDER")
    return made, urlsplit(url).path


def check(entity_id: str) -> None:
    """Be all that a handler does."""
    if entity_id != ORDER["eshopOrderId"]:
        raise ValueError(entity_id)


def aiohttp_app(kind: str) -> tuple[Any, str]:
    """Make an aiohttp application that has the path /gwms; return it and the path of an order's webhook."""
    from aiohttp import web  # noqa: PLC0415  # a server imports only what it needs

    app = web.Application()
    if kind == OURS:
        from gwms_async.receiving import aiohttp_app as mounted  # noqa: PLC0415

        made, path = receiver()
        app.add_subapp("/gwms", mounted(made))
        return app, path

    async def post(request: web.Request) -> web.Response:
        check((await request.json())["eshopOrderId"])
        return web.Response()

    async def get(request: web.Request) -> web.Response:
        check(request.match_info["id"])
        return web.Response()

    inner = web.Application()
    inner.router.add_post("/UPDATE_ORDER/token", post)
    inner.router.add_get("/UPDATE_ORDER/token/{id}", get)
    app.add_subapp("/gwms", inner)
    return app, "/gwms/UPDATE_ORDER/token"


def asgi_app(kind: str) -> tuple[Any, str]:
    """Make an ASGI application; return it and the path of an order's webhook."""
    if kind == OURS:
        from gwms_async.receiving import asgi_app as served  # noqa: PLC0415

        made, path = receiver()
        return served(made), path
    path = "/gwms/UPDATE_ORDER/token"

    async def app(
        scope: Message, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]
    ) -> None:
        if scope["method"] == "POST" and scope["path"] == path:
            parts, is_read = [], False
            while not is_read:
                message = await receive()
                parts.append(message.get("body", b""))
                is_read = not message.get("more_body", False)
            check(json.loads(b"".join(parts))["eshopOrderId"])
        else:
            check(scope["path"].removeprefix(f"{path}/"))
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body"})

    return app, path


async def serve(server: str, kind: str) -> None:
    """Serve an application; print its port and path, and its CPU time for each line of input."""
    with socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        if server == AIOHTTP:
            from aiohttp import web  # noqa: PLC0415

            app, path = aiohttp_app(kind)
            runner = web.AppRunner(app, access_log=None)
            await runner.setup()
            await web.SockSite(runner, listener).start()
            until_it_ends: Awaitable[object] = asyncio.Event().wait()
        else:
            import uvicorn  # noqa: PLC0415

            app, path = asgi_app(kind)
            http: Any = server.split()[1]
            config = uvicorn.Config(app, http=http, log_config=None, access_log=False, lifespan="off")
            until_it_ends = uvicorn.Server(config).serve([listener])

        def say() -> None:
            if not sys.stdin.readline():
                os._exit(0)
            print(time.process_time(), flush=True)

        asyncio.get_running_loop().add_reader(sys.stdin, say)
        print(listener.getsockname()[1], path, flush=True)
        await until_it_ends


class Server:
    """A server in a process of its own."""

    def __init__(self, process: Popen[str]) -> None:
        self._process = process
        port, self.path = self._line().split()
        self.port = int(port)

    def cpu(self) -> float:
        """Ask for the CPU time that it has taken, in seconds."""
        assert self._process.stdin is not None  # noqa: S101
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return float(self._line())

    def _line(self) -> str:
        assert self._process.stdout is not None  # noqa: S101
        return self._process.stdout.readline()


@contextmanager
def started(server: str, kind: str) -> Generator[Server]:
    """Start a server."""
    command = [sys.executable, __file__, server, kind]
    with Popen(command, stdin=PIPE, stdout=PIPE, text=True, env=as_users_run()) as process:
        try:
            yield Server(process)
        finally:
            process.terminate()


async def deliver(server: Server, method: str, calls: int) -> None:
    """Make deliveries over a few connections, each of which waits for its answer."""
    path = f"{server.path}/{ORDER['eshopOrderId']}" if method == "GET" else server.path
    lines = [f"{method} {path} HTTP/1.1", "Host: shop.example", "User-Agent: gateway", "Accept: */*"]
    if method == "POST":
        lines += ["Content-Type: application/json", f"Content-Length: {len(BODY)}"]
    request = "\r\n".join([*lines, "", ""]).encode() + BODY * (method == "POST")

    async def work() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        for _ in range(calls // CONNECTIONS):
            writer.write(request)
            response = await reader.readuntil(b"\r\n\r\n")
            if not response.startswith(b"HTTP/1.1 200 "):
                raise RuntimeError(response)
        writer.close()
        await writer.wait_closed()

    await asyncio.gather(*(work() for _ in range(CONNECTIONS)))


def measure(server: Server, method: str, calls: int) -> float:
    """Make deliveries; return the server's CPU time for each of them, in microseconds."""
    before = server.cpu()
    asyncio.run(deliver(server, method, calls))
    return 1e6 * (server.cpu() - before) / calls


def one_round(servers: Mapping[str, Server], method: str, calls: int) -> dict[str, float]:
    """Let servers take turns of a few deliveries each; return the mean CPU time of one, in microseconds."""
    costs = dict.fromkeys(servers, 0.0)
    for turn in range(TURNS):
        for kind in [*servers][:: 1 if turn % 2 else -1]:
            costs[kind] += measure(servers[kind], method, calls // TURNS) / TURNS
    return costs


def main() -> int:
    """Measure and print; return the exit code, 1 if a ratio is above its limit."""
    parser = argparse.ArgumentParser(description="CPU time of deliveries, side by side.")
    parser.add_argument("--calls", type=int, default=CALLS, help="deliveries per round (default: %(default)s)")
    parser.add_argument(
        "--rounds", type=int, default=ROUNDS, help="rounds per server and method (default: %(default)s)"
    )
    options = parser.parse_args()
    print(f"{len(BODY)} bytes per POST\n")
    print("| | plain, us | receiver, us | ratio | at most |\n| --- | --- | --- | --- | --- |")
    missed = False
    for name in SERVERS:
        with ExitStack() as stack:
            kinds = {kind: stack.enter_context(started(name, kind)) for kind in (PLAIN, OURS)}
            for method, limit in LIMITS.items():
                for server in kinds.values():
                    measure(server, method, WARM_UP)
                costs = [one_round(kinds, method, options.calls) for _ in range(options.rounds)]
                plain, ours = (median(cost[kind] for cost in costs) for kind in (PLAIN, OURS))
                ratio = median(cost[OURS] / cost[PLAIN] for cost in costs)
                missed |= ratio > limit
                print(f"| {name}, {method} | {plain:.1f} | {ours:.1f} | {ratio:.3f} | {limit} |", flush=True)
    return int(missed)


if __name__ == "__main__":
    match sys.argv[1:]:
        case [server, kind] if server in SERVERS:
            asyncio.run(serve(server, kind))
        case _:
            sys.exit(main())
