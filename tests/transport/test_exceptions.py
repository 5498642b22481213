"""aiohttp's exceptions to ours; what each means for its request is tested with the failure table."""

from __future__ import annotations

import errno
import socket
import ssl
from typing import Any

import aiohttp
import pytest
from aiohttp.client_reqrep import ConnectionKey
from aiohttp.http import HttpVersion11, RawResponseMessage
from attrs import evolve
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from gwms_async import (
    AttemptTimeoutError,
    Cause,
    ConfigurationError,
    ConnectionFailedError,
    Request,
    Timeout,
    TransportError,
)
from gwms_async.chain import Call
from gwms_async.transport.exceptions import map_exception

GET = Request("GET", "/webhooks", idempotent=True, secrets=("t0ken",))


@pytest.mark.parametrize("complaint", [TypeError("ssl"), ValueError("header"), RuntimeError("Session is closed")])
def test_a_complaint_of_aiohttp_is_a_mistake_in_the_setup(complaint: Exception) -> None:
    """It is no attempt's end: there was none."""
    end = map_exception(complaint, GET, Timeout())

    assert isinstance(end, ConfigurationError)
    assert str(complaint) in str(end)


def test_a_fault_within_aiohttp_says_nothing() -> None:
    """What nobody thought of leaves the outcome unknown."""
    end = map_exception(AttributeError("writer"), GET, Timeout())

    assert isinstance(end, ConnectionFailedError)
    assert end.cause is Cause.UNKNOWN


def test_an_error_after_sending_may_come_from_the_users_code() -> None:
    """Then it is not a configuration error: the gateway may have carried the request out."""
    end = map_exception(ValueError("mine"), GET, Timeout(), is_from_aiohttp=False)

    assert isinstance(end, ConnectionFailedError)
    assert end.cause is Cause.UNKNOWN


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (aiohttp.ConnectionTimeoutError(), "no connection within 2 s; check base_url, proxy= and the network"),
        (TimeoutError(), "no complete response within 0.5 s"),
    ],
)
def test_a_timeout_names_its_limit(error: Exception, text: str) -> None:
    """The one that was exceeded."""
    end = map_exception(error, evolve(GET, call=Call(attempts=3)), Timeout(connect=2, attempt=0.5))

    assert isinstance(end, AttemptTimeoutError)
    assert str(end) == f"GET /webhooks failed after 3 attempts: {text}"
    assert end.reason == text.partition("; ")[0]


def test_secrets_are_masked_before_the_text_is_cut() -> None:
    """Those of the request and those of the proxy; a long text is cut."""
    end = map_exception(OSError("hunter2 t0ken " + "x" * 1000), GET, Timeout(), secrets=("hunter2",))

    assert str(end).startswith("GET /webhooks failed after 0 attempts: OSError: *** *** xxx")
    assert len(str(end)) < 400


@pytest.mark.parametrize("text", ["Connector is closed", "Connector is closed."])
def test_a_session_that_is_closed_while_it_connects(text: str) -> None:
    """Nothing was sent."""
    error = map_exception(aiohttp.ClientConnectionError(text), GET, Timeout())

    assert isinstance(error, ConnectionFailedError)
    assert error.cause is Cause.NEVER_SENT


def unreadable(text: str) -> aiohttp.ClientResponseError:
    """Make the error of a response that aiohttp cannot read."""
    url = URL("http://gw.example/webhooks")
    about = aiohttp.RequestInfo(url, "GET", CIMultiDictProxy(CIMultiDict()), url)
    return aiohttp.ClientResponseError(about, (), status=400, message=text)


def tunnel_refused(status: int = 407) -> aiohttp.ClientHttpProxyError:
    """Make the error of a proxy that wants a password, say."""
    url = URL("http://proxy.example:3128")
    about = aiohttp.RequestInfo(url, "CONNECT", CIMultiDictProxy(CIMultiDict()), url)
    return aiohttp.ClientHttpProxyError(about, (), status=status, message="Who are you?")


def connector(error: OSError, kind: type[Any] = aiohttp.ClientConnectorError) -> Exception:
    """Make the error of a connection that could not be opened."""
    key = ConnectionKey("gw.example", 443, True, True, None, None, None)  # noqa: FBT003  # aiohttp's own
    failure: Exception = kind(key, error)
    return failure


def not_trusted() -> ssl.SSLCertVerificationError:
    """Make the error of a certificate."""
    error = ssl.SSLCertVerificationError(1, "certificate verify failed")
    error.verify_message = "self-signed certificate"
    return error


