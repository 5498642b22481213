"""The failure table: what the end of an attempt means and what is done about it; how long the gateway asks to wait."""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterator
from email.utils import formatdate
from types import SimpleNamespace
from typing import Any

import aiohttp
import pytest

from gwms_async import Cause, ConfigurationError, ConnectionFailedError, Request, Response, Timeout, TransportError
from gwms_async.transport.exceptions import map_exception
from gwms_async.wire.classify import Action, Kind, action_for, classify, is_throttling, key_was_accepted
from gwms_async.wire.headers import http_date, retry_after

NOW = 1_790_000_000.0
PEER: Any = SimpleNamespace(host="gw.example", port=443, ssl=True, is_ssl=True)
M, V = Kind, Action

TABLE: list[tuple[str, list[Any], Kind, Action, Action]] = [
    # what, seen as one of, means, for what may be repeated, for what may not
    (
        "TLS and address",
        [
            aiohttp.ClientConnectorSSLError(PEER, OSError("handshake")),
            aiohttp.ClientConnectorCertificateError(PEER, ssl.CertificateError("expired")),
            aiohttp.ServerFingerprintMismatch(b"a", b"b", "gw.example", 443),
            aiohttp.InvalidURL("https://"),
            Cause.MISCONFIGURED,
        ],
        M.MISCONFIGURED,
        V.RAISE,
        V.RAISE,
    ),
    (
        "no connection",
        [
            aiohttp.ClientConnectorError(PEER, OSError("refused")),
            aiohttp.ClientConnectorDNSError(PEER, OSError("no such host")),
            aiohttp.ClientProxyConnectionError(PEER, OSError("refused")),
            aiohttp.ClientHttpProxyError(SimpleNamespace(real_url="http://proxy"), (), status=407),  # type: ignore[arg-type]
            aiohttp.ConnectionTimeoutError("connecting"),
            Cause.NEVER_SENT,
        ],
        M.NEVER_SENT,
        V.RETRY,
        V.RETRY,
    ),
    ("401", [401], M.UNAUTHORIZED, V.RELOGIN, V.RELOGIN),
    ("refused unprocessed", [408, 425, 429], M.NOT_PROCESSED, V.RETRY, V.RETRY),
    (
        "broken after sending",
        [
            aiohttp.ServerDisconnectedError(),
            aiohttp.ClientOSError(104, "reset"),
            aiohttp.ClientConnectionResetError(),
            aiohttp.SocketTimeoutError("reading"),
            TimeoutError(),
            aiohttp.ClientPayloadError("cut"),
            aiohttp.ClientConnectionError("closed"),
            aiohttp.ClientError("anything else"),
            OSError("anything else"),
            Cause.UNKNOWN,
        ],
        M.UNKNOWN,
        V.RETRY,
        V.OUTCOME_UNKNOWN,
    ),
    ("the gateway failed", [500, 502, 503, 504], M.UNKNOWN, V.RETRY, V.OUTCOME_UNKNOWN),
    (
        "an unreadable success",
        [Response(status, readable=False) for status in (200, 201, 299)],
        M.UNREADABLE,
        V.RAISE,
        V.OUTCOME_UNKNOWN,
    ),
    ("refused", [300, 301, 302, 304, 307, 308, 399], M.REFUSED, V.RAISE, V.RAISE),
    ("refused", [400, 402, 403, 404, 405, 409, 410, 413, 418, 422, 451, 499], M.REFUSED, V.RAISE, V.RAISE),
    ("refused", [501, 505, 507, 511, 520, 599, 600, 999, 199], M.REFUSED, V.RAISE, V.RAISE),
    ("success", [200, 201, 202, 204, 299], M.SUCCESS, V.ACCEPT, V.ACCEPT),
]


def name_of(seen: Any) -> str:
    """Name an attempt's end in a line of the report."""
    return type(seen).__name__ if isinstance(seen, Exception) else str(getattr(seen, "status", seen))


CASES = [
    pytest.param(seen, means, idempotent, decided, id=f"{what}-{name_of(seen)}-{idempotent}")
    for what, ends, means, *decisions in TABLE
    for seen in ends
    for idempotent, decided in zip((True, False), decisions, strict=True)
]


def end_of(seen: Any) -> Response | TransportError:
    """Make an attempt's end of a status, a cause, or an exception of aiohttp."""
    if isinstance(seen, Response):
        return seen
    if isinstance(seen, int):
        return Response(seen)
    if isinstance(seen, Cause):
        return ConnectionFailedError("broke", cause=seen)
    end = map_exception(seen, Request("GET", "/webhooks", idempotent=True), Timeout())
    assert isinstance(end, TransportError)
    return end


@pytest.mark.parametrize(("seen", "means", "idempotent", "decided"), CASES)
def test_the_failure_table(seen: Any, means: Kind, idempotent: bool, decided: Action) -> None:
    """Each way for an attempt to end means one thing, and what is done hangs on whether it may be repeated."""
    found = classify(end_of(seen))

    assert means is found
    assert decided is action_for(found, idempotent=idempotent)


def test_nothing_that_may_have_been_carried_out_is_sent_again() -> None:
    """What must not be repeated is retried only where the gateway has not processed it."""
    repeated = {found for found in Kind if action_for(found, idempotent=False) in {V.RETRY, V.RELOGIN}}

    assert repeated == {M.NEVER_SENT, M.UNAUTHORIZED, M.NOT_PROCESSED}


