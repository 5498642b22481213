"""The server of ``gwms listen``: takes deliveries, answers or forwards them, and reports what came."""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from contextvars import ContextVar
from datetime import UTC, datetime

from aiohttp import web
from aiohttp.typedefs import Handler
from attrs import frozen

from .. import ConfigurationError, HttpMethod, WebhookType
from ..receiving import Delivery, Receiver, aiohttp_app
from ..redaction import TOKEN
from .output import print_message
from .problems import port_errors
from .sending import send

_logger = logging.getLogger("gwms_async.listen")  # not aiohttp's: ours is shown without tokens
_BEFORE_NAME = re.compile(f".*?(?=[^/]+/{TOKEN})")
_NOT_FORWARDED = {"host", "connection", "keep-alive", "transfer-encoding", "te", "trailer", "upgrade", "expect"}
_NOT_FORWARDED |= {"content-length", "content-encoding"}  # the body is forwarded whole and decoded
_RETURNED_HEADERS = ("Content-Type", "Retry-After")
_GRACE = 1.0  # seconds for answers under way, at the end

_current: ContextVar[Delivery | None] = ContextVar("delivery", default=None)
Respond = Callable[[web.Request, Delivery], Awaitable[web.Response]]


@frozen
class Seen:
    """A request and what was answered, as ``gwms listen --json`` shows it."""

    at: datetime
    event: WebhookType | None  # None if the request was refused; so are eshop and id
    eshop: str | None
    method: str
    id: str | None
    size: int  # of the body in bytes, as far as is known
    answer: int | None  # its status; None if the client disconnected before
    ms: float
    path: str  # with the token
    headers: tuple[tuple[str, str], ...]


async def keep(delivery: Delivery) -> None:
    """Handle a delivery: keep it for the answer to its request."""
    _current.set(delivery)


@asynccontextmanager
async def serving(
    receiver: Receiver, port: int, respond: Respond, report: Callable[[Seen], object]
) -> AsyncGenerator[int]:
    """Serve a receiver, whose handlers are all `keep`, on a port of this machine (0 for a free one); yield the port.

    Raises:
        OSError: The port cannot be used.
    """

    @web.middleware
    async def observe(request: web.Request, handler: Handler) -> web.StreamResponse:
        at, started, status = datetime.now(UTC), time.monotonic(), None
        try:
            response = await handler(request)
            if (delivery := _current.get()) is not None:
                response = await respond(request, delivery)
                response.headers["Cache-Control"] = "no-store"  # tunnels may cache
            status = response.status
            return response
        finally:
            one, ms = _current.get(), round((time.monotonic() - started) * 1000, 1)
            event, eshop, entity_id = (one.event_type, one.eshop, one.entity_id) if one else (None, None, None)
            size, headers = len(one.body) if one else request.content_length or 0, tuple(request.headers.items())
            report(Seen(at, event, eshop, request.method, entity_id, size, status, ms, request.raw_path, headers))

    app = aiohttp_app(receiver)
    app.middlewares.append(observe)
    runner = web.AppRunner(app, access_log=None, logger=_logger, handler_cancellation=True, shutdown_timeout=_GRACE)
    await runner.setup()
    try:
        with port_errors():
            await web.TCPSite(runner, "127.0.0.1", port).start()
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


def answering(status: int, seconds: float) -> Respond:
    """Return a function that answers each delivery with a status, after some seconds."""

    async def respond(_: web.Request, __: Delivery) -> web.Response:
        await asyncio.sleep(seconds)
        return web.Response(status=status)

    return respond


def forwarding(base: str) -> Respond:
    """Return a function that forwards deliveries to another base URL and returns its answers; 502 if it fails."""

    async def respond(request: web.Request, delivery: Delivery) -> web.Response:
        url = f"{base.rstrip('/')}/{_BEFORE_NAME.sub('', request.raw_path, count=1)}"
        # In lower case: of a name that is repeated in another spelling, aiohttp would keep the last value only.
        named = [(name.lower(), value) for name, value in request.headers.items()]
        headers = [(name, value) for name, value in named if name not in _NOT_FORWARDED]
        body = delivery.body if delivery.method is HttpMethod.POST else None
        try:
            reply, body = await send(request.method, url, body, headers)
        except (OSError, ConfigurationError) as error:
            print_message(f"Warning: {error}")
            return web.Response(status=502)
        kept = {name: reply.headers[name] for name in _RETURNED_HEADERS if name in reply.headers}
        return web.Response(status=reply.status, body=body, headers=kept)

    return respond
