"""Tokens as bytes: whole, or none."""

from __future__ import annotations

import pytest

from gwms_async import Token
from gwms_async.auth.stores.codec import decode, encode


@pytest.mark.parametrize("token", [Token("a"), Token("ž\ud800", 1.5), Token("b", 10**15)])
def test_there_and_back(token: Token) -> None:
    """What was encoded is decoded, from plain ASCII."""
    assert decode(encode(token)) == token
    assert encode(token).isascii()


@pytest.mark.parametrize(
    "content",
    [
        *(b"", b"\xff\0", b"null", b"[]", b"{" * 10**5, b'"token"'),
        *(b'{"value": "a"}', b'{"value": 1, "expires_at": null}', b'{"value": "a", "expires_at": true}'),
        *(b'{"value": "a", "expires_at": NaN}', b'{"value": "a", "expires_at": 1e999}'),
    ],
)
def test_anything_else(content: bytes) -> None:
    """It is no token, and no error."""
    assert decode(content) is None
