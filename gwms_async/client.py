"""The client: wires everything together and ends it."""

from __future__ import annotations

import os
import ssl as tls
from collections.abc import Awaitable, Iterable
from types import TracebackType
from typing import Any, ClassVar, Self

import aiohttp
from attrs import define

from .auth.known_keys import ApiKey, KnownKeys
from .auth.login import Login
from .auth.token_source import TokenSource
from .chain import Middleware, Request, Response, compose
from .clock import SYSTEM_CLOCK, Clock
from .errors import ConfigurationError
from .middleware import Authorize, Backoff, Pace, Relogin, RetryBudget
from .middleware.rate import Rate
from .session import Session
from .settings import (
    PRODUCTION,
    Credentials,
    CredentialsLike,
    RetryPolicy,
    Timeout,
    check_credentials,
    checked_base_url,
    credentials_problem,
)
from .timeouts import SharedTimeout
from .tokens import MemoryTokenStore, TokenStore, store_key
from .transport.transport import Transport
from .webhooks import Webhooks
from .wire import requests


@define(eq=False, repr=False)
class _Shared:
    """What a client and its siblings have in common."""

    base_url: str
    clock: Clock
    limit: SharedTimeout
    transport: Transport
    backoff: Backoff
    pace: Pace
    login: Login
    middlewares: tuple[Middleware, ...]
    eshops: KnownKeys[Webhooks]

    def eshop(self, api_key: str) -> Webhooks:
        """Return the operations of an e-shop; one object per key, so that its registrations meet."""
        return self.eshops.find(api_key) or self.eshops.add(api_key, self._make_eshop(ApiKey(api_key)))

    def _make_eshop(self, key: ApiKey) -> Webhooks:
        chain: tuple[Middleware, ...] = (
            Relogin(self.login, key),
            self.backoff,
            self.pace,
            Authorize(self.login, key),
            *self.middlewares,
        )
        call = Session(self.transport, compose(chain, self.transport), self.limit, self.clock).call
        use = self.eshops.use

        def send(request: Request) -> Awaitable[Response]:
            use(key)
            return call(request)

        return Webhooks(send, self.clock)


