"""The client: wires everything together, and closes it."""

from __future__ import annotations

import asyncio
import os
import ssl as tls
from collections.abc import Awaitable, Iterable
from copy import copy
from types import TracebackType
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn, Self, TypedDict, Unpack

import aiohttp

from .auth.guarded_store import PATIENCE, GuardedStore
from .auth.known_keys import ApiKey, KnownKeys
from .auth.login import Login
from .auth.token_source import TokenSource
from .chain import Handler, Middleware, Request, Response, Telemetry, compose, requiring_response
from .clock import SYSTEM_CLOCK, Clock
from .errors import ConfigurationError
from .middleware import Authorize, Backoff, Pace, Relogin, RetryBudget
from .middleware.rate import Rate
from .redaction import without_frames
from .session import Session
from .settings import (
    PRODUCTION,
    Credentials,
    CredentialsLike,
    RetryPolicy,
    Timeout,
    check_credentials,
    check_methods,
    check_type,
    checked_base_url,
    checked_middlewares,
    checked_timeout,
    credentials_problem,
    is_integer,
)
from .timeouts import SharedTimeout
from .tokens import MemoryTokenStore, TokenStore, store_key
from .transport.proxies import Proxy
from .transport.transport import Transport
from .webhooks import EshopBackend, Webhooks
from .wire import decoding, requests


class ClientOptions(TypedDict, total=False):
    """The arguments of `GwmsClient` other than its credentials."""

    base_url: str
    timeout: Timeout | float
    retry: RetryPolicy
    token_store: TokenStore | None
    session: aiohttp.ClientSession | None
    ssl: tls.SSLContext | aiohttp.Fingerprint | bool | None
    proxy: str | None
    trust_env: bool
    middlewares: Iterable[Middleware]
    max_connections: int
    telemetry: Telemetry | None


