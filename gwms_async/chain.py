"""The chain of middlewares, and the values that travel through it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from functools import reduce
from inspect import isawaitable
from math import inf
from types import MappingProxyType
from typing import Any, Protocol

from attrs import define, field

from .errors import ConfigurationError, DeadlineExceededError, GwmsError, counted
from .models import WebhookSpec
from .tokens import ActiveToken

NO_HEADERS: Mapping[str, str] = MappingProxyType({})


@define(eq=False)
class Call:
    """The history of a call; all copies of its request share it.

    ===============  ====================================================  =====================================
    field            written by                                            read by
    ===============  ====================================================  =====================================
    deadline         the caller; `Session` shortens it, and registration   `Session`, login (on a 401), backoff,
                     moves it to now, to stop                              pace, transport, registration
    attempts         transport: attempts on the wire                       backoff, errors, registration, telemetry
    on_wire          transport; cleared by authorize once the attempt      `Session`, `Webhooks`, registration
                     has ended
    outcome_unknown  backoff: an attempt may have been carried out         `Session`, `Webhooks`, registration
    token            login: the token of the last attempt                  login, on a 401
    epoch            login: how many logins had ended when it last gave    login, to spot a newer failure
                     the call a token, or when the call began
    replays          login: replays after a 401, except of stored tokens   login, to limit the replays
    tokens_spent     backoff: what retries took out of the budget          backoff, to give it back
    base_url         `Session`                                             telemetry
    ===============  ====================================================  =====================================

    `deadline` is in monotonic seconds; nothing is sent after it.
    """

    deadline: float = inf
    attempts: int = 0
    on_wire: bool = False
    outcome_unknown: bool = False
    token: ActiveToken | None = None
    epoch: int = 0
    replays: int = 0
    tokens_spent: int = 0
    base_url: str = ""


@define(eq=False)
class Request:
    """A request on its way down the chain; middlewares pass on changed copies (`attrs.evolve`).

    Args:
        method: The HTTP method.
        path: The path below the base URL, starting with a slash.
        idempotent: Whether sending it twice has the same effect as sending it once.
        body: What is sent.
        headers: Sent in addition to the transport's.
        spec: The webhook that it creates, if any.
        secrets: Texts to mask in errors, in case the gateway echoes them.
        call: What the call has been through.
    """

    method: str
    path: str
    idempotent: bool
    body: bytes | None = field(default=None, repr=False)
    headers: Mapping[str, str] = field(default=NO_HEADERS, repr=False)
    spec: WebhookSpec | None = None
    secrets: tuple[str, ...] = field(default=(), repr=False)
    call: Call = field(factory=Call, repr=False)

    def with_headers(self, headers: Mapping[str, str], secrets: tuple[str, ...]) -> Request:
        """Return a copy with further headers, and with the secrets in them."""
        headers = {**self.headers, **headers} if self.headers else headers
        secrets = (*self.secrets, *secrets)
        return Request(self.method, self.path, self.idempotent, self.body, headers, self.spec, secrets, self.call)

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


@define(eq=False)
class Response:
    """A response on its way up the chain, its body read whole.

    Args:
        status: The effective status: the envelope's where HTTP says 2xx and the envelope 400 or more.
        reason: The reason phrase of HTTP.
        headers: Looked up by name, case-insensitively.
        body: The bytes of the body.
        readable: Whether the body is an envelope: a JSON object, with a ``statusCode`` unless the status is 2xx.
        data: The envelope's ``data``, or None.
        message: The envelope's ``message``, or None.
        secrets: The request's secrets.
        total_count: How many items there are in all; infinity if the envelope says only that there are more, None if it
            says neither.
    """

    status: int
    reason: str = ""
    headers: Mapping[str, str] = field(default=NO_HEADERS, repr=False)
    body: bytes = field(default=b"", repr=False)
    readable: bool = True
    data: Any = field(default=None, repr=False)
    message: str | None = field(default=None, repr=False)
    secrets: tuple[str, ...] = field(default=(), repr=False)
    total_count: float | None = field(default=None, repr=False)


Handler = Callable[[Request], Awaitable[Response]]
"""Carries a request to its response."""

Middleware = Callable[[Request, Handler], Awaitable[Response]]
"""A coroutine function ``(request, handler) -> response``, and nothing more.

It may send a changed copy of the request by ``await handler(evolve(request, ...))``, as often as it likes, or not at
all; it adds headers by ``{**request.headers, ...}``. It gets every response, 4xx and 5xx too; where no complete
response came, `TransportError` is raised. Exceptions that it does not know must pass through it. Your own middlewares
run once per attempt, innermost: they see the request with its token, after all waiting is done.
"""


class Telemetry(Protocol):
    """Observes calls and logins: one middleware around each call, one around each attempt."""

    async def call(self, request: Request, handler: Handler) -> Response:
        """Watch a call with its attempts and waits; it sees the errors that the caller gets, except from decoding."""

    async def attempt(self, request: Request, handler: Handler) -> Response:
        """Watch one attempt, just outside the user's own middlewares; ``request.call.attempts`` were sent before it."""


def wrong_event_loop() -> ConfigurationError:
    """Return the error of a client used in a second event loop."""
    return ConfigurationError(
        "the client belongs to another event loop: make one in each, e.g. in each asyncio.run(), "
        "or in each request where requests have event loops of their own, as in Flask"
    )


def compose(middlewares: Iterable[Middleware], transport: Handler) -> Handler:
    """Return the chain as one handler.

    Args:
        middlewares: Outermost first.
        transport: The innermost handler.
    """
    return reduce(_wrap, reversed(list(middlewares)), transport)


def _wrap(inner: Handler, middleware: Middleware) -> Handler:
    return lambda request: middleware(request, inner)


def requiring_response(middleware: Middleware) -> Middleware:
    """Wrap a user's middleware: if it returns anything but a response, `ConfigurationError` is raised."""

    async def wrapper(request: Request, handler: Handler) -> Response:
        response: object = middleware(request, handler)
        if isawaitable(response):  # not so if it is not async
            response = await response
        if isinstance(response, Response):
            return response
        name, kind = getattr(middleware, "__qualname__", type(middleware).__qualname__), type(response).__name__
        text = f"{request}: the middleware {name} must return the response of `await handler(request)`; got {kind}"
        raise ConfigurationError(text)

    return wrapper


class CallAborted(Exception):  # noqa: N818  # it carries an error past the middlewares, and is not one
    """Carries the error of a login, or of a rejected API key, past the middlewares to the caller."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error.fresh() if isinstance(error, GwmsError) else error


class TokenAwaited(Exception):  # noqa: N818  # nothing has failed
    """Ends an attempt before it is sent, to give up its slot, because its API key has to wait for a login."""


def deadline_exceeded(request: Request) -> DeadlineExceededError:
    """Return the error of a call whose deadline has passed."""
    text = f"{request}: the deadline passed after {counted(request.call.attempts)} (check timeout= and deadline=)"
    return DeadlineExceededError(text)
