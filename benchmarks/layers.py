"""Where the time of a call goes: each layer of the client called by itself, one above the other, in turns.

Run it: ``uv run --group bench benchmarks/layers.py`` (`README.md` tells how to read what it prints)
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from importlib import import_module
from itertools import count, islice
from statistics import median
from typing import Any, cast

from clients import CONNECTIONS, FLOOR, REFERENCE, way
from gateway import gateway
from speed import WARM_UP, WORKLOADS, run_chunk

LAYERS = ("relogin", "backoff", "pace", "authorize")  # outermost first


@asynccontextmanager
async def layers(base_url: str, operation: str) -> AsyncIterator[Mapping[str, Callable[[int], Awaitable[object]]]]:
    """Open a client, and give what calls it at each of its layers, innermost first."""
    from multidict import CIMultiDict  # noqa: PLC0415

    from gwms_async import Credentials, GwmsClient, WebhookSpec, WebhookType  # noqa: PLC0415  # orjson is hidden first
    from gwms_async.chain import Call, Handler, Request, compose  # noqa: PLC0415
    from gwms_async.middleware import Authorize, Relogin  # noqa: PLC0415
    from gwms_async.webhooks import Operations  # noqa: PLC0415
    from gwms_async.wire.requests import create_request, get_request  # noqa: PLC0415

    spec = WebhookSpec("https://shop.example/gwms/1", WebhookType.CREATE_ORDER)

    def request(number: int) -> Request:
        return create_request(spec, Call()) if operation == "create" else get_request(number, Call())

    def sending(handler: Handler) -> Callable[[int], Awaitable[object]]:
        async def send(number: int) -> object:
            return await handler(request(number))

        return send

    async with GwmsClient(Credentials("u", "p", "k"), base_url=base_url, max_connections=CONNECTIONS) as gwms:
        await gwms.webhooks.get(1)
        shared, send = gwms._shared, gwms.webhooks._send  # noqa: SLF001
        token = shared.login._token  # noqa: SLF001
        headers = CIMultiDict({"authorization": f"Bearer {token.token.value if token else ''}", "x-api-key": "k"})
        key = import_module("gwms_async.auth.known_keys").ApiKey("k")
        chain = (Relogin(shared.login, key), shared.backoff, shared.pace, Authorize(shared.login, key))
        operations = Operations(send)

        async def transport(number: int) -> object:
            return await shared.transport(request(number).with_headers(headers, ()))

        async def operate(number: int) -> object:
            return await (operations.create(spec) if operation == "create" else operations.get(number))

        async def use(number: int) -> object:
            if operation == "get":
                return await gwms.webhooks.get(number)
            kind = WebhookType.CREATE_ORDER
            return await gwms.webhooks.create(WebhookSpec(f"https://shop.example/gwms/{number}", kind))

        inner = range(len(chain) - 1, -1, -1)
        steps = {LAYERS[first]: sending(compose(chain[first:], shared.transport)) for first in inner}
        yield {
            "transport": transport,
            **steps,
            "the call's limit": sending(send),
            "reading the webhook": operate,
            "as users call": use,
        }


async def measure(base_url: str, operation: str, chunks: int) -> dict[str, float]:
    """Let all layers take turns; give microseconds of CPU time per call."""
    workload = WORKLOADS["A" if operation == "create" else "B"]
    async with (
        way(REFERENCE, base_url, "") as reference,
        way(FLOOR, base_url, "") as floor,
        layers(base_url, operation) as above,
    ):
        acts = {REFERENCE: reference[operation], FLOOR: floor[operation], **above}
        costs: dict[str, list[float]] = {name: [] for name in acts}
        numbers, chance = count(), random.Random(0)  # noqa: S311  # no secret
        for _ in range(WARM_UP + chunks):
            for name in chance.sample([*acts], len(acts)):
                cost = await run_chunk(workload, acts[name], islice(numbers, workload.calls))
                costs[name].append(cost.cpu)
    return {name: median(taken[WARM_UP:]) for name, taken in costs.items()}


def main() -> None:
    """Run the benchmark from the command line."""
    parser = argparse.ArgumentParser(description="CPU time of a call, layer by layer.")
    parser.add_argument("--of", choices=["create", "get"], default="create", help="(default: %(default)s)")
    parser.add_argument("--chunks", type=int, default=120, help="of each layer (default: %(default)s)")
    parser.add_argument("--speed", action="store_true", help="with orjson, on uvloop")
    options = parser.parse_args()
    loop_factory: Any = None
    if options.speed:
        loop_factory = import_module("uvloop").new_event_loop
        import_module("orjson")
    else:
        sys.modules["orjson"] = cast("Any", None)  # as if it was not installed
    with gateway() as server, asyncio.Runner(loop_factory=loop_factory) as runner:
        found = runner.run(measure(f"{server.origin}/v21", options.of, options.chunks))
    print("| | CPU, us | above the one before |\n| --- | --- | --- |")
    before = found[FLOOR]
    for name, cost in found.items():
        above = "" if name in {REFERENCE, FLOOR} else f"{cost - before:+.1f}"
        print(f"| {name} | {cost:.1f} | {above} |")
        before = cost


if __name__ == "__main__":
    main()
