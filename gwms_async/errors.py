"""What can go wrong, each with what happened, to which call, and what to do.

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
      ├ NotFoundError        404
      ├ ConflictError        409
      ├ ThrottledError       429
      ├ RedirectError        3xx
      └ ServerError          5xx
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Self

from .models import WebhookSpec


class Cause(StrEnum):
    """What a failed attempt means for the request it carried."""

    MISCONFIGURED = "misconfigured"
    """Address or TLS are wrong: no attempt can succeed."""
    NEVER_SENT = "never_sent"
    """No connection was made: the gateway has seen nothing."""
    UNKNOWN = "unknown"
    """It broke after sending: the gateway may or may not have carried it out."""


def _restore(cls: type[GwmsError], args: tuple[Any, ...], state: dict[str, Any]) -> GwmsError:
    error = cls.__new__(cls, *args)
    error.__dict__.update(state)
    return error


class GwmsError(Exception):
    """Base of every error of this package; all of them can be pickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        state = self.__dict__.copy()
        if "__notes__" in state:
            state["__notes__"] = list(state["__notes__"])
        return _restore, (type(self), self.args, state)

    def fresh(self) -> Self:
        """Copy the error without its traceback and context, for a further caller to raise."""
        _, (cls, args, state) = self.__reduce__()
        return _restore(cls, args, state)  # type: ignore[return-value]  # cls is type(self)


class ConfigurationError(GwmsError, ValueError):
    """The client was set up, or is used, in a way that cannot work."""


class TransportError(GwmsError):
    """No complete answer came back.

    Attributes:
        cause: What that means for the request.
    """

    def __init__(self, message: str, *, cause: Cause) -> None:
        super().__init__(message)
        self.cause = cause


class ConnectionFailedError(TransportError):
    """The connection could not be made, or broke."""


class AttemptTimeoutError(TransportError):
    """One attempt took longer than `Timeout.attempt` or `Timeout.connect` allow."""


class DeadlineExceededError(GwmsError, TimeoutError):
    """The call's own deadline (`Timeout.total`, or that of its batch) passed."""


class OutcomeUnknownError(GwmsError):
    """A request that must not be sent twice went out and no readable answer came back.

    The gateway may or may not have carried it out. `Webhooks.register` finds out and ends with one webhook.

    Attributes:
        spec: The webhook that was to be created; None for a request of another kind.
    """

    def __init__(self, message: str, *, spec: WebhookSpec | None = None) -> None:
        super().__init__(message)
        self.spec = spec


class DecodeError(GwmsError):
    """The gateway's answer does not hold what the contract promises.

    Attributes:
        paths: What is wrong where, such as ``expected int @ $[1].id``.
        excerpt: The beginning of the answer.
    """

    def __init__(self, message: str, *, paths: tuple[str, ...] = (), excerpt: str = "") -> None:
        super().__init__(message)
        self.paths = paths
        self.excerpt = excerpt


class LoginError(GwmsError):
    """The gateway refused username and password; for a while no further login is tried.

    Attributes:
        status: The HTTP status of the refusal.
    """

    def __init__(self, message: str, *, status: int) -> None:
        super().__init__(message)
        self.status = status


class PlanRefusedError(GwmsError):
    """A plan would delete more than a mistake should be able to; nothing was sent."""


class ApiError(GwmsError):
    """The gateway answered with an error.

    Attributes:
        status: The status: of the envelope where HTTP says 2xx, else of HTTP.
        message: What the gateway said.
        method: The HTTP method of the call.
        path: The path of the call below the base url.
        attempts: How often the call was on the wire.
        retry_after: Seconds that the gateway asked to wait, None if it did not say.
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
    ) -> None:
        times = "1 attempt" if attempts == 1 else f"{attempts} attempts"
        text = f"{method} {path} was answered {status} after {times}: {message}"
        super().__init__(f"{text} ({self.hint})" if self.hint else text)
        self.status = status
        self.message = message
        self.method = method
        self.path = path
        self.attempts = attempts
        self.retry_after = retry_after


class BadRequestError(ApiError):
    """400 or 422: the gateway does not accept the request's content."""

    hint = "correct the request; sending it again will not help"


class AuthenticationError(ApiError):
    """401, also after a new login: most likely the x-api-key is wrong."""

    hint = "check the e-shop's x-api-key"


class ForbiddenError(ApiError):
    """403: the account may not do this."""

    hint = "ask Skladon whether this account and e-shop may do this; `gwms login` gets a new token"


class NotFoundError(ApiError):
    """404: there is no such thing in this e-shop."""

    hint = "list what exists; the x-api-key decides which e-shop is looked at"


class ConflictError(ApiError):
    """409: the request does not fit the state of things."""

    hint = "read the present state, then decide anew"


class ThrottledError(ApiError):
    """429: too many requests, and waiting longer than `RetryPolicy` or the deadline allow would be needed."""

    hint = "send less at a time, or wait `retry_after` seconds"


class RedirectError(ApiError):
    """3xx: redirects are not followed, for they would carry the x-api-key to another place."""

    hint = "check base_url"


class ServerError(ApiError):
    """5xx: the gateway failed."""

    hint = "try again later"


_BY_STATUS: dict[int, type[ApiError]] = {
    400: BadRequestError,
    401: AuthenticationError,
    403: ForbiddenError,
    404: NotFoundError,
    409: ConflictError,
    422: BadRequestError,
    429: ThrottledError,
}


def api_error_class(status: int) -> type[ApiError]:
    """Name the class for a status of 300 or more."""
    if status < 400:  # the classes of HTTP
        return RedirectError
    if status >= 500:
        return ServerError
    return _BY_STATUS.get(status, ApiError)
