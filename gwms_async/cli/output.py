"""The output of commands, and their exit codes."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections import Counter
from collections.abc import Awaitable, Generator, Iterable
from contextlib import contextmanager
from datetime import datetime
from enum import IntEnum
from typing import Any

import click
from attrs import frozen
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

from .. import AuthenticationError, ForbiddenError, GwmsError, LoginError, Outcome, OutcomeStatus, Webhook, WebhookSpec
from ..redaction import displayed, escaped
from .problems import describe, problem_of

_REJECTIONS = (LoginError, AuthenticationError, ForbiddenError)
_COLOURS = re.compile(
    r"(?m)(?:^|(?<=, ))(?:(?P<green>\+ )|(?P<yellow>~ |Warning:)|(?P<red>- |Error:| *(?:failed|unknown|not_started):))"
)
"""The parts to colour: the signs in the lines and counts of a plan, and whatever needs attention."""


class Exit(IntEnum):
    """The exit codes of commands; scripts rely on these numbers."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    PARTLY_FAILED = 3
    REJECTED = 4
    DIFFERS = 5
    INTERRUPTED = 130


@frozen
class BulkResult:
    """The result for one of several webhooks: updated, deleted or failed, and the error if it failed."""

    status: OutcomeStatus
    error: Exception | None = None

    @property
    def is_failure(self) -> bool:
        """Whether the operation failed."""
        return self.error is not None


def exit_code_for(error: Exception) -> int:
    """Return the exit code for an error that ended a command."""
    if isinstance(error, click.ClickException):
        return error.exit_code
    if isinstance(error, _REJECTIONS):
        return Exit.REJECTED
    if isinstance(error, InterruptedError):
        return Exit.INTERRUPTED
    return Exit.USAGE if isinstance(error, ValueError) else Exit.FAILED


def exit_code_for_all(results: Iterable[Outcome | BulkResult]) -> Exit:
    """Return the exit code for the results of several webhooks."""
    results = tuple(results)
    failures = [result for result in results if result.is_failure]
    if not failures:
        return Exit.DONE
    if len(failures) < len(results):
        return Exit.PARTLY_FAILED
    return Exit.REJECTED if all(isinstance(one.error, _REJECTIONS) for one in failures) else Exit.FAILED


async def handle_errors(work: Awaitable[int | None]) -> int | None:
    """Run a command's work; errors and Ctrl-C end it with one line."""
    started = time.monotonic()
    try:
        return await work
    except asyncio.CancelledError as error:
        return report_error(InterruptedError(str(error) or "interrupted"), as_json=is_json())
    except (GwmsError, OSError, ValueError) as error:  # ValueError: a webhook that cannot be registered
        return report_error(error, time.monotonic() - started, as_json=is_json())


def is_json() -> bool:
    """Return whether --json asks for JSON instead of text."""
    context = click.get_current_context(silent=True)
    return context is not None and "gwms.json" in context.meta


def report_error(error: Exception, seconds: float | None = None, *, as_json: bool) -> int:
    """Print the error that ended a command, after so many seconds, and return its exit code."""
    if as_json:
        print_json({"error": problem_of(error, seconds)})
    else:
        prefix = "" if isinstance(error, InterruptedError) else "Error: "
        print_message(prefix + describe(error, seconds))
    return exit_code_for(error)


def printable(text: object) -> str:
    """Hide tokens, and escape control characters: a gateway can send anything, and the terminal must not obey it."""
    return escaped(displayed(str(text)))


def print_message(text: object) -> None:
    """Print one line to stderr."""
    _print(printable(" ".join(str(text).split())), stderr=True)


def print_output(text: object) -> None:
    """Print lines to stdout."""
    _print("\n".join(map(printable, str(text).split("\n"))))


def _print(text: str, *, stderr: bool = False) -> None:
    """Print text as it is, in colour on a terminal."""
    coloured = Text(text)
    coloured.highlight_regex(_COLOURS)
    Console(stderr=stderr).print(coloured, soft_wrap=True)


def print_json(value: object) -> None:
    """Print an object, which may contain webhooks, specs and outcomes, as one line of JSON without tokens."""
    click.echo(displayed(json.dumps(value, default=_as_object)))


def print_result(value: object, text: object) -> None:
    """Print a result as one line of JSON, or as text."""
    if is_json():
        print_json(value)
    else:
        print_output(text)


def _as_object(value: Any) -> Any:
    """Return the JSON form of a value that `json` cannot encode."""
    match value:
        case WebhookSpec():
            return {"url": value.url, "type": value.webhook_type, "active": value.active, "method": value.method}
        case Webhook():
            times = {"registered_at": value.registered_at, "unregistered_at": value.unregistered_at}
            return {"id": value.id, **_as_object(value.spec), **times}
        case Outcome():
            start = {"status": value.status, "id": value.webhook and value.webhook.id, **_as_object(value.spec)}
            return {**start, "error": value.error, "attempts": value.attempts, "copies": value.copies}
    return value.isoformat() if isinstance(value, datetime) else str(value)


def summary(results: Iterable[Outcome | BulkResult]) -> str:
    """Count results by status: "2 created, 1 failed"."""
    counts = Counter(result.status for result in results)
    return ", ".join(f"{counts[status]} {status}" for status in OutcomeStatus if counts[status]) or "nothing was done"


@contextmanager
def resumable(results: Iterable[Outcome | BulkResult], advice: str) -> Generator[None]:
    """Let Ctrl-C within the block end the command with a line that counts the results so far and gives advice."""
    try:
        yield
    except asyncio.CancelledError:
        raise asyncio.CancelledError(f"interrupted: {summary(results)}; {advice}") from None


def progress_bar(console: Console) -> Progress:
    """Create a progress bar, shown on a terminal only."""
    columns = TextColumn("{task.description:<12}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    return Progress(*columns, console=console, disable=not console.is_terminal)
