"""Map aiohttp's exceptions to ours."""

from __future__ import annotations

import re
import socket
import ssl as tls
import string

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


_Row = tuple[tuple[type[Exception], ...], Cause, str]
_TABLE: tuple[_Row, ...] = (
    # The first row that fits: certificate errors are connector errors, and ConnectionTimeoutError is a TimeoutError.
    (
        (
            aiohttp.ClientSSLError,
            aiohttp.ClientConnectorCertificateError,
            aiohttp.ServerFingerprintMismatch,
            aiohttp.InvalidURL,
        ),
        Cause.MISCONFIGURED,
        "{text}; check base_url, ssl= and proxy=",
    ),
    (
        (aiohttp.ClientConnectorError,),
        Cause.NEVER_SENT,
        "cannot connect to {error.host}:{error.port}: {reason}; check base_url, proxy= and the network",
    ),
    (
        (aiohttp.ClientHttpProxyError,),
        Cause.NEVER_SENT,
        "{reason}; check base_url, proxy= and what the proxy allows",
    ),
    (
        (aiohttp.ConnectionTimeoutError,),
        Cause.NEVER_SENT,
        "no connection within {timeout.connect:g} s; check base_url, proxy= and the network",
    ),
    ((NotConnectedError,), Cause.NEVER_SENT, "{text}; check proxy= and the network"),
    ((TimeoutError,), Cause.UNKNOWN, "no complete response within {timeout.attempt:g} s"),
    ((Exception,), Cause.UNKNOWN, "{text}"),
)
UNSENT = tuple(each for types, cause, _ in _TABLE if cause is not Cause.UNKNOWN for each in types)
"""aiohttp's exceptions that say that nothing was sent."""
_PASSWORD_REJECTED = frozenset({401, 407})  # tinyproxy says 407 without a password, and 401 to a wrong one
_MAX_TEXT = 300  # characters of an error's text
_QUOTATION = re.compile(r"""when reading:|(?<![^\s(=])(?:bytearray\()?b?['"]""")  # its beginning


def map_exception(
    error: Exception,
    request: Request,
    timeout: Timeout,
    *,
    secrets: tuple[str, ...] = (),
    is_from_aiohttp: bool = True,
    was_sent: bool | None = None,
) -> TransportError | ConfigurationError:
    """Return our error for what an attempt raised.

    Args:
        error: What was raised.
        request: The request of the attempt.
        timeout: Its limits.
        secrets: Texts to mask, in addition to the request's.
        is_from_aiohttp: Whether only aiohttp can have raised it, and not the user's own code; matters where `was_sent`
            is None.
        was_sent: Whether anything may have been sent, whatever was raised; None if only the exception can tell.
    """
    text = one_line(text_of(error), (*request.secrets, *secrets), _MAX_TEXT)
    if _is_rejection(error) and (is_from_aiohttp if was_sent is None else not was_sent):
        check = "check base_url, ssl=, proxy=, session= and middlewares="
        return ConfigurationError(f"{request}: aiohttp rejects it: {text}; {check}")
    cause, sentence = _cause_of(error, was_sent)
    reason, attempts = reason_of(error) or text, request.call.attempts
    said = sentence.format(error=error, text=text, reason=reason, timeout=timeout)
    error_class: type[TransportError] = ConnectionFailedError
    if isinstance(error, TimeoutError):
        error_class, reason = AttemptTimeoutError, said.partition("; ")[0]
    message = f"{request} failed after {counted(attempts)}: {said}"
    return error_class(message, cause=cause, reason=reason, path=request.path, attempts=attempts)


def _is_rejection(error: Exception) -> bool:
    """Return whether aiohttp may have rejected an argument, e.g. a closed session or a header."""
    is_other = isinstance(error, aiohttp.ClientError | OSError)
    return isinstance(error, TypeError | ValueError | RuntimeError) and not is_other


def _cause_of(error: Exception, was_sent: bool | None) -> tuple[Cause, str]:
    """Return the cause by the table and by what is known of the sending, and the sentence that describes it."""
    cause, sentence = next((cause, sentence) for types, cause, sentence in _TABLE if isinstance(error, types))
    if was_sent:
        cause = Cause.UNKNOWN  # the user's own code may raise an error about another request
    elif cause is Cause.UNKNOWN and (was_sent is False or _is_closed_before_sending(error)):
        cause = Cause.NEVER_SENT
    elif isinstance(error, aiohttp.ClientHttpProxyError) and error.status in _PASSWORD_REJECTED:
        cause = Cause.MISCONFIGURED  # a proxy that rejects a password several times may lock the account
        sentence = "{reason}; check proxy=, its username and its password"
    return cause, sentence


def is_unsent(error: Exception) -> bool:
    """Return whether an exception of aiohttp says that nothing was sent."""
    return isinstance(error, UNSENT) or _is_closed_before_sending(error)


def _is_closed_before_sending(error: Exception) -> bool:
    """Return whether a connection was closed while it was opened, or before the one write that sends the request."""
    return str(error.__cause__ or error).startswith(("Connector is closed", "Cannot write to closing transport"))


def text_of(error: Exception) -> str:
    """Return an error's type and text, without parts of a response that may contain a secret."""
    text = str(error)
    if isinstance(error, aiohttp.ServerDisconnectedError):
        text = "Server disconnected"  # aiohttp shows the headers of a response that was cut off
    elif type(error) is aiohttp.ClientResponseError:
        # Its status is not the gateway's: aiohttp could not read the response.
        text = error.message
    if isinstance(error, aiohttp.ClientResponseError | aiohttp.ClientPayloadError):
        # Its parser's errors begin with a status that is not the gateway's either.
        text = text.removeprefix("400, message:")
        # What aiohttp quotes of the response is escaped, and its end may be half a secret.
        quotation = _QUOTATION.search(text)
        text = text if quotation is None else text[: quotation.start()].rstrip(":" + string.whitespace)
    return f"{type(error).__name__}: {text}"


def reason_of(error: Exception) -> str | None:
    """Say in a few words what happened; None if only the error's own text can."""
    if isinstance(error, aiohttp.ClientHttpProxyError):
        return f"the proxy did not connect to the gateway: it answered {error.status}"
    via = f"proxy {error.host}:{error.port}: " if isinstance(error, aiohttp.ClientProxyConnectionError) else ""
    # Of a certificate's error, aiohttp 3.13.0 has no `os_error`.
    origin = getattr(error, "certificate_error", None) or getattr(error, "os_error", error)
    if isinstance(origin, tls.SSLError):
        reason = getattr(origin, "verify_message", "") or getattr(origin, "reason", "") or "TLS failed"
    elif isinstance(origin, OSError) and origin.errno:
        reason = origin.strerror if isinstance(origin, socket.gaierror) else system_reason(origin)
    else:
        return "the connection was closed" if isinstance(error, aiohttp.ClientConnectionError) else None
    return f"{via}{reason}".replace("_", " ").rstrip(".").lower()