def tls(reason: str | None) -> ssl.SSLError:
    """Make the error of a handshake."""
    error = ssl.SSLError(1, "[SSL] no")
    error.reason = reason  # type: ignore[assignment]  # it can be None
    return error


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (connector(ConnectionRefusedError(errno.ECONNREFUSED, "Connect call failed")), "connection refused"),
        (
            connector(OSError(errno.ECONNREFUSED, "no"), aiohttp.ClientProxyConnectionError),
            "proxy gw.example:443: connection refused",
        ),
        (connector(OSError(10061, "The computer refused the connection.")), "the computer refused the connection"),
        (tunnel_refused(), "the proxy did not connect to the gateway: it answered 407"),
        (connector(socket.gaierror(-2, "Name or service not known")), "name or service not known"),
        (connector(socket.gaierror(8, "nodename nor servname provided")), "nodename nor servname provided"),  # macOS
        (connector(tls("WRONG_VERSION_NUMBER"), aiohttp.ClientConnectorSSLError), "wrong version number"),
        (connector(tls(None), aiohttp.ClientConnectorSSLError), "tls failed"),
        (connector(not_trusted(), aiohttp.ClientConnectorCertificateError), "self-signed certificate"),
        (aiohttp.ClientOSError(errno.ECONNRESET, "no"), "connection reset by peer"),
        (aiohttp.ServerDisconnectedError(), "the connection was closed"),
        (aiohttp.ClientPayloadError("cut t0ken"), "ClientPayloadError: cut ***"),
        (TimeoutError(), "no complete response within 30 s"),
    ],
)
def test_the_reason_in_a_few_words(error: Exception, reason: str) -> None:
    """The attributes say what happened, to which call, and how often it was tried."""
    end = map_exception(error, evolve(GET, call=Call(attempts=3)), Timeout())

    assert isinstance(end, TransportError)
    assert (end.reason, end.path, end.attempts) == (reason, "/webhooks", 3)


def test_a_connection_that_could_not_be_opened() -> None:
    """The text says where to, how often, and why."""
    error = connector(ConnectionRefusedError(errno.ECONNREFUSED, "Connect call failed"))

    text = str(map_exception(error, evolve(GET, call=Call(attempts=2)), Timeout()))
    assert " after 2 attempts: cannot connect to gw.example:443: connection refused; check base_url, proxy= and" in text


@pytest.mark.parametrize(
    ("status", "check"),
    [
        (401, "check proxy=, its username and its password"),
        (407, "check proxy=, its username and its password"),
        (403, "check base_url, proxy= and what the proxy allows"),
        (503, "check base_url, proxy= and what the proxy allows"),
    ],
)
def test_a_proxy_that_opens_no_tunnel(status: int, check: str) -> None:
    """The text says that the answer is the proxy's, not the gateway's, and what to check."""
    text = str(map_exception(tunnel_refused(status), evolve(GET, call=Call(attempts=2)), Timeout()))

    assert text.endswith(f" after 2 attempts: the proxy did not connect to the gateway: it answered {status}; {check}")


@pytest.mark.parametrize(
    ("status", "cause"), [(401, Cause.MISCONFIGURED), (407, Cause.MISCONFIGURED), (503, Cause.NEVER_SENT)]
)
def test_only_a_proxy_that_wants_a_password_is_asked_no_more(status: int, cause: Cause) -> None:
    """Any other may open a tunnel a moment later."""
    end = map_exception(tunnel_refused(status), GET, Timeout())

    assert isinstance(end, TransportError)
    assert end.cause is cause


HEADERS = CIMultiDictProxy(CIMultiDict({"set-cookie": "session=secret"}))
CUT_OFF = RawResponseMessage(HttpVersion11, 200, "OK", HEADERS, (), False, None, False, False)  # noqa: FBT003  # aiohttp's own


EXPECTED = "Bad status line: Expected HTTP/, RTSP/ or ICE/"
COMPLETED = "not completed: <Error: 400, message="


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (
            unreadable("Bad status line:\n\n  'https://shop.example/gw1-abcdefgh'\n"),
            "Bad status line",
        ),
        (unreadable("Bad status line:\n  Expected HTTP/, RTSP/ or ICE/:\n\n  b'p\\xc3\\xa4ss'\n    ^"), EXPECTED),
        (unreadable("Transfer-Encoding can't be present:\n\n  b\"it's\""), "Transfer-Encoding can't be present"),
        (aiohttp.ClientPayloadError("not completed: <Error: 400, message=\"b'p\\'ss'\">"), COMPLETED),
        (unreadable("Got more than 8190 bytes when reading: b'half a secret'..."), "Got more than 8190 bytes"),
        (aiohttp.ServerDisconnectedError(CUT_OFF), "Server disconnected"),
        (aiohttp.ClientPayloadError("400, message:\n  \x1b[31mred"), "\\x1b[31mred"),
    ],
)
def test_what_aiohttp_shows_of_a_response(error: Exception, text: str) -> None:
    """In one line; no token of a URL, no headers, no status that the gateway did not send."""
    end = map_exception(error, GET, Timeout())

    assert str(end) == f"GET /webhooks failed after 0 attempts: {type(error).__name__}: {text}".rstrip()


def test_a_long_text_that_quotes_nothing() -> None:
    """It takes time in proportion; else the time limit of tests passes."""
    end = map_exception(aiohttp.ClientPayloadError(f"{' ' * 65_536}x"), GET, Timeout())

    assert str(end) == "GET /webhooks failed after 0 attempts: ClientPayloadError:"
