"""Anything that users, the gateway, the network and other processes do, in any order: what must hold, holds."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from typing import ClassVar

import pytest
from hypothesis import HealthCheck, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from gwms_async import OutcomeStatus, Report, WebhookSpec
from gwms_async.testing import EnvelopeStatus, Fault, RawBody, RevokeTokens, Status

from ..helpers.fault_strategies import FAULTS, HIT, LATE, PLAGUE, POOL, indices, many, spans, specs, to_the_end
from ..helpers.invariants import doubles, judge, logins_within_bounds, question, requests_within_bounds, suspect
from ..helpers.model_world import Op, World


class Machine(RuleBasedStateMachine):
    """The client against the gateway."""

    steps: ClassVar[int] = 0

    def __init__(self) -> None:
        super().__init__()
        self.world = World(judge, suspect, question)

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
        self.go_on(span, self.world.begin("create", lambda gwms: gwms.webhooks.create(spec), specs=[spec]))

    @rule(spec=specs, span=spans | to_the_end)
    def register(self, spec: WebhookSpec, span: float | None) -> None:
        """Register one."""
        self.go_on(span, self.world.begin("register", lambda gwms: gwms.webhooks.register(spec), specs=[spec]))

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
            lambda gwms: gwms.webhooks.register_many(wanted, concurrency=concurrency, deadline=deadline),
            specs=wanted,
            deadline=deadline,
        )
        self.go_on(span, op)

    @rule(index=indices, kind=st.sampled_from(["delete", "activate", "deactivate"]), span=spans | to_the_end)
    def change(self, index: int, kind: str, span: float | None) -> None:
        """Delete, activate or deactivate one that is there, or was, or never was."""
        number = self.some_id(index)
        op = self.world.begin(kind, lambda gwms: getattr(gwms.webhooks, kind)(number), webhook_id=number)
        self.go_on(span, op)

    @rule(span=spans | to_the_end)
    def list_all(self, span: float | None) -> None:
        """List."""
        self.go_on(span, self.world.begin("list", lambda gwms: gwms.webhooks.list()))

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
        add = self.world.gateway.add_webhook
        self.world.foreign(lambda: add(spec.url, spec.webhook_type, active=spec.active, method=spec.method))

    @precondition(lambda self: self.world.rows)
    @rule(index=indices)
    def foreign_remove(self, index: int) -> None:
        """Let another process remove a webhook."""
        number = list(self.world.rows)[index % len(self.world.rows)]
        self.world.foreign(lambda: self.world.gateway.remove_webhook(number))

    @precondition(lambda self: self.world.rows)
    @rule(index=indices, active=st.booleans())
    def foreign_switch(self, index: int, active: bool) -> None:
        """Let another process activate or deactivate a webhook."""
        row = list(self.world.rows.values())[index % len(self.world.rows)]
        table = self.world.gateway._gateway.webhooks
        self.world.foreign(lambda: table.switch(row, 1.7e9 + self.world.now, active=active))

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
                self.register_many(POOL, 3, None, None)
                report = list(world.ops.values())[-1].result
                assert isinstance(report, Report)
                assert not report.failures, report
                assert first or report.counts == {OutcomeStatus.EXISTING: len(POOL)}, report
                assert first or world.gateway.count("create") == creates
            self.complain(doubles(world))
        finally:
            for op in world.running:
                assert op.task is not None
                op.task.cancel()
            world.run(world.client.close())
            world.run(world.gateway.close())
            world.runner.close()


async def turns(count: int) -> None:
    """Let the loop turn so many times."""
    for _ in range(count):
        await asyncio.sleep(0)


COMMON = settings(database=None, deadline=None, suppress_health_check=list(HealthCheck), print_blob=True)


def test_anything_in_any_order() -> None:
    """The same few hundred examples each time."""
    run_state_machine_as_test(Machine, settings=settings(COMMON, derandomize=True, max_examples=60))


@pytest.mark.slow
@pytest.mark.random
@pytest.mark.timeout(3600)
def test_anything_in_any_order_for_long() -> None:
    """More than 10,000 steps, other ones each time; the seed is printed."""
    number, Machine.steps = random.SystemRandom().randrange(2**32), 0
    print(f"seed {number}")  # noqa: T201  # pytest shows it where the test fails
    profile = settings(COMMON, max_examples=300, stateful_step_count=60)
    run_state_machine_as_test(seed(number)(Machine), settings=profile)
    print(f"{Machine.steps} steps")  # noqa: T201
    assert Machine.steps > 10_000
