"""A gateway in memory, for tests of the registration engine without a wire."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from itertools import count
from random import Random
from typing import Any, TypeVar

from attrs import define, evolve, field

from gwms_async import (
    DeadlineExceededError,
    DecodeError,
    GwmsError,
    NotFoundError,
    OutcomeUnknownError,
    Webhook,
    WebhookSpec,
)
from gwms_async.chain import Call
from gwms_async.clock import Clock
from gwms_async.errors import api_error_class
from gwms_async.registration.coordinator import Coordinator

T = TypeVar("T")


@define
class Fault:
    """What happens to one request.

    Args:
        error: What the caller gets, made a new one each time; None for the usual answer.
        commits_after: Seconds after the error at which it is carried out all the same; None for never.
        takes: Seconds that it is on the wire.
    """

    error: Callable[[], Exception] | None = None
    commits_after: float | None = None
    takes: float = 0.01


def lost() -> Exception:
    """Make the error of a create whose answer was lost."""
    return OutcomeUnknownError("lost")


def answered(status: int) -> Exception:
    """Make the error of a create that was answered with a status."""
    return api_error_class(status)(status=status, message="no", method="POST", path="/webhooks")


def refused() -> Exception:
    """Make the error of a create that was refused."""
    return answered(501)


@define(eq=False)
class FakeGateway:
    """Holds webhooks; mishandles requests as it is told."""

    webhooks: dict[int, Webhook] = field(factory=dict)
    journal: list[tuple[str, object]] = field(factory=list)
    faults: dict[str, list[Fault]] = field(factory=dict)
    stores: Callable[[WebhookSpec], WebhookSpec] = field(default=lambda spec: spec)
    memories: set[int] = field(factory=set)
    latency: float = 0.01
    rng: Random | None = None  # makes latencies differ
    list_lag: float = 0.0
    get_lag: float = 0.0
    answer: Callable[[Webhook], Webhook] = field(default=lambda webhook: webhook)  # to a create
    lists_as: Callable[[Webhook], Webhook] = field(default=lambda webhook: webhook)
    aliases: dict[int, int] = field(factory=dict)  # further ids of webhooks
    unique: int | None = None  # answers this status to a create of what exists already
    without_effect: set[str] = field(factory=set)
    stale: list[Webhook] | None = None  # what lists show, once
    ids: count[int] = field(factory=lambda: count(1))
    _changes: list[tuple[float, dict[int, Webhook]]] = field(factory=list)
    _late: set[asyncio.Task[None]] = field(factory=set)

    def add(self, spec: WebhookSpec) -> Webhook:
        """Put a webhook in, as if it had always been there."""
        stored = self.stores(spec)
        if self.unique and any(webhook.identity == stored.identity for webhook in self.webhooks.values()):
            raise answered(self.unique)
        number = next(self.ids)
        self.webhooks[number] = Webhook(number, *spec_values(stored))
        self.changed()
        return self.webhooks[number]

    def changed(self) -> None:
        """Note how things are now, for lists that lag."""
        if self.list_lag or self.get_lag:
            self._changes.append((asyncio.get_running_loop().time(), dict(self.webhooks)))

    def listed(self) -> list[Webhook]:
        """Return what a list shows now."""
        if self.stale is not None:
            stale, self.stale = self.stale, None
            return stale
        return [self.lists_as(webhook) for webhook in self.seen(self.list_lag).values()]

    def seen(self, lag: float) -> dict[int, Webhook]:
        """Return what a replica shows that is so many seconds behind."""
        until = asyncio.get_running_loop().time() - lag
        return next((rows for when, rows in reversed(self._changes) if when <= until), {}) if lag else self.webhooks

    def fail(self, operation: str, *faults: Fault) -> None:
        """Let the next requests of an operation fail."""
        self.faults.setdefault(operation, []).extend(faults)

    def count(self, operation: str) -> int:
        """Count the requests of an operation."""
        return sum(name == operation for name, _ in self.journal)

    def coordinator(self) -> Coordinator:
        """Make a coordinator that works on this gateway, on the time of the running loop."""
        return Coordinator(lambda call: FakeOperations(self, call), Clock(monotonic=asyncio.get_running_loop().time))

    async def settle(self) -> None:
        """Wait for what is still to be carried out."""
        if self._late:
            await asyncio.wait(self._late)

    def later(self, seconds: float, act: Callable[[], object]) -> None:
        """Carry something out after a while."""

        async def wait() -> None:
            await asyncio.sleep(seconds)
            act()

        self._late.add(asyncio.create_task(wait()))

    async def handle(self, call: Call, operation: str, subject: object, act: Callable[[], T]) -> T:
        """Carry one request."""
        now = asyncio.get_running_loop().time()
        if now >= call.deadline:
            raise DeadlineExceededError("too late")
        self.journal.append((operation, subject))
        takes = self.latency if self.rng is None else self.latency * 2 * self.rng.random()
        fault = self.faults[operation].pop(0) if self.faults.get(operation) else Fault(takes=takes)
        call.attempts += 1
        call.on_wire = True
        await asyncio.sleep(fault.takes)
        call.on_wire = False
        if fault.error is None:
            return act()
        if fault.commits_after == 0:
            act()
        elif fault.commits_after is not None:
            self.later(fault.commits_after, act)
        raise fault.error()


class Cascading(FakeGateway):
    """Deletes all copies of a webhook together."""

    async def handle(self, call: Call, operation: str, subject: object, act: Callable[[], T]) -> T:
        """Carry one request."""

        def delete() -> T:
            identity = self.webhooks[subject].identity  # type: ignore[index]
            end = act()
            self.webhooks = {number: other for number, other in self.webhooks.items() if other.identity != identity}
            return end

        return await super().handle(call, operation, subject, delete if operation == "delete" else act)


@define(eq=False)
class FakeOperations:
    """The operations of one call."""

    _gateway: FakeGateway
    _call: Call

    async def list(self) -> list[Webhook]:
        """List what there is when the request arrives."""
        seen = self._gateway.listed()
        return await self._gateway.handle(self._call, "list", None, lambda: seen)

    async def create(self, spec: WebhookSpec) -> Webhook:
        """Create a webhook."""
        return await self._gateway.handle(
            self._call, "create", spec, lambda: self._gateway.answer(self._gateway.add(spec))
        )

    async def get(self, webhook_id: int) -> Webhook:
        """Get a webhook."""

        def act() -> Webhook:
            seen = self._gateway.seen(self._gateway.get_lag)
            number = self._gateway.aliases.get(webhook_id, webhook_id)
            if number not in seen or number in self._gateway.memories:
                raise not_found(webhook_id)
            if number != webhook_id:
                raise DecodeError(f"expected {webhook_id} @ $.id")
            return seen[number]

        return await self._gateway.handle(self._call, "get", webhook_id, act)

    async def activate(self, webhook_id: int) -> Webhook:
        """Activate a webhook."""
        return await self._change("activate", webhook_id, active=True)

    async def deactivate(self, webhook_id: int) -> Webhook:
        """Deactivate a webhook."""
        return await self._change("deactivate", webhook_id, active=False)

    async def delete(self, webhook_id: int) -> None:
        """Delete a webhook."""

        def act() -> None:
            number = self._gateway.aliases.get(webhook_id, webhook_id)
            if number not in self._gateway.webhooks:
                raise not_found(webhook_id)
            if "delete" not in self._gateway.without_effect:
                del self._gateway.webhooks[number]
                self._gateway.changed()

        await self._gateway.handle(self._call, "delete", webhook_id, act)

    async def _change(self, operation: str, webhook_id: int, *, active: bool) -> Webhook:
        def act() -> Webhook:
            if webhook_id not in self._gateway.webhooks or webhook_id in self._gateway.memories:
                raise not_found(webhook_id)
            if operation in self._gateway.without_effect:
                return self._gateway.webhooks[webhook_id]
            changed = evolve(self._gateway.webhooks[webhook_id], active=active)
            self._gateway.webhooks[webhook_id] = changed
            self._gateway.changed()
            return changed

        return await self._gateway.handle(self._call, operation, webhook_id, act)


def not_found(webhook_id: int) -> GwmsError:
    """Make the error of a webhook that is not there."""
    return NotFoundError(status=404, message="no", method="GET", path=f"/webhooks/{webhook_id}")


def spec_values(spec: WebhookSpec) -> tuple[Any, ...]:
    """Give the values that a webhook has of its spec."""
    return spec.url, spec.webhook_type, spec.active, spec.method


def specs(number: int, **changes: Any) -> list[WebhookSpec]:
    """Make distinct specs."""
    return [evolve(WebhookSpec(f"https://shop.example/{n}", "CREATE_ORDER"), **changes) for n in range(number)]


def urls(items: Iterable[object]) -> list[str]:
    """Give the urls of specs or webhooks, sorted."""
    return sorted(item.url for item in items)  # type: ignore[attr-defined]
