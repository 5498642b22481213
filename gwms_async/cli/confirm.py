"""What is asked before something is deleted."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager

import click

from .access import on_terminal
from .output import Exit, say


def refused_to_delete(count: int) -> Exit | None:
    """Ask whether webhooks shall be deleted; where nobody can be asked they shall not.

    Args:
        count: How many.

    Returns:
        The exit code to end with; None if they shall be deleted.
    """
    what = "1 webhook" if count == 1 else f"{count} webhooks"
    if not on_terminal():
        say(f"Error: this would delete {what}: give --yes to go on; nothing was changed")
        return Exit.USAGE
    with _ctrl_c_heard():
        agreed = click.confirm(f"Delete {what}?", err=True)
    if agreed:
        return None
    say("nothing was changed")
    return Exit.FAILED


@contextmanager
def _ctrl_c_heard() -> Iterator[None]:
    """Let Ctrl-C end a question: asyncio's own way is to cancel a task, which cannot end while we wait for a key."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
