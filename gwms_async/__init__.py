"""Async Python SDK for the webhooks of GWMS, the gateway of Skladon's fulfilment warehouses."""

from typing import TYPE_CHECKING, Any

from ._version import VERSION as _VERSION
from .chain import Handler, Middleware, Request, Response
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
    PlanRefusedError,
    RedirectError,
    ServerError,
    ThrottledError,
    TransportError,
)
from .models import HttpMethod, Webhook, WebhookSpec, WebhookType
from .registration.plan import Plan
from .registration.report import Outcome, OutcomeStatus, Report
from .settings import PRODUCTION, Credentials, RetryPolicy, Timeout
from .tokens import MemoryTokenStore, Token, TokenStore

if TYPE_CHECKING:
    from .auth.stores.file import FileTokenStore as FileTokenStore

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
    "Plan",
    "PlanRefusedError",
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


def __getattr__(name: str) -> Any:
    if name == "__version__":
        return _VERSION
    if name == "FileTokenStore":
        try:
            from .auth.stores.file import FileTokenStore  # noqa: PLC0415  # an extra
        except ImportError as error:
            raise ImportError(f"FileTokenStore needs {error.name}: pip install 'gwms-async[cli]'") from error
        return FileTokenStore
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
