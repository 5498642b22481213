"""What aiohttp's exceptions mean."""

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
_COMPLAINTS = (TypeError, ValueError, RuntimeError)  # of what it was given: ssl=, proxy=, a closed session


def map_exception(
    error: Exception, request: Request, timeout: Timeout, *, secrets: tuple[str, ...] = (), is_sure: bool = True
) -> TransportError | ConfigurationError:
    """Make our error of what an attempt raised.

    Args:
        error: What it raised.
        request: What was asked.
        timeout: The limits that it had, in seconds.
        secrets: Texts that must not show up, besides those of the request.
        is_sure: Whether a complaint that is no network error can only mean that nothing was sent.
    """
    text = masked(f"{type(error).__name__}: {error}", (*request.secrets, *secrets))[:300]
    # Certificate errors are connector errors, which are OS errors: the order matters.
    if isinstance(error, _MISCONFIGURED):
        text = f"{request}: {text}; check base_url, ssl= and proxy="
        return ConnectionFailedError(text, cause=Cause.MISCONFIGURED)
    never_sent = isinstance(error, _NEVER_SENT)
    cause = Cause.NEVER_SENT if never_sent else Cause.UNKNOWN
    if isinstance(error, TimeoutError):
        what = f"no {'connection' if never_sent else 'complete answer'}"
        seconds = timeout.connect if never_sent else timeout.attempt
        return AttemptTimeoutError(f"{request}: {what} within {seconds:g} s", cause=cause)
    if is_sure and isinstance(error, _COMPLAINTS) and not isinstance(error, aiohttp.ClientError | OSError):
        return ConfigurationError(f"{request}: aiohttp does not send it: {text}; check ssl=, proxy=, session=")
    return ConnectionFailedError(f"{request}: {text}", cause=cause)
