"""Texts without tokens."""

from __future__ import annotations

import inspect
import logging
import pickle
import traceback
from collections.abc import Callable

import pytest

from gwms_async import (
    ApiError,
    ConfigurationError,
    DeadlineExceededError,
    DecodeError,
    GwmsClient,
    GwmsError,
    HttpMethod,
    OutcomeUnknownError,
    Webhook,
    WebhookSpec,
    WebhookType,
)
from gwms_async.chain import Call
from gwms_async.models import check_is_spec, check_url
from gwms_async.redaction import displayed, escaped, redacted, urls_shown, without_frames
from gwms_async.registration.plan import claimed_by
from gwms_async.testing import GwmsEmulator, RawBody, Status
from gwms_async.wire.requests import any_request, delete_request

from .helpers.emulated import client

TOKEN = "gw1-MbZ1jhtIVnOWgIwJF-PSrc925KH6773s"
URL = f"https://shop.example/gwms/UPDATE_ORDER/{TOKEN}"
SPEC = WebhookSpec(URL, WebhookType.UPDATE_ORDER)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (URL, "https://shop.example/gwms/UPDATE_ORDER/gw1-***"),
        (f"{TOKEN}/A1 and {TOKEN}", "gw1-***/A1 and gw1-***"),
        (f"{TOKEN}A1", "gw1-***A1"),
        (TOKEN[:20], "gw1-***"),
        (URL.upper(), "HTTPS://SHOP.EXAMPLE/GWMS/UPDATE_ORDER/GW1-***"),
        ("gw1-***", "gw1-***"),
        ("gw1-hook", "gw1-hook"),
        ("https://shop.example/", "https://shop.example/"),
        ("", ""),
    ],
)
def test_texts(text: str, expected: str) -> None:
    """Whole tokens are hidden, and those that were cut; nothing else is."""
    assert redacted(text) == expected


def test_texts_that_are_displayed() -> None:
    """They may show tokens, where that was asked for; reprs and errors do not."""
    assert displayed(URL) == redacted(URL)
    with urls_shown():
        assert displayed(URL) == URL
        for text in (redacted(URL), repr(SPEC), str(GwmsError(URL))):
            assert TOKEN not in text
    assert displayed(URL) == redacted(URL)


def test_values() -> None:
    """The repr of what contains a URL does not show its token; its fields do, and so does a pickle of it."""
    webhook = Webhook(id=1, url=URL, webhook_type=SPEC.webhook_type, active=True, method=HttpMethod.GET)

    for value in (SPEC, webhook, SPEC.identity):
        assert "UPDATE_ORDER/gw1-***'" in repr(value)
        assert TOKEN not in repr(value) + str(value)
        assert pickle.loads(pickle.dumps(value)) == value  # noqa: S301  # our own
    assert repr(WebhookSpec("https://a.example", "UPDATE_ORDER")).startswith("WebhookSpec(url='https://a.example', ")


@pytest.mark.parametrize("error", [GwmsError, ConfigurationError, DeadlineExceededError, DecodeError])
def test_errors(error: type[GwmsError]) -> None:
    """None shows a token; all can be pickled."""
    made = error(f"{URL} is odd")

    for one in (made, made.fresh(), pickle.loads(pickle.dumps(made))):  # noqa: S301  # our own
        assert type(one) is error
        assert str(one) == f"{redacted(URL)} is odd"
        assert TOKEN not in repr(one)


@pytest.mark.parametrize("url", [f"shop.example/{TOKEN}", "ftp://" + "x" * 190 + TOKEN])
def test_urls_that_cannot_be_registered(url: str) -> None:
    """Their token is hidden before they are cut."""
    with pytest.raises(ValueError, match=r"^url must be an absolute http\(s\) URL") as caught:
        check_url(url)
    assert TOKEN[:12] not in str(caught.value)

    with pytest.raises(ValueError, match=r"^expected a WebhookSpec\(url, webhook_type\); got 'https") as caught:
        check_is_spec(URL)
    assert TOKEN not in str(caught.value)

    with pytest.raises(ValueError, match=r"^url must be a string; got b'https") as caught:
        WebhookSpec(URL.encode(), WebhookType.UPDATE_ORDER)  # type: ignore[arg-type]
    assert TOKEN not in str(caught.value)


