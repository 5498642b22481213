"""Disturbed deliveries to a receiver: whatever happens to them, each change is handled at least once."""

from __future__ import annotations

import asyncio
from collections import Counter
from itertools import product

import pytest

from gwms_async.clock import Clock
from gwms_async.receiving import Delivery, Receiver, aiohttp_app
from gwms_async.testing import (
    CutPayload,
    Disturbance,
    Enveloped,
    GwmsEmulator,
    Impatient,
    Lose,
    NotJson,
    OtherMethod,
    Quoted,
    Reorder,
    Repeat,
)

from ..helpers.deliveries import ORDER, SECRET
from ..helpers.hosts import aiohttp_host
from ..helpers.virtual_io_loop import VirtualIoLoop

ALL = [Repeat(3), Reorder(), Lose(), Impatient(1), CutPayload(), OtherMethod(), Enveloped(), Quoted(), NotJson()]
IDS = ["A/1 ž%", "A2", "A3"]


def handled_under(*disturbances: Disturbance, method: str) -> Counter[str]:
    """Emit changes, the first of them under disturbances, one each; return how often each of them is handled."""

    async def main() -> Counter[str]:
        counts, loop = Counter[str](), asyncio.get_running_loop()
        kind: type[Receiver] = type("Timed", (Receiver,), {"_clock": Clock(monotonic=loop.time)})
        receiver = kind(SECRET)

        @receiver.on(ORDER)
        async def count(delivery: Delivery) -> None:
            await asyncio.sleep(2)
            counts[delivery.entity_id] += 1

        async with aiohttp_host(aiohttp_app(receiver)) as port, GwmsEmulator() as gateway:
            (spec,) = receiver.specs(f"http://127.0.0.1:{port}", method=method)
            gateway.add_webhook(spec.url, ORDER, method=method)
            for number, disturbance in enumerate(disturbances, 1):
                gateway.disturb(disturbance, at=number)
            for entity_id in IDS:
                gateway.emit(ORDER, {"eshopOrderId": entity_id})
            await gateway.delivered(100)
        return counts

    with asyncio.Runner(loop_factory=VirtualIoLoop) as runner:
        return runner.run(main())


@pytest.mark.parametrize("method", ["POST", "GET"])
@pytest.mark.parametrize("disturbance", ALL, ids=str)
def test_a_disturbance(disturbance: Disturbance, method: str) -> None:
    """What is disturbed is handled once; more often if it is repeated, and not at all if it is lost."""
    counts = handled_under(disturbance, method=method)

    times = {Repeat(3): 3, Lose(): 0, Impatient(1): 2}
    assert counts == Counter({IDS[0]: times.get(disturbance, 1), IDS[1]: 1, IDS[2]: 1})


@pytest.mark.slow
@pytest.mark.parametrize("method", ["POST", "GET"])
def test_pairs_of_disturbances(method: str) -> None:
    """No change is missed, but for those that are lost on purpose."""
    for pair in product(ALL, repeat=2):
        lost = {entity_id for entity_id, disturbance in zip(IDS, pair, strict=False) if disturbance == Lose()}

        assert set(handled_under(*pair, method=method)) == set(IDS) - lost, pair
