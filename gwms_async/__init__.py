"""Async Python SDK for the webhooks of GWMS, the gateway of Skladon's fulfilment warehouses."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

# Imported when first asked for: pytest imports this package whenever it starts, for the sake of its plugin.
if TYPE_CHECKING:
    from ._http import Handler, Middleware, Request, Response
    from .client import GwmsClient
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
        RedirectError,
        ServerError,
        ThrottledError,
        TransportError,
    )
    from .models import HttpMethod, Webhook, WebhookSpec, WebhookType
    from .registration import Outcome, OutcomeStatus, Report
    from .settings import PRODUCTION, Credentials, RetryPolicy, Timeout
    from .stores.file import FileTokenStore as FileTokenStore
    from .tokens import MemoryTokenStore, Token, TokenStore

# Without `FileTokenStore`, lest a star import need the extra.
__all__ = [
    "PRODUCTION",
    "ApiError",
    "AttemptTimeoutError",
    "AuthenticationError",
    "BadRequestError",
    "Cause",
    "ConfigurationError",
    "ConflictError",
    "ConnectionFailedError",
    "Credentials",
    "DeadlineExceededError",
    "DecodeError",
    "ForbiddenError",
    "GwmsClient",
    "GwmsError",
    "Handler",
    "HttpMethod",
    "LoginError",
    "MemoryTokenStore",
    "Middleware",
    "NotFoundError",
    "Outcome",
    "OutcomeStatus",
    "OutcomeUnknownError",
    "RedirectError",
    "Report",
    "Request",
    "Response",
    "RetryPolicy",
    "ServerError",
    "ThrottledError",
    "Timeout",
    "Token",
    "TokenStore",
    "TransportError",
    "Webhook",
    "WebhookSpec",
    "WebhookType",
]
_HOMES = ("errors", "models", "settings", "tokens", "_http", "registration", "client")


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version  # noqa: PLC0415  # nothing else here needs it

        return version("gwms-async")
    if name == "FileTokenStore":
        try:
            return import_module(".stores.file", __name__).FileTokenStore
        except ImportError as error:
            raise ImportError(f"FileTokenStore needs {error.name}: pip install 'gwms-async[cli]'") from error
    if name in __all__:
        homes = (import_module(f".{home}", __name__) for home in _HOMES)
        globals()[name] = found = next(getattr(home, name) for home in homes if hasattr(home, name))
        return found
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
