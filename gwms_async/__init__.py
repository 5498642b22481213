"""Async Python SDK for the webhooks of GWMS, the gateway of Skladon's fulfilment warehouses.

The public names are those in `__all__`, `FileTokenStore`, `RedisTokenStore`, and those of `gwms_async.fleet`,
`gwms_async.receiving`, `gwms_async.telemetry` and `gwms_async.testing`. Anything else may change.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from ._version import VERSION as _VERSION

# Names load on first use: the pytest plugin and `gwms --help` import no HTTP library.
_HOMES = (
    "errors",
    "models",
    "settings",
    "tokens",
    "chain",
    "registration.report",
    "registration.plan",
    "webhooks",
    "client",
)
# Left out of `__all__`, so that a star import does not need their extras.
_EXTRAS = {
    "FileTokenStore": ("auth.stores.file", "file-store"),
    "RedisTokenStore": ("auth.stores.redis", "redis"),
}

if TYPE_CHECKING:
    from .auth.stores.file import FileTokenStore as FileTokenStore
    from .auth.stores.redis import RedisTokenStore as RedisTokenStore
    from .chain import Handler, Middleware, Request, Response, Telemetry
    from .client import ClientOptions, GwmsClient
    from .errors import (
        ApiError,
        AttemptTimeoutError,
        AuthenticationError,
        BadRequestError,
        Cause,
        ConfigurationError,
        ConflictError,
        ConnectionFailedError,
        DeadlineExceededError,
        DecodeError,
        ForbiddenError,
        GwmsError,
        LoginError,
        NotFoundError,
        OutcomeUnknownError,
        PlanRefusedError,
        RedirectError,
        ServerError,
        ThrottledError,
        TransportError,
    )
    from .models import HttpMethod, Identity, Webhook, WebhookSpec, WebhookType
    from .registration.plan import Plan
    from .registration.report import Outcome, OutcomeStatus, Report
    from .settings import PRODUCTION, Credentials, CredentialsLike, RetryPolicy, Timeout
    from .tokens import MemoryTokenStore, Token, TokenStore
    from .webhooks import Webhooks

else:

    def __getattr__(name: str) -> Any:
        if name in __all__:
            homes = (import_module(f".{home}", __name__) for home in _HOMES)
            globals()[name] = found = next(getattr(home, name) for home in homes if hasattr(home, name))
            return found
        if name in _EXTRAS:
            home, extra = _EXTRAS[name]
            try:
                return getattr(import_module(f".{home}", __name__), name)
            except ImportError as error:
                raise ImportError(f"{name} needs {error.name}: install gwms-async with the extra {extra}") from error
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = [
    "PRODUCTION",
    "ApiError",
    "AttemptTimeoutError",
    "AuthenticationError",
    "BadRequestError",
    "Cause",
    "ClientOptions",
    "ConfigurationError",
    "ConflictError",
    "ConnectionFailedError",
    "Credentials",
    "CredentialsLike",
    "DeadlineExceededError",
    "DecodeError",
    "ForbiddenError",
    "GwmsClient",
    "GwmsError",
    "Handler",
    "HttpMethod",
    "Identity",
    "LoginError",
    "MemoryTokenStore",
    "Middleware",
    "NotFoundError",
    "Outcome",
    "OutcomeStatus",
    "OutcomeUnknownError",
    "Plan",
    "PlanRefusedError",
    "RedirectError",
    "Report",
    "Request",
    "Response",
    "RetryPolicy",
    "ServerError",
    "Telemetry",
    "ThrottledError",
    "Timeout",
    "Token",
    "TokenStore",
    "TransportError",
    "Webhook",
    "WebhookSpec",
    "WebhookType",
    "Webhooks",
]

__version__ = _VERSION


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
