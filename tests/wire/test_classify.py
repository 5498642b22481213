"""The failure table: what the end of an attempt means, and what is done about it."""

from __future__ import annotations

import ssl
from types import SimpleNamespace
from typing import Any

import aiohttp
import pytest

from gwms_async import Cause, ConnectionFailedError, Request, Response, Timeout, TransportError
from gwms_async.transport.exceptions import map_exception
from gwms_async.wire.classify import Action, Kind, action_for, classify, is_throttling, key_was_accepted

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
    ("refused unprocessed", [425, 429], M.NOT_PROCESSED, V.RETRY, V.RETRY),
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
    ("a proxy says", [506, 507, 508, 509, 520, 522, 524, 529, 530, 599], M.UNKNOWN, V.RETRY, V.OUTCOME_UNKNOWN),
    ("counts as 500", [600, 999, 199, 0], M.UNKNOWN, V.RETRY, V.OUTCOME_UNKNOWN),
    ("a handler took too long", [408], M.UNKNOWN, V.RETRY, V.OUTCOME_UNKNOWN),
    ("see other", [303], M.UNKNOWN, V.RETRY, V.OUTCOME_UNKNOWN),
    (
        "an unreadable success",
        [Response(status, readable=False) for status in (200, 201, 299)],
        M.UNREADABLE,
        V.RAISE,
        V.OUTCOME_UNKNOWN,
    ),
    ("refused", [300, 301, 302, 304, 307, 308, 399], M.REFUSED, V.RAISE, V.RAISE),
    ("refused", [400, 402, 403, 404, 405, 409, 410, 413, 418, 422, 451, 499], M.REFUSED, V.RAISE, V.RAISE),
    ("refused", [501, 505, 511], M.REFUSED, V.RAISE, V.RAISE),
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
