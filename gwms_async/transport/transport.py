"""One attempt on the wire: the only place where the network is touched."""

from __future__ import annotations

import asyncio
import logging
import ssl as tls
from collections.abc import Awaitable, Callable, Mapping
from types import NoneType
from typing import Any, NoReturn

import aiohttp

from .._version import VERSION
from ..chain import Request, Response, deadline_exceeded, wrong_event_loop
from ..clock import SYSTEM_CLOCK, Clock
from ..errors import Cause, ConfigurationError, GwmsError, TransportError
from ..settings import Timeout, check_type
from ..timeouts import SharedTimeout, TimeoutScope
from ..wire import envelope
from ..wire.requests import operation_of
from .borrowed import takes_middlewares, with_middlewares
from .connector import Connector
from .exceptions import map_exception, text_of
from .guard import guard
from .proxies import NO_PROXY, Proxy
from .urls import Urls

_logger = logging.getLogger("gwms_async")
_BODY_LIMIT = 64 * 1024 * 1024
# Lists decide what is created: no cache on the way may answer with an old one (RFC 9111, 5.2.1.4).
_HEADERS = {"user-agent": f"gwms-async/{VERSION}", "cache-control": "no-cache"}
_LARGE = 1024 * 1024  # bytes
_JSON = "application/json"
_TYPED = frozenset({"PATCH", "POST", "PUT"})  # aiohttp adds a content type to these, even without a body
_RESENT = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PUT", "TRACE"})  # aiohttp may send these again by itself


