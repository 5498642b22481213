"""Tokens as bytes, as stores outside the process keep them."""

from __future__ import annotations

import json

from ...tokens import Token
from ...wire.parsing import finite_number


def encode(token: Token) -> bytes:
    """Return a token as JSON."""
    return json.dumps({"value": token.value, "expires_at": token.expires_at}, allow_nan=False).encode()


def decode(content: bytes) -> Token | None:
    """Return the stored token; None if the content is not one."""
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        return None
    match found:
        case {"value": str(value), "expires_at": expiry} if expiry is None or finite_number(expiry) is not None:
            return Token(value, expiry)
    return None
