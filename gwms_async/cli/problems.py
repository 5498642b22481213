"""Errors in terms of the command line: what went wrong, and what to do about it."""

from __future__ import annotations

import re
from collections.abc import Collection, Generator
from contextlib import contextmanager
from difflib import get_close_matches
from typing import Any
from urllib.parse import urlsplit

import click

from .. import errors
from ..redaction import redacted
from ..settings import is_loopback

_USER = re.compile(r"(https?://|(?<![^\s'\"])[a-z][a-z0-9+.-]*:/*)[^/?#\s]*@", re.IGNORECASE)
"""The part before the host of a URL, even of a mistyped one."""
_WEBHOOK_PATH = re.compile(r"/webhooks/(-?\d+)")
_WORDS = {": use Credentials": "", "base_url": "the base URL", "api_key": "the API key", "ssl=": "--ca"}
"""Words in the client's errors, and what the command line writes instead."""


class RefusedError(click.ClickException):
    """A usage error that is printed without the command's usage, which would not explain it."""

    exit_code = 2


def problem_of(error: Exception, seconds: float | None = None) -> dict[str, Any]:
    """Describe an error as `--json` prints it; `seconds` is how long the command ran."""
    is_usage = isinstance(error, click.ClickException)
    texts = _message_and_hint(error, seconds)
    # A usage error is in these terms already; there, base_url is a key in a file.
    message, hint = map(shown, texts if is_usage else map(_translated, texts))
    kind = "UsageError" if is_usage else type(error).__name__
    details = {name: getattr(error, name, None) for name in ("status", "path", "attempts", "retry_after")}
    return {"type": kind, "message": message, **details, "hint": hint or None}


@contextmanager
def port_errors() -> Generator[None]:
    """Make an error say why a port cannot be used, and what to do."""
    try:
        yield
    except OSError as error:
        reason = errors.system_reason(error).lower() if error.errno else error
        raise OSError(f"the port cannot be used ({reason}); --port 0 takes a free port") from None


def describe(error: Exception, seconds: float | None = None) -> str:
    """Describe an error in one line; the arguments are as for `problem_of`."""
    problem = problem_of(error, seconds)
    hint = problem["hint"] or ""
    mark = ";" if hint[:1].islower() else "."
    return f"{problem['message']}{mark} {hint}" if hint else str(problem["message"])


def closest(text: str, names: Collection[str]) -> str:
    """Suggest the closest name, or else all of them."""
    close = get_close_matches(text[:60], names, n=1, cutoff=0.5)
    return f"did you mean {close[0]}?" if close else f"choose from {', '.join(names) or '(none)'}"


def shown(text: str) -> str:
    """Return a text without the secrets in URLs."""
    return redacted(_USER.sub(r"\1***@", text))


def _translated(text: str) -> str:
    """Return a text in terms of the command line."""
    for name, words in _WORDS.items():
        text = text.replace(name, words)
    return text


def _message_and_hint(error: Exception, seconds: float | None) -> tuple[str, str]:
    """Return what happened, and what to do about it."""
    context = click.get_current_context(silent=True)
    settings = context.meta.get("gwms.settings", {}) if context else {}
    message, hint, (base_url, _) = str(error), "", settings.get("base_url", ("", ""))
    has_version = not base_url or re.search(r"/v\d+/?$", base_url)
    version_hint = "" if has_version else f"; did you mean the base URL {base_url.rstrip('/')}/v21?"
    match error:
        case errors.TransportError():
            message, hint = _describe_connection(error, base_url, seconds)
        case errors.LoginError():
            sources = [f"{name} ({settings.get(name, ('', '?'))[1]})" for name in ("username", "password")]
            message, hint = message.partition(" (check ")[0], f"check {' and '.join(sources)}{version_hint}"
        case errors.AuthenticationError() if error.hint == error.__class__.hint:  # else perhaps a proxy's
            source = settings.get("api_key", ("", "GWMS_API_KEY"))[1]
            message, hint = f"the API key was rejected ({error.status})", f"check it ({source})"
        case errors.NotFoundError() if webhook := _WEBHOOK_PATH.match(error.path):
            message = f"webhook {webhook[1]} not found ({error.status})"
            hint = "`gwms webhooks list` shows what exists; is this the right e-shop's key?"
        case errors.DecodeError() | errors.ApiError(path="/users/login"):
            hint = f"is this the gateway?{version_hint}"
        case errors.ApiError():
            message, hint = message.removesuffix(f" ({error.hint})"), error.hint
        case errors.DeadlineExceededError():
            message, hint = message.partition(" (check ")[0], "allow more time with --timeout"
        case click.ClickException():
            message = error.format_message()
    return message, hint


def _describe_connection(error: errors.TransportError, base_url: str, seconds: float | None) -> tuple[str, str]:
    parts, what, hint = urlsplit(base_url), "cannot reach", "check the base URL and the network"
    if error.cause is errors.Cause.UNKNOWN:
        what, hint = "no answer from", "try again later"
    elif error.reason.startswith(("proxy ", "the proxy ")):
        hint = "check HTTPS_PROXY and the network"
    elif error.cause is errors.Cause.MISCONFIGURED:
        hint = "does it speak https? For a private CA, pass --ca FILE"
    elif is_loopback(parts.hostname or ""):
        hint = "is the emulator running?"
    duration = "" if seconds is None else f" in {seconds:.1f} s"
    return f"{what} {parts.scheme}://{parts.netloc} ({error.reason}), {errors.counted(error.attempts)}{duration}", hint
