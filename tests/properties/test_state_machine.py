"""Anything that users, the gateway, the network and other processes do, in any order: what must hold, holds."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from itertools import chain
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from gwms_async import GwmsClient, OutcomeStatus, Report, WebhookSpec
from gwms_async.testing import EnvelopeStatus, Fault, RawBody, RevokeTokens, Status
from gwms_async.testing.wire import NewWebhook

from ..helpers.fault_strategies import (
    CUSTOMS,
    FAULTS,
    HIT,
    LATE,
    PLAGUE,
    POOL,
    PREFIXES,
    QUIRKS,
    indices,
    many,
    spans,
    specs,
    to_the_end,
)
from ..helpers.invariants import (
    doubles,
    hear,
    judge,
    logins_within_bounds,
    nothing_grew,
    question,
    requests_within_bounds,
    suspect,
)
from ..helpers.model_world import Customs, Op, World

RARE = (
    *("spelling", "lag 1 s", "lag 5 s", "get lag 2 s", "get lag 5 s", "unique urls", "unique urls, 422", "tombstones"),
    *(f"{kind} ended" for kind in ("create", "update", "register", "register_many", "register_stream", "apply")),
    *("foreign add", "foreign copy", "foreign remove", "foreign switch", "foreign update", "stream left early"),
    *(f"NoEffect on {operation}" for operation in ("activate", "deactivate", "update", "delete")),
    *("OtherState on create", "Paged", "Redirect 303", "Status 520", "Status 524", "Status 599", "Status 422"),
    *("copy deleted by a closing list", "webhook deleted by a plan"),
)
"""What must come to pass for a long run to mean anything."""

EAGER = getattr(asyncio, "eager_task_factory", None)
"""Makes tasks that begin at once, as some services do."""


class Machine(RuleBasedStateMachine):
    """The client against the gateway."""

    steps: ClassVar[int] = 0
    fired: ClassVar[Counter[str]] = Counter()
    make_task: ClassVar[Any] = None  # as asyncio does
    world: World

    @initialize(customs=CUSTOMS)
    def open(self, customs: Customs) -> None:
        """Choose a gateway."""
        self.world = World(judge, suspect, question, hear, customs, self.fired)
        self.world.loop.set_task_factory(type(self).make_task)

    def go_on(self, span: float | None, op: Op | None = None) -> None:
        """Let the world go on: to the end of a call, or for a span."""
        if op is not None and span is None:
            assert op.task is not None
            self.world.run(asyncio.wait([op.task], timeout=3600))
            assert op.ended is not None, f"{op} does not end"
        elif span is not None:
            self.world.run(turns(-int(span)) if span < 0 else asyncio.sleep(span))

    @rule(spec=specs, span=spans | to_the_end)
    def create(self, spec: WebhookSpec, span: float | None) -> None:
        """Send one honest POST."""
        self.go_on(span, self.world.begin("create", lambda gwms, _: gwms.webhooks.create(spec), specs=[spec]))

    @rule(spec=specs, span=spans | to_the_end)
    def register(self, spec: WebhookSpec, span: float | None) -> None:
        """Register one."""
        self.go_on(span, self.world.begin("register", lambda gwms, _: gwms.webhooks.register(spec), specs=[spec]))

    @rule(wanted=many, gap=st.sampled_from([0.0, 0.02, 0.1, 0.2]))
    def register_each(self, wanted: list[WebhookSpec], gap: float) -> None:
        """Register several, each by a call of its own that begins while lists of the others are under way."""
        for spec in wanted:
            self.register(spec, gap)

    @rule(
        wanted=many,
        concurrency=st.integers(1, 5),
        deadline=st.none() | st.sampled_from([0.0, 0.2, 1.5, 4.0, 9.0]),
        span=spans | to_the_end,
    )
    def register_many(
        self, wanted: list[WebhookSpec], concurrency: int, deadline: float | None, span: float | None
    ) -> None:
        """Register several."""
        op = self.world.begin(
            "register_many",
            lambda gwms, op: gwms.webhooks.register_many(
                wanted,
                concurrency=concurrency,
                deadline=deadline,
                on_outcome=lambda outcome: self.world.emit(op, outcome),
            ),
            specs=wanted,
            deadline=deadline,
        )
        self.go_on(span, op)

    @rule(
        wanted=many,
        concurrency=st.integers(1, 4),
        pauses=st.lists(st.sampled_from([0.0, 0.0, 0.5, 4.0, 31.0]), min_size=1, max_size=4),
        most=st.none() | st.integers(0, 4),
        span=spans | to_the_end,
    )
    def register_stream(
        self, wanted: list[WebhookSpec], concurrency: int, pauses: list[float], most: int | None, span: float | None
    ) -> None:
        """Register specs as they come, and perhaps stop listening after some outcomes."""

        async def source() -> AsyncIterator[WebhookSpec]:
            for number, spec in enumerate(wanted):
                await asyncio.sleep(pauses[number % len(pauses)])
                yield spec

        async def act(gwms: GwmsClient, op: Op) -> None:
            stream = gwms.webhooks.register_stream(source(), concurrency=concurrency)
            try:
                while most is None or len(op.emitted) < most:
                    op.emitted.append(await anext(stream))
            except StopAsyncIteration:
                return
            finally:
                op.stopped_at = self.world.now if op.stopped_at is None else op.stopped_at
                await stream.aclose()
            self.world.fired["stream left early"] += 1

        self.go_on(span, self.world.begin("register_stream", act, specs=wanted))

    @rule(
        wanted=many,
        prefix=PREFIXES,
        pause=st.sampled_from([0.0, 0.0, 1.0, 40.0]),
        force=st.booleans(),
        span=spans | to_the_end,
    )
    def apply(self, wanted: list[WebhookSpec], prefix: str, pause: float, force: bool, span: float | None) -> None:
        """Plan, wait, and apply the plan."""

        async def act(gwms: GwmsClient, op: Op) -> Report:
            plan = await gwms.webhooks.plan(wanted, prune=prefix)
            await asyncio.sleep(pause)
            op.plan, op.specs = plan, plan.wanted
            op.began, op.began_at = self.world.moment(), self.world.now
            return await gwms.webhooks.apply(
                plan, concurrency=3, force=force, on_outcome=lambda outcome: self.world.emit(op, outcome)
            )

        self.go_on(span, self.world.begin("apply", act))

    @rule(index=indices, spec=specs, span=spans | to_the_end)
    def update(self, index: int, spec: WebhookSpec, span: float | None) -> None:
        """Replace what one webhook says."""
        number = self.some_id(index)

        def act(gwms: GwmsClient, _: Op) -> Any:
            return gwms.webhooks.update(number, spec)

        self.go_on(span, self.world.begin("update", act, specs=[spec], webhook_id=number))

    @rule(index=indices, kind=st.sampled_from(["delete", "activate", "deactivate"]), span=spans | to_the_end)
    def change(self, index: int, kind: str, span: float | None) -> None:
        """Delete, activate or deactivate one that is there, or was, or never was."""
        number = self.some_id(index)
        op = self.world.begin(kind, lambda gwms, _: getattr(gwms.webhooks, kind)(number), webhook_id=number)
        self.go_on(span, op)

    @rule(span=spans | to_the_end)
    def list_all(self, span: float | None) -> None:
        """List."""
        self.go_on(span, self.world.begin("list", lambda gwms, _: gwms.webhooks.list()))

    @rule(span=spans)
    def wait(self, span: float) -> None:
        """Let time pass."""
        self.go_on(span)

    @precondition(lambda self: self.world.running)
    @rule(index=indices)
    def end_one(self, index: int) -> None:
        """Wait for a call."""
        running = self.world.running
        self.go_on(None, running[index % len(running)])

    @precondition(lambda self: self.world.running)
    @rule(index=indices, span=spans)
    def cancel(self, index: int, span: float) -> None:
        """Cancel a call; it ends within 5 seconds."""
        running = self.world.running
        op = running[index % len(running)]
        assert op.task is not None
        op.task.cancel()
        op.stopped_at = self.world.now if op.stopped_at is None else op.stopped_at
        self.go_on(span)
        assert op.ended is not None or self.world.now <= op.stopped_at + 5.1, f"{op} does not end"

    @rule(fault=FAULTS, operation=HIT, times=st.sampled_from([1, 1, 1, 2, 4]), at=st.sampled_from([1, 1, 2, 5]))
    def fault(self, fault: Fault, operation: str, times: int, at: int) -> None:
        """Let requests of one operation fail."""
        # An envelope of 200 would be a lie to a delete that was refused for its token.
        unfit = {"login": EnvelopeStatus | RevokeTokens, "delete": RawBody}.get(operation)
        if unfit is None or not isinstance(fault, unfit):
            self.world.gateway.inject(fault, operation=operation, times=times, at=at)

    @rule(plague=PLAGUE)
    def create_trouble(self, plague: list[tuple[Fault, int]]) -> None:
        """Let creates fail, or be carried out after their connection was closed."""
        for fault, at in plague:
            self.world.gateway.inject(fault, operation="create", at=at)

    @rule(fault=LATE, times=st.sampled_from([1, 1, 5]))
    def late_delete(self, fault: Fault, times: int) -> None:
        """Let deletes be carried out after their connection was closed."""
        self.world.gateway.inject(fault, operation="delete", times=times)

    @rule(quirk=QUIRKS, times=st.sampled_from([1, 1, 3]), at=st.sampled_from([1, 1, 2]))
    def quirk(self, quirk: tuple[Fault, str], times: int, at: int) -> None:
        """Let requests be carried out, or answered, in the gateway's own way."""
        fault, operation = quirk
        self.world.gateway.inject(fault, operation=operation, times=times, at=at)

    @rule(times=st.sampled_from([2, 6, 20]), with_logins=st.booleans())
    def outage(self, times: int, with_logins: bool) -> None:
        """Let everything be answered 503 for a while."""
        self.world.gateway.inject(Status(503), times=times)
        if with_logins:
            self.world.gateway.inject(Status(503), operation="login", times=times)

    @rule(latency=st.sampled_from([0.0, 0.0, 0.05, 0.3]))
    def latency(self, latency: float) -> None:
        """Let the gateway be slower, or faster."""
        self.world.gateway.latency = latency

    @rule()
    def revoke(self) -> None:
        """Revoke all tokens."""
        self.world.gateway.revoke_tokens()
        self.world.revocations += 1

    @rule(pauses=st.lists(st.sampled_from([1.0, 61.0, 121.0]), max_size=4), revoke=st.booleans())
    def refuse_logins(self, pauses: list[float], revoke: bool) -> None:
        """Refuse logins for a while, in which calls go on to come."""
        if revoke:
            self.revoke()
        self.world.gateway.refuse_logins = True
        for pause in pauses:
            self.list_all(None)
            self.go_on(pause)
        self.world.gateway.refuse_logins = False

    @rule(keep_token=st.booleans(), cancel=st.booleans(), pause=st.sampled_from([0.0, 4.0]))
    def restart(self, keep_token: bool, cancel: bool, pause: float) -> None:
        """Close the client, with or without its calls having ended, and make another one."""
        for op in self.world.running:
            op.was_closed = True
            if cancel and op.task is not None:
                op.task.cancel()
                op.stopped_at = self.world.now if op.stopped_at is None else op.stopped_at
        self.world.run(self.world.client.close())
        self.go_on(pause)
        self.world.store = self.world.store if keep_token else type(self.world.store)()
        self.world.new_client()

    @rule(spec=specs)
    def foreign_add(self, spec: WebhookSpec) -> None:
        """Let another process add a webhook."""
        new = as_new(spec)
        world, eshop = self.world, self.world.gateway.credentials.api_key
        if world.customs.unique_urls and world.gateway._gateway.webhooks.has_equal(eshop, new):
            return
        if any(spec.identity in world.identities(number) for number in world.rows):
            world.fired["foreign copy"] += 1
        self.foreign("foreign add", lambda: world.gateway._gateway.webhooks.add(eshop, new, 1.7e9 + world.now))

    @precondition(lambda self: self.world.rows)
    @rule(index=indices)
    def foreign_remove(self, index: int) -> None:
        """Let another process remove a webhook."""
        number = list(self.world.rows)[index % len(self.world.rows)]
        self.foreign("foreign remove", lambda: self.world.gateway.remove_webhook(number))

    @precondition(lambda self: self.world.rows)
    @rule(index=indices, active=st.booleans())
    def foreign_switch(self, index: int, active: bool) -> None:
        """Let another process activate or deactivate a webhook."""
        row = list(self.world.rows.values())[index % len(self.world.rows)]
        table = self.world.gateway._gateway.webhooks
        self.foreign("foreign switch", lambda: table.switch(row, 1.7e9 + self.world.now, active=active))

    @precondition(lambda self: self.world.rows)
    @rule(index=indices, spec=specs)
    def foreign_update(self, index: int, spec: WebhookSpec) -> None:
        """Let another process replace what a webhook says."""
        row = list(self.world.rows.values())[index % len(self.world.rows)]
        table, new = self.world.gateway._gateway.webhooks, as_new(spec)
        if not (self.world.customs.unique_urls and table.has_equal(row.eshop, new, row.id)):
            self.foreign("foreign update", lambda: table.replace(row, new, 1.7e9 + self.world.now))

    def foreign(self, what: str, act: Callable[[], object]) -> None:
        """Let another process do something."""
        self.world.fired[what] += 1
        self.world.foreign(act)

    def some_id(self, index: int) -> int:
        """Choose the id of a webhook that is there, or index itself."""
        rows = list(self.world.rows)
        return rows[index % len(rows)] if rows and index % 7 else index

    @invariant()
    def nothing_is_wrong(self) -> None:
        """All that was noted as it happened, and all that can be told at any time."""
        type(self).steps += 1
        self.complain(iter(()))

    def complain(self, more: Iterator[str]) -> None:
        """Fail if anything is wrong."""
        world = self.world
        found = [*world.problems, *requests_within_bounds(world), *logins_within_bounds(world), *more]
        assert not found, "\n".join(found)

    def teardown(self) -> None:
        """All calls end; when calm has returned, everything can be had, once each."""
        if not hasattr(self, "world"):
            return  # it was never opened
        world = self.world
        try:
            for op in world.running:
                self.go_on(None, op)
            self.go_on(10)
            self.complain(doubles(world))
            world.gateway._script._entries.clear()
            world.gateway.latency = 0.0
            self.go_on(1000)
            for first in (True, False):
                creates = world.gateway.count("create")
                # One at a time: after much throttling the client sends one request a second, and a call may take two.
                self.register_many(POOL, 1, None, None)
                report = list(world.ops.values())[-1].result
                assert isinstance(report, Report)
                assert not report.failures, report
                assert first or report.counts == {OutcomeStatus.EXISTING: len(POOL)}, report
                assert first or world.gateway.count("create") == creates
            self.complain(chain(doubles(world), nothing_grew(world)))
        finally:
            for op in world.running:
                assert op.task is not None
                op.task.cancel()
            world.run(world.client.close())
            world.run(world.gateway.close())
            world.runner.close()


