"""What telemetry costs: the CPU time of a create without it, and with OpenTelemetry in three states, in turns.

Run it: ``uv run benchmarks/telemetry.py`` (`README.md` explains the output)
"""

from __future__ import annotations

import argparse
import asyncio
import random
from collections.abc import Sequence
from contextlib import AsyncExitStack
from itertools import count, islice
from statistics import quantiles

from clients import CONNECTIONS
from gateway import gateway
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON
from speed import WARM_UP, WORKLOADS, run_chunk

from gwms_async import Credentials, GwmsClient, WebhookSpec, WebhookType
from gwms_async.telemetry import OpenTelemetry

OFF, CONTROL = "off", "off again"


class Nowhere(SpanExporter):
    """Takes spans at no cost, so that what remains is the cost of making them."""

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:  # noqa: ARG002  # as its base class has it
        """Drop the spans."""
        return SpanExportResult.SUCCESS


def with_sdk(*, is_sampled: bool) -> OpenTelemetry:
    """Make telemetry with OpenTelemetry's own SDK."""
    provider = TracerProvider(sampler=ALWAYS_ON if is_sampled else ALWAYS_OFF)
    provider.add_span_processor(BatchSpanProcessor(Nowhere(), max_queue_size=100_000))
    return OpenTelemetry(provider, MeterProvider([InMemoryMetricReader()]))


async def measure(base_url: str, chunks: int) -> dict[str, list[float]]:
    """Let the clients take turns; return the microseconds of CPU time per create, one for each turn."""
    telemetry = {
        OFF: None,
        CONTROL: None,
        "API without SDK": OpenTelemetry(),
        "SDK, not sampled": with_sdk(is_sampled=False),
        "SDK, exported": with_sdk(is_sampled=True),
    }
    costs: dict[str, list[float]] = {name: [] for name in telemetry}
    numbers, rng, workload = count(), random.Random(0), WORKLOADS["A"]  # noqa: S311  # no secret
    async with AsyncExitStack() as stack:
        clients = {}
        for name, one in telemetry.items():
            client = GwmsClient(
                Credentials("u", "p", "k"), base_url=base_url, max_connections=CONNECTIONS, telemetry=one
            )
            clients[name] = (await stack.enter_async_context(client)).webhooks

        for turn in range(WARM_UP + chunks):
            for name in rng.sample([*clients], len(clients)):
                webhooks = clients[name]

                async def create(number: int) -> object:
                    spec = WebhookSpec(f"https://shop.example/gwms/{number}", WebhookType.CREATE_ORDER)
                    return await webhooks.create(spec)  # noqa: B023  # the chunk ends before the loop goes on

                cost = await run_chunk(workload, create, islice(numbers, workload.calls))
                if turn >= WARM_UP:
                    costs[name].append(cost.cpu)
    return costs


def main() -> None:
    """Run the benchmark from the command line."""
    parser = argparse.ArgumentParser(description="CPU time that telemetry adds to a create.")
    parser.add_argument("--chunks", type=int, default=120, help="chunks per client (default: %(default)s)")
    options = parser.parse_args()
    with gateway() as server:
        costs = asyncio.run(measure(f"{server.origin}/v21", options.chunks))
    print("| telemetry | CPU, us | added, us (quartiles) |\n| --- | --- | --- |")
    for name, taken in costs.items():
        _, middle, _ = quantiles(taken)
        low, added, high = quantiles(one - other for one, other in zip(taken, costs[OFF], strict=True))
        print(f"| {name} | {middle:.1f} | {added:+.1f} ({low:+.1f} to {high:+.1f}) |")


if __name__ == "__main__":
    main()
