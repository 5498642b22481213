"""Tokens as bytes, as stores outside the process keep them."""

from __future__ import annotations

import json
import sys

from ...tokens import Token


def encode(token: Token) -> bytes:
    """Return a token as JSON."""
    return json.dumps({"value": token.value, "expires_at": token.expires_at}, allow_nan=False).encode()


def decode(content: bytes) -> Token | None:
    """Return the token in the content of a store, None if there is none."""
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        return None
    match found:
        case {"value": str(value), "expires_at": None}:
            return Token(value)
        case {"value": str(value), "expires_at": int() | float() as expires_at} if _is_time(expires_at):
            return Token(value, expires_at)
    return None


def _is_time(number: float) -> bool:
    """Return whether JSON's number is a finite one that fits a float, and not a boolean."""
    return not isinstance(number, bool) and abs(number) <= sys.float_info.max
