"""The values that travel through the chain of middlewares, and the chain itself."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from functools import reduce
from math import inf
from types import FunctionType, MappingProxyType
from typing import Any

from attrs import define, field, frozen

from .draft import drafts
from .errors import DeadlineExceededError, GwmsError
from .models import WebhookSpec
from .tokens import ActiveToken

NO_HEADERS: Mapping[str, str] = MappingProxyType({})


@define(eq=False)
class Call:
    """What a call has been through so far; every copy of its request shares it.

    Args:
        deadline: Monotonic seconds after which nothing more is sent for it.
        attempts: How often it has been on the wire.
        on_wire: Whether an attempt is on its way, or was cut short there.
        outcome_unknown: Whether an attempt may have been carried out without our knowing.
        lease: The token that its last attempt carried.
        epoch: How many logins had ended when that attempt was given its token.
        replays: How often it was sent again because of a 401.
        tokens_spent: What its retries took out of the budget.
    """

    deadline: float = inf
    attempts: int = 0
    on_wire: bool = False
    outcome_unknown: bool = False
    lease: ActiveToken | None = None
    epoch: int = 0
    replays: int = 0
    tokens_spent: int = 0


@frozen(eq=False)
class Request:
    """A request on its way down the chain; middlewares pass on changed copies (`attrs.evolve`).

    Args:
        method: The HTTP method.
        path: The path below the base url, beginning with a slash.
        idempotent: Whether sending it twice does no more than sending it once.
        body: What is sent.
        headers: Sent besides those of the transport.
        spec: The webhook that it creates, if it does.
        secrets: Texts that must not show up in errors, should the gateway echo them.
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
        """Copy it with further headers, and with what in them is secret."""
        headers = {**self.headers, **headers} if self.headers else headers
        secrets = (*self.secrets, *secrets) if self.secrets else secrets
        return made_request(self.method, self.path, self.idempotent, self.body, headers, self.spec, secrets, self.call)

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


_request_draft = drafts(Request)


def made_request(  # noqa: PLR0917  # by position it takes half as long
    method: str,
    path: str,
    idempotent: bool,
    body: bytes | None,
    headers: Mapping[str, str],
    spec: WebhookSpec | None,
    secrets: tuple[str, ...],
    call: Call,
) -> Request:
    """Make a request in a third of the time that its constructor takes; each call makes two."""
    draft = _request_draft()
    draft.method = method
    draft.path = path
    draft.idempotent = idempotent
    draft.body = body
    draft.headers = headers
    draft.spec = spec
    draft.secrets = secrets
    draft.call = call
    draft.__class__ = Request
    made: Request = draft
    return made


@frozen(eq=False)
class Response:
    """An answer on its way up the chain, read whole.

    Args:
        status: The status that counts: the envelope's where HTTP says 2xx and the envelope 400 or more.
        reason: HTTP's words for its status.
        headers: Looked up whatever the case of the name.
        body: The answer's bytes.
        readable: Whether the body is the JSON object that every answer ought to be.
        data: The envelope's ``data``, None if it has none.
        message: The envelope's ``message``, None if it has none.
        secrets: The request's secrets.
        total_count: The envelope's ``totalCount``, None if it has none.
    """

    status: int
    reason: str = ""
    headers: Mapping[str, str] = field(default=NO_HEADERS, repr=False)
    body: bytes = field(default=b"", repr=False)
    readable: bool = True
    data: Any = field(default=None, repr=False)
    message: str | None = field(default=None, repr=False)
    secrets: tuple[str, ...] = field(default=(), repr=False)
    total_count: float | None = None


response_draft = drafts(Response)

Handler = Callable[[Request], Awaitable[Response]]
"""What carries a request to its answer."""

Middleware = Callable[[Request, Handler], Awaitable[Response]]
"""A coroutine function ``(request, handler) -> response``, and nothing more.

It may send a changed copy of the request down by ``await handler(evolve(request, ...))``, as often as it likes, or not
at all; headers are added by ``{**request.headers, ...}``. What comes back is every response, 4xx and 5xx too; a
`TransportError` is raised where no complete answer came. It must let every exception that it does not know pass. One
that the user gives runs once per attempt, innermost: it sees the request with its token, after all waiting is done.
"""


def compose(middlewares: Iterable[Middleware], transport: Handler) -> Handler:
    """Make one handler of a chain.

    Args:
        middlewares: Outermost first.
        transport: What the innermost one sends through.
    """
    return reduce(_wrap, reversed(list(middlewares)), transport)


def _wrap(inner: Handler, middleware: Middleware) -> Handler:
    # An object is called in half the time by its bound method; a function is not.
    step: Middleware = middleware if isinstance(middleware, FunctionType) else middleware.__call__  # type: ignore[operator]
    return lambda request: step(request, inner)


class CallAborted(Exception):  # noqa: N818  # it carries an error, and is none
    """Carries the error of a login, or of a refused key, past the middlewares to the caller."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error.fresh() if isinstance(error, GwmsError) else error


def deadline_exceeded(request: Request) -> DeadlineExceededError:
    """Make the error of a call whose time is up."""
    attempts = request.call.attempts
    return DeadlineExceededError(f"{request}: the deadline passed after {attempts} attempt{'s' * (attempts != 1)}")
