"""Show what the logger `gwms_async` records, on stderr."""

from __future__ import annotations

import logging
import sys
from collections.abc import Generator
from contextlib import contextmanager
from shutil import get_terminal_size

import click
from rich.file_proxy import FileProxy

from .output import print_message, printable

REQUESTS = logging.getLogger("gwms_async.testing")
"""The log of an emulator; commands that show it lower its level."""
_FORMAT = logging.Formatter("%(asctime)s.%(msecs)03d %(message)s", "%H:%M:%S")


class LogHandler(logging.Handler):
    """Prints warnings and the emulator's log, or with `debug` everything; shows a retry until its attempt has ended."""

    def __init__(self, *, debug: bool) -> None:
        super().__init__()
        self._debug, self._is_retry_shown = debug, False

    def emit(self, record: logging.LogRecord) -> None:
        """Print or show a record."""
        text, fields = record.getMessage(), vars(record)
        if self._is_retry_shown:
            self._show("")
        if self._debug or record.name == "gwms_async.testing":
            print_message(_FORMAT.format(record))
        elif record.levelno >= logging.WARNING and not text.startswith("an API key was rejected"):  # the error says so
            print_message(f"Warning: {text}")
        elif "gwms_wait" in fields and not isinstance(sys.stderr, FileProxy):  # else a progress bar is shown
            wait, attempt = fields["gwms_wait"], fields["gwms_attempt"] + 1
            when = f"attempt {attempt} in {wait:.1f} s" if wait else "waiting"
            self._show(f"{fields['gwms_reason']}; {when} …")

    def _show(self, text: str) -> None:
        width = get_terminal_size().columns - 1
        click.echo(f"\r{printable(text)[:width]:<{width}}\r", nl=False, err=True)
        self._is_retry_shown = bool(text)


@contextmanager
def shown_logs() -> Generator[None]:
    """Show what is logged within the block: warnings, on a terminal retries, with --debug everything."""
    context, logger = click.get_current_context(silent=True), logging.getLogger("gwms_async")
    debug = context is not None and "gwms.debug" in context.meta
    handler = LogHandler(debug=debug)
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG if debug or sys.stderr.isatty() else logging.WARNING)
    REQUESTS.setLevel(logging.WARNING)
    try:
        yield
    finally:
        for one in (logger, REQUESTS):
            one.setLevel(logging.NOTSET)
        logger.removeHandler(handler)