@pytest.mark.parametrize("status", [401, 404, 429, 500])
def test_an_error_need_not_be_readable(status: int) -> None:
    """A proxy's page counts by its status."""
    assert classify(Response(status)) is classify(Response(status, readable=False))


@pytest.mark.parametrize(
    ("seen", "expected"),
    [(429, True), (503, False), (200, False), (425, False), (Cause.UNKNOWN, False), (Cause.NEVER_SENT, False)],
)
def test_only_429_asks_to_slow_down(seen: Any, expected: bool) -> None:
    """A gateway that fails does not ask for anything."""
    assert expected is is_throttling(end_of(seen))


@pytest.mark.parametrize(
    ("response", "expected"),
    [
        *((Response(status), True) for status in (200, 204, 400, 404, 409, 422)),
        *((Response(status), False) for status in (301, 401, 402, 403, 405, 429, 500, 503)),
        (Response(200, readable=False), False),
        (Response(404, readable=False), True),
    ],
)
def test_a_key_is_accepted_by_answers_from_behind_its_check(response: Response, expected: bool) -> None:
    """Successes, and refusals that only the application can make; a proxy's page says nothing of the key."""
    assert expected is key_was_accepted(response)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("7", 7.0),
        ("0", 0.0),
        ("1.5", 1.5),
        (" 7 ", 7.0),
        ("-3", 0.0),
        ("-0", 0.0),
        ("99999999999", 99999999999.0),
        ("1e308", 1e308),
        ("1e309", None),
        ("nan", None),
        ("inf", None),
        ("-inf", None),
        ("Infinity", None),
        ("", None),
        ("soon", None),
        ("7 s", None),
        ("0x10", None),
        ("7, 8", None),
        ("Mon, 99 Jan 2026 00:00:00 GMT", None),
        ("Mon, 01 Jan 99999999999999999999 00:00:00 GMT", None),
        ("Mon, 01 Jan 2026 00:00:00 +999999", None),
        ("9" * 5000 + "x", None),
    ],
)
def test_retry_after_in_seconds(text: str, expected: float | None) -> None:
    """Seconds are taken, at least none; what cannot be read, or never ends, was not said."""
    assert expected == retry_after(Response(429, headers={"retry-after": text}), NOW)


@pytest.mark.parametrize("offset", [0.0, 7.0, 3600.0, 10.0**9])
@pytest.mark.parametrize("skew", [0.0, -600.0, 86_400.0])
def test_retry_after_as_a_date(offset: float, skew: float) -> None:
    """It counts from the date of the same answer, whatever either clock says."""
    headers = {
        "retry-after": formatdate(NOW + skew + offset, usegmt=True),
        "date": formatdate(NOW + skew, usegmt=True),
    }

    assert offset == retry_after(Response(429, headers=headers), NOW)


@pytest.mark.parametrize("date", [{}, {"date": "yesterday"}, {"date": ""}])
def test_retry_after_as_a_date_without_one_of_the_answer(date: dict[str, str]) -> None:
    """Then it counts from our own time."""
    headers = {"retry-after": formatdate(NOW + 7, usegmt=True), **date}

    assert retry_after(Response(429, headers=headers), NOW) == 7.0


def test_retry_after_in_the_past() -> None:
    """There is nothing to wait for."""
    headers = {"retry-after": formatdate(NOW - 7, usegmt=True)}

    assert retry_after(Response(429, headers=headers), NOW) == 0.0


def test_no_retry_after() -> None:
    """Nothing was said."""
    assert retry_after(Response(429), NOW) is None


@pytest.fixture
def _far_from_utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "Asia/Tokyo")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.usefixtures("_far_from_utc")
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, None),
        ("", None),
        ("soon", None),
        ("Sun, 06 Nov 1994 08:49:37 GMT", 784111777.0),
        ("Sunday, 06-Nov-94 08:49:37 GMT", 784111777.0),
        ("Sun Nov  6 08:49:37 1994", 784111777.0),
        ("Sun, 06 Nov 1994 09:49:37 +0100", 784111777.0),
        ("Sun, 06 Nov 1994 08:49:37 -0000", 784111777.0),
        ("Sun, 06 Nov 1994 08:49:37", 784111777.0),
        ("Sun, 31 Feb 1994 08:49:37 GMT", None),
        ("Sun, 06 Nov 1994 25:61:61 GMT", None),
    ],
)
def test_dates_of_http(text: str | None, expected: float | None) -> None:
    """All three forms of HTTP, UTC unless they say otherwise, wherever we are; None for what is no date."""
    assert expected == http_date(text)


@pytest.mark.parametrize("complaint", [TypeError("ssl"), ValueError("header"), RuntimeError("Session is closed")])
def test_a_complaint_of_aiohttp_is_a_mistake_in_the_setup(complaint: Exception) -> None:
    """It is no attempt's end: there was none."""
    end = map_exception(complaint, Request("GET", "/webhooks", idempotent=True), Timeout())

    assert isinstance(end, ConfigurationError)
    assert str(complaint) in str(end)


def test_a_fault_within_aiohttp_says_nothing() -> None:
    """What nobody thought of leaves the outcome unknown."""
    end = map_exception(AttributeError("writer"), Request("GET", "/webhooks", idempotent=True), Timeout())

    assert isinstance(end, ConnectionFailedError)
    assert end.cause is Cause.UNKNOWN
