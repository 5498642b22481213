"""What the emulator reads and writes: paths, bodies, envelopes, headers."""

from __future__ import annotations

import json

import pytest

from gwms_async import HttpMethod, WebhookType
from gwms_async.testing import DeliveryAttempt, Exchange, StoredWebhook
from gwms_async.testing.deliveries import Delivery
from gwms_async.testing.state import iso_timestamp
from gwms_async.testing.wire import (
    WEBHOOK_TYPES,
    Answer,
    NewWebhook,
    ProblemError,
    Route,
    envelope,
    envelope_body,
    http_date,
    merged,
    read_id,
    read_login,
    read_webhook,
    webhook_body,
)

from ..helpers.plain_client import EPOCH, HOOK

TOKEN = f"gw1-{'x' * 32}"
URL = f"https://shop.example/UPDATE_ORDER/{TOKEN}"
NEW = NewWebhook(URL, "UPDATE_ORDER", active=True, method="POST")
STORED = StoredWebhook(1, "key", URL, "UPDATE_ORDER", active=True, method="POST", registered_at="")


@pytest.mark.parametrize(
    "value",
    [
        NEW,
        STORED,
        Answer(200, envelope_body(200, [STORED.as_json()])),
        Exchange("create", "POST", "/webhooks", {}, webhook_body(NEW), 0.0),
        DeliveryAttempt(STORED, "A1", 1, None, "POST", URL, b"{}", 0.0),
        Delivery(STORED, "A1", b"{}"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_reprs(value: object) -> None:
    """They do not show the secret part of URLs, which the values have."""
    assert "https://shop.example/UPDATE_ORDER/gw1-***" in repr(value)
    assert TOKEN not in repr(value)


def test_the_emulator_knows_the_event_types_and_methods_of_the_package() -> None:
    """The two lists were written independently and agree."""
    assert set(WebhookType) == WEBHOOK_TYPES
    for method in HttpMethod:
        assert read_webhook(json.dumps({**HOOK, "method": method}).encode()).method == method


@pytest.mark.parametrize(
    ("method", "path", "route"),
    [
        ("POST", "/users/login", Route("login", "", ("POST",))),
        ("GET", "/webhooks", Route("list", "", ("GET", "POST"))),
        ("POST", "/webhooks", Route("create", "", ("GET", "POST"))),
        ("GET", "/webhooks/7", Route("get", "7", ("GET", "PUT", "DELETE"))),
        ("PUT", "/webhooks/x", Route("update", "x", ("GET", "PUT", "DELETE"))),
        ("DELETE", "/webhooks/%2F", Route("delete", "%2F", ("GET", "PUT", "DELETE"))),
        ("PUT", "/webhooks/7/activate", Route("activate", "7", ("PUT",))),
        ("PUT", "/webhooks/7/deactivate", Route("deactivate", "7", ("PUT",))),
        ("get", "/webhooks", Route("other", "", ("GET", "POST"))),
        ("GET", "/webhooks/7/8", Route()),
        ("GET", "/webhooks\n", Route()),
        ("GET", "webhooks", Route()),
    ],
)
def test_a_route_is_found_by_the_request_line(method: str, path: str, route: Route) -> None:
    """The operation, the id as written, and the methods of the path."""
    assert Route.find(method, path) == route


@pytest.mark.parametrize(("text", "number"), [("1", 1), ("007", 7), ("-5", -5), ("9" * 18, 10**18 - 1)])
def test_an_id_is_an_integer(text: str, number: int) -> None:
    """In decimal digits, with or without a minus."""
    assert read_id(text) == number


@pytest.mark.parametrize("text", ["", "-", "+1", "1_0", " 1", "1\n", "٣", "0x1", "9" * 19])
def test_an_invalid_id(text: str) -> None:
    """Anything but an integer of 64 bits is answered 400."""
    with pytest.raises(ProblemError, match="id must be an integer") as caught:
        read_id(text)

    assert caught.value.status == 400


def test_bodies_are_read() -> None:
    """A body may be in any Unicode encoding that JSON allows."""
    assert read_login(b'{"username": "\\u017e", "password": ""}') == ("ž", "")
    assert read_login('{"username": "ž", "password": "x"}'.encode("utf-16")) == ("ž", "x")
    assert read_webhook(json.dumps(HOOK).encode()) == NewWebhook(
        "https://shop.example/1", "CREATE_ORDER", active=True, method="POST"
    )
    assert json.loads(webhook_body(read_webhook(json.dumps(HOOK).encode()))) == HOOK


def test_headers_are_merged_in_any_case() -> None:
    """The second set wins, and no name occurs twice."""
    assert merged({"Date": "1", "A": "2"}, {"date": "3", "B": "4"}) == {"A": "2", "date": "3", "B": "4"}


def test_an_answer_has_a_head() -> None:
    """The status line, the length and the date, unless the answer has its own."""
    answer = Answer(404, b"abc", {"X-More": "1"})

    assert answer.head("today") == (b"HTTP/1.1 404 Not Found\r\nContent-Length: 3\r\nDate: today\r\nX-More: 1\r\n\r\n")
    assert answer.dated("today") == {"Date": "today", "X-More": "1"}
    assert Answer(200, b"", {"date": "x", "content-length": "9"}).head("today") == (
        b"HTTP/1.1 200 OK\r\ndate: x\r\ncontent-length: 9\r\n\r\n"
    )


@pytest.mark.parametrize("data", [[], {}, "", 0, False])
def test_an_envelope_has_data_even_if_it_is_empty(data: object) -> None:
    """Only None is left out."""
    assert json.loads(envelope_body(200, "OK", data)) == {"statusCode": 200, "message": "OK", "data": data}
    assert json.loads(envelope(200, "OK").body) == {"statusCode": 200, "message": "OK"}


def test_times_are_formatted() -> None:
    """HTTP dates have whole seconds; ISO 8601 has milliseconds, even if zero."""
    assert http_date(EPOCH + 0.999) == "Mon, 21 Sep 2026 14:13:20 GMT"
    assert iso_timestamp(EPOCH) == "2026-09-21T14:13:20.000Z"
    assert iso_timestamp(EPOCH + 0.25) == "2026-09-21T14:13:20.250Z"
