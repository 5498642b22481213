"""Hide the secret part of webhook URLs in texts."""

from __future__ import annotations

import re
from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar

TOKEN = "gw1-[A-Za-z0-9_-]{32}"  # noqa: S105  # a pattern
"""The secret part of a URL that `gwms_async.receiving` derives: anyone who knows it can deliver.

A release never changes it: `gw1-` is how log scrubbers recognise it.
"""
# Also a token that is cut short, because texts may be, or in capitals, from which the rest is soon guessed.
_FOUND = re.compile("([Gg][Ww]1-)[A-Za-z0-9_-]{8,32}")
_are_shown = ContextVar("gwms_async.redaction", default=False)


def redacted(text: str) -> str:
    """Return a text with the tokens of webhook URLs hidden."""
    return _FOUND.sub(r"\1***", text) if "1-" in text else text


def displayed(text: str) -> str:
    """Return a text as plans, outcomes and commands display it: with tokens hidden, except within `urls_shown`."""
    return text if _are_shown.get() else redacted(text)


def escaped(text: str) -> str:
    """Escape unprintable characters: a terminal obeys some of them, and others cannot be encoded."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


@contextmanager
def urls_shown() -> Generator[None]:
    """Let `displayed` hide nothing within the block."""
    before = _are_shown.set(True)
    try:
        yield
    finally:
        _are_shown.reset(before)
