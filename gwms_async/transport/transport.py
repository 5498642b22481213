"""The aiohttp session wrapper: one attempt on the wire, and a whole call through the chain."""

from __future__ import annotations

import asyncio
import logging
import ssl as tls
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import aiohttp
from attrs import define, field
from yarl import URL  # aiohttp's own type of addresses

from .._version import VERSION
from ..chain import Request, Response, deadline_exceeded
from ..clock import SYSTEM_CLOCK, Clock
from ..errors import ConfigurationError, GwmsError
from ..settings import Timeout
from ..timeouts import SharedTimeout, TimeoutScope
from ..wire import envelope
from .body import JsonBody, read_body
from .exceptions import map_exception

_logger = logging.getLogger("gwms_async")
_HEADERS = {"user-agent": f"gwms-async/{VERSION}"}
_JSON = "application/json"
_TYPED = frozenset({"PATCH", "POST", "PUT"})  # by aiohttp, also where they have no body
_RESENT = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PUT", "TRACE"})  # by aiohttp, unless it is kept from it


async def _send_once(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    """Keep aiohttp from sending idempotent requests again by itself: the attempts are counted by us."""
    try:
        return await handler(request)
    except aiohttp.ClientConnectorError:
        raise
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
        raise aiohttp.ClientConnectionError(f"{type(error).__name__}: {error}") from None


@define(eq=False, repr=False)
class Transport:
    """Carries one attempt: one aiohttp request, its answer read whole and its envelope opened.

    Args:
        base_url: What paths are appended to.
        timeout: Seconds for connecting and for an attempt.
        clock: Its time.
        ssl: As in aiohttp; None for its default.
        proxy: The url of a proxy; None for none.
        borrowed: The user's own aiohttp session; None to make one at the first call.
    """

    _base_url: str
    _timeout: Timeout
    _clock: Clock = SYSTEM_CLOCK
    _ssl: tls.SSLContext | aiohttp.Fingerprint | bool | None = field(default=None, repr=False)
    _proxy: str | None = field(default=None, repr=False)
    _borrowed: aiohttp.ClientSession | None = field(default=None, repr=False)
    _session: aiohttp.ClientSession | None = field(default=None, init=False, repr=False)
    _proxy_secrets: tuple[str, ...] = field(init=False, repr=False)
    _session_options: Mapping[str, Any] = field(init=False, repr=False)
    _options: Mapping[str, Any] = field(init=False, repr=False)
    _options_sent_once: Mapping[str, Any] = field(init=False, repr=False)
    _options_without_body: Mapping[str, Any] = field(init=False, repr=False)
    _payload: Callable[[bytes], aiohttp.Payload] = field(init=False, repr=False)
    _limit: SharedTimeout = field(init=False)
    _base: URL = field(init=False)
    _base_path: str = field(init=False)
    _last_url: tuple[str | None, URL | str] = field(default=(None, ""), init=False)
    loop: asyncio.AbstractEventLoop | None = field(default=None, init=False, repr=False)
    _is_closed: bool = field(default=False, init=False)

    @_proxy_secrets.default
    def _find_proxy_secrets(self) -> tuple[str, ...]:
        # aiohttp shows the url of a proxy in its errors.
        userinfo, at, _ = str(self._proxy or "").partition("//")[2].rpartition("@")
        return (userinfo, *filter(None, userinfo.split(":")[1:])) if at else ()

    @_session_options.default
    def _make_session_options(self) -> Mapping[str, Any]:
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=self._timeout.connect)
        return {"raise_for_status": False, "proxy": self._proxy, "timeout": timeout}

    @_options.default
    def _make_options(self) -> Mapping[str, Any]:
        # What our own session was told is not said again: aiohttp copies each option twice.
        options = {} if self._borrowed is None else self._session_options
        return {**options, "allow_redirects": False, **({} if self._ssl is None else {"ssl": self._ssl})}

    @_options_sent_once.default
    def _make_options_sent_once(self) -> Mapping[str, Any]:
        return {**self._options, "middlewares": [_send_once]} if self._borrowed is None else self._options

    @_options_without_body.default
    def _make_options_without_body(self) -> Mapping[str, Any]:
        # Such a request says nothing of its type (docs, activate); aiohttp would. POST is sent once anyway.
        return {**self._options_sent_once, "skip_auto_headers": ["content-type"]}

    @_payload.default
    def _choose_payload(self) -> Callable[[bytes], aiohttp.Payload]:
        # Middlewares of a borrowed session may look at it, or change it.
        return JsonBody if self._borrowed is None else partial(aiohttp.BytesPayload, content_type=_JSON)

    @_limit.default
    def _make_limit(self) -> SharedTimeout:
        return SharedTimeout(self._timeout.attempt)

    @_base.default
    def _parse_base_url(self) -> URL:
        try:
            return URL(self._base_url)
        except ValueError as error:
            raise ConfigurationError(f"base_url cannot be used: {error}") from None

    @_base_path.default
    def _path_of_base(self) -> str:
        return self._base.raw_path.rstrip("/")

    def bind_to_loop(self) -> None:
        """Take the running event loop for its own, if it has none.

        Raises:
            ConfigurationError: It has another one, or is closed.
        """
        if self._is_closed:
            raise ConfigurationError("the client is closed: make a new one")
        if self.loop is not None:
            raise ConfigurationError("the client belongs to another event loop: make one client per loop")
        self.loop = asyncio.get_running_loop()

    async def __call__(self, request: Request) -> Response:
        """Send one attempt.

        Raises:
            TransportError: No complete answer came back.
            DeadlineExceededError: The call's deadline has passed; nothing was sent.
        """
        call, began = request.call, self._clock.monotonic()
        if self._is_closed:
            self.bind_to_loop()
        if began >= call.deadline:
            raise deadline_exceeded(request)
        session = self._session or self._open()
        options = self._options_sent_once if request.method in _RESENT else self._options
        if request.body is None and request.method in _TYPED:
            options = self._options_without_body
        headers = request.headers if self._borrowed is None else self._headers_beside_its_own(request)
        end: Response | GwmsError
        call.attempts += 1
        call.on_wire = True
        try:
            with TimeoutScope(self._limit, began):
                url = self._url(request.path)
                body = None if request.body is None else self._payload(request.body)
                answer = await session.request(request.method, url, data=body, headers=headers, **options)
                answered = await read_body(answer)
            end = envelope.open_envelope(answer.status, answer.reason or "", answer.headers, answered, request.secrets)
        except Exception as error:  # noqa: BLE001  # judged there
            # A borrowed session runs code of the user's, which may complain after sending.
            is_sure = self._borrowed is None or self._borrowed.closed
            end = map_exception(error, request, self._timeout, secrets=self._proxy_secrets, is_sure=is_sure)
            call.on_wire = not isinstance(end, ConfigurationError)
        if _logger.isEnabledFor(logging.DEBUG):
            what = f"failed: {end}" if isinstance(end, GwmsError) else f"-> {end.status}"
            fields = {"attempt": call.attempts, "seconds": self._clock.monotonic() - began}
            _logger.debug("%s %s", request, what, extra=fields)
        if isinstance(end, GwmsError):
            # The headers are among the locals, which crash reporters keep.
            del headers
            raise end
        return end

    async def close(self) -> None:
        """Refuse further calls, and close the session if it is our own."""
        self._is_closed, self.loop = True, None
        self._limit.close()
        if self._session is not None and self._session is not self._borrowed:
            await self._session.close()

    def _url(self, path: str) -> URL | str:
        last, url = self._last_url
        if path != last:
            url = self._base_url + path
            if path.isascii() and path.replace("/", "").isalnum():  # nothing to be quoted or resolved
                # aiohttp takes three times as long to parse a text.
                url = self._base.with_path(self._base_path + path, encoded=True)
            self._last_url = path, url
        return url

    def _headers_beside_its_own(self, request: Request) -> Mapping[str, str]:
        """Give a borrowed session the headers that must not be its own ones."""
        typed = {} if request.body is None else {"content-type": _JSON}
        return {**_HEADERS, **typed, **request.headers}

    def _open(self) -> aiohttp.ClientSession:
        self._session = self._borrowed or aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers=_HEADERS,
            **self._session_options,
        )
        return self._session
