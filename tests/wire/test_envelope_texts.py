"""What is said of answers: one short line, without secrets, in the names of the wire."""

from __future__ import annotations

import json

import pytest

from gwms_async import DecodeError, Response
from gwms_async.chain import Call
from gwms_async.wire import decoding, envelope, requests


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


def test_secrets_within_secrets() -> None:
    """The longer one goes first."""
    assert envelope.masked("bad abcdef", ("abc", "abcdef")) == "bad ***"


def test_a_message_is_one_short_line() -> None:
    """It cannot forge a line of a log, nor fill one."""
    text = envelope.explain(Response(400, message="a\nERROR forged\n" + "x" * 10**6))

    assert text.startswith("a ERROR forged x")
    assert len(text) == 500


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