@pytest.mark.parametrize(
    "call",
    [
        lambda: claimed_by(URL),
        lambda: any_request("GET", URL, None, idempotent=None),
        lambda: delete_request(URL, Call()),  # type: ignore[arg-type]
    ],
)
def test_urls_where_something_else_belongs(call: Callable[[], object]) -> None:
    """The error does not show the token."""
    with pytest.raises(ValueError, match=r"/UPDATE_ORDER/gw1-\*\*\*'$") as caught:
        call()
    assert TOKEN not in str(caught.value)


async def failure(gwms: GwmsClient) -> BaseException:
    """Give the error of a create."""
    with pytest.raises(GwmsError) as caught:
        await gwms.webhooks.create(SPEC)
    return caught.value


async def test_a_gateway_that_repeats_urls(gateway: GwmsEmulator, caplog: pytest.LogCaptureFixture) -> None:
    """Its messages and answers are shown without their tokens, in all parts of an error and in logs."""
    caplog.set_level(logging.DEBUG)
    padded = " " * 900 + URL
    gateway.inject(Status(400, message=f"{padded} exists"), operation="create")
    gateway.inject(Status(422, message=[{"url": URL}]), operation="create", at=2)
    gateway.inject(Status(403, body=f"<p>{padded}".encode()), operation="create", at=3)
    gateway.inject(RawBody(f'{{"data": {{"url": "{URL}"}}}}'.encode()), operation="create", at=4)
    gateway.inject(RawBody(f"<p>{URL}".encode()), operation="create", at=5)
    async with client(gateway) as gwms:
        errors = [await failure(gwms) for _ in range(5)]

    assert [type(error).__name__ for error in errors[3:]] == [OutcomeUnknownError.__name__] * 2
    assert all(isinstance(error, ApiError) for error in errors[:3])
    for error in errors:
        shown = str(error) + repr(error) + repr(vars(error))
        assert "UPDATE_ORDER/gw1-***" in shown
        assert TOKEN not in shown
    assert TOKEN not in caplog.text


@pytest.mark.parametrize(
    ("text", "expected"),
    [("", ""), ("\u010d \U0001f4e6", "\u010d \U0001f4e6"), ("a\x1b[2J\ud83db\n", "a\\x1b[2J\\ud83db\\n")],
)
def test_what_is_not_printable_is_escaped(text: str, expected: str) -> None:
    """Half of an emoji, where a gateway cut a text, cannot be encoded; a terminal would obey control characters."""
    assert escaped(text) == expected


@pytest.mark.parametrize("kind", [ConfigurationError, LookupError])
def test_errors_without_frames(kind: type[Exception]) -> None:
    """No frame shows what the function was given or made of it; the reason stays, and so does the result."""
    reason = KeyError("why")

    @without_frames
    def double(secret: str, *, ends: bool = False) -> str:
        """Double it."""
        doubled = secret * 2
        if ends:
            raise kind("no") from reason
        return doubled

    assert double("hunter2") == "hunter2hunter2"
    assert str(inspect.signature(double)) == "(secret: 'str', *, ends: 'bool' = False) -> 'str'"
    with pytest.raises(kind, match=r"^no$") as caught:
        double("hunter2", ends=True)
    assert caught.value.__cause__ is reason
    frames = [frame for frame, _ in traceback.walk_tb(caught.tb) if frame.f_code.co_filename != __file__]
    assert "hunter2" not in repr([frame.f_locals for frame in frames])
    assert "double" not in [frame.f_code.co_name for frame, _ in traceback.walk_tb(caught.tb)]
