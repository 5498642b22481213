"""Decide how to answer a request; independent of any HTTP library."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from io import BytesIO
from typing import ClassVar

from attrs import frozen

from ..clock import SYSTEM_CLOCK, Clock
from ..models import HttpMethod, WebhookType
from ..timeouts import SharedTimeout, TimeoutScope, is_cancelled
from .delivery import Delivery, entity_kind, id_in, id_in_path, parsed
from .urls import DerivedUrls, Endpoint

_logger = logging.getLogger("gwms_async")
_METHODS: dict[str, HttpMethod] = {method.value: method for method in HttpMethod}
_POST = HttpMethod.POST  # looking the member up each time costs more. Measured: benchmarks/README
BODIES_IN_FLIGHT = 64 * 1024 * 1024
_NO_STORE = ("Cache-Control", "no-store")  # GET deliveries of an entity are identical: a cache would answer the next

DeliveryHandler = Callable[[Delivery], Awaitable[object]]
Read = Callable[[], Awaitable[bytes]]
"""Returns the next part of a body, and b"" at its end; raises anything if the body breaks off."""


@frozen
class Answer:
    """A response without a body: its status and headers."""

    status: int
    headers: tuple[tuple[str, str], ...] = (_NO_STORE,)


_TAKEN = Answer(200)


class Intake:
    """The base of `Receiver`: takes requests and runs the handlers; `Receiver` documents the limits."""

    _clock: ClassVar[Clock] = SYSTEM_CLOCK

    def __init__(self, urls: DerivedUrls, max_body: int, limit: float) -> None:
        self._urls, self._max_body = urls, max_body
        self._body_timeout, self._handler_timeout = SharedTimeout(30.0), SharedTimeout(limit)
        self._handlers: dict[WebhookType, DeliveryHandler] = {}
        self._in_flight = self._bytes = 0
        self._deliveries: dict[str, datetime] = {}
        self._warnings = set[str]()

    async def take(self, method: str, raw_path: str, read: Read) -> Answer:
        """Answer a request; adapters only translate between this and their server.

        Args:
            method: The HTTP method.
            raw_path: The path as it came, not decoded, without the query.
            read: Reads the body; see `Read`.
        """
        match = self._urls.match(raw_path)
        if match is None:
            return Answer(404)
        known = _METHODS.get(method)
        if known is None:
            return Answer(405, (("Allow", "GET, POST"), _NO_STORE))
        endpoint, raw_path, tail = match  # so that no frame keeps the token
        body = BytesIO()
        self._in_flight += 1
        try:
            refusal = await self._read(read, body) if known is _POST else None
            return refusal or await self._handle(endpoint, known, raw_path, tail, body)
        finally:
            self._in_flight -= 1
            self._bytes -= body.tell()

    async def _read(self, read: Read, body: BytesIO) -> Answer | None:
        """Read a body; return the refusal, or None if all is well."""
        try:
            with TimeoutScope(self._body_timeout, self._clock.monotonic()):
                while part := await read():
                    self._bytes += body.write(part)
                    if body.tell() > self._max_body:
                        self._warn_once(f"a body over {self._max_body:,} bytes was refused (413): raise `max_body`")
                        return Answer(413)
                    if self._bytes > BODIES_IN_FLIGHT:
                        self._warn_once("over 64 MiB of bodies were in flight, so one was refused (503): return sooner")
                        return Answer(503, (("Retry-After", "5"), _NO_STORE))
        except TimeoutError:
            self._warn_once("a body took over 30 s (408): a proxy is slow, or a middleware has read it")
            return Answer(408)
        except Exception as error:  # noqa: BLE001  # servers differ in what they raise
            self._warn_once(f"a body could not be read to its end (400): {type(error).__name__}")
            return Answer(400)
        return None

    async def _handle(self, endpoint: Endpoint, method: HttpMethod, raw_path: str, tail: str, body: BytesIO) -> Answer:
        event_type = endpoint.event_type
        self._deliveries[endpoint.name] = datetime.fromtimestamp(self._clock.wall(), UTC)
        handler = self._handlers.get(event_type)
        if handler is None:
            # A 4xx could make the gateway switch off the other webhooks of this host.
            self._warn_once(f"{event_type} is delivered but has no handler: `Receiver.subscribe` deletes its webhook")
            return _TAKEN
        try:
            delivery = self._delivery(endpoint, method, raw_path, tail, body.getvalue())
        except (ValueError, RecursionError):
            self._warn_once(
                "a body was refused (400): empty, compressed or otherwise not JSON; see `gwms listen --headers`"
            )
            return Answer(400)
        timer = TimeoutScope(self._handler_timeout, self._clock.monotonic())
        try:
            with timer:
                await handler(delivery)
        except (Exception, asyncio.CancelledError) as error:
            if isinstance(error, asyncio.CancelledError) and is_cancelled():
                raise
            if timer.is_expired:
                text = "%s %r: the handler took longer than %g s and was cancelled"
                _logger.warning(text, event_type, delivery.entity_id, self._handler_timeout.seconds)
                return Answer(503)
            _logger.exception("%s %r: the handler failed", event_type, delivery.entity_id)
            return Answer(500)
        _logger.debug("%s %r: handled", event_type, delivery.entity_id)
        return _TAKEN

    def _delivery(self, endpoint: Endpoint, method: HttpMethod, raw_path: str, tail: str, body: bytes) -> Delivery:
        name, event_type, eshop = endpoint
        data = parsed(body) if method is _POST else None
        entity_id = id_in(data, event_type) if method is _POST else id_in_path(tail)
        if not entity_id:
            self._warn_once(f"a delivery of the kind {entity_kind(event_type)} contains no id that this version knows")
        if not raw_path.isascii():
            raw_path = raw_path.encode("utf-8", "backslashreplace").decode()
        return Delivery(event_type, eshop, method, entity_id, data, body, raw_path, self._deliveries[name])

    def _warn_once(self, text: str) -> None:
        if text not in self._warnings:
            self._warnings.add(text)
            _logger.warning(text)
