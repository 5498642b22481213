"""What is answered to a request; no HTTP library is known here.

- 404: no URL of ours with a valid token; always the same, and the body is not read.
- 405: neither GET nor POST.
- 413, 408, 400: a body over `max_body`, not read within 30 s, broken off or not JSON.
- 503 with Retry-After: 64 MiB of bodies in flight.
- 200, 500, 503: the handler returned, raised, took longer than `limit`.
- 200 with a warning: there is no handler.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from io import BytesIO

from attrs import frozen

from ..clock import Clock
from ..models import HttpMethod, WebhookType
from ..redaction import redacted
from ..timeouts import SharedTimeout, TimeoutScope, is_cancelled
from .delivery import Delivery, id_in, id_in_path, kind_of, parsed
from .urls import Endpoint, Urls

_logger = logging.getLogger("gwms_async")
_METHODS: Mapping[str, HttpMethod] = {method.value: method for method in HttpMethod}
_POST = HttpMethod.POST  # a member looked up each time costs more. Measured: benchmarks/README
_SLOWEST = 30.0  # seconds for a body
BODIES_IN_FLIGHT = 64 * 1024 * 1024

DeliveryHandler = Callable[[Delivery], Awaitable[object]]
Read = Callable[[], Awaitable[bytes]]
"""Returns the next part of a body, and b"" at its end; raises anything if the body breaks off."""


@frozen
class Answer:
    """A response without a body: its status and headers."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()


_HANDLED = Answer(200)


class Intake:
    """Takes requests, and runs the handlers; see `Receiver` for its limits."""

    def __init__(
        self, urls: Urls, handlers: Mapping[WebhookType, DeliveryHandler], max_body: int, limit: float, clock: Clock
    ) -> None:
        self._urls, self._handlers, self._clock = urls, handlers, clock
        self._max_body = max_body
        self._slowest, self._limit = SharedTimeout(_SLOWEST), SharedTimeout(limit)
        self._bytes = 0  # of bodies in flight
        self._warned = set[str]()
        self.in_flight = 0
        self.deliveries: dict[str, datetime] = {}

    async def take(self, method: str, raw_path: str, read: Read) -> Answer:
        """Take a request; see `Receiver.take`."""
        match = self._urls.match(raw_path)
        if match is None:
            return Answer(404)
        known = _METHODS.get(method)
        if known is None:
            return Answer(405, (("Allow", "GET, POST"),))
        endpoint, before, after = match
        raw_path = f"{redacted(before)}gw1-***{redacted(after)}"  # so that no frame keeps the token
        body = BytesIO()
        self.in_flight += 1
        try:
            refusal = await self._read(read, body) if known is _POST else None
            taken = refusal or self._delivery(endpoint, known, raw_path, after, body.getvalue())
            return taken if isinstance(taken, Answer) else await self._handle(taken)
        finally:
            self.in_flight -= 1
            self._bytes -= body.tell()

    async def _read(self, read: Read, body: BytesIO) -> Answer | None:
        """Read a body; return the refusal, or None if all is well."""
        try:
            with TimeoutScope(self._slowest, self._clock.monotonic()):
                while part := await read():
                    self._bytes += body.write(part)
                    if body.tell() > self._max_body:
                        return Answer(413)
                    if self._bytes > BODIES_IN_FLIGHT:
                        return Answer(503, (("Retry-After", "5"),))
        except TimeoutError:
            return Answer(408)
        except Exception:  # noqa: BLE001  # servers differ in what they raise
            return Answer(400)
        return None

    def _delivery(
        self, endpoint: Endpoint, method: HttpMethod, raw_path: str, tail: str, body: bytes
    ) -> Delivery | Answer:
        """Return the delivery to be handled, or the answer if there is nothing to handle."""
        name, event_type, eshop = endpoint
        now = self.deliveries[name] = datetime.fromtimestamp(self._clock.wall(), UTC)
        if event_type not in self._handlers:
            # A 4xx could make the gateway switch off the other webhooks of this host.
            text = f"{event_type} is delivered but has no handler: `Receiver.subscribe` deletes its webhook"
            self._warn_once(event_type, text)
            return Answer(200)
        if not raw_path.isascii():
            raw_path = raw_path.encode("utf-8", "backslashreplace").decode()
        if method is _POST:
            try:
                data = parsed(body)
            except ValueError:
                return Answer(400)
            entity_id = id_in(data, event_type)
        else:
            data, entity_id = None, id_in_path(tail)
        if not entity_id:
            self._warn_once(kind_of(event_type), f"a delivery of {event_type} contains no id that this version knows")
        return Delivery(event_type, eshop, method, entity_id, data, body, raw_path, now)

    async def _handle(self, delivery: Delivery) -> Answer:
        timer = TimeoutScope(self._limit, self._clock.monotonic())
        try:
            with timer:
                await self._handlers[delivery.event_type](delivery)
        except (Exception, asyncio.CancelledError) as error:
            if isinstance(error, asyncio.CancelledError) and is_cancelled():
                raise
            names = delivery.event_type, delivery.entity_id
            if timer.is_expired:
                limit = self._limit.seconds
                _logger.warning("%s %r: the handler took longer than %g s and was cancelled", *names, limit)
                return Answer(503)
            _logger.exception("%s %r: the handler failed", *names)
            return Answer(500)
        _logger.debug("%s %r: handled", delivery.event_type, delivery.entity_id)
        return _HANDLED

    def _warn_once(self, about: str, text: str) -> None:
        if about not in self._warned:
            self._warned.add(about)
            _logger.warning(text)
