"""A client, the emulator, and all that happens between them, on one virtual clock, written down as it happens."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextvars import ContextVar
from itertools import count
from typing import Any

from attrs import define, evolve, field, frozen

from gwms_async import (
    Credentials,
    GwmsClient,
    GwmsError,
    Handler,
    MemoryTokenStore,
    Outcome,
    Plan,
    Request,
    Response,
    Timeout,
    WebhookSpec,
)
from gwms_async.models import Identity
from gwms_async.testing import Exchange, GwmsEmulator, NoEffect, OtherState, StoredWebhook
from gwms_async.testing.gateway import UniqueUrls
from gwms_async.testing.state import WebhookTable
from gwms_async.testing.wire import Answer, Route

from .virtual_io_loop import VirtualIoLoop, virtual_client

TTL = 600.0
TIMEOUTS = Timeout(connect=2, attempt=1.5, total=20), Timeout(connect=2, attempt=1.5, total=2)
"""Of one client and the next."""
FOREIGN = 0
"""The number of what other processes do."""
REGISTERING = frozenset({"register", "register_many", "register_stream", "apply"})

_origin: ContextVar[int] = ContextVar("origin", default=FOREIGN)


async def sign(request: Request, handler: Handler) -> Response:
    """Write into each request whose it is, and what it creates; a middleware as users write them."""
    headers = {**request.headers, "x-origin": str(_origin.get())}
    if request.spec is not None:
        headers["x-creates"] = " ".join(request.spec.identity)
    return await handler(evolve(request, headers=headers))


def identity_of(row: StoredWebhook) -> Identity:
    """Tell the identity of what the gateway holds."""
    return WebhookSpec(row.url, row.webhook_type, method=row.method).identity


@frozen
class Customs:
    """How a gateway is; see `GwmsEmulator`."""

    spelling: Callable[[str], str] = str
    list_lag: float = 0.0
    get_lag: float = 0.0
    unique_urls: UniqueUrls = False
    tombstones: bool = False

    def names(self) -> Iterable[str]:
        """Name what is unkind of it."""
        if self.spelling is not str:
            yield "spelling"
        if self.list_lag:
            yield f"lag {self.list_lag:g} s"
        if self.get_lag:
            yield f"get lag {self.get_lag:g} s"
        if self.unique_urls:
            yield "unique urls" if self.unique_urls is True else f"unique urls, {self.unique_urls}"
        if self.tombstones:
            yield "tombstones"


@define(eq=False)
class Op:
    """One call of the client.

    Args:
        number: Which one; signs its requests.
        kind: The name of the operation.
        generation: Which client it is a call of.
        began: The moment, in the order of all that happens.
        began_at: The time.
        specs: What it is to register or create.
        webhook_id: What it is about otherwise.
        deadline: Its own, in seconds from its beginning.
        stopped_at: When it was told to stop, or its deadline passed.
        alive: What was there when it began.
        plan: What it applies.
        emitted: The outcomes that it emitted, as they came.
    """

    number: int
    kind: str
    generation: int
    began: int
    began_at: float
    specs: Sequence[WebhookSpec] = ()
    webhook_id: int = 0
    deadline: float | None = None
    stopped_at: float | None = None
    was_closed: bool = False
    alive: frozenset[int] = frozenset()
    task: asyncio.Task[None] | None = None
    result: Any = None
    error: GwmsError | None = None
    is_success: bool = False
    plan: Plan | None = None
    emitted: list[Outcome] = field(factory=list)
    ended: int | None = None
    ended_at: float | None = None

    def __str__(self) -> str:
        return f"#{self.number} {self.kind} {[str(spec) for spec in self.specs] or self.webhook_id}"


@define
class Birth:
    """How a webhook came to be."""

    origin: int
    asked: int
    at: int
    time: float
    identity: Identity


@define
class Touch:
    """How a webhook was changed, when and by which call."""

    at: int
    time: float
    origin: int
    row: StoredWebhook | None


Act = Callable[[GwmsClient, Op], Awaitable[Any]]


class WatchedEmulator(GwmsEmulator):
    """Tells what arrives, and what it changes, at the very moment."""

    world: World

    def _answer(self, exchange: Exchange, route: Route) -> Answer:
        self.world.arrived(exchange)
        return super()._answer(exchange, route)

    def _carry_out(self, exchange: Exchange, route: Route) -> Answer:
        before = {row.id: row for row in self.webhooks}
        answer = super()._carry_out(exchange, route)
        self.world.changed(before, origin_of(exchange), self.world.asked.get(id(exchange), 0))
        return answer

    def put(self, act: Callable[[WebhookTable], object]) -> None:
        """Let another process change something."""
        self.world.foreign(lambda: act(self._gateway.webhooks))


def origin_of(exchange: Exchange) -> int:
    """Tell whose request it is."""
    return int(exchange.headers.get("x-origin", FOREIGN))


@define(eq=False)
class World:
    """All of it.

    Args:
        judge: Finds fault with a call that has just ended.
        suspect: Finds fault with a request that has just arrived.
        question: Finds fault with the deletion of a webhook.
        hear: Finds fault with an outcome that was just emitted.
        customs: How the gateway is.
        fired: Counts what came to pass.
    """

    judge: Callable[[World, Op], Iterable[str]]
    suspect: Callable[[World, Op, Exchange], Iterable[str]]
    question: Callable[[World, Op, StoredWebhook], Iterable[str]]
    hear: Callable[[World, Op, Outcome], Iterable[str]]
    customs: Customs = Customs()
    fired: Counter[str] = field(factory=Counter)
    runner: asyncio.Runner = field(factory=lambda: asyncio.Runner(loop_factory=VirtualIoLoop))
    gateway: WatchedEmulator = field(init=False)
    client: GwmsClient = field(init=False)
    store: MemoryTokenStore = field(factory=MemoryTokenStore)
    generation: int = 0
    first_login: list[int] = field(factory=list)
    revocations: int = 0
    ops: dict[int, Op] = field(factory=dict)
    births: dict[int, Birth] = field(factory=dict)
    deaths: dict[int, Touch] = field(factory=dict)
    touches: defaultdict[int, list[Touch]] = field(factory=lambda: defaultdict(list))
    ghosts: set[int] = field(factory=set)
    asked: dict[int, int] = field(factory=dict)
    problems: list[str] = field(factory=list)
    _moments: count[int] = field(factory=lambda: count(1))

    def __attrs_post_init__(self) -> None:
        """Open the gateway, and make the first client."""
        self.gateway = WatchedEmulator(
            token_ttl=TTL,
            clock=lambda: 1.7e9 + self.now,
            spelling=self.customs.spelling,
            list_lag=self.customs.list_lag,
            get_lag=self.customs.get_lag,
            unique_urls=self.customs.unique_urls,
            tombstones=self.customs.tombstones,
            journal=1_000_000,
        )
        self.fired.update(self.customs.names())
        self.gateway.world = self
        self.run(self.gateway.start())
        self.new_client()

    @property
    def loop(self) -> VirtualIoLoop:
        """The loop that all of it lives in."""
        loop = self.runner.get_loop()
        assert isinstance(loop, VirtualIoLoop)
        return loop

    @property
    def now(self) -> float:
        """The virtual time."""
        return self.loop.time()

    @property
    def rows(self) -> dict[int, StoredWebhook]:
        """What the gateway holds, by id."""
        return {row.id: row for row in self.gateway.webhooks}

    @property
    def running(self) -> list[Op]:
        """The calls that have not ended."""
        return [op for op in self.ops.values() if op.ended is None]

    def moment(self) -> int:
        """Count what happens."""
        return next(self._moments)

    def run(self, step: Awaitable[object]) -> None:
        """Let time pass until something has happened."""
        self.loop.run_until_complete(asyncio.ensure_future(step, loop=self.loop))

    def new_client(self) -> None:
        """Begin the next generation."""
        self.generation += 1
        self.first_login.append(len(self.gateway.requests))
        self.client = virtual_client(self.loop)(
            Credentials(*self.gateway.credentials),
            base_url=self.gateway.base_url,
            timeout=TIMEOUTS[(self.generation - 1) % 2],
            token_store=self.store,
            middlewares=[sign],
            max_connections=3,
        )

    def begin(self, kind: str, act: Act, **about: Any) -> Op:
        """Begin a call."""
        op = Op(len(self.ops) + 1, kind, self.generation, self.moment(), self.now, alive=frozenset(self.rows), **about)
        self.ops[op.number] = op
        op.task = self.loop.create_task(self._carry(op, act))
        return op

    async def _carry(self, op: Op, act: Act) -> None:
        _origin.set(op.number)
        try:
            op.result = await act(self.client, op)
            op.is_success = True
            self.fired[f"{op.kind} ended"] += 1
        except GwmsError as error:
            op.error = error
        finally:
            op.ended, op.ended_at = self.moment(), self.now
        if op.deadline is not None and self.now >= op.began_at + op.deadline - 1e-6:
            op.stopped_at = op.began_at + op.deadline
        self.problems += self.judge(self, op)

    def emit(self, op: Op, outcome: Outcome) -> None:
        """Write down what a call says of a spec, while it may still be running."""
        op.emitted.append(outcome)
        self.problems += self.hear(self, op, outcome)

    def arrived(self, exchange: Exchange) -> None:
        """Write down the moment of a request."""
        self.asked[id(exchange)] = self.moment()
        if exchange.fault is not None:
            self.fired[f"{type(exchange.fault).__name__} {getattr(exchange.fault, 'status', '')}".strip()] += 1
            if isinstance(exchange.fault, NoEffect | OtherState):
                self.fired[f"{type(exchange.fault).__name__} on {exchange.operation}"] += 1
        op = self.ops.get(origin_of(exchange))
        if op is not None:
            if op.kind == "delete" and isinstance(exchange.fault, NoEffect):  # its answer is believed
                self.ghosts.add(int(exchange.path.rpartition("/")[2]))
            self.problems += self.suspect(self, op, exchange)

    def changed(self, before: dict[int, StoredWebhook], origin: int, asked: int) -> None:
        """Write down what has changed, and through whom."""
        at, after = self.moment(), self.rows
        for number in after.keys() - before.keys():
            self.births[number] = Birth(origin, asked, at, self.now, identity_of(after[number]))
        for number in before.keys() - after.keys():
            if origin in self.ops:
                self.problems += self.question(self, self.ops[origin], before[number])
            self.deaths[number] = Touch(at, self.now, origin, None)
        for number in before.keys() | after.keys():
            if before.get(number) != after.get(number):
                self.touches[number].append(Touch(at, self.now, origin, after.get(number)))

    def foreign(self, act: Callable[[], object]) -> None:
        """Let another process change something."""
        before = self.rows
        act()
        self.changed(before, FOREIGN, 0)

    def identities(self, number: int) -> set[Identity]:
        """Tell which identities a webhook has had."""
        return {self.births[number].identity} | {
            identity_of(touch.row) for touch in self.touches[number] if touch.row is not None
        }

    def touched_by_others(self, number: int, op: Op) -> bool:
        """Tell whether anybody else changed a webhook, other than by creating it, so late that a call may not see it.

        That is since it began, and where lists or reads lag since a little before.
        """
        born, lag = self.births[number].at, max(self.customs.list_lag, self.customs.get_lag)
        return any(
            touch.time >= op.began_at - lag and touch.at != born and touch.origin != op.number
            for touch in self.touches[number]
            if touch.at > op.began or lag
        )

    def exchanges(self, op: Op, operation: str | None = None) -> list[Exchange]:
        """List the requests of a call."""
        return [
            exchange
            for exchange in self.gateway.requests
            if origin_of(exchange) == op.number and operation in {None, exchange.operation}
        ]
