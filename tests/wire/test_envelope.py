"""How an envelope is opened and explained: short texts without secrets."""

from __future__ import annotations

import json

import pytest

from gwms_async import ApiError, BadRequestError, ForbiddenError, NotFoundError, RedirectError, Response
from gwms_async.chain import Call
from gwms_async.wire import envelope, requests
from gwms_async.wire.masking import masked

OBJECT = b'{"statusCode":200,"message":"OK","data":[1]}'


def open_envelope(status: int, body: bytes | None) -> Response:
    """Open the envelope of an answer."""
    return envelope.open_envelope(status, "", {}, body)


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
    assert envelope.explain(opened) == "the response is too long"


@pytest.mark.parametrize(
    ("response", "text"),
    [
        (Response(404, "Not Found", body=b"{}", message="no webhook 7"), "no webhook 7"),
        (Response(404, "Not Found", body=b"{}", message=""), "Not Found ({})"),
        (Response(404, "Not Found", body=b"{}", message=" \n"), "Not Found ({})"),
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
    assert error.hint.startswith("check the path and its id")
    assert (error.status, error.message, error.method, error.path) == (404, "no", "GET", "/webhooks/7")
    assert (error.attempts, error.retry_after) == (3, 7.0)


@pytest.mark.parametrize("status", [404, 410])
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<h1>default backend - 404</h1>",
        b'{"message":"no Route matched"}',
        b"[]",
        b'{"statusCode":null}',
        b'{"statusCode":true}',
        b'{"statusCode":"NOT_FOUND","message":"no such route"}',
    ],
)
def test_a_404_of_a_proxy(status: int, body: bytes) -> None:
    """It does not say that a webhook is not there."""
    error = envelope.api_error(requests.get_request(7, Call(attempts=1)), open_envelope(status, body), 0.0)

    assert (type(error), error.status) == (ApiError, status)
    assert error.hint == "check base_url; perhaps sent by a proxy, not by the gateway"


@pytest.mark.parametrize(("status", "kind"), [(400, BadRequestError), (403, ForbiddenError), (413, ApiError)])
def test_another_refusal_of_a_proxy(status: int, kind: type[ApiError]) -> None:
    """The class follows the status; the hint says that it need not be the account's or the request's fault."""
    request = requests.get_request(7, Call(attempts=1))
    error = envelope.api_error(request, open_envelope(status, b"<h1>Request blocked</h1>"), 0.0)
    own = envelope.api_error(request, open_envelope(status, b'{"statusCode":1,"message":"no"}'), 0.0)

    assert type(error) is type(own) is kind
    assert error.hint.endswith("perhaps sent by a proxy, not by the gateway")
    assert own.hint == kind.hint


@pytest.mark.parametrize(
    ("location", "shown"),
    [
        ("https://sso.example/login?state=SECRET&back=x#SECRET", "it leads to https://sso.example/login: check"),
        ("https://user:SECRET@gw.example/v21/webhooks/", "it leads to https://gw.example/v21/webhooks/: check"),
        ("https://sso.example/login;jsessionid=5EC2E7", "it leads to https://sso.example/login: check"),
        ("https://user;x:5EC2E7@sso.example/login", "it leads to https://sso.example/login: check"),
        ("/v21/webhooks/", "it leads to /v21/webhooks/: check"),
        ("/key/SECRET", "it leads to /key/***: check"),
        ("", "check base_url"),
    ],
)
def test_where_a_redirect_leads(location: str, shown: str) -> None:
    """It is shown: an http:// base URL, a slash too many or a login page of a company's proxy look alike without it."""
    response = Response(302, "Found", {"location": location}, secrets=("SECRET",))
    error = envelope.api_error(requests.get_request(7, Call(attempts=1)), response, 0.0)

    assert type(error) is RedirectError
    assert f"({shown}" in str(error)


def test_a_location_where_there_is_no_redirect() -> None:
    """It leads nowhere: a refusal may name the webhook that exists."""
    response = Response(400, headers={"location": "/v21/webhooks/7"})
    error = envelope.api_error(requests.get_request(7, Call(attempts=1)), response, 0.0)

    assert error.hint == type(error).hint


def test_a_secret_at_the_edge_of_an_excerpt() -> None:
    """Nothing of it is left, wherever the answer is cut."""
    for blanks in range(3900, 4100):
        shown = envelope.excerpt(Response(500, body=b" " * blanks + b"supersecret", secrets=("supersecret",)))
        assert shown == "***"


@pytest.mark.parametrize("password", ['pa"ss-word', "heslo-\u011b\u0161", "a\\b-c"])
def test_a_secret_as_json_writes_it(password: str) -> None:
    """An answer that repeats our own login does not show it."""
    request = requests.login_request("shop", password)
    assert request.body is not None
    response = envelope.open_envelope(400, "Bad", {}, b'{"echo":' + request.body + b"}", request.secrets)

    assert json.dumps(password)[1:-1] not in envelope.explain(response)


@pytest.mark.parametrize(
    "shown",
    ["p&amp;ss&#x27;&lt;w d", "p&amp;ss&#39;&lt;w d", "p&amp;ss'&lt;w d", "p%26ss%27%3Cw%20d", "p%26ss%27%3cw+d"],
)
def test_a_secret_as_pages_and_urls_write_it(shown: str) -> None:
    """Error pages repeat what was sent."""
    assert masked(f"Wrong: {shown}!", ("p&ss'<w d",), 99) == "Wrong: ***!"


def test_secrets_within_secrets() -> None:
    """The longer one goes first."""
    assert masked("bad abcdef", ("abc", "abcdef"), 99) == "bad ***"


def test_a_message_is_one_short_line() -> None:
    """It cannot forge a line of a log, nor fill one."""
    text = envelope.explain(Response(400, message="a\nERROR forged\n" + "x" * 10**6))

    assert text.startswith("a ERROR forged x")
    assert len(text) == 500


def test_a_long_envelope_is_read_like_any_other() -> None:
    """Whichever parser reads it."""
    data = "x" * (5 * 1024 * 1024)

    response = open_envelope(200, b'{"data": "%b"}' % data.encode())

    assert response.data == data


@pytest.mark.parametrize("secret", [" hunter2secret", "\thunter2secret ", "   "])
@pytest.mark.parametrize("form", ["{} rest", '{{"message": "{} rest"}}'])
def test_a_secret_with_blanks_around_it_is_masked(form: str, secret: str) -> None:
    """Though the blanks at the beginning of a text are not looked at."""
    body = form.format(secret.replace("\t", "\\t") if form.startswith("{{") else secret)

    text = envelope.explain(envelope.open_envelope(500, "no", {}, body.encode(), (secret,)))

    assert "hunter2" not in text
    assert "rest" in text
