"""Answers to models: strict on types, open on values, and never anything but a DecodeError."""

from __future__ import annotations

import base64
import json
import pickle
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from attrs import evolve

from gwms_async import DecodeError, HttpMethod, Request, Response, Token, Webhook, WebhookType
from gwms_async.chain import Call
from gwms_async.wire import decoding, envelope, requests

from .test_envelope import UNREADABLE, open_envelope

NOW = 1_790_000_000.0
LIST, GET = requests.list_request(Call()), requests.get_request(7, Call())
DELETE = requests.delete_request(7, Call())
WEBHOOK = Webhook(7, "https://shop.example/h", WebhookType.CREATE_ORDER, active=True, method=HttpMethod.POST)
DATA: dict[str, Any] = {
    "id": 7,
    "url": "https://shop.example/h",
    "webhookType": "CREATE_ORDER",
    "active": True,
    "method": "POST",
}
WRONG: list[tuple[str, str, list[Any]]] = [
    ("id", "int", ["7", 7.0, True, [7]]),
    ("url", "str", [None, 5, ["https://shop.example"]]),
    ("webhookType", "str", [None, 5, ["CREATE_ORDER"], {}]),
    ("active", "bool", [None, 1, 0, "false", "true"]),
    ("method", "str", [None, 5, {}]),
]
UNTIMELY: list[Any] = [None, "1", True, [], float("nan"), 10**400, NOW - 1, 0]


def answer(data: Any) -> Response:
    """Make a success that holds data."""
    return open_envelope(200, json.dumps({"statusCode": 200, "data": data}).encode())


def test_a_webhook() -> None:
    """The wire's names become ours, its texts enums and dates."""
    data = {**DATA, "registeredAt": "2022-04-08T09:19:05.000Z", "unregisteredAt": None}

    hook = decoding.decode_webhook(GET, answer(data))

    assert evolve(WEBHOOK, registered_at=datetime(2022, 4, 8, 9, 19, 5, tzinfo=UTC)) == hook


def test_a_list() -> None:
    """In the gateway's order; none is a list too."""
    assert [evolve(WEBHOOK, id=9), WEBHOOK] == decoding.decode_webhooks(LIST, answer([{**DATA, "id": 9}, DATA]))
    assert decoding.decode_webhooks(LIST, answer([])) == []


def test_what_the_contract_does_not_know_is_taken() -> None:
    """Unknown fields are ignored, unknown events and methods kept; a url is whatever it is."""
    data = {**DATA, "secret": {"a": [1]}, "webhookType": "NEW_EVENT", "method": "PATCH", "url": ""}

    hook = decoding.decode_webhook(GET, answer(data))

    assert (hook.webhook_type, hook.method, hook.url) == ("NEW_EVENT", "PATCH", "")
    assert not hook.webhook_type.is_listed
    assert not hook.method.is_listed


@pytest.mark.parametrize("given", [{}, {"id": None}])
def test_the_id_is_that_of_the_path_where_the_answer_has_none(given: dict[str, None]) -> None:
    """What was asked for is what was answered; where nothing was asked for, an id is due."""
    data = {**{name: value for name, value in DATA.items() if name != "id"}, **given}

    assert evolve(WEBHOOK, id=11) == decoding.decode_webhook(GET, answer(data), 11)
    with pytest.raises(DecodeError, match=r"@ \$"):
        decoding.decode_webhook(GET, answer(data))
    with pytest.raises(DecodeError, match=r"@ \$"):
        decoding.decode_webhooks(LIST, answer([data]))


def test_another_webhook_than_the_one_asked_for() -> None:
    """A cache with a wrong key, or a proxy that mixes up responses: it says nothing about the one asked for."""
    with pytest.raises(
        DecodeError, match=r"the response to GET .* cannot be decoded: expected 11 @ \$\.id\. It starts"
    ):
        decoding.decode_webhook(GET, answer(DATA), 11)


