"""Map aiohttp's exceptions to ours."""

from __future__ import annotations

import re
import socket
import ssl as tls
import string
from typing import Any

import aiohttp

from ..chain import Request
from ..errors import (
    AttemptTimeoutError,
    Cause,
    ConfigurationError,
    ConnectionFailedError,
    TransportError,
    counted,
    system_reason,
)
from ..settings import Timeout
from ..wire.envelope import one_line


class NotConnectedError(aiohttp.ClientConnectionError):
    """There was no connection to send anything on."""


MISCONFIGURED = (
    aiohttp.ClientSSLError,
    aiohttp.ClientConnectorCertificateError,
    aiohttp.ServerFingerprintMismatch,
    aiohttp.InvalidURL,
)
NEVER_SENT = (
    aiohttp.ClientConnectorError,
    aiohttp.ClientHttpProxyError,
    aiohttp.ConnectionTimeoutError,
    NotConnectedError,
)
_LONGEST = 300  # characters of an error's text
_QUOTATION = re.compile(r"""when reading:|(?<![^\s(=])(?:bytearray\()?b?['"]""")  # its beginning
_REJECTED_ARGUMENTS = (TypeError, ValueError, RuntimeError)  # by aiohttp: a closed session, a header


def map_exception(
    error: Exception,
    request: Request,
    timeout: Timeout,
    *,
    secrets: tuple[str, ...] = (),
    is_from_aiohttp: bool = True,
    is_unsent: bool = False,
) -> TransportError | ConfigurationError:
    """Return our error for what an attempt raised.

    Args:
        error: What was raised.
        request: The request of the attempt.
        timeout: Its limits.
        secrets: Texts to mask, in addition to those of the request.
        is_from_aiohttp: Whether only aiohttp can have raised it, and no code of the user's.
        is_unsent: Whether it is known that nothing was sent, whatever was raised.
    """
    text = one_line(text_of(error), (*request.secrets, *secrets), _LONGEST)
    reason, attempts = reason_of(error) or text, request.call.attempts
    cause = _cause_of(error, is_unsent=is_unsent)
    details: dict[str, Any] = {"cause": cause, "reason": reason, "path": request.path, "attempts": attempts}
    # Certificate errors are connector errors, which are OS errors: the order matters.
    if cause is Cause.MISCONFIGURED:
        return ConnectionFailedError(f"{request}: {text}; check base_url, ssl= and proxy=", **details)
    if isinstance(error, aiohttp.ClientConnectorError):
        where, times = f"{error.host}:{error.port}", counted(attempts)
        text = f"cannot connect to {where} after {times}: {reason}; check base_url, proxy= and the network"
    elif isinstance(error, aiohttp.ClientHttpProxyError):
        text = f"{reason} after {counted(attempts)}; check proxy=, its username and its password"
    if isinstance(error, TimeoutError):
        is_connecting = isinstance(error, NEVER_SENT)
        what = f"no {'connection' if is_connecting else 'complete response'}"
        details["reason"] = f"{what} within {timeout.connect if is_connecting else timeout.attempt:g} s"
        return AttemptTimeoutError(f"{request}: {details['reason']}", **details)
    is_rejected = isinstance(error, _REJECTED_ARGUMENTS) and not isinstance(error, aiohttp.ClientError | OSError)
    if is_rejected and (is_from_aiohttp or is_unsent):
        return ConfigurationError(f"{request}: aiohttp rejects it: {text}; check base_url, ssl=, proxy= and session=")
    return ConnectionFailedError(f"{request}: {text}", **details)


def _cause_of(error: Exception, *, is_unsent: bool) -> Cause:
    if isinstance(error, MISCONFIGURED):
        return Cause.MISCONFIGURED
    # Before or while it connects; or before the first write, which contains the whole request.
    is_closed = str(error.__cause__ or error).startswith(("Connector is closed", "Cannot write to closing transport"))
    return Cause.NEVER_SENT if is_unsent or is_closed or isinstance(error, NEVER_SENT) else Cause.UNKNOWN


def text_of(error: Exception) -> str:
    """Return an error's type and text, without parts of a response that may contain a secret."""
    text = str(error)
    if isinstance(error, aiohttp.ServerDisconnectedError):
        text = "Server disconnected"  # aiohttp shows the headers of a response that was cut off
    elif type(error) is aiohttp.ClientResponseError:
        # Its status is not the gateway's: aiohttp could not read the response.
        text = error.message
    if isinstance(error, aiohttp.ClientResponseError | aiohttp.ClientPayloadError):
        # Nor is the status that its parser's errors begin with.
        text = text.removeprefix("400, message:")
        # What aiohttp quotes of the response is escaped, and its end may be half a secret.
        quotation = _QUOTATION.search(text)
        text = text if quotation is None else text[: quotation.start()].rstrip(":" + string.whitespace)
    return f"{type(error).__name__}: {text}"


def reason_of(error: Exception) -> str | None:
    """Say in a few words what happened; None if only the error itself can."""
    if isinstance(error, aiohttp.ClientHttpProxyError):
        return f"the proxy did not connect to the gateway: it answered {error.status}"
    via = f"proxy {error.host}:{error.port}: " if isinstance(error, aiohttp.ClientProxyConnectionError) else ""
    origin = getattr(error, "certificate_error", None) or getattr(error, "os_error", error)
    if isinstance(origin, tls.SSLError):
        reason = getattr(origin, "verify_message", "") or getattr(origin, "reason", "") or "TLS failed"
    elif isinstance(origin, OSError) and origin.errno:
        reason = origin.strerror if isinstance(origin, socket.gaierror) else system_reason(origin)
    else:
        return "the connection was closed" if isinstance(error, aiohttp.ClientConnectionError) else None
    return f"{via}{reason}".replace("_", " ").rstrip(".").lower()
