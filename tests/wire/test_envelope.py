"""What goes out and how the envelope of what comes back is opened; see `test_wire_decoding` for what is in it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from gwms_async import NotFoundError, Request, Response, WebhookSpec, WebhookType
from gwms_async.chain import Call
from gwms_async.wire import envelope, requests

SPEC = WebhookSpec("https://shop.example/h?a=\u010d", "CREATE_ORDER", active=False, method="GET")
SPEC_BODY = b'{"url":"https://shop.example/h?a=\\u010d","webhookType":"CREATE_ORDER","active":false,"method":"GET"}'
CALL = Call()
OBJECT = b'{"statusCode":200,"message":"OK","data":[1]}'


def open_envelope(status: int, body: bytes | None) -> Response:
    """Open the envelope of an answer."""
    return envelope.open_envelope(status, "", {}, body)


@pytest.mark.parametrize(
    ("request_", "method", "path", "body", "idempotent"),
    [
        (requests.list_request(CALL), "GET", "/webhooks", None, True),
        (requests.create_request(SPEC, CALL), "POST", "/webhooks", SPEC_BODY, False),
        (requests.get_request(7, CALL), "GET", "/webhooks/7", None, True),
        (requests.update_request(7, SPEC, CALL), "PUT", "/webhooks/7", SPEC_BODY, True),
        (requests.activate_request(7, CALL), "PUT", "/webhooks/7/activate", None, True),
        (requests.deactivate_request(7, CALL), "PUT", "/webhooks/7/deactivate", None, True),
        (requests.delete_request(7, CALL), "DELETE", "/webhooks/7", None, True),
        (
            requests.login_request("shop", 'pa"ss'),
            "POST",
            "/users/login",
            b'{"username":"shop","password":"pa\\"ss"}',
            True,
        ),
    ],
    ids=str,
)
def test_the_requests_of_the_operations(
    request_: Request, method: str, path: str, body: bytes | None, idempotent: bool
) -> None:
    """Method, path and body are those of the contract; only a creation must not be sent twice."""
    assert (method, path, body) == (request_.method, request_.path, request_.body)
    assert idempotent is request_.idempotent
    assert not request_.headers


def test_a_creation_names_what_it_creates() -> None:
    """So that an error can tell; an update needs no such thing."""
    assert SPEC is requests.create_request(SPEC, CALL).spec
    assert requests.update_request(7, SPEC, CALL).spec is None


def test_an_unlisted_event_is_sent_as_it_is() -> None:
    """The text that the gateway knows goes out unchanged."""
    body = requests.create_request(WebhookSpec("https://shop.example", WebhookType.unlisted("NEW_EVENT")), CALL).body

    assert body is not None
    assert json.loads(body) == {
        "url": "https://shop.example",
        "webhookType": "NEW_EVENT",
        "active": True,
        "method": "POST",
    }


def test_the_password_of_a_login_is_a_secret() -> None:
    """It is masked wherever the answer repeats it."""
    assert requests.login_request("shop", "hunter2").secrets == ("hunter2",)


@pytest.mark.parametrize("make", [requests.get_request, requests.activate_request, requests.deactivate_request])
@pytest.mark.parametrize("webhook_id", ["7", "../users", 7.0, None, True, b"7"])
def test_an_id_is_a_whole_number(make: Callable[[Any, Call], Request], webhook_id: Any) -> None:
    """Nothing else gets into a path."""
    with pytest.raises(ValueError, match="a webhook's id must be a whole number, got "):
        make(webhook_id, CALL)


@pytest.mark.parametrize("spec", [None, {"url": "https://shop.example"}, "https://shop.example"])
def test_only_specs_are_sent(spec: Any) -> None:
    """Anything else has not been checked."""
    with pytest.raises(ValueError, match="a WebhookSpec is needed, got "):
        requests.create_request(spec, CALL)
    with pytest.raises(ValueError, match="a WebhookSpec is needed, got "):
        requests.update_request(7, spec, CALL)


@pytest.mark.parametrize(
    ("method", "given", "idempotent"),
    [
        *((method, None, True) for method in ("GET", "HEAD", "OPTIONS", "PUT", "DELETE", "put")),
        *((method, None, False) for method in ("POST", "PATCH", "post", "PURGE")),
        ("POST", True, True),
        ("GET", False, False),
    ],
)
def test_whether_any_other_request_may_be_repeated(method: str, given: bool | None, idempotent: bool) -> None:
    """As HTTP says of its method, unless the caller knows better."""
    request = requests.any_request(method, "/orders", None, idempotent=given)

    assert method.upper() == request.method
    assert idempotent is request.idempotent


@pytest.mark.parametrize(
    ("content", "body"),
    [
        (None, None),
        ({}, b"{}"),
        ([], b"[]"),
        ({"page": 1, "items": [None, True, "\u010d"]}, b'{"page":1,"items":[null,true,"\\u010d"]}'),
        ("\ud800", b'"\\ud800"'),
        (0, b"0"),
    ],
)
def test_the_content_of_any_other_request(content: object, body: bytes | None) -> None:
    """It goes out as compact JSON; None is no content."""
    assert body == requests.any_request("POST", "/orders/filter", content, idempotent=None).body


def nested(depth: int) -> list[Any]:
    """Make a list in a list in a list."""
    made: list[Any] = []
    for _ in range(depth):
        made = [made]
    return made


def circular() -> list[Any]:
    """Make a list that holds itself."""
    made: list[Any] = []
    made.append(made)
    return made


@pytest.mark.parametrize(
    ("method", "path", "content", "complaint"),
    [
        ("", "/orders", None, "method must be the name of an HTTP method, got ''"),
        ("GET /x HTTP/1.1\r\nX:", "/orders", None, "method must be the name of an HTTP method"),
        ("G\u00cbT", "/orders", None, "method must be the name of an HTTP method"),
        (None, "/orders", None, "method must be the name of an HTTP method, got None"),
        (b"GET", "/orders", None, "method must be the name of an HTTP method, got b'GET'"),
        ("GET", "orders", None, "path must begin with a slash, below the base url, got 'orders'"),
        ("GET", "", None, "path must begin with a slash"),
        ("GET", ".evil.example/", None, "path must begin with a slash"),
        ("GET", "https://gw.example/orders", None, "path must begin with a slash"),
        ("GET", None, None, "path must begin with a slash, below the base url, got None"),
        ("POST", "/orders", {1, 2}, "json cannot be sent: .*set"),
        ("POST", "/orders", {"a": object()}, "json cannot be sent: .*object"),
        ("POST", "/orders", {(1, 2): 3}, "json cannot be sent: "),
        ("POST", "/orders", nested(100_000), "json cannot be sent: "),
        ("POST", "/orders", circular(), "Circular"),
        ("POST", "/orders", float("nan"), "Out of range"),
        ("POST", "/orders", [float("inf")], "Out of range"),
    ],
)
def test_any_other_request_must_be_one(method: Any, path: Any, content: Any, complaint: str) -> None:
    """What cannot be sent, or would go elsewhere, is a ValueError before anything is sent."""
    with pytest.raises(ValueError, match=complaint):
        requests.any_request(method, path, content, idempotent=None)


@pytest.mark.parametrize(
    ("http", "body", "status"),
    [
        (200, b'{"statusCode":404}', 404),
        (200, b'{"statusCode":400}', 400),
        (200, b'{"statusCode":499.9}', 499),
        (201, b'{"statusCode":401}', 401),
        (299, b'{"statusCode":503}', 503),
        (200, b'{"statusCode":"404"}', 404),
        (201, b'{"statusCode":"599"}', 599),
        (404, b'{"statusCode":"500"}', 404),
        *((200, b'{"statusCode":"%b"}' % text, 200) for text in (b"", b" 404", b"4e2", b"-404", b"0x194", b"600")),
        *((200, b'{"statusCode":"%b"}' % text, 200) for text in ("\u0664\u0660\u0664".encode(), b"9" * 5000, b"404.0")),
        (200, b'{"statusCode":399}', 200),
        (200, b'{"statusCode":-404}', 200),
        (201, b'{"statusCode":200}', 201),
        (404, b'{"statusCode":200}', 404),
        (500, b'{"statusCode":404}', 500),
        (300, b'{"statusCode":404}', 300),
        (200, b"{}", 200),
        *((200, b'{"statusCode":%b}' % value, 200) for value in (b'"200"', b"true", b"null", b"[404]", b"{}")),
        *((200, b'{"statusCode":%b}' % value, 200) for value in (b"NaN", b"Infinity", b"-Infinity", b"1e999")),
        (200, b'{"statusCode":1' + b"0" * 400 + b"}", 200),
    ],
)
def test_the_status_that_counts(http: int, body: bytes, status: int) -> None:
    """The envelope's where HTTP says 2xx and it is a number, or a text of digits, of 400 or more; else HTTP's."""
    opened = open_envelope(http, body)

    assert status == opened.status
    assert opened.readable


def test_what_an_envelope_holds() -> None:
    """Data and message are taken out; the rest of the answer stays."""
    opened = envelope.open_envelope(200, "OK", {"date": "today"}, OBJECT, ("s",))

    assert (opened.data, opened.message) == ([1], "OK")
    assert (opened.reason, opened.headers, opened.body, opened.secrets) == ("OK", {"date": "today"}, OBJECT, ("s",))


@pytest.mark.parametrize("message", [b"null", b"5", b"5.5", b"true", b"[]", b"{}", b"[[], {}, null]"])
def test_a_message_has_text(message: bytes) -> None:
    """A text, a list or an object; anything else is none."""
    assert open_envelope(400, b'{"message":%b}' % message).message is None


@pytest.mark.parametrize("body", [OBJECT, b" \n" + OBJECT + b"\n", b"\xef\xbb\xbf" + OBJECT])
def test_what_may_stand_around_an_envelope(body: bytes) -> None:
    """White space and a byte order mark do no harm."""
    assert open_envelope(200, body).data == [1]


UNREADABLE = [
    b"",
    b" ",
    b"<html>busy</html>",
    b"[]",
    b"null",
    b'"text"',
    b"5",
    OBJECT[:-1],
    OBJECT + b"x",
    b'{"message":"\xff\xfe"}',
    b"\xff\xfe\xff",
    b"\x00\x01\x02\x03",
    b"[" * 200_000,
    b'{"data":' * 200_000,
    b'{"statusCode":1' + b"0" * 5000 + b"}",
]


@pytest.mark.parametrize("body", UNREADABLE, ids=lambda body: repr(body[:20]))
def test_what_is_no_envelope_is_marked(body: bytes) -> None:
    """Whatever the bytes are, opening them is no error; only 204 has nothing to read."""
    opened = open_envelope(200, body)

    assert not opened.readable
    assert (opened.status, opened.data, opened.message) == (200, None, None)
    assert not open_envelope(500, body).readable
    assert open_envelope(204, body).readable


def test_an_answer_that_was_too_long_stays_unreadable() -> None:
    """Its body was thrown away; its status still counts."""
    opened = open_envelope(200, None)

    assert not opened.readable
    assert (opened.status, opened.body) == (200, b"")
    assert open_envelope(404, None).status == 404


@pytest.mark.parametrize(
    ("response", "text"),
    [
        (Response(404, "Not Found", body=b"{}", message="no webhook 7"), "no webhook 7"),
        (Response(404, "Not Found", body=b"{}", message=""), "Not Found ({})"),
        (Response(502, "Bad Gateway", body=b"<h1>\n  busy </h1>\n"), "Bad Gateway (<h1> busy </h1>)"),
        (Response(502, "", body=b"busy"), "(busy)"),
        (Response(502, "Bad Gateway"), "Bad Gateway"),
        (Response(599), "no message"),
        (Response(400, message="key s3cret is bad, s3cret!", secrets=("s3cret",)), "key *** is bad, ***!"),
        (Response(400, "Bad", body=b"a b-token c", secrets=("b-token", "c")), "Bad (a *** ***)"),
        (Response(400, "Bad", body=b"\xff\xfe", secrets=()), "Bad (\ufffd\ufffd)"),
    ],
)
def test_what_the_gateway_said(response: Response, text: str) -> None:
    """Its message, else the reason and the beginning of the body; never a secret."""
    assert text == envelope.explain(response)


def test_an_excerpt_is_short() -> None:
    """A long page is cut; a secret is masked before that, so that no half of it is left."""
    secret = "k" * 20
    page = b"x" * 190 + b"\n" * 50 + secret.encode() + b"x" * 10**6

    text = envelope.excerpt(Response(502, body=page, secrets=(secret,)))

    assert text == "x" * 190 + " ***xxxxxx"


def test_the_error_of_an_answer() -> None:
    """It tells the call, how often it was sent, what came back and how long to wait."""
    request = requests.get_request(7, Call(attempts=3))
    error = envelope.api_error(request, Response(404, message="no", headers={"retry-after": "7"}), 0.0)

    assert type(error) is NotFoundError
    assert (error.status, error.message, error.method, error.path) == (404, "no", "GET", "/webhooks/7")
    assert (error.attempts, error.retry_after) == (3, 7.0)
