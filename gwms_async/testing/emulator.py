"""The emulated gateway on a local port, and all that tests do with it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Self

from aiohttp import web

from .answering import PREFIX, Answering
from .deliveries import DeliveryPolicy
from .gateway import ExpiresIn, Gateway, UniqueUrls
from .page.controls import Controls
from .page.serving import Page
from .server import HttpServer, is_of_page
from .state import EmulatorCredentials, StoredWebhook, WebhookTable
from .throttle import RateLimit
from .wire import NewWebhook


class GwmsEmulator(Answering):
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
        list_lag: Seconds until lists show a change. Can be changed later.
        get_lag: Seconds until `get` shows a change. Can be changed later.
        unique_urls: Whether a second webhook of an e-shop with the same URL, event type and method is refused: with
            409, or with the status given here.
        tombstones: Whether a deleted webhook stays in lists, inactive; all other operations on it are answered 404.
        expires_in: The form of a login's `expiresIn`: a unix time, seconds from now, a unix time in milliseconds or as
            text, or (None) no such field.
        journal: How many of the latest requests are kept, and how many deliveries.
        delivery_policy: Timeouts and repeats of deliveries. Can be replaced later.

    Raises:
        ValueError: `token_ttl` is not finite, or there is no such form of `expires_in` or status of `unique_urls`.
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
        get_lag: float = 0.0,
        unique_urls: UniqueUrls = False,
        tombstones: bool = False,
        expires_in: ExpiresIn = "unix",
        journal: int = 10_000,
        delivery_policy: DeliveryPolicy | None = None,
    ) -> None:
        webhooks = WebhookTable(spelling, tombstones=tombstones, clock=self._now)
        gateway = Gateway(token_ttl, webhooks, expires_in, unique_urls=unique_urls)
        super().__init__(gateway, clock, journal, delivery_policy or DeliveryPolicy())
        self._page = Page(self, gateway, Controls(self, self._script, self._disturbances))
        self._server = HttpServer(self._handle, port)
        self.latency, self.rate_limit = latency, rate_limit
        self.list_lag, self.get_lag = list_lag, get_lag

    async def start(self) -> None:
        """Start listening.

        Raises:
            OSError: The port is taken.
        """
        await self._server.start()
        self._open()
        self._start_clock()

    async def close(self) -> None:
        """Stop listening, close all connections, and drop late requests and deliveries, even if cancelled."""
        self._stop()
        closing, cancelled = asyncio.create_task(self._close_all(), name="gwms emulator closing"), None
        while not closing.done():
            try:
                await asyncio.wait([closing])
            except asyncio.CancelledError as error:
                cancelled = error
        closing.result()
        if cancelled is not None:
            raise cancelled

    async def _close_all(self) -> None:
        await self._close()
        await self._server.close()
        await self._drop_late()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    @property
    def base_url(self) -> str:
        """The base URL for a client; known once the emulator has started."""
        return f"http://127.0.0.1:{self._server.port}{PREFIX}"

    @property
    def page_url(self) -> str:
        """Where a browser shows what happens; known once the emulator has started."""
        return f"http://127.0.0.1:{self._server.port}/"

    async def page_opened(self) -> None:
        """Wait until a browser shows the page."""
        await self._page.opened.wait()

    def announce(self, text: str, done: int = 0, total: int = 0) -> None:
        """Show a line at the top of the page, with a progress bar if there is a total."""
        self._page.view.announcement = {"text": text, "done": done, "total": total}

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
            eshop: The API key of its e-shop; None for the one in `credentials`.
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
    def get_lag(self) -> float:
        """Seconds until `get` shows a change."""
        return self._gateway.webhooks.reads.lag

    @get_lag.setter
    def get_lag(self, seconds: float) -> None:
        self._gateway.webhooks.reads.lag = seconds

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

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        return await (self._page.serve(request) if is_of_page(request.path) else self._serve(request))