@pytest.mark.parametrize("field", DATA)
@pytest.mark.parametrize("index", [0, 3])
def test_a_missing_field_is_named(field: str, index: int) -> None:
    """The error says what is missing where; nothing is made up."""
    bad = {name: value for name, value in DATA.items() if name != field}

    with pytest.raises(
        DecodeError, match="the response to GET /webhooks cannot be decoded: required field missing"
    ) as caught:
        decoding.decode_webhooks(LIST, answer([*[DATA] * index, bad]))

    (path,) = caught.value.paths
    assert path.startswith(f"required field missing @ $[{index}]")


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [(field, value, expected) for field, expected, values in WRONG for value in values],
)
def test_a_wrong_type_is_named(field: str, value: Any, expected: str) -> None:
    """Null is not "None", "false" is not True, 1 is not true: the error says what was expected where."""
    bad = {**DATA, field: value}

    with pytest.raises(DecodeError) as single:
        decoding.decode_webhook(GET, answer(bad))
    with pytest.raises(DecodeError) as listed:
        decoding.decode_webhooks(LIST, answer([DATA, bad]))

    assert [path.rpartition(".")[0] for path in single.value.paths] == [f"expected {expected} @ $"]
    assert [path.rpartition(".")[0] for path in listed.value.paths] == [f"expected {expected} @ $[1]"]


@pytest.mark.parametrize("data", [None, "", 0, False, {}, {"data": []}, "[]", 5, "text", True])
def test_a_list_is_never_made_up(data: Any) -> None:
    """Data that is no list is an error: an empty list would let everything be created again."""
    with pytest.raises(DecodeError, match=r"(`data` is missing|expected list) @ \$"):
        decoding.decode_webhooks(LIST, answer(data))


@pytest.mark.parametrize("data", [None, "", 0, [], [DATA], "text", True, 5.5])
@pytest.mark.parametrize("webhook_id", [None, 7])
def test_a_webhook_is_never_made_up(data: Any, webhook_id: int | None) -> None:
    """Data that is no object is an error, also where the id is known."""
    with pytest.raises(DecodeError) as caught:
        decoding.decode_webhook(GET, answer(data), webhook_id)

    assert caught.value.paths == (("`data` is missing @ $",) if data is None else ("expected object @ $",))


@pytest.mark.parametrize("item", [None, 5, "text", [], [DATA]])
def test_a_list_of_something_else(item: Any) -> None:
    """Every item must be a webhook."""
    with pytest.raises(DecodeError, match=r"expected object @ \$\[1\]\. "):
        decoding.decode_webhooks(LIST, answer([DATA, item]))


@pytest.mark.parametrize("body", UNREADABLE, ids=lambda body: repr(body[:20]))
@pytest.mark.parametrize("decode", [decoding.decode_webhooks, decoding.decode_webhook, decoding.decode_data])
def test_what_is_no_envelope(decode: Callable[[Request, Response], Any], body: bytes) -> None:
    """Whatever the bytes are, the error is a DecodeError that says so."""
    with pytest.raises(DecodeError, match=r"it is not a JSON object|its JSON is not valid") as caught:
        decode(LIST, open_envelope(200, body))

    assert caught.value.paths == ()


def test_the_error_shows_the_beginning_of_the_answer() -> None:
    """In one line, without secrets; and it can be pickled."""
    response = envelope.open_envelope(200, "", {}, b"<h1>\nhello t0ken</h1>", ("t0ken",))

    with pytest.raises(DecodeError) as caught:
        decoding.decode_webhooks(LIST, response)

    again = pickle.loads(pickle.dumps(caught.value))  # noqa: S301  # our own
    assert str(again) == (
        "the response to GET /webhooks cannot be decoded: it is not a JSON object. It starts with: <h1> hello ***</h1>"
    )
    assert again.excerpt == "<h1> hello ***</h1>"


def test_the_error_of_an_empty_answer() -> None:
    """There is no beginning to show."""
    with pytest.raises(DecodeError, match=r"it is not a JSON object\. It starts with: \(nothing\)$"):
        decoding.decode_webhooks(LIST, open_envelope(200, b""))


