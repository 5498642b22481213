"""The errors: each says what happened, to which call, and what to do about it.

::

    GwmsError
    ├ ConfigurationError (also a ValueError)
    ├ TransportError
    │ ├ ConnectionFailedError
    │ └ AttemptTimeoutError
    ├ DeadlineExceededError (also a TimeoutError)
    ├ OutcomeUnknownError
    ├ DecodeError
    ├ LoginError
    ├ PlanRefusedError
    └ ApiError
      ├ BadRequestError      400, 422
      ├ AuthenticationError  401
      ├ ForbiddenError       403
      ├ NotFoundError        404, 410
      ├ ConflictError        409
      ├ ThrottledError       429
      ├ RedirectError        3xx
      └ ServerError          5xx
"""

from __future__ import annotations

import os
from enum import StrEnum
from typing import Any, Self

from .models import WebhookSpec
from .redaction import redacted

SERVER_REFUSALS = {
    501: "the gateway does not support this request",
    505: "check base_url and proxy=",
    511: "log in to the network first",
}
"""The 5xx that refuse a request, and the hint for each; any other 5xx may be temporary."""


class Cause(StrEnum):
    """How far a failed attempt got."""

    MISCONFIGURED = "misconfigured"
    """The URL, the TLS settings or the password of a proxy are wrong: no attempt can succeed."""
    NEVER_SENT = "never_sent"
    """No connection was made: the gateway has seen nothing."""
    UNKNOWN = "unknown"
    """It failed after sending: the gateway may or may not have carried it out."""


def _restore(cls: type[GwmsError], args: tuple[Any, ...], state: dict[str, Any]) -> GwmsError:
    error = cls.__new__(cls)
    error.args = args
    error.__dict__.update(state)
    return error


def counted(attempts: int) -> str:
    """Return how often a call was sent: "1 attempt", "5 attempts"."""
    return f"{attempts} attempt{'' if attempts == 1 else 's'}"


class GwmsError(Exception):
    """Base class of all errors of this package; all can be pickled, and none shows the token of a webhook's URL."""

    def __init__(self, message: str = "") -> None:
        super().__init__(redacted(message))

    def __reduce__(self) -> tuple[Any, ...]:
        state = self.__dict__.copy()
        if "__notes__" in state:  # a note added to one copy must not appear on others
            state["__notes__"] = list(state["__notes__"])
        return _restore, (type(self), self.args, state)

    def fresh(self) -> Self:
        """Return a copy without traceback and context, for another caller to raise."""
        _, (cls, args, state) = self.__reduce__()
        return _restore(cls, args, state)  # type: ignore[return-value]  # cls is type(self)


class ConfigurationError(GwmsError, ValueError):
    """The client is configured or used in a way that cannot work."""


class TransportError(GwmsError):
    """No complete response came back.

    Attributes:
        cause: What that means for the request.
        reason: What happened, in a few words, e.g. "connection refused".
        path: The path of the call, below the base URL.
        attempts: How often the call was sent.
    """

    def __init__(self, message: str, *, cause: Cause, reason: str = "", path: str = "", attempts: int = 1) -> None:
        super().__init__(message)
        self.cause, self.reason, self.path, self.attempts = cause, reason or message, path, attempts


class ConnectionFailedError(TransportError):
    """The connection could not be opened, or broke."""


class AttemptTimeoutError(TransportError):
    """One attempt took longer than `Timeout.attempt` or `Timeout.connect` allow."""


class DeadlineExceededError(GwmsError, TimeoutError):
    """The deadline of the call (`Timeout.total`) or of its bulk registration has passed."""


class OutcomeUnknownError(GwmsError):
    """A request that must not be sent twice was sent, and no readable response came back.

    The gateway may or may not have carried it out. `Webhooks.register` finds out, and leaves one webhook; where it
    cannot be sure of that, this error says why there may be a second copy.

    Attributes:
        spec: The webhook to be created; None for any other request.
    """

    def __init__(self, message: str, *, spec: WebhookSpec | None = None) -> None:
        super().__init__(message)
        self.spec = spec