def as_new(spec: WebhookSpec) -> NewWebhook:
    """Give what the gateway stores of a spec."""
    return NewWebhook(spec.url, str(spec.webhook_type), spec.active, str(spec.method))


async def turns(count: int) -> None:
    """Let the loop turn so many times."""
    for _ in range(count):
        await asyncio.sleep(0)


COMMON = settings(database=None, deadline=None, suppress_health_check=list(HealthCheck), print_blob=True)


@pytest.mark.timeout(600)
def test_anything_in_any_order() -> None:
    """The same few hundred steps each time; ten times as many with --hypothesis-profile=many."""
    examples = settings().max_examples // 4
    run_state_machine_as_test(Machine, settings=settings(COMMON, derandomize=True, max_examples=examples))


class EagerMachine(Machine):
    """The same in a service whose tasks begin at once."""

    make_task = EAGER


@pytest.mark.skipif(EAGER is None, reason="Python 3.11 has no eager tasks")
@pytest.mark.timeout(600)
def test_anything_in_any_order_with_eager_tasks() -> None:
    """A task may have ended before its name is assigned."""
    examples = settings().max_examples // 8
    run_state_machine_as_test(EagerMachine, settings=settings(COMMON, derandomize=True, max_examples=examples))


@pytest.mark.slow
@pytest.mark.random
@pytest.mark.timeout(3600)
def test_anything_in_any_order_for_long() -> None:
    """15,000 steps and more, other ones each time; the seed is printed."""
    number, Machine.steps = random.SystemRandom().randrange(2**32), 0
    Machine.fired.clear()
    print(f"seed {number}")  # noqa: T201  # pytest shows it where the test fails
    profile = settings(COMMON, max_examples=400, stateful_step_count=60)
    run_state_machine_as_test(seed(number)(Machine), settings=profile)
    print(f"{Machine.steps} steps: {sorted(Machine.fired.items())}")  # noqa: T201
    assert Machine.steps >= 15_000
    assert all(Machine.fired[what] for what in RARE), Machine.fired
