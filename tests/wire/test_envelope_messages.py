"""Messages of every shape: all their parts are shown, in one short line and without secrets."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from gwms_async import BadRequestError, Response
from gwms_async.chain import Call
from gwms_async.wire import envelope, requests
from gwms_async.wire.masking import masked

PASSWORD = 'pa"ss-w\u00f6rd'


def explained(message: Any, *secrets: str) -> str:
    """Explain a response with a message."""
    body = json.dumps({"statusCode": 400, "message": message}).encode()
    return envelope.explain(envelope.open_envelope(400, "Bad Request", {}, body, secrets))


@pytest.mark.parametrize(
    ("message", "text"),
    [
        ("no", "no"),
        (["url must be a URL", "method is wrong"], "url must be a URL; method is wrong"),
        ({"url": "is wrong", "method": "too"}, "url: is wrong; method: too"),
        ({"url": ["is wrong", "is long"], "method": "too"}, "url: is wrong; is long; method: too"),
        ({"errors": [{"field": "url", "text": "no"}, {"field": "id"}]}, "errors: field: url; text: no; field: id"),
        ([5, 1.5, True, None, "no"], "5; 1.5; True; no"),
        ([[], {}, [["no"]]], "no"),
        ({"": ""}, ":"),
        (["a\nERROR forged", "b"], "a ERROR forged; b"),
        (["; "], ";"),
        ("\x1b[31mred \ud83d", "\\x1b[31mred \\ud83d"),
    ],
)
def test_all_parts_of_a_message_are_shown(message: Any, text: str) -> None:
    """Validators send lists, and objects of lists."""
    assert explained(message) == text


def test_the_error_says_what_a_validator_said() -> None:
    """Also where HTTP calls it a success."""
    body = json.dumps({"statusCode": "400", "message": ["url must be a URL", "method is wrong"]}).encode()
    response = envelope.open_envelope(200, "OK", {}, body)
    error = envelope.api_error(requests.get_request(7, Call()), response, 0.0)

    assert type(error) is BadRequestError
    assert error.message == "url must be a URL; method is wrong"


@pytest.mark.parametrize("message", [[], {}, [None], [[], [{}]]])
def test_a_message_of_nothing_is_none(message: Any) -> None:
    """The reason and the beginning of the body are shown instead."""
    assert explained(message).startswith('Bad Request ({"statusCode": 400, "message": ')


@pytest.mark.parametrize(
    "message", [["x" * 9] * 10**5, {f"n{n}": n for n in range(10**5)}, ["x" * 10**6], {"x" * 10**6: 1}]
)
def test_a_long_message_is_cut(message: Any) -> None:
    """To 500 letters."""
    assert len(explained(message)) == 500


@pytest.mark.parametrize("wrap", [list, lambda one: {"echo": next(one)}], ids=["list", "object"])
def test_a_message_nested_deeply(wrap: Any) -> None:
    """It is no error, however deep."""
    message: Any = "no"
    for _ in range(400):
        message = wrap(iter([message]))

    assert explained(message).endswith("no") or len(explained(message)) == 500


@pytest.mark.parametrize("wrap", [str, lambda text: [text], lambda text: ["a", {"b": text}], lambda text: {text: 1}])
@pytest.mark.parametrize("blanks", [0, 490, 2490, 2500, 10_000])
def test_a_secret_at_the_edge_of_a_message(wrap: Any, blanks: int) -> None:
    """Nothing of it is left, wherever the message is cut."""
    for more in range(20):
        for filler in (" ", "x"):
            shown = explained(wrap(filler * (blanks + more) + PASSWORD + "y" * 1000), PASSWORD, "other")

            assert "pa" not in shown
            assert len(shown) <= 500


@pytest.mark.parametrize("secret", ["k" * 20, "ab" * 700, "\u010d" * 30, 'q"' * 15])
def test_a_secret_at_the_edge_of_an_excerpt(secret: str) -> None:
    """Nothing of it is left, be it longer than what is shown, or between blanks that vanish."""
    for before in [*range(960, 1040), 0, 199, 200, 3999, 4000]:
        for filler in (" ", "\u017e ", "z"):
            page = f"{filler * before}{secret}{filler * 5000}".encode()
            shown = envelope.excerpt(Response(502, body=page, secrets=(secret,)))

            assert not set(secret) & set(shown)


@pytest.mark.parametrize(
    ("text", "secrets", "shown"),
    [
        ("xabcdef", ("xab", "abcdef"), "***"),
        ("abcdef", ("bcd", "abcdef"), "***"),
        ("aaaa b", ("aaa",), "*** b"),
        ("s3s3", ("s3",), "******"),
        ("text", ("",), "text"),
        ("text", (), "text"),
        ('pa"ss and pa\\"ss', ('pa"ss',), "*** and ***"),
    ],
)
def test_secrets_that_overlap(text: str, secrets: tuple[str, ...], shown: str) -> None:
    """No letter that belongs to one of them is left."""
    assert masked(text, secrets, len(text)) == shown


WRITERS: dict[str, Callable[[str], str]] = {
    "ASCII": json.dumps,
    "UTF-8": lambda text: json.dumps(text, ensure_ascii=False),
    "slashes": lambda text: json.dumps(text).replace("/", "\\/"),
    "capitals": lambda text: "".join(f"\\u{unit:04X}" for unit in memoryview(text.encode("utf-16-le")).cast("H")),
    "twice": lambda text: json.dumps(json.dumps(text)),
    "mixed": lambda text: json.dumps(json.dumps(text, ensure_ascii=False)),
}


@pytest.mark.parametrize("writer", WRITERS)
@pytest.mark.parametrize("secret", ['pa"ss-w\u00f6rd', "a/b+c&d/e", "back\\slash\\", 'k\U0001f600z"\U0001f600'])
def test_a_secret_as_any_json_writes_it(secret: str, writer: str) -> None:
    """In capitals or not, in ASCII or not, with slashes escaped or not, also JSON within JSON."""
    written = WRITERS[writer](secret).strip('"')
    for before in (0, 190, 995, 999):
        page = (" " * before + f"<{written}>" + "y" * 2000).encode()
        shown = envelope.excerpt(Response(502, body=page, secrets=(secret,)))

        assert "***" in shown
        assert set(shown) <= set('*<\\">y ')


def test_a_masked_text_may_be_cut() -> None:
    """A secret that starts before the cut is masked whole; one that starts there is left out."""
    assert masked("12 secret 34", ("secret",), 5) == "12 ***"
    assert masked("12 secret 34", ("secret",), 3) == "12 "
    assert masked("12 secret 34", ("secret",), 11) == "12 *** 3"


def test_a_secret_in_a_reason_phrase() -> None:
    """It is masked, and a long phrase is cut."""
    response = envelope.open_envelope(407, "No t0ken" + "x" * 1000, {}, b"", ("t0ken",))

    assert envelope.explain(response).startswith("No ***xx")
    assert len(envelope.explain(response)) <= 200
