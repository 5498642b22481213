"""What holds for every input: models, answers, headers, logins, the failure table."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from math import inf, isfinite
from typing import Any

import pytest
from cattrs import Converter
from hypothesis import example, given
from hypothesis import strategies as st

from gwms_async import GwmsError, Token, Webhook, WebhookSpec, WebhookType
from gwms_async.chain import Call, Request, Response
from gwms_async.wire.classify import Kind, classify
from gwms_async.wire.converter import DETAILED, FAST
from gwms_async.wire.decoding import decode_data, decode_login, decode_webhook, decode_webhooks, is_token_text
from gwms_async.wire.envelope import api_error, open_envelope
from gwms_async.wire.headers import http_date, retry_after
from gwms_async.wire.requests import create_request

from ..helpers import strategies as our

GET = Request("GET", "/webhooks", idempotent=True)
DECODERS: list[Callable[[Request, Response], Any]] = [
    decode_webhooks,
    decode_webhook,
    lambda request, response: decode_webhook(request, response, 7),
    decode_data,
    lambda _, response: decode_login(response, 1_700_000_000.0),
    lambda request, response: api_error(request, response, 1_700_000_000.0),
]


@pytest.mark.parametrize("converter", [FAST, DETAILED])
@given(our.webhooks)
def test_a_webhook_is_read_as_it_was_written(converter: Converter, webhook: Webhook) -> None:
    """Through real JSON, whatever its texts, types and moments are; its hash too."""
    written = json.loads(json.dumps(our.as_data(webhook)))
    read = converter.structure(written, Webhook)

    assert read == webhook
    assert hash(read) == hash(webhook)
    assert read.webhook_type.is_listed == (webhook.webhook_type in list(WebhookType))


@pytest.mark.parametrize("converter", [FAST, DETAILED])
@given(our.specs)
def test_a_spec_is_read_as_it_was_written(converter: Converter, spec: WebhookSpec) -> None:
    """From the very bytes that a create sends."""
    body = create_request(spec, Call()).body

    assert body is not None
    assert converter.structure({"id": 7, **json.loads(body)}, Webhook).spec == spec


@given(our.specs, st.integers(1, 2**63 - 1))
def test_a_created_webhook_asks_for_what_was_sent(spec: WebhookSpec, number: int) -> None:
    """An answer that echoes the request, with an id, is a webhook of the same spec and identity."""
    data = {"id": number, **json.loads(create_request(spec, Call()).body or b"")}
    body = json.dumps({"statusCode": 200, "message": "OK", "data": data}).encode()
    webhook = decode_webhook(GET, open_envelope(200, "OK", {}, body))

    assert (webhook.id, webhook.spec, webhook.identity) == (number, spec, spec.identity)


def decode_all(response: Response) -> None:
    """Read an answer in every way; any error but ours fails the test."""
    for decode in DECODERS:
        try:
            decode(GET, response)
        except GwmsError as error:
            assert str(error)  # noqa: PT017  # what it says is made of the answer


@given(our.statuses, st.binary(max_size=200) | st.none(), st.tuples(our.printable, our.anything))
@example(200, b"[" * 100_000, ("a", "b"))
@example(200, b'{"data":' * 50_000, ("a", "b"))
@example(200, b"1" * 10_000, ("a", "b"))
@example(200, b"\xef\xbb\xbf{}", ("a", "b"))
@example(200, b'{"statusCode": 1e308, "message": "\\ud800"}', ("a", "b"))
def test_any_bytes_end_in_a_value_or_an_error_of_ours(
    status: int, body: bytes | None, secrets: tuple[str, str]
) -> None:
    """Whatever the body and the status are, and whatever is to be masked."""
    decode_all(open_envelope(status, "reason", {}, body, secrets))


@given(our.statuses, our.envelopes | our.trees)
def test_any_json_ends_in_a_value_or_an_error_of_ours(status: int, content: Any) -> None:
    """Envelopes that are nearly right, and any other tree."""
    decode_all(open_envelope(status, "reason", {}, json.dumps(content).encode()))


@given(st.lists(our.near_webhooks, max_size=3))
def test_nothing_is_made_up_and_nothing_left_out(data: list[dict[str, Any]]) -> None:
    """A list is read as a whole or not at all, each entry with the id, url and state that it came with."""
    body = json.dumps({"statusCode": 200, "message": "OK", "data": data}).encode()
    try:
        read = decode_webhooks(GET, open_envelope(200, "OK", {}, body))
    except GwmsError:
        return

    assert [(one.id, one.url, one.active) for one in read] == [(one["id"], one["url"], one["active"]) for one in data]


@given(our.header_values)
@example("Fri, 31 Dec 9999 23:59:59 -2359")
@example("Mon, 1 Jan 0001 00:00:00 +2359")
@example("9" * 8000)
@example("Wed, 21 Oct 2015 07:28:00 GMT" * 270)
@example("(" * 8000)
@example("," * 8000)
def test_any_text_is_a_date_of_http_or_none(text: str) -> None:
    """No error comes out, and no number that time cannot be reckoned with."""
    when = http_date(text)

    assert when is None or isfinite(when)


HEADERS = st.dictionaries(st.sampled_from(["retry-after", "date", "content-type"]), our.header_values)


@given(HEADERS, st.floats(0, 1e10))
@example({"retry-after": "1e308", "date": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0.0)
@example({"retry-after": "9" * 5000}, 0.0)
def test_any_retry_after_is_a_wait_or_none(headers: Mapping[str, str], wall: float) -> None:
    """It is finite and not negative, whatever the headers are."""
    wait = retry_after(Response(429, headers=headers), wall)

    assert wait is None or (isfinite(wait) and wait >= 0)


@given(HEADERS, our.statuses, our.envelopes)
def test_any_headers_end_in_a_value_or_an_error_of_ours(headers: Mapping[str, str], status: int, content: Any) -> None:
    """Also where an error is made of them."""
    decode_all(open_envelope(status, "reason", headers, json.dumps(content).encode()))


def jwt(payload: bytes) -> str:
    """Make what looks like a JWT."""
    return f"e30.{base64.urlsafe_b64encode(payload).decode().rstrip('=')}.x"


JWT_TEXTS = (
    our.printable
    | st.binary(max_size=60).map(jwt)
    | st.builds(lambda exp: jwt(json.dumps({"exp": exp}).encode()), our.trees)
    | our.trees.map(lambda tree: jwt(json.dumps(tree).encode()))
)


@given(JWT_TEXTS | our.anything, our.trees, st.floats(0, 1e10))
@example(jwt(b"[" * 100_000), None, 0.0)
@example(jwt(b'{"exp":' + b"9" * 5000 + b"}"), None, 0.0)
@example("." * 100_000, None, 0.0)
@example("a" * 5, 10**400, 0.0)
def test_any_login_ends_in_a_token_or_an_error_of_ours(token: str, expires_in: Any, now: float) -> None:
    """A token that travels in headers, and an end that is in the future or unknown."""
    response = Response(200, data={"token": token, "expiresIn": expires_in})
    if not is_token_text(token):
        with pytest.raises(GwmsError):
            decode_login(response, now)
        return
    read, ttl = decode_login(response, now)

    assert read.value == token
    assert read.expires_at is None or (isfinite(read.expires_at) and read.expires_at > now)
    assert (ttl is None) == (read.expires_at is None)
    assert ttl is None or 0 < ttl < inf


@given(st.floats(1e9, 1e11), st.floats(1, 1e9))
def test_the_end_of_a_token_survives_its_jwt(now: float, seconds: float) -> None:
    """Where the answer does not say it, the JWT's own end counts."""
    token = jwt(json.dumps({"exp": now + seconds}).encode())

    assert decode_login(Response(200, data={"token": token}), now)[0] == Token(token, now + seconds)


@pytest.mark.parametrize("readable", [True, False])
def test_the_table_knows_every_status(readable: bool) -> None:
    """Each of 100 to 599 means something, and a success what it says."""
    for status in range(100, 600):
        assert (classify(Response(status, readable=readable)) is Kind.SUCCESS) == (readable and 200 <= status < 300)
