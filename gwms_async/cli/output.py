"""What commands print, and the exit codes they end with."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from enum import IntEnum
from typing import Any, Protocol

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from .. import (
    AuthenticationError,
    ConfigurationError,
    ForbiddenError,
    GwmsError,
    LoginError,
    Outcome,
    OutcomeStatus,
    Webhook,
)
from .lazy import INTERRUPTED

_REFUSALS = (LoginError, AuthenticationError, ForbiddenError)

as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON, one object per line.")


class Exit(IntEnum):
    """How a command ended; these figures are kept."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    PARTLY_FAILED = 3
    REFUSED = 4
    INTERRUPTED = INTERRUPTED


def code_of(error: Exception) -> Exit:
    """Give the exit code for an error that nothing was done in spite of."""
    if isinstance(error, _REFUSALS):
        return Exit.REFUSED
    return Exit.USAGE if isinstance(error, ConfigurationError) else Exit.FAILED


class Ended(Protocol):
    """What became of one webhook: an `Outcome`, or something like it."""

    @property
    def status(self) -> OutcomeStatus:
        """How it ended."""
        ...

    @property
    def error(self) -> Exception | None:
        """What went wrong."""
        ...

    @property
    def is_failure(self) -> bool:
        """Whether it is not as it shall be."""
        ...


def code_of_all(outcomes: Iterable[Ended]) -> Exit:
    """Give the exit code for what became of many webhooks."""
    outcomes = tuple(outcomes)
    failures = [outcome for outcome in outcomes if outcome.is_failure]
    if not failures:
        return Exit.DONE
    if len(failures) < len(outcomes):
        return Exit.PARTLY_FAILED
    return Exit.REFUSED if all(isinstance(one.error, _REFUSALS) for one in failures) else Exit.FAILED


async def guarded(work: Awaitable[Exit], when_interrupted: Callable[[], str] = lambda: "interrupted") -> Exit:
    """Do the work of a command; errors and Ctrl-C end in one line.

    Args:
        work: The work.
        when_interrupted: Tells what was done, and how to go on.
    """
    try:
        return await work
    except asyncio.CancelledError:
        say(when_interrupted())
        return Exit.INTERRUPTED
    except (GwmsError, OSError) as error:
        say(f"Error: {error}")
        return code_of(error)
    except ValueError as error:  # a webhook that cannot be registered
        say(f"Error: {error}")
        return Exit.USAGE


def printable(text: object) -> str:
    """Make a text fit for one line of a terminal: what a gateway sent may hold anything."""
    return "".join(letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in str(text))


def say(text: object) -> None:
    """Print a line for a person, beside the output."""
    click.echo(printable(" ".join(str(text).split())), err=True)


def show(text: object) -> None:
    """Print lines of output."""
    click.echo("\n".join(map(printable, str(text).split("\n"))))


def show_json(value: object) -> None:
    """Print an object on a line of its own."""
    click.echo(json.dumps(value))


def webhook_json(webhook: Webhook) -> dict[str, Any]:
    """Put a webhook in terms of JSON."""
    times = {"registered_at": webhook.registered_at, "unregistered_at": webhook.unregistered_at}
    return {
        "id": webhook.id,
        "url": webhook.url,
        "type": webhook.webhook_type,
        "active": webhook.active,
        "method": webhook.method,
        **{name: time and time.isoformat() for name, time in times.items()},
    }


def outcome_json(outcome: Outcome) -> dict[str, Any]:
    """Put an outcome in terms of JSON."""
    spec = outcome.spec
    return {
        "status": outcome.status,
        "id": outcome.webhook and outcome.webhook.id,
        "url": spec.url,
        "type": spec.webhook_type,
        "active": spec.active,
        "method": spec.method,
        "error": str(outcome.error) if outcome.error else None,
        "attempts": outcome.attempts,
        "copies": outcome.copies,
    }


def counted(outcomes: Iterable[Ended]) -> str:
    """Count outcomes by status, in words."""
    counts = Counter(outcome.status for outcome in outcomes)
    return ", ".join(f"{counts[status]} {status}" for status in OutcomeStatus if counts[status]) or "nothing was done"


def progress_bar() -> Progress:
    """Make a progress bar on stderr, which shows on a terminal only."""
    console = Console(stderr=True)
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    return Progress(*columns, console=console, disable=not console.is_terminal)
