"""Serves the emulated API: journal, scripted faults, rate limit."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from math import inf
from typing import cast

from aiohttp import web

from .deliveries import DeliveryPolicy
from .delivering import Delivering
from .faults import DropAfter, DropBefore, Fault, Reset, RevokeTokens
from .gateway import Gateway
from .journal import KEPT, Exchange
from .script import Script, check_operation
from .sending import send
from .server import hang_up
from .throttle import RateLimit, Throttle, retry_headers
from .wire import Answer, Route, envelope, http_date

PREFIX = "/v21"


class Answering(Delivering):
    """The base of `GwmsEmulator` that answers requests; `GwmsEmulator` documents `latency` and `rate_limit`."""

    def __init__(self, gateway: Gateway, clock: Callable[[], float], size: int, policy: DeliveryPolicy) -> None:
        super().__init__(gateway, clock, size, policy)
        self.latency = 0.0
        self._rate_limit: RateLimit | None = None
        self._size = size
        self._requests: list[Exchange] = []
        self._counts: Counter[str] = Counter()
        self._script: Script[Fault] = Script()
        self._throttle = Throttle()
        self._loop: asyncio.AbstractEventLoop | None = None
        self.unix_offset = 0.0  # the seconds from the event loop's clock to Unix time
        self._late: set[asyncio.Task[None]] = set()

    @property
    def requests(self) -> list[Exchange]:
        """The latest requests, oldest first."""
        return self._requests

    def count(self, operation: str) -> int:
        """Return how many requests of an operation, named as in `Exchange`, have arrived.

        Raises:
            ValueError: There is no operation of this name.
        """
        check_operation(operation)
        return self._counts[operation]

    @property
    def logins(self) -> int:
        """How many logins have arrived, including those refused or hit by a fault."""
        return self.count("login")

    def inject(self, fault: Fault, *, operation: str | None = None, times: int = 1, at: int = 1) -> None:
        """Make a fault hit future requests. If several match one, the first injected hits it; the others wait.

        Args:
            fault: The fault.
            operation: The operation whose requests it hits; None means any but login.
            times: How many requests it hits in a row.
            at: The first of them, where 1 is the next request.

        Raises:
            ValueError: The operation does not exist, or a number is below 1.
            TypeError: It is not a fault, or a number is not an integer.
        """
        if not isinstance(fault, Fault):
            raise TypeError(f"expected a fault, e.g. Status(503); got {fault!r}")
        if operation is not None:
            check_operation(operation)
        self._script.add(fault, operation, times, at)

    @property
    def faults_left(self) -> int:
        """How many hits of injected faults are still due."""
        return self._script.left

    @property
    def rate_limit(self) -> RateLimit | None:
        """The limit in force, or None; replacing it does not refill the bucket."""
        return self._rate_limit

    @rate_limit.setter
    def rate_limit(self, limit: RateLimit | None) -> None:
        if limit is not None and not isinstance(limit, RateLimit):
            raise TypeError(f"expected a rate limit, e.g. RateLimit(rate=10, burst=20); got {limit!r}")
        if self._rate_limit is not None:
            self._throttle.settle(self._rate_limit, self._now())
        self._rate_limit = limit

    def _start_clock(self) -> None:
        loop = asyncio.get_running_loop()
        if loop is not self._loop:  # its clock may be a different one
            self._loop, self._throttle = loop, Throttle()
            self._gateway.webhooks.catch_up()
            self.unix_offset = time.time() - loop.time()

    async def _drop_late(self) -> None:
        for task in self._late:
            task.cancel()
        if self._late:
            await asyncio.wait(self._late)

    async def _serve(self, request: web.BaseRequest) -> web.StreamResponse:
        path = request.raw_path.partition("?")[0]
        route = Route.find(request.method, path.removeprefix(PREFIX)) if path.startswith(PREFIX) else Route()
        headers = {name.lower(): value for name, value in request.headers.items()}
        exchange = Exchange(route.operation, request.method, path.removeprefix(PREFIX), headers, b"", self._now())
        exchange.fault = self._script.next(route.operation)
        self._counts[route.operation] += 1
        self._requests.append(exchange)
        if len(self._requests) > self._size:
            del self._requests[0]
        row = self.feed.add(exchange)
        try:
            return await self._answered(request, exchange, route)
        finally:
            exchange.seconds = self._now() - exchange.at
            self.feed.note(row)

    async def _answered(self, request: web.BaseRequest, exchange: Exchange, route: Route) -> web.StreamResponse:
        fault = exchange.fault
        transport = cast(asyncio.Transport, request.transport)  # when it closes, this is cancelled
        if isinstance(fault, DropBefore | Reset):
            return hang_up(transport, reset=isinstance(fault, Reset))
        exchange.body = await request.content.read()
        answer = self._answer(exchange, route)
        exchange.answer_headers, exchange.answer_start = answer.headers, answer.body[:KEPT]
        if self.latency:
            await asyncio.sleep(self.latency)
        return await send(answer, exchange, transport, http_date(self._clock()))

    def _answer(self, exchange: Exchange, route: Route) -> Answer:
        """Carry a request out, unless its fault or the rate limit prevents it, and return its answer."""
        fault = exchange.fault
        if fault is None:
            return self._throttled(route) or self._carry_out(exchange, route)
        if isinstance(fault, RevokeTokens):
            self._gateway.tokens.revoke()
            return self._carry_out(exchange, route)
        usual = envelope(200, "OK")
        if isinstance(fault, DropAfter) and fault.commit_delay:
            delay = self.latency + fault.commit_delay  # counted from when the connection is closed
            task = asyncio.create_task(self._carry_out_late(exchange, route, delay), name="late commit")
            self._late.add(task)
            task.add_done_callback(self._late.discard)
        elif fault.carry_out:
            usual = self._carry_out(exchange, route)
        return fault.answer(usual)

    def _carry_out(self, exchange: Exchange, route: Route) -> Answer:
        route, body = (exchange.fault or Fault()).request(route, exchange.body)
        return self._gateway.carry_out(route, exchange.headers, body, self._clock())

    async def _carry_out_late(self, exchange: Exchange, route: Route, delay: float) -> None:
        await asyncio.sleep(delay)
        self._carry_out(exchange, route)

    def _throttled(self, route: Route) -> Answer | None:
        limit = self.rate_limit
        if limit is None or route.operation == "login" or not (wait := self._throttle.admit(limit, self._now())):
            return None
        return envelope(429, "Too many requests", headers=retry_headers(limit, wait, self._clock()))

    def _now(self) -> float:
        """Return the event loop's time; before the first start, a time before all others."""
        return self._loop.time() if self._loop is not None else -inf