class DecodeError(GwmsError):
    """A response that is not JSON, lacks required fields, is incomplete, from a cache, or about another webhook.

    Attributes:
        paths: The first five mistakes, e.g. ``expected int @ $[1].id``.
        excerpt: The start of the response.
    """

    def __init__(self, message: str, *, paths: tuple[str, ...] = (), excerpt: str = "") -> None:
        super().__init__(message)
        self.paths = paths
        self.excerpt = excerpt


class LoginError(GwmsError):
    """The gateway rejected the username and password; no further login is tried for a while.

    Attributes:
        status: The HTTP status of the response.
    """

    def __init__(self, message: str, *, status: int) -> None:
        super().__init__(message)
        self.status = status


class PlanRefusedError(GwmsError):
    """A plan would delete too much to be intended; nothing was changed."""


class ApiError(GwmsError):
    """The gateway responded with an error.

    Attributes:
        status: The effective status: the envelope's where HTTP says 2xx, otherwise HTTP's.
        message: What the gateway said.
        method: The HTTP method of the call.
        path: The path of the call, below the base URL.
        attempts: How often the call was sent.
        retry_after: How many seconds the gateway asked to wait; None if it did not.
        hint: What to do about it; may be empty.
    """

    hint = ""

    def __init__(
        self,
        *,
        status: int,
        message: str,
        method: str,
        path: str,
        attempts: int = 1,
        retry_after: float | None = None,
        hint: str | None = None,
    ) -> None:
        hint = SERVER_REFUSALS.get(status, self.hint) if hint is None else hint
        text = f"{method} {path} failed with {status} after {counted(attempts)}: {message}"
        wait = "" if retry_after is None else f"the gateway asks to wait {retry_after:.10g} s"
        hints = "; ".join(filter(None, (hint, wait)))
        super().__init__(f"{text} ({hints})" if hints else text)
        self.hint = hints
        self.status = status
        self.message = message
        self.method = method
        self.path = path
        self.attempts = attempts
        self.retry_after = retry_after


class BadRequestError(ApiError):
    """400 or 422: the gateway rejects the content of the request."""

    hint = "fix the request; retrying it will not help"


class AuthenticationError(ApiError):
    """401, even after a new login: the API key is probably wrong, and calls with it fail at once for a while."""

    hint = "check the e-shop's API key, and that no proxy drops headers"


class ForbiddenError(ApiError):
    """403: the account is not allowed to do this."""

    hint = "ask Skladon whether this account and e-shop may do this; `gwms login` gets a new token"


class NotFoundError(ApiError):
    """404, 410: it does not exist in this e-shop, or no longer does; if a proxy says so, it is just an `ApiError`."""

    hint = "check the path and its id; is this the right e-shop's API key?"


class ConflictError(ApiError):
    """409: the request conflicts with the current state."""

    hint = "check the current state before you retry"


class ThrottledError(ApiError):
    """429: too many requests, and `RetryPolicy` or the deadline does not allow another attempt."""

    hint = "send fewer requests at a time"


class RedirectError(ApiError):
    """3xx: redirects are not followed, because they could send the API key to another host."""

    hint = "check base_url"


class ServerError(ApiError):
    """5xx: the gateway, or a proxy in front of it, failed."""

    hint = "try again later"


_BY_STATUS: dict[int, type[ApiError]] = {
    400: BadRequestError,
    401: AuthenticationError,
    403: ForbiddenError,
    404: NotFoundError,
    409: ConflictError,
    410: NotFoundError,
    422: BadRequestError,
    429: ThrottledError,
}


def api_error_class(status: int) -> type[ApiError]:
    """Return the class for a status that is not a success; anything but 3xx and 4xx counts as 5xx (RFC 9110, 15)."""
    if 300 <= status < 400:
        return RedirectError
    if 400 <= status < 500:
        return _BY_STATUS.get(status, ApiError)
    return ServerError


def system_reason(error: OSError) -> str:
    """Return the system's text for an error's number; where it has none, as for sockets on Windows, the error's own."""
    text = os.strerror(error.errno or 0)
    return (error.strerror or text) if text.startswith("Unknown error") else text