async def _send_once(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    """Keep aiohttp from sending idempotent requests again by itself: we count the attempts."""
    try:
        return await handler(request)
    except aiohttp.ClientConnectorError:
        raise
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
        raise aiohttp.ClientConnectionError(text_of(error)) from None


def request_options(method: str, *, has_body: bool, runs_middlewares: bool = True) -> Mapping[str, Any]:
    """Return the options of an aiohttp request, besides those that are the same for all.

    Args:
        method: The HTTP method.
        has_body: Whether a body is sent.
        runs_middlewares: Whether the session runs the middlewares of a request.
    """
    options: dict[str, Any] = {"allow_redirects": False}
    if method in _RESENT and runs_middlewares:
        options["middlewares"] = [_send_once]
    if method in _TYPED and not has_body:
        options["skip_auto_headers"] = ["content-type"]
    return options


def session_options(timeout: Timeout, proxy: Proxy, *, is_borrowed: bool) -> Mapping[str, Any]:
    """Return the options of our own session; a borrowed session gets them with each request."""
    # `connect` covers the name and the proxy too, but in a borrowed session also its pool, where many calls may wait.
    limit = "sock_connect" if is_borrowed else "connect"
    limits = aiohttp.ClientTimeout(total=None, **{limit: timeout.connect})
    return {"raise_for_status": False, "proxy": proxy.url, "timeout": limits}


async def read_body(answer: aiohttp.ClientResponse) -> bytes | None:
    """Return the whole body of a response; None if it is too long."""
    content = answer.content
    try:
        if content.is_eof():
            # A small body arrives with its head. Measured: benchmarks/README. If a middleware of a borrowed session has
            # read the body, the stream is empty, but aiohttp keeps a copy.
            return content.read_nowait() or await answer.read()
        chunks, size = [], 0
        async for chunk in content.iter_any():
            size += len(chunk)
            if size > _BODY_LIMIT:
                return None
            chunks.append(chunk)
        return b"".join(chunks)
    finally:
        if answer.connection is not None:  # else it is back in the pool already
            answer.release()


class _LargeBody(aiohttp.BytesPayload):
    """A body so large that aiohttp would warn, and suggest passing a file instead, which our callers cannot."""

    def __init__(self, body: bytes) -> None:
        super().__init__(body[:0], content_type=_JSON)  # raises TypeError if a user's middleware made it a str
        self._value, self._size = body, len(body)


class Transport:
    """Sends one attempt: one aiohttp request, its response read whole and its envelope opened.

    Args:
        base_url: The gateway's base URL.
        timeout: The limits of connecting and of an attempt.
        ssl: As in aiohttp; None for its default.
        proxy: The proxy, if any.
        borrowed: The user's own aiohttp session; None to open one at the first call.

    Raises:
        ConfigurationError: `ssl` or the session is something else.
    """

    def __init__(
        self,
        base_url: str,
        timeout: Timeout,
        clock: Clock = SYSTEM_CLOCK,
        *,
        ssl: tls.SSLContext | aiohttp.Fingerprint | bool | None = None,
        proxy: Proxy = NO_PROXY,
        borrowed: aiohttp.ClientSession | None = None,
    ) -> None:
        check_type("session", borrowed, aiohttp.ClientSession, NoneType)
        example = ", e.g. ssl.create_default_context(cafile=...)"
        check_type("ssl", ssl, tls.SSLContext, aiohttp.Fingerprint, bool, NoneType, hint=example)
        self.base_url = base_url
        self.loop: asyncio.AbstractEventLoop | None = None
        self._urls = Urls(base_url)
        self._timeout, self._clock = timeout, clock
        self._limit = SharedTimeout(timeout.attempt)
        self._proxy_secrets = proxy.secrets
        self._headers = {**_HEADERS, **proxy.headers}
        self._borrowed = borrowed
        self._runs_middlewares = borrowed is None or takes_middlewares(borrowed)
        # Whether `on_wire` becomes true only once aiohttp begins to send. In our own session it is true from the start,
        # because aiohttp's exceptions say whether anything was sent.
        self._tracks_sending = borrowed is not None and self._runs_middlewares
        self._session = borrowed
        self._close_session: Callable[[], Awaitable[None]] | None = None  # a borrowed one stays open
        self._session_options = session_options(timeout, proxy, is_borrowed=borrowed is not None)
        # Our own session has its options already: aiohttp copies each option of a request twice.
        self._common_options = {} if borrowed is None else {**self._session_options}
        if ssl is not None:
            self._common_options["ssl"] = ssl
        if proxy.tunnel_headers:
            self._common_options["proxy_headers"] = proxy.tunnel_headers
        self._request_options: dict[tuple[str, bool], Mapping[str, Any]] = {}
        self._is_closed = False

    def bind_to_loop(self) -> None:
        """Bind the client to the running event loop.

        Raises:
            ConfigurationError: It is bound to another one, or closed.
        """
        if self._is_closed:
            raise _closed()
        if self.loop is not None:
            raise wrong_event_loop()
        self.loop = asyncio.get_running_loop()

    def __reduce__(self) -> NoReturn:
        raise TypeError("a GwmsClient cannot be pickled or deep-copied: make one in each process")

    async def __call__(self, request: Request) -> Response:
        """Send one attempt.

        Raises:
            TransportError: No complete response came back.
            DeadlineExceededError: The call's deadline has passed; nothing was sent.
            ConfigurationError: The client is closed, or aiohttp rejects the request; nothing was sent.
        """
        call, began = request.call, self._clock.monotonic()
        if self._is_closed:
            raise _closed()
        if began >= call.deadline:
            raise deadline_exceeded(request)
        session = self._session or await self._open()
        end: Response | GwmsError
        call.attempts += 1
        call.on_wire = not self._tracks_sending
        try:
            with TimeoutScope(self._limit, began):
                answer = await self._send(session, request)
                body = await read_body(answer)
            secrets = (*request.secrets, *self._proxy_secrets)
            end = envelope.open_envelope(answer.status, answer.reason or "", answer.headers, body, secrets)
        except Exception as error:  # noqa: BLE001  # mapped, whatever it is
            end = map_exception(
                error,
                request,
                self._timeout,
                secrets=self._proxy_secrets,
                # A borrowed session runs the user's code, which may raise after sending.
                is_from_aiohttp=self._borrowed is None or self._borrowed.closed,
                was_sent=call.on_wire if self._tracks_sending else None,
            )
            call.on_wire = isinstance(end, TransportError) and end.cause is Cause.UNKNOWN
        if _logger.isEnabledFor(logging.DEBUG):
            _log(request, end, self._clock.monotonic() - began)
        if isinstance(end, GwmsError):
            raise end
        return end

    def reject_calls(self) -> None:
        """Reject further calls.

        Raises:
            ConfigurationError: It is bound to another event loop that is not closed, perhaps in another thread, or in
                the process that this one was forked from: to close it from here would leave calls hanging there.
        """
        if self.loop is not None and self.loop is not asyncio.get_running_loop() and not self.loop.is_closed():
            raise ConfigurationError("the client belongs to another event loop: close it there")
        self._is_closed, self.loop = True, None

    async def close(self) -> None:
        """Reject further calls, and close the session if it is our own."""
        self.reject_calls()
        self._limit.close()
        if self._close_session is not None:
            await self._close_session()

    def _send(self, session: aiohttp.ClientSession, request: Request) -> Awaitable[aiohttp.ClientResponse]:
        # Not a coroutine: crash reporters keep the locals of frames that wait, and these include the headers.
        url, body = self._urls.join(request.path), request.body
        payload = None
        if body is not None:
            payload = _LargeBody(body) if len(body) > _LARGE else aiohttp.BytesPayload(body, content_type=_JSON)
        method, has_body = request.method, body is not None
        options = self._request_options.get((method, has_body))
        if options is None:
            special = request_options(method, has_body=has_body, runs_middlewares=self._runs_middlewares)
            options = self._request_options[method, has_body] = {**self._common_options, **special}
        if self._borrowed is None:
            return session.request(method, url, data=payload, headers=request.headers, **options)
        options = {**options, "headers": self._complete_headers(request)}
        if self._tracks_sending:
            options = with_middlewares(session, request, options)
        return session.request(method, url, data=payload, **options)

    async def _open(self) -> aiohttp.ClientSession:
        self._session = aiohttp.ClientSession(
            connector=Connector(),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers=self._headers,
            **self._session_options,
        )
        self._close_session = await guard(self._session, self)
        return self._session

    def _complete_headers(self, request: Request) -> Mapping[str, str]:
        """Return all headers of a request, so that none is left to the defaults of a borrowed session."""
        content_type = {} if request.body is None else {"content-type": _JSON}
        return {**self._headers, **content_type, **request.headers}


def _log(request: Request, end: Response | GwmsError, seconds: float) -> None:
    operation, _ = operation_of(request.method, request.path)
    fields = {"gwms_operation": operation, "gwms_attempt": request.call.attempts, "gwms_seconds": seconds}
    if isinstance(end, Response):
        what, fields["gwms_status"] = f"-> {end.status}", end.status
    else:
        what = f"failed: {end}"
    _logger.debug("%s %s", request, what, extra=fields)


def _closed() -> ConfigurationError:
    return ConfigurationError("the client is closed: make a new one")
