"""Map aiohttp's exceptions to ours."""

from __future__ import annotations

import aiohttp

from ..chain import Request
from ..errors import AttemptTimeoutError, Cause, ConfigurationError, ConnectionFailedError, TransportError
from ..settings import Timeout
from ..wire.envelope import masked

_MISCONFIGURED = (
    aiohttp.ClientSSLError,
    aiohttp.ClientConnectorCertificateError,
    aiohttp.ServerFingerprintMismatch,
    aiohttp.InvalidURL,
)
_NEVER_SENT = (aiohttp.ClientConnectorError, aiohttp.ClientHttpProxyError, aiohttp.ConnectionTimeoutError)
_REJECTED_ARGUMENTS = (TypeError, ValueError, RuntimeError)  # by aiohttp: a closed session, a header


def map_exception(
    error: Exception,
    request: Request,
    timeout: Timeout,
    *,
    secrets: tuple[str, ...] = (),
    is_sure: bool = True,
    is_unsent: bool = False,
) -> TransportError | ConfigurationError:
    """Return our error for what an attempt raised.

    Args:
        error: What was raised.
        request: The request of the attempt.
        timeout: Its limits.
        secrets: Texts to mask, in addition to those of the request.
        is_sure: Whether an error that is not a network error can only mean that nothing was sent.
        is_unsent: Whether it is known that nothing was sent, whatever was raised.
    """
    text = masked(f"{type(error).__name__}: {error}", (*request.secrets, *secrets))[:300]
    # Certificate errors are connector errors, which are OS errors: the order matters.
    if isinstance(error, _MISCONFIGURED):
        text = f"{request}: {text}; check base_url, ssl= and proxy="
        return ConnectionFailedError(text, cause=Cause.MISCONFIGURED)
    never_sent = isinstance(error, _NEVER_SENT)
    is_closed = str(error).startswith("Connector is closed")  # before or while it connects
    cause = Cause.NEVER_SENT if never_sent or is_unsent or is_closed else Cause.UNKNOWN
    if isinstance(error, TimeoutError):
        what = f"no {'connection' if never_sent else 'complete response'}"
        seconds = timeout.connect if never_sent else timeout.attempt
        return AttemptTimeoutError(f"{request}: {what} within {seconds:g} s", cause=cause)
    if is_sure and isinstance(error, _REJECTED_ARGUMENTS) and not isinstance(error, aiohttp.ClientError | OSError):
        return ConfigurationError(f"{request}: aiohttp rejects it: {text}; check ssl=, proxy= and session=")
    return ConnectionFailedError(f"{request}: {text}", cause=cause)
