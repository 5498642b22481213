"""The emulated gateway on a local port: HTTP, a journal, and scripted faults."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from math import inf
from typing import Self, cast

from aiohttp import web

from .deliveries import DeliveryPolicy
from .delivering import Delivering
from .faults import DropAfter, DropBefore, Fault, Reset, RevokeTokens
from .gateway import ExpiresIn, Gateway
from .journal import Exchange, Journal
from .script import Script, check_operation
from .sending import send
from .server import HttpServer, hang_up
from .state import EmulatorCredentials, StoredWebhook, WebhookTable
from .throttle import RateLimit, Throttle, retry_headers
from .wire import Answer, NewWebhook, Route, envelope, http_date

_PREFIX = "/v21"


class GwmsEmulator(Delivering):
    """An emulator of the gateway, listening on 127.0.0.1.

    ::

        async with GwmsEmulator() as gw:
            gw.inject(DropAfter(), operation="create")
            async with GwmsClient(Credentials(*gw.credentials), base_url=gw.base_url) as gwms:
                ...

    It implements the whole contract: the login, the seven operations, the answers 400, 401 and 404, several e-shops.
    It delivers the events that you `emit`. You can read and change its state at any time.

    Args:
        token_ttl: How long tokens are valid, in seconds.
        rate_limit: Requests beyond it are answered 429; None sets no limit. Can be replaced later.
        latency: Seconds between carrying a request out and answering it. Can be changed later.
        clock: The gateway's clock, in Unix seconds: `Date`, `expiresIn`, timestamps.
        port: The port to listen on; 0 takes a free one.
        spelling: Spells the URLs that are stored, for example `normalized_url`.
        list_lag: Seconds until lists show a change; `get` shows it at once. Can be changed later.
        unique_urls: Whether a second webhook of an e-shop with the same URL, event type and method is answered 409.
        tombstones: Whether a deleted webhook stays in lists, inactive; all other operations on it are answered 404.
        expires_in: The form of a login's `expiresIn`: a unix time, seconds from now, a unix time in milliseconds or as
            text, or (None) no such field.
        journal: How many of the latest requests are kept, and how many deliveries.
        delivery_policy: Timeouts and repeats of deliveries. Can be replaced later.
    """

    def __init__(
        self,
        *,
        token_ttl: float = 3600.0,
        rate_limit: RateLimit | None = None,
        latency: float = 0.0,
        clock: Callable[[], float] = time.time,
        port: int = 0,
        spelling: Callable[[str], str] = str,
        list_lag: float = 0.0,
        unique_urls: bool = False,
        tombstones: bool = False,
        expires_in: ExpiresIn = "unix",
        journal: int = 10_000,
        delivery_policy: DeliveryPolicy | None = None,
    ) -> None:
        self._rate_limit = rate_limit
        self.latency = latency
        self._journal = Journal(journal)
        self._server = HttpServer(self._serve, port)
        webhooks = WebhookTable(spelling, tombstones=tombstones, clock=self._now)
        gateway = Gateway(token_ttl, webhooks, expires_in, unique_urls=unique_urls)
        super().__init__(gateway, clock, journal, delivery_policy or DeliveryPolicy())
        self._script: Script[Fault] = Script()
        self._throttle = Throttle()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._late: set[asyncio.Task[None]] = set()
        self.list_lag = list_lag

    async def start(self) -> None:
        """Start listening.

        Raises:
            OSError: The port is taken.
        """
        await self._server.start()
        self._open()
        loop = asyncio.get_running_loop()
        if loop is not self._loop:  # its clock may be a different one
            self._loop, self._throttle = loop, Throttle()
            self._gateway.webhooks.listing.catch_up()

    async def close(self) -> None:
        """Stop listening, close all connections, and drop late requests and deliveries."""
        await self._close()
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
        """The webhooks of all e-shops, ordered by id, without tombstones and without lag."""
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
        self._gateway.webhooks.remove(webhook_id, self._clock())

    @property
    def list_lag(self) -> float:
        """Seconds until lists show a change."""
        return self._gateway.webhooks.listing.lag

    @list_lag.setter
    def list_lag(self, seconds: float) -> None:
        self._gateway.webhooks.listing.lag = seconds

    @property
    def requests(self) -> list[Exchange]:
        """The latest requests, oldest first."""
        return self._journal.exchanges

    def count(self, operation: str) -> int:
        """Return how many requests of an operation, named as in `Exchange`, have arrived.

        Raises:
            ValueError: There is no operation of this name.
        """
        check_operation(operation)
        return self._journal.counts[operation]

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
        if operation is not None:
            check_operation(operation)
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
        if self._rate_limit is not None:
            self._throttle.settle(self._rate_limit, self._now())
        self._rate_limit = limit

    async def _serve(self, request: web.BaseRequest) -> web.StreamResponse:
        path = request.raw_path.partition("?")[0]
        route = Route.find(request.method, path.removeprefix(_PREFIX)) if path.startswith(_PREFIX) else Route()
        headers = {name.lower(): value for name, value in request.headers.items()}
        exchange = Exchange(route.operation, request.method, path.removeprefix(_PREFIX), headers, b"", self._now())
        fault = exchange.fault = self._script.next(route.operation)
        self._journal.add(exchange)
        transport = cast(asyncio.Transport, request.transport)  # when it closes, this is cancelled
        if isinstance(fault, DropBefore | Reset):
            return hang_up(transport, reset=isinstance(fault, Reset))
        exchange.body = await request.content.read()
        answer = self._answer(exchange, route)
        if self.latency:
            await asyncio.sleep(self.latency)
        return await send(answer, exchange, transport, http_date(self._clock()))

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
        route, body = (exchange.fault or Fault()).request(route, exchange.body)
        return self._gateway.carry_out(route, exchange.headers, body, self._clock())

    async def _carry_out_late(self, exchange: Exchange, route: Route, delay: float) -> None:
        await asyncio.sleep(delay)
        self._carry_out(exchange, route)

    def _throttled(self, route: Route) -> Answer | None:
        limit = self.rate_limit
        if limit is None or route.operation == "login":
            return None
        wait = self._throttle.admit(limit, self._now())
        if not wait:
            return None
        return envelope(429, "Too many requests", headers=retry_headers(limit, wait, self._clock()))

    def _now(self) -> float:
        """Return the event loop's time; before the first start, a time before all others."""
        return self._loop.time() if self._loop is not None else -inf
