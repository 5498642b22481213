"""The emulated gateway on a local port: HTTP, a journal, and scripted faults."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Self, cast

from aiohttp import web

from .faults import (
    CutBody,
    CutHead,
    DropAfter,
    DropBefore,
    Fault,
    Garbage,
    Reset,
    RevokeTokens,
    SlowBody,
    Stall,
    WrongLength,
)
from .gateway import Gateway
from .journal import Exchange
from .script import FaultScript, check_operation
from .server import HttpServer, hang_up
from .state import EmulatorCredentials, StoredWebhook
from .throttle import RateLimit, Throttle, retry_headers
from .wire import Answer, NewWebhook, Route, envelope, http_date

_PREFIX = "/v21"


class GwmsEmulator:
    """An emulator of the gateway, listening on 127.0.0.1.

    ::

        async with GwmsEmulator() as gw:
            gw.inject(DropAfter(), operation="create")
            async with GwmsClient(Credentials(*gw.credentials), base_url=gw.base_url) as gwms:
                ...

    It implements the whole contract: the login, the seven operations, the answers 400, 401 and 404, several e-shops.
    You can read and change its state at any time.

    Args:
        token_ttl: How long tokens are valid, in seconds.
        rate_limit: Requests beyond it are answered 429; None sets no limit. Can be replaced later.
        latency: Seconds between carrying a request out and answering it. Can be changed later.
        clock: The gateway's clock, in Unix seconds: `Date`, `expiresIn`, timestamps.
        port: The port to listen on; 0 takes a free one.
    """

    def __init__(
        self,
        *,
        token_ttl: float = 3600.0,
        rate_limit: RateLimit | None = None,
        latency: float = 0.0,
        clock: Callable[[], float] = time.time,
        port: int = 0,
    ) -> None:
        self._rate_limit = rate_limit
        self.latency = latency
        self.requests: list[Exchange] = []
        self._clock = clock
        self._server = HttpServer(self._serve, port)
        self._gateway = Gateway(token_ttl)
        self._script = FaultScript()
        self._throttle = Throttle()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._late: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Start listening.

        Raises:
            OSError: The port is taken.
        """
        await self._server.start()
        loop = asyncio.get_running_loop()
        if loop is not self._loop:  # its clock may be a different one
            self._loop, self._throttle = loop, Throttle()

    async def close(self) -> None:
        """Stop listening, close all connections, and drop requests that were to be carried out late."""
        await self._server.close()
        for task in self._late:
            task.cancel()
        if self._late:
            await asyncio.wait(self._late)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    @property
    def base_url(self) -> str:
        """The base URL for a client; known once the emulator has started."""
        return f"http://127.0.0.1:{self._server.port}{_PREFIX}"

    @property
    def credentials(self) -> EmulatorCredentials:
        """The credentials it accepts: username, password, api_key."""
        return self._gateway.credentials

    def add_eshop(self, api_key: str) -> None:
        """Accept the API key of another e-shop of the account."""
        self._gateway.eshops.add(api_key)

    def remove_eshop(self, api_key: str) -> None:
        """Refuse an e-shop's API key from now on; its webhooks stay."""
        self._gateway.eshops.discard(api_key)

    @property
    def webhooks(self) -> list[StoredWebhook]:
        """The webhooks of all e-shops, ordered by id."""
        return self._gateway.webhooks.all()

    def add_webhook(
        self, url: str, webhook_type: str, *, active: bool = True, method: str = "POST", eshop: str | None = None
    ) -> StoredWebhook:
        """Add a webhook, as if another process had created it; nothing is checked.

        Args:
            url: Where events are delivered.
            webhook_type: The event type; it need not be one of the contract.
            active: Whether events are delivered.
            method: The HTTP method of deliveries.
            eshop: The API key of its e-shop; that of `credentials` if None.
        """
        new = NewWebhook(url, str(webhook_type), active, str(method))
        return self._gateway.webhooks.add(eshop or self.credentials.api_key, new, self._clock())

    def remove_webhook(self, webhook_id: int) -> None:
        """Remove a webhook, as if another process had deleted it.

        Raises:
            KeyError: There is no webhook with this id.
        """
        self._gateway.webhooks.remove(webhook_id)

    def count(self, operation: str) -> int:
        """Return how many requests of an operation, named as in `Exchange`, have arrived.

        Raises:
            ValueError: There is no operation of this name.
        """
        check_operation(operation)
        return sum(exchange.operation == operation for exchange in self.requests)

    @property
    def logins(self) -> int:
        """How many logins have arrived, including those refused or hit by a fault."""
        return self.count("login")

    @property
    def tokens_issued(self) -> list[str]:
        """All tokens issued so far, oldest first."""
        return self._gateway.tokens.issued

    @property
    def connections(self) -> int:
        """How many connections are open."""
        return self._server.connections

    @property
    def refuse_logins(self) -> bool:
        """Whether every login is answered 401."""
        return self._gateway.refuse_logins

    @refuse_logins.setter
    def refuse_logins(self, refuse: bool) -> None:
        self._gateway.refuse_logins = refuse

    def revoke_tokens(self) -> None:
        """Invalidate all tokens issued so far."""
        self._gateway.tokens.revoke()

    def inject(self, fault: Fault, *, operation: str | None = None, times: int = 1, at: int = 1) -> None:
        """Make a fault hit future requests.

        Args:
            fault: The fault.
            operation: The operation whose requests it hits; None means any but login.
            times: How many requests it hits in a row.
            at: The first of them, where 1 is the next request.

        Raises:
            ValueError: The operation does not exist, or a number is below 1.
        """
        self._script.add(fault, operation, times, at)

    @property
    def faults_left(self) -> int:
        """How many hits of injected faults are still due."""
        return self._script.left

    @property
    def rate_limit(self) -> RateLimit | None:
        """The limit in force; replacing it does not refill the bucket."""
        return self._rate_limit

    @rate_limit.setter
    def rate_limit(self, limit: RateLimit | None) -> None:
        if self._rate_limit is not None and self._loop is not None:
            self._throttle.settle(self._rate_limit, self._loop.time())
        self._rate_limit = limit

    async def _serve(self, request: web.BaseRequest) -> web.StreamResponse:
        path = request.raw_path.partition("?")[0]
        route = Route.find(request.method, path.removeprefix(_PREFIX)) if path.startswith(_PREFIX) else Route()
        headers = {name.lower(): value for name, value in request.headers.items()}
        now = asyncio.get_running_loop().time()
        exchange = Exchange(route.operation, request.method, path.removeprefix(_PREFIX), headers, b"", now)
        fault = exchange.fault = self._script.next(route.operation)
        self.requests.append(exchange)
        transport = cast(asyncio.Transport, request.transport)  # when it closes, this is cancelled
        if isinstance(fault, DropBefore | Reset):
            return hang_up(transport, reset=isinstance(fault, Reset))
        exchange.body = await request.content.read()
        answer = self._answer(exchange, route)
        if self.latency:
            await asyncio.sleep(self.latency)
        head, middle = answer.head(self._date()), len(answer.body) // 2
        match fault:
            case DropAfter():
                pass
            case Stall(seconds=seconds):
                await asyncio.sleep(seconds)
            case CutHead():
                transport.write(head[: len(head) // 2])
            case CutBody():
                transport.write(head + answer.body[:middle])
            case SlowBody(seconds=seconds):
                transport.write(head + answer.body[:middle])
                await asyncio.sleep(seconds)
                transport.write(answer.body[middle:])
            case WrongLength(by=by):
                transport.write(answer.head(self._date(), len(answer.body) + by) + answer.body)
            case Garbage(content=content):
                transport.write(content)
            case _:
                exchange.status = answer.status
                return web.Response(status=answer.status, body=answer.body, headers=answer.dated(self._date()))
        return hang_up(transport)

    def _answer(self, exchange: Exchange, route: Route) -> Answer:
        """Carry a request out, unless its fault or the rate limit prevents it, and return its answer."""
        fault = exchange.fault
        if fault is None:
            refusal = self._throttled(route)
            return refusal or self._carry_out(exchange, route)
        if isinstance(fault, RevokeTokens):
            self.revoke_tokens()
            return self._carry_out(exchange, route)
        usual = envelope(200, "OK")
        if isinstance(fault, DropAfter) and fault.commit_delay:
            task = asyncio.create_task(self._carry_out_late(exchange, route, fault.commit_delay), name="late commit")
            self._late.add(task)
            task.add_done_callback(self._late.discard)
        elif fault.carry_out:
            usual = self._carry_out(exchange, route)
        return fault.answer(usual)

    def _carry_out(self, exchange: Exchange, route: Route) -> Answer:
        return self._gateway.carry_out(route, exchange.headers, exchange.body, self._clock())

    async def _carry_out_late(self, exchange: Exchange, route: Route, delay: float) -> None:
        await asyncio.sleep(delay)
        self._carry_out(exchange, route)

    def _throttled(self, route: Route) -> Answer | None:
        limit = self.rate_limit
        if limit is None or route.operation == "login":
            return None
        wait = self._throttle.admit(limit, asyncio.get_running_loop().time())
        if not wait:
            return None
        return envelope(429, "Too many requests", headers=retry_headers(limit, wait, self._clock()))

    def _date(self) -> str:
        return http_date(self._clock())