class GwmsClient:
    """A client of the gateway, for one account and one of its e-shops.

    ::

        async with GwmsClient(Credentials(username="…", password="…", api_key="…")) as gwms:
            await gwms.webhooks.register(WebhookSpec("https://shop.example/h/orders", WebhookType.CREATE_ORDER))

    Entering does no I/O: it connects and logs in when the first call needs it. One client serves any number of
    concurrent calls of one event loop.

    Args:
        credentials: Who calls, and for which e-shop.
        base_url: The gateway's address; https, unless it is this machine.
        timeout: Limits in seconds.
        retry: When a failed attempt is followed by another one.
        token_store: Where login tokens are kept; in memory by default.
        session: An aiohttp session to use and never to close; it keeps its own ways: aiohttp's re-sending of
            idempotent requests, cookies, the limits of its pool.
        ssl: As aiohttp's: a context for a private CA, a fingerprint; None for the usual checks.
        proxy: The url of an HTTP proxy.
        middlewares: Run once per attempt, innermost; see `Middleware`.
        max_connections: How many requests may be on the wire at once.

    Raises:
        ConfigurationError: An argument that cannot work.
    """

    _clock: ClassVar[Clock] = SYSTEM_CLOCK

    def __init__(
        self,
        credentials: CredentialsLike,
        *,
        base_url: str = PRODUCTION,
        timeout: Timeout = Timeout(),  # noqa: B008  # frozen
        retry: RetryPolicy = RetryPolicy(),  # noqa: B008  # frozen
        token_store: TokenStore | None = None,
        session: aiohttp.ClientSession | None = None,
        ssl: tls.SSLContext | aiohttp.Fingerprint | bool | None = None,
        proxy: str | None = None,
        middlewares: Iterable[Middleware] = (),
        max_connections: int = 100,
    ) -> None:
        if isinstance(max_connections, bool) or not isinstance(max_connections, int) or max_connections < 1:
            raise ConfigurationError(f"max_connections must be a whole number of 1 or more, got {max_connections!r}")
        check_credentials(credentials)
        base_url = checked_base_url(base_url)
        transport = Transport(base_url, timeout, self._clock, ssl, proxy, session)
        budget = RetryBudget(retry.budget)
        limit = SharedTimeout(timeout.total)
        login_chain = compose([Backoff(retry, budget, clock=self._clock)], transport)
        source = TokenSource(
            credentials,
            MemoryTokenStore() if token_store is None else token_store,
            store_key(base_url, credentials.username),
            Session(transport, login_chain, limit, self._clock).call,
            self._clock,
        )
        login = Login(source, self._clock)
        backoff = Backoff(retry, budget, is_paced=True, clock=self._clock)
        pace = Pace(max_connections, Rate(retry.max_retry_after), self._clock)
        eshops: KnownKeys[Webhooks] = KnownKeys(self._clock)
        shared = _Shared(base_url, self._clock, limit, transport, backoff, pace, login, tuple(middlewares), eshops)
        self._bind(shared, credentials.api_key, owner=True)

    def _bind(self, shared: _Shared, api_key: str, *, owner: bool) -> None:
        self._shared, self._owner = shared, owner
        self.webhooks = shared.eshop(api_key)

    @classmethod
    def from_env(cls, **options: Any) -> Self:
        """Make a client of the variables GWMS_USERNAME, GWMS_PASSWORD, GWMS_API_KEY and, if set, GWMS_BASE_URL.

        Args:
            options: The constructor's other arguments.

        Raises:
            ConfigurationError: A variable is missing.
        """
        names = ("GWMS_USERNAME", "GWMS_PASSWORD", "GWMS_API_KEY")
        missing = [name for name in names if not os.environ.get(name)]
        if missing:
            raise ConfigurationError(f"set {', '.join(missing)} in the environment")
        if os.environ.get("GWMS_BASE_URL"):
            options.setdefault("base_url", os.environ["GWMS_BASE_URL"])
        return cls(Credentials(*(os.environ[name] for name in names)), **options)

    def for_eshop(self, api_key: str) -> Self:
        """Make a sibling for another e-shop of the account.

        It shares connections, login, pace and retry budget, and ends with this client: closing it does nothing.

        Args:
            api_key: The other e-shop's key.

        Raises:
            ConfigurationError: The key is empty, or has characters that no header can carry.
        """
        problem = credentials_problem(api_key=api_key)
        if problem:
            del api_key
            raise ConfigurationError(problem)
        sibling = object.__new__(type(self))
        sibling._bind(self._shared, api_key, owner=False)
        return sibling

    async def request(self, method: str, path: str, *, json: object = None, idempotent: bool | None = None) -> Any:
        """Call any other endpoint of the gateway.

        Args:
            method: Such as "POST".
            path: Below the base url, such as "/orders/filter".
            json: What is sent; None for no body.
            idempotent: Whether sending it twice does no more than sending it once, so that it may be retried after
                an unknown outcome. None: yes for GET, HEAD, OPTIONS, PUT and DELETE.

        Returns:
            The ``data`` of the answer, None if it has none.

        Raises:
            ValueError: An argument that cannot be sent.
            OutcomeUnknownError: It must not be sent twice, went out once, and no readable answer came back.
            GwmsError: As for the operations on webhooks.
        """
        request = requests.any_request(method, path, json, idempotent=idempotent)
        return await self.webhooks.request(request)

    async def close(self) -> None:
        """End it: a login under way is given up, connections are closed unless the session is borrowed."""
        if self._owner:
            for webhooks in self._shared.eshops.objects():
                await webhooks.close()
            await self._shared.login.close()
            await self._shared.transport.close()
            self._shared.limit.close()
            self._shared.pace.close()
            self._shared.eshops.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._shared.base_url}>"