def test_the_error_of_a_list_that_a_proxy_has_cut_off() -> None:
    """A proxy that compresses what comes may end an answer in good order whose rest it never got."""
    with pytest.raises(
        DecodeError, match=r'decoded: its JSON is not valid, perhaps cut off\. It starts with: {"statusC'
    ):
        decoding.decode_webhooks(LIST, open_envelope(200, b'{"statusCode": 200, "data": [{"id": 1, "ur'))


def test_the_error_names_the_first_five_mistakes() -> None:
    """A thousand bad webhooks do not make a message of a thousand parts; the index is the one in the list."""
    with pytest.raises(DecodeError) as caught:
        decoding.decode_webhooks(LIST, answer([*[DATA] * 17, *[{**DATA, "active": "yes", "id": "7"}] * 1000]))

    assert caught.value.paths == (
        "expected int @ $[17].id",
        "expected bool @ $[17].active",
        "expected int @ $[18].id",
        "expected bool @ $[18].active",
        "expected int @ $[19].id",
    )
    assert all(path in str(caught.value) for path in caught.value.paths)


@pytest.mark.parametrize("data", [None, [], {"a": 1}, "text", 5, False])
def test_the_data_of_any_endpoint(data: Any) -> None:
    """As it stands there."""
    assert data == decoding.decode_data(LIST, answer(data))


@pytest.mark.parametrize("body", [b"", b"  \n", b'{"statusCode":200}', b'{"statusCode":302,"message":"gone"}'])
def test_a_deletion_needs_no_data(body: bytes) -> None:
    """An empty success, or any envelope of one, will do; for anything else an empty answer will not."""
    response = open_envelope(200, body)

    assert decoding.decode_data(DELETE, response) is None
    if not body.strip():
        with pytest.raises(DecodeError):
            decoding.decode_data(LIST, response)


@pytest.mark.parametrize("request_", [LIST, DELETE])
def test_204_has_no_data(request_: Request) -> None:
    """It is a success without anything."""
    assert decoding.decode_data(request_, open_envelope(204, b"")) is None
    with pytest.raises(DecodeError, match="`data` is missing"):
        decoding.decode_webhooks(request_, open_envelope(204, b""))


def test_a_deletion_answered_with_a_page_is_in_doubt() -> None:
    """A proxy's page is no success, and no sign of one."""
    with pytest.raises(DecodeError, match=r"DELETE /webhooks/7 may or may not have been carried out: its response "):
        decoding.decode_data(DELETE, open_envelope(200, b"<html>"))


@pytest.mark.parametrize("request_", [DELETE, requests.any_request("HEAD", "/x", None, idempotent=None)])
def test_a_response_that_was_too_long(request_: Request) -> None:
    """It is not an empty one: nobody knows what it said."""
    with pytest.raises(DecodeError, match="cannot be decoded: the response is too long"):
        decoding.decode_data(request_, envelope.open_envelope(200, "OK", {}, None))


def test_mistakes_are_named_as_on_the_wire() -> None:
    """Who reads of them looks at the wire, not at our models."""
    data = {"id": 1, "url": "u", "active": True, "method": "GET"}
    with pytest.raises(DecodeError) as caught:
        decoding.decode_webhook(requests.get_request(1, Call()), Response(200, data=data))

    assert caught.value.paths == ("required field missing @ $.webhookType",)


def test_a_head_has_no_body() -> None:
    """So there is nothing to decode."""
    request = requests.any_request("HEAD", "/x", None, idempotent=None)

    assert decoding.decode_data(request, envelope.open_envelope(200, "", {}, b"")) is None


def jwt(payload: Any, *, padded: bool = False) -> str:
    """Make a token whose middle part is a payload."""
    part = base64.urlsafe_b64encode(json.dumps(payload).encode()).decode()
    return f"head.{part if padded else part.rstrip('=')}.signature"


