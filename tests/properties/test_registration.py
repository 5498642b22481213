"""What holds for every registration: its end depends on what is asked for, not on order or repetition."""

from __future__ import annotations

import random

from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from gwms_async import OutcomeStatus, Report, WebhookSpec
from gwms_async.models import Identity
from gwms_async.registration.bulk import register_many

from ..helpers import strategies as our
from ..helpers import virtual_loop
from ..helpers.fake_gateway import FakeGateway

START = st.lists(st.tuples(our.few_specs, st.booleans()), max_size=12)
"""What the gateway has at first, and which of it is a tombstone: listed, and 404 for anything else."""


def without_contradictions(specs: list[WebhookSpec]) -> list[WebhookSpec]:
    """Let what comes again ask for the state that was asked for first."""
    first: dict[Identity, bool] = {}
    return [evolve(spec, active=first.setdefault(spec.identity, spec.active)) for spec in specs]


WANTED = st.lists(our.few_specs, max_size=15).map(without_contradictions)


def started(start: list[tuple[WebhookSpec, bool]]) -> FakeGateway:
    """Make a gateway that holds webhooks."""
    gateway = FakeGateway()
    for spec, is_tombstone in start:
        webhook = gateway.add(spec)
        gateway.memories |= {webhook.id} if is_tombstone else set()
    return gateway


def register(gateway: FakeGateway, wanted: list[WebhookSpec], concurrency: int) -> Report:
    """Register all of it, in virtual time, through a client of its own."""

    async def main() -> Report:
        return await register_many(gateway.coordinator(), wanted, concurrency=concurrency)

    return virtual_loop.run(main())


def identities(gateway: FakeGateway) -> set[Identity]:
    """Tell which subscriptions the gateway holds."""
    return {webhook.identity for webhook in gateway.webhooks.values()}


@given(START, WANTED, st.randoms(use_true_random=False), st.integers(1, 20))
def test_the_order_does_not_matter(
    start: list[tuple[WebhookSpec, bool]], wanted: list[WebhookSpec], chance: random.Random, concurrency: int
) -> None:
    """Any order, at any concurrency, ends with the same webhooks, of which each one asked for is there."""
    shuffled = chance.sample(wanted, len(wanted))
    gateways = started(start), started(start)

    register(gateways[0], wanted, 1)
    register(gateways[1], shuffled, concurrency)

    ends = [sorted(map(str, (evolve(hook, id=0) for hook in gateway.webhooks.values()))) for gateway in gateways]
    assert ends[0] == ends[1]
    assert identities(gateways[0]) == {spec.identity for spec, _ in start} | {spec.identity for spec in wanted}


@given(START, WANTED, st.integers(1, 20))
def test_a_second_run_changes_nothing(
    start: list[tuple[WebhookSpec, bool]], wanted: list[WebhookSpec], concurrency: int
) -> None:
    """It lists, finds everything as wanted, and sends nothing else."""
    gateway = started(start)
    first = register(gateway, wanted, concurrency)
    held = dict(gateway.webhooks)
    gateway.journal.clear()

    again = register(gateway, wanted, concurrency)

    assert first.failures == ()
    assert gateway.journal == [("list", None)] * bool(gateway.journal)
    assert gateway.webhooks == held
    assert set(again.counts) <= {OutcomeStatus.EXISTING, OutcomeStatus.DUPLICATE}
    for one, other in zip(first.outcomes, again.outcomes, strict=True):
        assert (one.webhook, one.spec) == (other.webhook, other.spec)


@given(START, WANTED, st.integers(1, 20))
def test_what_is_not_asked_for_is_left_alone(
    start: list[tuple[WebhookSpec, bool]], wanted: list[WebhookSpec], concurrency: int
) -> None:
    """Nothing is deleted, other identities keep their state, and at most one is created per identity asked for."""
    gateway = started(start)
    before = dict(gateway.webhooks)

    report = register(gateway, wanted, concurrency)

    asked = {spec.identity for spec in wanted}
    assert before.keys() <= gateway.webhooks.keys()
    assert all(gateway.webhooks[number] == hook for number, hook in before.items() if hook.identity not in asked)
    created = [hook.identity for number, hook in gateway.webhooks.items() if number not in before]
    assert sorted(created) == sorted(set(created) & asked)
    for outcome in report.outcomes:
        assert outcome.webhook is not None
        assert gateway.webhooks[outcome.webhook.id].active == outcome.spec.active
