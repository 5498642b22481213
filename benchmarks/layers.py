"""Where the time of a call goes: each layer of the client is called by itself, from the transport up, in turns.

Run it: ``uv run --group bench benchmarks/layers.py`` (`README.md` explains the output)
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from importlib import import_module
from itertools import count, islice
from statistics import median
from typing import Any, cast

from clients import CONNECTIONS, FLOOR, REFERENCE, open_client
from gateway import gateway
from speed import WARM_UP, WORKLOADS, run_chunk

LAYERS = ("relogin", "backoff", "pace", "authorize")  # outermost first


@asynccontextmanager
async def layers(base_url: str, operation: str) -> AsyncGenerator[Mapping[str, Callable[[int], Awaitable[object]]]]:
    """Open a client; yield a function that calls it at each of its layers, innermost first."""
    from gwms_async import Credentials, GwmsClient, Response, WebhookSpec, WebhookType  # noqa: PLC0415  # hide orjson first
    from gwms_async.auth.known_keys import ApiKey  # noqa: PLC0415
    from gwms_async.chain import Call, Handler, Request, compose  # noqa: PLC0415
    from gwms_async.middleware import Authorize, Relogin  # noqa: PLC0415
    from gwms_async.wire.decoding import decode_webhook  # noqa: PLC0415
    from gwms_async.wire.requests import create_request, get_request  # noqa: PLC0415

    def spec(number: int) -> WebhookSpec:
        return WebhookSpec(f"https://shop.example/gwms/{number}", WebhookType.CREATE_ORDER)

    same = spec(1)

    def request(number: int) -> Request:
        return create_request(same, Call()) if operation == "create" else get_request(number, Call())

    def sending(handler: Handler) -> Callable[[int], Awaitable[object]]:
        async def send(number: int) -> object:
            return await handler(request(number))

        return send

    async with GwmsClient(Credentials("u", "p", "k"), base_url=base_url, max_connections=CONNECTIONS) as gwms:
        names = ("_login", "_backoff", "_pace", "_transport")
        login, backoff, pace, wire = (vars(gwms)[name] for name in names)
        send = vars(gwms.webhooks)["_send"]
        key = ApiKey("k")
        chain = (Relogin(login, key), backoff, pace, Authorize(login, key))
        stamped: list[Request] = []

        async def stamp(request: Request) -> Response:
            stamped.append(request)
            response: Response = await wire(request)
            return response

        await compose(chain, stamp)(get_request(1, Call()))
        headers = stamped[0].headers

        async def transport(number: int) -> object:
            return await wire(request(number).with_headers(headers, ()))

        async def decode(number: int) -> object:
            sent = request(number)
            return decode_webhook(sent, await send(sent))

        async def call(number: int) -> object:
            return await (gwms.webhooks.create(spec(number)) if operation == "create" else gwms.webhooks.get(number))

        inner = range(len(chain) - 1, -1, -1)
        steps = {LAYERS[first]: sending(compose(chain[first:], wire)) for first in inner}
        yield {"transport": transport, **steps, "deadline": sending(send), "decoding": decode, "client": call}


async def measure(base_url: str, operation: str, chunks: int) -> dict[str, float]:
    """Let all layers take turns; return microseconds of CPU time per call."""
    workload = WORKLOADS["A" if operation == "create" else "B"]
    async with (
        open_client(REFERENCE, base_url, "") as reference,
        open_client(FLOOR, base_url, "") as floor,
        layers(base_url, operation) as above,
    ):
        operations = {REFERENCE: reference[operation], FLOOR: floor[operation], **above}
        costs: dict[str, list[float]] = {name: [] for name in operations}
        numbers, rng = count(), random.Random(0)  # noqa: S311  # no secret
        for _ in range(WARM_UP + chunks):
            for name in rng.sample([*operations], len(operations)):
                cost = await run_chunk(workload, operations[name], islice(numbers, workload.calls))
                costs[name].append(cost.cpu)
    return {name: median(taken[WARM_UP:]) for name, taken in costs.items()}


def main() -> None:
    """Run the benchmark from the command line."""
    parser = argparse.ArgumentParser(description="CPU time of a call, layer by layer.")
    parser.add_argument("--of", choices=["create", "get"], default="create", help="(default: %(default)s)")
    parser.add_argument("--chunks", type=int, default=120, help="chunks per layer (default: %(default)s)")
    parser.add_argument("--speed", action="store_true", help="use orjson and uvloop")
    options = parser.parse_args()
    loop_factory: Any = None
    if options.speed:
        loop_factory = import_module("uvloop").new_event_loop
        import_module("orjson")
    else:
        sys.modules["orjson"] = cast("Any", None)  # as if it were not installed
    with gateway() as server, asyncio.Runner(loop_factory=loop_factory) as runner:
        found = runner.run(measure(f"{server.origin}/v21", options.of, options.chunks))
    print("| | CPU, us | added |\n| --- | --- | --- |")
    before = found[FLOOR]
    for name, cost in found.items():
        above = "" if name in {REFERENCE, FLOOR} else f"{cost - before:+.1f}"
        print(f"| {name} | {cost:.1f} | {above} |")
        before = cost


if __name__ == "__main__":
    main()