@pytest.mark.parametrize(
    ("expires_in", "expected"),
    [
        (NOW + 3600, NOW + 3600),
        (int(NOW) + 3600, NOW + 3600),
        (3600, NOW + 3600),
        (0.5, NOW + 0.5),
        (999_999_999, NOW + 999_999_999),
        (0, None),
        (-5, None),
        (NOW, None),
        (NOW - 3600, None),
        (1_000_000_000, None),
        ((NOW + 3600) * 1000, NOW + 3600),
        ((NOW - 3600) * 1000, None),
        (3e11, None),
        (253_402_300_800_000, NOW + 50),
        (1e300, NOW + 50),
    ],
)
def test_the_end_of_a_token(expires_in: float, expected: float | None) -> None:
    """A unix time, seconds from now if too small for one, milliseconds if too large; absurd ends are ignored."""
    token = jwt({"exp": NOW + 50})
    data = {"token": token, "expiresIn": expires_in, "user": {"id": 1}}

    assert Token(token, expected) == decoding.decode_login(answer(data), NOW)[0]


@pytest.mark.parametrize(
    ("expires_in", "lag", "ttl"),
    [(NOW + 100, 0.0, 100.0), (NOW + 100, 1.0, 99.0), (NOW + 1, 1.0, 0.5), (100, 1.0, 100.0), (-5, 1.0, None)],
)
def test_how_long_a_token_has_left(expires_in: float, lag: float, ttl: float | None) -> None:
    """The lag of `now` shortens what ends at a unix time, by half at most, and not what counts from now."""
    assert decoding.decode_login(answer({"token": "opaque", "expiresIn": expires_in}), NOW, lag)[1] == ttl


@pytest.mark.parametrize("expires_in", [None, "3600", True, [], {}, float("nan"), float("inf"), 10**400])
@pytest.mark.parametrize("padded", [True, False])
def test_the_token_s_own_end_counts_where_none_is_said(expires_in: Any, padded: bool) -> None:
    """An `expiresIn` that is no number was not said; then a JWT tells by itself."""
    for subject in ("", "x", "xx", "xxx"):
        data = {"token": jwt({"exp": NOW + 50, "sub": subject}, padded=padded), "expiresIn": expires_in}

        assert decoding.decode_login(answer(data), NOW)[0].expires_at == NOW + 50


@pytest.mark.parametrize(
    "token",
    [
        "opaque",
        "a.b",
        "a.b.c",
        "..",
        "a.!!!.c",
        "a.{}.c",
        jwt({}),
        jwt([]),
        jwt("exp"),
        jwt(None),
        *(jwt({"exp": value}) for value in UNTIMELY),
        "a." + base64.urlsafe_b64encode(b"\xff\xfe\xff").decode() + ".c",
        "a." + base64.urlsafe_b64encode(b"[" * 40_000).decode() + ".c",
    ],
    ids=lambda token: token[:30],
)
def test_a_token_that_says_nothing_of_its_end(token: str) -> None:
    """It is used until it is refused, whatever it is made of."""
    assert Token(token, None) == decoding.decode_login(answer({"token": token}), NOW)[0]


@pytest.mark.parametrize(
    "data",
    [
        None,
        [],
        "s3cret",
        {},
        {"Token": "s3cret"},
        *(
            {"token": value}
            for value in (None, 5, "", " ", "s3cret\n", "s3 cret", "s3cr\u00e9t", ["s3cret"], "\x7f", "s3" * 40_000)
        ),
    ],
)
def test_a_login_without_a_usable_token(data: Any) -> None:
    """It is an error that shows nothing of the answer: what cannot travel in a header may still be a secret."""
    with pytest.raises(DecodeError, match="the response to POST /users/login contains no usable token") as caught:
        decoding.decode_login(answer(data), NOW)

    assert "s3" not in repr((str(caught.value), vars(caught.value)))


def test_a_login_that_a_proxy_answers() -> None:
    """A page of maintenance, with status 200, is told from a login that has changed."""
    with pytest.raises(DecodeError, match=r"is not a JSON object: perhaps a proxy's page; check base_url$"):
        decoding.decode_login(Response(200, body=b"<h1>s3cret</h1>", readable=False), NOW)
