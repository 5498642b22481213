"""Confirmation before webhooks are deleted."""

from __future__ import annotations

import signal
import sys

import click

from .loop import stopping
from .output import Exit, print_message
from .problems import RefusedError


def confirm_delete(count: int) -> None:
    """Ask whether to delete webhooks.

    Raises:
        click.exceptions.Exit: The answer is no.
        RefusedError: There is no terminal.
    """
    what = "1 webhook" if count == 1 else f"{count} webhooks"
    if not sys.stdin.isatty():
        raise RefusedError(f"deleting {what} must be confirmed on a terminal (see --help). Nothing was changed.")
    # Signals must end the prompt: asyncio's handler only cancels a task, which cannot end while a key is awaited.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with stopping(signal.SIG_DFL):
            is_confirmed = click.confirm(f"Delete {what}?", err=True)
    finally:
        signal.signal(signal.SIGINT, before)
    if not is_confirmed:
        print_message("Nothing was changed.")
        raise click.exceptions.Exit(Exit.FAILED)
