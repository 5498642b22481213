"""Clients that know nothing of each other and register the same webhooks at the same time; in virtual time."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable
from itertools import product
from random import Random

import pytest

from gwms_async import OutcomeStatus, Report, WebhookSpec, WebhookType
from gwms_async.registration.bulk import register_many
from gwms_async.registration.coordinator import Coordinator

from ..helpers import virtual_loop
from ..helpers.fake_gateway import FakeGateway, Fault, lost
from ..helpers.slow import first

S = OutcomeStatus
SPECS = [WebhookSpec(f"https://shop.example/{kind}", kind) for kind in WebhookType]
SEEDS = pytest.mark.parametrize("seeds", first(1, [range(6), range(6, 20)]), ids=["few", "many"])


async def register(coordinator: Coordinator) -> Report:
    """Register all event types."""
    return await register_many(coordinator, SPECS, concurrency=8)


async def together(gateway: FakeGateway, clients: int) -> list[Report]:
    """Register by clients that start together."""
    reports = await asyncio.gather(*(register(gateway.coordinator()) for _ in range(clients)))
    await gateway.settle()
    return reports


def check(gateway: FakeGateway, reports: Iterable[Report], seed: int) -> None:
    """Exactly one of each is there, and all reports show it."""
    held = Counter(webhook.identity for webhook in gateway.webhooks.values())
    assert sorted(held.values()) == [1] * len(SPECS), seed
    shown = {
        tuple(outcome.webhook.id if outcome.webhook else None for outcome in report.outcomes) for report in reports
    }
    ids = {webhook.identity: webhook.id for webhook in gateway.webhooks.values()}
    assert shown == {tuple(ids[spec.identity] for spec in SPECS)}, seed
    assert [outcome for report in reports for outcome in report.failures] == [], seed


@SEEDS
@pytest.mark.timeout(300)
@pytest.mark.parametrize(("list_lag", "unique"), [*product([0.0, 1.0, 5.0], [None, 409]), (0.5, 400), (0.5, 422)])
@pytest.mark.parametrize("clients", first(1, [2, 5, 20]))
def test_clients_that_start_together_end_with_one_each(
    clients: int, list_lag: float, unique: int | None, seeds: range
) -> None:
    """Whatever the latencies; each sends at most one create per spec, and deletes what it created in excess."""
    for seed in seeds:

        async def main(seed: int = seed) -> None:
            gateway = FakeGateway(rng=Random(seed), list_lag=list_lag, unique=unique)

            reports = await together(gateway, clients)

            check(gateway, reports, seed)
            assert gateway.count("create") <= clients * len(SPECS)

        virtual_loop.run(main())


@pytest.mark.parametrize("get_lag", first(1, [3.0, 5.0]))
def test_clients_whom_get_shows_less_than_lists(get_lag: float) -> None:
    """What a list shows and `get` does not is asked for again, before it counts as gone."""
    for seed in range(10):

        async def main(seed: int = seed) -> None:
            gateway = FakeGateway(rng=Random(seed), list_lag=1.0, get_lag=get_lag)

            check(gateway, await together(gateway, 3), seed)

        virtual_loop.run(main())


@SEEDS
@pytest.mark.parametrize("list_lag", [0.0, 1.0, 5.0])
@pytest.mark.parametrize("commits_after", first(1, [0.5, None, 0.0, 2.5]))
def test_lost_answers_among_replicas(commits_after: float | None, list_lag: float, seeds: range) -> None:
    """A create that is carried out late leaves no second copy either."""
    for seed in seeds:

        async def main(seed: int = seed) -> None:
            gateway, rng = FakeGateway(rng=Random(seed), list_lag=list_lag), Random(seed)
            for _ in range(3 * len(SPECS)):
                fault = Fault(lost, commits_after) if rng.random() < 0.1 else Fault(takes=rng.random() / 50)
                gateway.fail("create", fault)

            reports = await together(gateway, 3)

            check(gateway, reports, seed)

        virtual_loop.run(main())


@SEEDS
@pytest.mark.parametrize("list_lag", [0.0, 1.0, 5.0])
def test_runs_of_which_some_are_cancelled(list_lag: float, seeds: range) -> None:
    """Two clients, three runs each, one of them cancelled: of what no cancelled run left there is exactly one."""
    for seed in seeds:

        async def main(seed: int = seed) -> None:
            gateway, rng = FakeGateway(rng=Random(seed), list_lag=list_lag), Random(seed)

            async def client() -> tuple[set[object], Report]:
                coordinator, left = gateway.coordinator(), set[object]()
                cancelled = rng.randrange(3)
                for number in range(3):
                    known = set(gateway.webhooks)
                    run = asyncio.create_task(register(coordinator))
                    if number == cancelled:
                        await asyncio.sleep(rng.random() / 10)
                        run.cancel()
                        await asyncio.wait([run])
                        left |= {gateway.webhooks[number].identity for number in gateway.webhooks.keys() - known}
                    else:
                        report = await run
                await asyncio.gather(*coordinator.lists.stop(), return_exceptions=True)
                return left, report

            ends = await asyncio.gather(client(), client())
            await gateway.settle()

            held = Counter(webhook.identity for webhook in gateway.webhooks.values())
            left = set().union(*(left for left, _ in ends))
            assert {held[spec.identity] for spec in SPECS if spec.identity not in left} <= {1}, seed
            assert min(held[spec.identity] for spec in SPECS) >= 1, seed

        virtual_loop.run(main())