class GwmsClient:
    """A client of the gateway, for one account and one of its e-shops.

    ::

        async with GwmsClient(Credentials(username="…", password="…", api_key="…")) as gwms:
            await gwms.webhooks.register(WebhookSpec("https://shop.example/h/orders", WebhookType.CREATE_ORDER))

    Entering does no I/O: the client connects and logs in when the first call needs it. One client serves any number of
    concurrent calls in one event loop.

    Args:
        credentials: The account to log in with, and the e-shop to act for.
        base_url: The gateway's base URL; https, unless it is this machine.
        timeout: Time limits; a number is the seconds of a whole call.
        retry: When and how often a failed attempt is retried.
        token_store: Where login tokens are kept; in memory by default.
        session: An aiohttp session to use and never close. It keeps its settings: middlewares, cookies, the limits of
            its pool. A response that comes unrequested on one of its idle connections may be taken for the next.
        ssl: As in aiohttp: a context for a private CA, or a fingerprint; None for the usual checks.
        proxy: The URL of an HTTP proxy, with its password if it has one.
        trust_env: Whether to use the environment's proxy (``HTTPS_PROXY``, ``NO_PROXY``); a ``.netrc`` is never read.
        middlewares: Your own, run once per attempt, innermost; see `Middleware`.
        max_connections: How many requests may be in flight at once.
        telemetry: What watches calls and attempts, e.g. `gwms_async.telemetry.OpenTelemetry`.

    Attributes:
        webhooks: The operations on webhooks: ``list``, ``register``, ``plan`` and others; see ``help(gwms.webhooks)``.

    Raises:
        ConfigurationError: An argument is invalid.
    """

    _clock: ClassVar[Clock] = SYSTEM_CLOCK  # tests replace it
    _base_url = "(not configured)"  # shown where the arguments were rejected

    @without_frames
    def __init__(
        self,
        credentials: CredentialsLike,
        *,
        base_url: str = PRODUCTION,
        timeout: Timeout | float = Timeout(),  # frozen
        retry: RetryPolicy = RetryPolicy(),  # frozen
        token_store: TokenStore | None = None,
        session: aiohttp.ClientSession | None = None,
        ssl: tls.SSLContext | aiohttp.Fingerprint | bool | None = None,
        proxy: str | None = None,
        trust_env: bool = False,
        middlewares: Iterable[Middleware] = (),
        max_connections: int = 100,
        telemetry: Telemetry | None = None,
    ) -> None:
        if not is_integer(max_connections, 1):
            raise ConfigurationError(f"max_connections must be an integer of 1 or more; got {max_connections!r}")
        check_credentials(credentials)
        check_type("retry", retry, RetryPolicy, hint=", e.g. RetryPolicy(max_attempts=3)")
        check_type("trust_env", trust_env, bool)
        token_store = MemoryTokenStore() if token_store is None else token_store
        check_methods("token_store", token_store, "load", "save", "lock")
        on_call: tuple[Middleware, ...] = ()
        on_attempt: tuple[Middleware, ...] = ()
        if telemetry is not None:
            check_methods("telemetry", telemetry, "call", "attempt")
            on_call, on_attempt = (telemetry.call,), (telemetry.attempt,)
        base_url, timeout = checked_base_url(base_url), checked_timeout(timeout)
        via = Proxy.of(proxy, base_url, trust_env=trust_env)
        clock, budget = self._clock, RetryBudget(retry.budget)
        # The first attribute: pickling a client ends at it, with an error that says what to do.
        self._transport = Transport(base_url, timeout, clock, ssl=ssl, proxy=via, borrowed=session)
        self._base_url, self._on_call = base_url, on_call
        self._middlewares = (*on_attempt, *map(requiring_response, checked_middlewares(middlewares)))
        self._limit = SharedTimeout(timeout.total)
        self._backoff = Backoff(retry, budget, is_paced=True, clock=clock)
        self._pace = Pace(max_connections, Rate(retry.max_retry_after), clock)
        login_chain = compose([Backoff(retry, budget, clock=clock), *on_attempt], self._transport)
        # A call may wait for three steps of the store and the login in between.
        patience = min(PATIENCE, timeout.total / 4)
        store = GuardedStore(token_store, store_key(base_url, credentials.username), patience)
        self._login = Login(TokenSource(credentials, store, self._calls_through(login_chain), clock), clock)
        self._eshops: KnownKeys[EshopBackend] = KnownKeys(clock)
        self._is_sibling = False
        self._set_eshop(credentials.api_key)

    def _set_eshop(self, api_key: str) -> None:
        """Act for an e-shop, with one backend per key, so that its registrations meet."""
        known = self._eshops.find(api_key)
        self._backend = known or self._eshops.add(api_key, self._make_backend(ApiKey(api_key)))
        self.webhooks = Webhooks(self._backend)

    def _make_backend(self, key: ApiKey) -> EshopBackend:
        chain: tuple[Middleware, ...] = (
            Relogin(self._login, key),
            self._backoff,
            self._pace,
            Authorize(self._login, key),
            *self._middlewares,
        )
        call = self._calls_through(compose(chain, self._transport))
        use = self._eshops.use

        def send(request: Request) -> Awaitable[Response]:
            use(key)
            return call(request)

        return EshopBackend(send, self._clock)

    def _calls_through(self, chain: Handler) -> Handler:
        """Return a handler that runs each request as a call through a chain."""
        return compose(self._on_call, Session(self._transport, chain, self._limit, self._clock).call)

    @classmethod
    @without_frames
    def from_env(cls, **options: Unpack[ClientOptions]) -> Self:
        """Create a client from GWMS_USERNAME, GWMS_PASSWORD, GWMS_API_KEY and, if set, GWMS_BASE_URL.

        Args:
            options: The other arguments of the constructor.

        Raises:
            ConfigurationError: A variable is missing, or an argument is invalid.
        """
        names = ("GWMS_USERNAME", "GWMS_PASSWORD", "GWMS_API_KEY")
        missing = [name for name in names if not os.environ.get(name)]
        if missing:
            raise ConfigurationError(f"set {', '.join(missing)} in the environment")
        if os.environ.get("GWMS_BASE_URL"):
            options.setdefault("base_url", os.environ["GWMS_BASE_URL"])
        return cls(Credentials(*(os.environ[name] for name in names)), **options)

    @without_frames
    def for_eshop(self, api_key: str) -> Self:
        """Return a sibling for another e-shop of the account.

        It shares connections, login, pace and retry budget, and closes with this client: closing it does nothing.

        Args:
            api_key: The other e-shop's API key.

        Raises:
            ConfigurationError: The key is empty, or contains characters that cannot be sent in a header.
        """
        problem = credentials_problem(api_key=api_key)
        if problem:
            raise ConfigurationError(problem)
        sibling: Self = copy(self)
        sibling._is_sibling = True
        sibling._set_eshop(api_key)
        return sibling

    async def request(self, method: str, path: str, *, json: object = None, idempotent: bool | None = None) -> Any:
        """Call any other endpoint of the gateway.

        Args:
            method: For example "POST".
            path: The path below the base URL, for example "/orders/filter"; ids in it go through
                `urllib.parse.quote(id, safe="")`.
            json: The body; None for none.
            idempotent: Whether sending it twice has the same effect as sending it once, so that it may be retried after
                an unknown outcome. None: true for GET, HEAD, OPTIONS, PUT and DELETE.

        Returns:
            The ``data`` of the response, or None.

        Raises:
            ValueError: An argument is invalid; nothing was sent.
            OutcomeUnknownError: It must not be sent twice, was sent once, and no readable response came back.
            GwmsError: As for the operations on webhooks.
        """
        request = requests.any_request(method, path, json, idempotent=idempotent)
        return decoding.decode_data(request, await self._backend.send(request))

    async def close(self) -> None:
        """Close the client: end a login in progress, and close the connections unless the session is borrowed.

        Raises:
            ConfigurationError: It belongs to another event loop, which is not closed.
        """
        if self._is_sibling:
            return
        self._transport.reject_calls()
        lists = (backend.lists for backend in self._eshops.objects())
        tasks = {*self._login.stop()}.union(*(shared.stop() for shared in lists))
        self._pace.close()
        self._eshops.close()
        try:
            if tasks:
                await asyncio.wait(tasks)
        finally:
            # Also when cancelled: aiohttp closes its connections before it waits for anything.
            self._limit.close()
            await self._transport.close()

    if TYPE_CHECKING:
        ...  # type checkers report `with` by themselves
    else:

        def __enter__(self) -> NoReturn:
            raise TypeError("use `async with GwmsClient(...)`: `with` cannot wait for its connections to close")

        __exit__ = __enter__  # Python looks for both

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            await self.close()
        except ConfigurationError:  # in another event loop
            if error is None:
                raise

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._base_url}>"
