"""Keep secrets out of texts, and frames out of errors.

An error keeps the frames it came through alive, and crash reporters collect their locals: tokens, passwords, whole
lists. Therefore:

- What several callers raise is copied for each by `GwmsError.fresh`: raising adds frames, and callers add notes.
- What is kept, or passes frames of other libraries that hold secrets, is made `frameless`.
- A function of ours that takes secrets is decorated with `without_frames`; its errors keep their cause.
- Instead of an error that was caught, another is raised after the `except` block: within, that would be its context.
- A frame that stays in the traceback drops what it must not show, or its own error, by `del`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Generator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")
E = TypeVar("E", bound=BaseException)

TOKEN = "gw1-[A-Za-z0-9_-]{32}"  # noqa: S105  # a pattern
"""The secret part of a URL that `gwms_async.receiving` derives: anyone who knows it can deliver.

A release never changes it: `gw1-` is how log scrubbers recognise it.
"""
# Also a token that is cut short, because texts may be, or in capitals, from which the rest is soon guessed.
_TOKEN_OR_PART = re.compile("([Gg][Ww]1-)[A-Za-z0-9_-]{8,32}")
_urls_are_shown = ContextVar("gwms_async.redaction", default=False)


def redacted(text: str) -> str:
    """Return a text with the tokens of webhook URLs hidden."""
    return _TOKEN_OR_PART.sub(r"\1***", text) if "1-" in text else text


def displayed(text: str) -> str:
    """Return a text as plans, outcomes and commands display it: with tokens hidden, except within `urls_shown`."""
    return text if _urls_are_shown.get() else redacted(text)


def escaped(text: str) -> str:
    """Escape unprintable characters: a terminal obeys some of them, and others cannot be encoded."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


@contextmanager
def urls_shown() -> Generator[None]:
    """Let `displayed` hide nothing within the block."""
    before = _urls_are_shown.set(True)
    try:
        yield
    finally:
        _urls_are_shown.reset(before)


def frameless(error: E) -> E:
    """Return an error without its frames, cause and context; it is changed, not copied."""
    error.__cause__ = error.__context__ = None
    return error.with_traceback(None)


def without_frames(function: Callable[P, T]) -> Callable[P, T]:
    """Make a function that takes secrets raise without its frames: crash reporters keep their locals."""

    @wraps(function)
    def wrapper(*args: P.args, **options: P.kwargs) -> T:
        try:
            return function(*args, **options)
        except Exception as error:
            del args, options
            error.__traceback__ = None
            raise

    return wrapper
