"""Secrets are masked however a text writes them."""

from __future__ import annotations

import json
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable
from html import escape
from urllib.parse import quote, quote_plus

import pytest

from gwms_async.chain import Response
from gwms_async.wire import envelope
from gwms_async.wire.masking import _levels, masked

SECRETS = (
    "correct horse!battery(staple)",
    "p%w\"\\Qq&<\u00fcZ !'()*~/+41;9Xv",
    "k%25Zz&<\"\\'!()*~/+%2fQx",
    "a%41&amp;b\\u0041\\nz",
    "\U0001f600 \u20ac and cent",
)


def by_number(text: str) -> str:
    """Write each character that is no letter as HTML does by number."""
    return "".join(one if one.isalnum() and one.isascii() else f"&#x{ord(one):x};" for one in text)


ENCODERS: dict[str, Callable[[str], str]] = {
    "plain": str,
    "JavaScript's encodeURIComponent": lambda text: quote(text, safe="-_.!~*'()"),
    "Python's quote": quote,
    "a form": quote_plus,
    "a URL in a URL": lambda text: quote(quote(text, safe=""), safe=""),
    "every byte": lambda text: "".join(f"%{byte:02x}" for byte in text.encode()),
    "Python's bytes": lambda text: repr(text.encode())[2:-1],
    "Python's text": lambda text: repr(text)[1:-1],
    "HTML": escape,
    "HTML in HTML": lambda text: escape(escape(text)),
    "HTML by number": by_number,
    "HTML in JSON": lambda text: json.dumps(escape(text))[1:-1],
    "JSON in HTML": lambda text: escape(json.dumps(text)[1:-1]),
    "JSON in JSON in HTML": lambda text: escape(json.dumps(json.dumps(text))[3:-3]),
    "hexadecimal": lambda text: text.encode().hex(),
    "hexadecimal in capitals": lambda text: text.encode().hex().upper(),
}


@pytest.mark.parametrize("encoder", ENCODERS)
@pytest.mark.parametrize("secret", SECRETS)
def test_a_secret_that_is_encoded(secret: str, encoder: str) -> None:
    """By any server's habits, and by several within each other."""
    text = f"Wrong: <{ENCODERS[encoder](secret)}>"

    assert masked(text, ("other", secret), len(text)) == "Wrong: <***>"


@pytest.mark.parametrize("before", range(4))
@pytest.mark.parametrize("encode", [b64encode, urlsafe_b64encode])
@pytest.mark.parametrize("secret", SECRETS)
def test_a_body_in_base64(secret: str, encode: Callable[[bytes], bytes], before: int) -> None:
    """As gateways to functions pass bodies on: nothing of the secret but a few bits is left, wherever it stands."""
    code = encode(f"{'x' * before}{secret}yy".encode()).decode()
    shown = masked(code, (secret,), len(code))

    assert "***" in shown
    assert len(shown) <= 13


def test_a_short_secret_in_base64() -> None:
    """It is not looked for: its code would be found in words."""
    assert masked("WE and 6b31", ("k1",), 99) == "WE and 6b31"


def test_text_that_is_not_encoded() -> None:
    """Signs of encodings alone change nothing."""
    text = "100% of A&B \\ %zz &bogus; &#0;"

    assert masked(text, ("secret",), len(text)) == text


@pytest.mark.parametrize("text", ["%" + "25" * 5_000 + "41", "&" + "amp;" * 5_000 + "lt;", "\\" * 5_000])
def test_encodings_within_each_other_without_end(text: str) -> None:
    """Only a few are undone, so that the work grows with the text and no faster."""
    assert len(list(_levels(text))) <= 6
    assert masked(text, ("secret",), len(text)) == text


def test_errors() -> None:
    """The line that errors show is masked so."""
    page = Response(502, body=b"<p>correct%20horse!battery(staple)</p>", secrets=SECRETS)

    assert envelope.excerpt(page) == "<p>***</p>"


def test_a_secret_that_is_no_unicode() -> None:
    """It is masked; an error about its half of a character would show it."""
    assert masked("Wrong: \ud83dpassword!", ("\ud83dpassword",), 99) == "Wrong: ***!"


def test_bytes_that_are_no_characters() -> None:
    """They may become several, and what comes after them is found all the same."""
    assert masked("%ED%A0%80 s%65cret!", ("secret",), 99) == "%ED%A0%80 ***!"


def test_a_secret_that_starts_just_before_the_end() -> None:
    """Not even its first character is shown."""
    assert masked("Wrong: secret", ("secret",), len("Wrong: s")) == "Wrong: ***"
