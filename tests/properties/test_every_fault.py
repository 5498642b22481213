"""Whatever a gateway does at any one request, nothing is doubled or lost without a report that says so.

Each scenario is run once for each request and each unusual thing that may become of it: a response is late or lost, a
create is carried out after that, a list or a read fails; a client starts later, or a run is cancelled.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from typing import TypeVar

import pytest
from attrs import define, evolve, field, frozen

from gwms_async import GwmsError, Outcome, OutcomeStatus, OutcomeUnknownError, Webhook, WebhookSpec
from gwms_async.chain import Call
from gwms_async.models import Identity
from gwms_async.registration.apply import apply
from gwms_async.registration.bulk import register_many
from gwms_async.registration.coordinator import Coordinator
from gwms_async.registration.plan import claimed_by, make_plan
from gwms_async.registration.stream import register_stream

from ..helpers import virtual_loop
from ..helpers.choices import Choose, explore
from ..helpers.fake_gateway import FakeGateway, refused, specs
from ..helpers.slow import first

T = TypeVar("T")

A, B = specs(2)
DELAYS = (0.0, 0.15, 0.3, 1.0, 4.0)
"""When a client starts, in seconds; at the second, its list is in flight when the others have created something."""
MOMENTS = 20
"""How many there are at which a run may be stopped, 0.2 s apart."""


@frozen
class Reply:
    """What becomes of one request.

    Args:
        error: What the caller gets instead of a response.
        at: Seconds until it is carried out; None if it is not.
        takes: Seconds until the caller gets anything.
    """

    error: Callable[[], Exception] | None = None
    at: float | None = 0.05
    takes: float = 0.1


def lost() -> Exception:
    """Make the error of a request whose response was lost."""
    return OutcomeUnknownError("lost")


USUAL, LATE, SLOW = Reply(), Reply(at=0.7, takes=0.75), Reply(takes=1.2)
FAILED = Reply(refused, at=None)
NEVER, DONE, LATER = Reply(lost, at=None, takes=0.35), Reply(lost, takes=0.35), Reply(lost, at=2.9, takes=0.35)
"""A lost response to what is not carried out, is carried out, or is within three seconds after that."""
REPLIES = {
    "list": (USUAL, LATE, SLOW, FAILED),
    "create": (USUAL, LATE, SLOW, NEVER, DONE, LATER),
    "get": (USUAL, SLOW, FAILED),
    "activate": (USUAL, FAILED, Reply(refused)),
    "delete": (USUAL, NEVER, DONE, LATER, FAILED),
}


@define(eq=False)
class Gateway(FakeGateway):
    """Does with each request what is chosen for it."""

    choose: Choose = field(kw_only=True)

    async def handle(self, call: Call, operation: str, subject: object, act: Callable[[], T]) -> T:
        """Carry one request; it arrives even if the caller goes away."""
        reply, loop = REPLIES[operation][self.choose(len(REPLIES[operation]))], asyncio.get_running_loop()
        end: asyncio.Future[T] = loop.create_future()

        def carry_out() -> None:
            try:
                end.set_result(act())
            except GwmsError as error:
                end.set_exception(error)
                end.exception()  # nobody may be waiting for it

        if reply.at is not None:
            loop.call_later(reply.at, carry_out)
        call.attempts += 1
        call.on_wire = True
        await asyncio.sleep(reply.takes)
        call.on_wire = False
        if reply.error is not None:
            raise reply.error()
        return end.result()


@define(eq=False)
class Shop:
    """One client of the gateway, or a part of it, and what it says."""

    gateway: Gateway
    coordinator: Coordinator
    outcomes: list[Outcome] = field(factory=list)
    last: dict[Identity, Outcome] = field(factory=dict)
    was_stopped: bool = False
    error: GwmsError | None = None

    async def do(self, work: Callable[[Shop], Awaitable[Iterable[Outcome]]], *, may_be_cancelled: bool = False) -> None:
        """Begin some time, and do something; keep what comes of it."""
        await asyncio.sleep(DELAYS[self.gateway.choose(len(DELAYS))])
        task = asyncio.ensure_future(work(self))
        if may_be_cancelled and (moment := self.gateway.choose(MOMENTS)):
            asyncio.get_running_loop().call_later(moment * 0.2, task.cancel)
        try:
            outcomes = await task
        except asyncio.CancelledError:
            self.was_stopped = True
        except GwmsError as error:
            self.error = error
        else:
            self.outcomes += outcomes
            self.last |= {one.spec.identity: one for one in outcomes if one.status is not OutcomeStatus.DUPLICATE}


def bulk(*wanted: WebhookSpec, may_end: bool = False) -> Callable[[Shop], Awaitable[Iterable[Outcome]]]:
    """Register webhooks, perhaps with a deadline."""

    async def work(shop: Shop) -> Iterable[Outcome]:
        moment = shop.gateway.choose(MOMENTS) if may_end else 0
        deadline = moment * 0.2 if moment else None
        shop.was_stopped |= bool(moment)
        return (await register_many(shop.coordinator, wanted, concurrency=4, deadline=deadline)).outcomes

    return work


def stream(*wanted: tuple[float, WebhookSpec]) -> Callable[[Shop], Awaitable[Iterable[Outcome]]]:
    """Register webhooks one after another, each after a pause."""

    async def source() -> AsyncIterator[WebhookSpec]:
        for pause, spec in wanted:
            await asyncio.sleep(pause)
            yield spec

    async def work(shop: Shop) -> Iterable[Outcome]:
        return [outcome async for outcome in register_stream(shop.coordinator, source(), concurrency=4)]

    return work


def planned(*wanted: WebhookSpec, pause: float) -> Callable[[Shop], Awaitable[Iterable[Outcome]]]:
    """Make a plan that keeps nothing else, and apply it after a pause."""

    async def work(shop: Shop) -> Iterable[Outcome]:
        plan = make_plan(wanted, list(shop.gateway.listed()), claimed_by("https://shop.example/"))
        await asyncio.sleep(pause)
        return (await apply(shop.coordinator, plan, concurrency=4, force=True, on_outcome=None)).outcomes

    return work


@frozen
class Scenario:
    """What clients do with webhooks at the same time.

    Args:
        works: What each of them does.
        before: What is there before.
        again: What the first of them does after that, and which may be cancelled the first time.
        is_one_client: Whether all of it is done by one client.
    """

    works: Sequence[Callable[[Shop], Awaitable[Iterable[Outcome]]]]
    before: Sequence[WebhookSpec] = ()
    again: Callable[[Shop], Awaitable[Iterable[Outcome]]] | None = None
    is_one_client: bool = field(default=False, kw_only=True)

    async def play(self, gateway: Gateway) -> list[Shop]:
        """Let all happen, and wait until nothing more is to come."""
        for spec in self.before:
            gateway.add(spec)
        await asyncio.sleep(10.0)  # lists show it
        one = gateway.coordinator()
        shops = [Shop(gateway, one if self.is_one_client else gateway.coordinator()) for _ in self.works]
        can_be_cancelled = self.again is not None
        await asyncio.gather(
            *(shop.do(work, may_be_cancelled=can_be_cancelled) for shop, work in zip(shops, self.works, strict=True))
        )
        if self.again is not None:
            await shops[0].do(self.again)
        await asyncio.sleep(10.0)
        return shops


OFF = evolve(A, active=False)
PAIRED = (
    "one, twice",
    "two",
    "two, one with a deadline",
    "two, one is there, inactive",
    "a plan",
    "one client, two webhooks",
)
SCENARIOS = {
    "one, twice": Scenario([bulk(A)], again=bulk(A)),
    "two": Scenario([bulk(A), bulk(A)]),
    "three": Scenario([bulk(A), bulk(A), bulk(A)]),
    "two, two webhooks": Scenario([bulk(A, B), bulk(A, B)]),
    "two, one with a deadline": Scenario([bulk(A), bulk(A, may_end=True)]),
    "two, one is there": Scenario([bulk(A), bulk(A)], [A]),
    "two, one is there, inactive": Scenario([bulk(A), bulk(A)], [OFF]),
    "two, two are there": Scenario([bulk(A), bulk(A)], [OFF, A]),
    "streams": Scenario([stream((0, A), (1, B)), stream((0, B), (1, A))]),
    "a stream that goes on": Scenario([stream((0, A), (5, B), (32, A)), bulk(A, B)]),
    "a plan": Scenario([planned(A, pause=1.0), bulk(A)], [B]),
    "one client, one webhook": Scenario([bulk(A), bulk(A), bulk(A)], again=bulk(A), is_one_client=True),
    "one client, two webhooks": Scenario([bulk(A), bulk(B), bulk(A, B)], is_one_client=True),
    "one client, a deadline": Scenario([bulk(A, B, may_end=True), bulk(B, A), bulk(B)], is_one_client=True),
    "one client, a stream": Scenario([stream((0, A), (5, B), (32, A)), bulk(A, B), bulk(B)], is_one_client=True),
    "one client, a plan": Scenario([planned(A, pause=0.3), bulk(A), bulk(A)], [B], is_one_client=True),
    "two plans": Scenario([planned(A, pause=0.0), planned(A, pause=0.3)], [B, A, A]),
}


def problems(gateway: Gateway, shops: Sequence[Shop], before: int) -> list[str]:
    """Say what is there twice, or not there, although no report says so."""
    found, held = list[str](), defaultdict[Identity, list[Webhook]](list)
    for webhook in gateway.webhooks.values():
        held[webhook.identity].append(webhook)
    told = {one.spec.identity for shop in shops for one in shop.outcomes if one.is_failure}
    for shop in shops:
        for identity, outcome in shop.last.items():
            if not outcome.is_failure and outcome.status is not OutcomeStatus.DELETED:
                # What a run created that was stopped before its closing list may be the copy that another one deletes.
                is_there = bool(held[identity]) if shop.was_stopped else outcome.webhook in held[identity]
                found += [] if is_there else [f"{outcome} is not among {held[identity]}"]
    if all(shop.error is None and not shop.was_stopped for shop in shops):
        for identity, webhooks in held.items():
            added = [webhook.id for webhook in webhooks if webhook.id > before]
            found += [f"{added} were added"] if added and len(webhooks) > 1 and identity not in told else []
    return found


def check(name: str, list_lag: float, unusual: int) -> int:
    """Go through all that may happen in a scenario; return how often it was run."""
    scenario, runs = SCENARIOS[name], 0

    def play(choose: Choose) -> list[str]:
        async def main() -> list[str]:
            gateway = Gateway(choose=choose, list_lag=list_lag)
            shops = await scenario.play(gateway)
            return problems(gateway, shops, len(scenario.before))

        return virtual_loop.run(main())

    for choices, found in explore(play, unusual):
        assert not found, f"choices {choices}"
        runs += 1
    return runs


@pytest.mark.parametrize("list_lag", first(1, [2.0, 0.0, 1.0, 5.0]))
@pytest.mark.parametrize("name", SCENARIOS)
def test_one_fault(name: str, list_lag: float) -> None:
    """At any of the requests."""
    assert check(name, list_lag, 1) > 10


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", PAIRED)
def test_two_faults(name: str) -> None:
    """At any two of the requests, with lists that lag by a second."""
    assert check(name, 1.0, 2) > 100
