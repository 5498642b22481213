"""The failure table: what the end of an attempt means, and whether the request is sent again."""

from __future__ import annotations

import ssl
from types import SimpleNamespace
from typing import Any

import aiohttp
import pytest

from gwms_async import Cause, ConnectionFailedError, Request, Response, Timeout, TransportError
from gwms_async.transport.exceptions import map_exception
from gwms_async.wire.classify import (
    Kind,
    classify,
    is_in_doubt,
    is_not_found,
    is_push_back,
    is_throttling,
    key_was_accepted,
    may_retry,
)

PEER: Any = SimpleNamespace(host="gw.example", port=443, ssl=True, is_ssl=True)
M = Kind

TABLE: list[tuple[str, list[Any], Kind]] = [
    # what, seen as one of, means
    (
        "TLS, address and the password of a proxy",
        [
            aiohttp.ClientConnectorSSLError(PEER, OSError("handshake")),
            aiohttp.ClientConnectorCertificateError(PEER, ssl.CertificateError("expired")),
            aiohttp.ServerFingerprintMismatch(b"a", b"b", "gw.example", 443),
            aiohttp.InvalidURL("https://"),
            aiohttp.ClientHttpProxyError(SimpleNamespace(real_url="http://proxy"), (), status=407),  # type: ignore[arg-type]
            Cause.MISCONFIGURED,
        ],
        M.MISCONFIGURED,
    ),
    (
        "no connection",
        [
            aiohttp.ClientConnectorError(PEER, OSError("refused")),
            aiohttp.ClientConnectorDNSError(PEER, OSError("no such host")),
            aiohttp.ClientProxyConnectionError(PEER, OSError("refused")),
            aiohttp.ClientHttpProxyError(SimpleNamespace(real_url="http://proxy"), (), status=502),  # type: ignore[arg-type]
            aiohttp.ConnectionTimeoutError("connecting"),
            Cause.NEVER_SENT,
        ],
        M.NEVER_SENT,
    ),
    ("401", [401], M.UNAUTHORIZED),
    ("refused unprocessed", [425, 429], M.NOT_PROCESSED),
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
    ),
    ("the gateway failed", [500, 502, 503, 504], M.UNKNOWN),
    ("a proxy says", [506, 507, 508, 509, 520, 522, 524, 529, 530, 599], M.UNKNOWN),
    ("counts as 500", [600, 999, 199, 0], M.UNKNOWN),
    ("a handler took too long", [408], M.UNKNOWN),
    ("see other", [303], M.UNKNOWN),
    (
        "an unreadable success",
        [Response(status, readable=False) for status in (200, 201, 299)],
        M.UNREADABLE,
    ),
    ("refused", [300, 301, 302, 304, 307, 308, 399], M.REFUSED),
    ("refused", [400, 402, 403, 404, 405, 409, 410, 413, 418, 422, 451, 499], M.REFUSED),
    ("refused", [501, 505, 511], M.REFUSED),
    ("success", [200, 201, 202, 204, 299], M.SUCCESS),
]


def name_of(seen: Any) -> str:
    """Name an attempt's end in a line of the report."""
    return type(seen).__name__ if isinstance(seen, Exception) else str(getattr(seen, "status", seen))


CASES = [pytest.param(seen, means, id=f"{what}-{name_of(seen)}") for what, ends, means in TABLE for seen in ends]
DECISIONS = {
    # retried if idempotent, retried if not, in doubt
    M.SUCCESS: (False, False, False),
    M.MISCONFIGURED: (False, False, False),
    M.NEVER_SENT: (True, True, False),
    M.UNAUTHORIZED: (False, False, False),
    M.NOT_PROCESSED: (True, True, False),
    M.UNREADABLE: (False, False, True),
    M.UNKNOWN: (True, False, True),
    M.REFUSED: (False, False, False),
}


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


@pytest.mark.parametrize(("seen", "means"), CASES)
def test_the_failure_table(seen: Any, means: Kind) -> None:
    """Each way for an attempt to end means one thing."""
    assert means is classify(end_of(seen))


@pytest.mark.parametrize("kind", Kind)
def test_what_a_meaning_allows(kind: Kind) -> None:
    """What is in doubt is sent again only if that has the same effect as sending it once."""
    decided = (may_retry(kind, idempotent=True), may_retry(kind, idempotent=False), is_in_doubt(kind))

    assert decided == DECISIONS[kind]


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
    ("status", "says_when", "expected"),
    [(429, False, True), (429, True, True), (503, True, True), (503, False, False), (500, True, False)],
)
def test_what_slows_all_calls_down(status: int, *, says_when: bool, expected: bool) -> None:
    """Not every answer with a Retry-After does: e.g. one request may be what a gateway cannot do just now."""
    assert expected is is_push_back(Response(status, headers={"retry-after": "1"} if says_when else {}))


@pytest.mark.parametrize("status", [200, 400, 404, 405, 410, 411])
def test_what_is_not_there(status: int) -> None:
    """A proxy's page does not say so."""
    assert is_not_found(Response(status)) is (status in {404, 410})
    assert not is_not_found(Response(status, readable=False))


@pytest.mark.parametrize(
    ("response", "expected"),
    [
        *((Response(status), True) for status in (200, 204, 400, 404, 409, 410, 422)),
        *((Response(status), False) for status in (300, 301, 401, 402, 403, 405, 429, 500, 503)),
        (Response(200, readable=False), False),
        *((Response(status, readable=False), False) for status in (400, 404, 409, 410, 422)),
    ],
)
def test_a_key_is_accepted_by_answers_from_behind_its_check(response: Response, expected: bool) -> None:
    """Successes, and refusals that only the application can make; a proxy's page says nothing of the key."""
    assert expected is key_was_accepted(response)
