"""What commands show of the log."""

from __future__ import annotations

import io
import logging
import sys

import pytest
from rich.console import Console
from rich.file_proxy import FileProxy

from gwms_async.cli.logs import shown_logs
from gwms_async.testing import GwmsEmulator, Status

from ..helpers.command_line import run

pytestmark = pytest.mark.usefixtures("own_cache")

LOGGER = logging.getLogger("gwms_async")


class Terminal(io.StringIO):
    """A terminal of 80 columns."""

    def isatty(self) -> bool:
        """Return True."""
        return True


def retry(reason: str = "503 Service Unavailable", wait: float = 0.25) -> None:
    """Log a retry."""
    LOGGER.debug("GET /webhooks is retried", extra={"gwms_reason": reason, "gwms_wait": wait, "gwms_attempt": 2})


def shown(text: str) -> str:
    """Return a text as it is shown, for the next one to replace."""
    return f"\r{text:<79}\r"


def test_retries_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is shown until the next record, and leaves nothing behind; it cannot drive the terminal."""
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr(sys, "stderr", terminal := Terminal())
    with shown_logs():
        retry()
        LOGGER.debug("GET /webhooks -> 429")
        retry("429 \x1b[2J", 0.0)
        retry("x" * 100)
        LOGGER.debug("GET /webhooks -> 200")

    assert terminal.getvalue() == (
        shown("503 Service Unavailable; attempt 3 in 0.2 s …")
        + shown("")
        + shown("429 \\x1b[2J; waiting …")
        + shown("")
        + shown("x" * 79)
        + shown("")
    )


def test_retries_beside_a_progress_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    """They are not shown."""
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", FileProxy(Console(file=terminal), terminal))
    with shown_logs():
        retry()

    assert terminal.getvalue() == ""


def test_retries_elsewhere(gwms_emulator: GwmsEmulator) -> None:
    """They are not shown."""
    gwms_emulator.inject(Status(503), operation="list")

    assert run(gwms_emulator, "webhooks", "list", "--json").stderr == ""


def test_warnings(capsys: pytest.CaptureFixture[str]) -> None:
    """They are, but for what the command's error says; afterwards, the logger is as before."""
    before = LOGGER.level, list(LOGGER.handlers)
    with shown_logs():
        LOGGER.warning("the token store could not %s", "load")
        LOGGER.warning("an API key was rejected; calls with it fail at once for %.0f s", 60)
        LOGGER.info("logged in")
        logging.getLogger("gwms_async.testing").info("GET /webhooks 200")

    assert capsys.readouterr().err == "Warning: the token store could not load\n"
    assert (LOGGER.level, LOGGER.handlers) == before


def test_a_rejected_key(gwms_emulator: GwmsEmulator) -> None:
    """Its error is all that is said: the process ends, and with it the pause of 60 s."""
    result = run(gwms_emulator, "webhooks", "list", GWMS_API_KEY="wrong")

    assert result.stderr == "Error: the API key was rejected (401); check it (GWMS_API_KEY)\n"


def test_debug(gwms_emulator: GwmsEmulator) -> None:
    """Each attempt is logged, on stderr, and no secret; nothing is shown on top."""
    gwms_emulator.inject(Status(503), operation="list")
    result = run(gwms_emulator, "--debug", "webhooks", "list", "--json")
    records = [line.split(" ", 1)[1] for line in result.stderr.splitlines()]

    assert result.stdout == ""
    assert [record for record in records if not record.startswith("GET /webhooks is retried in 0.")] == [
        "POST /users/login -> 200",
        "logged in",
        "GET /webhooks -> 503",
        "GET /webhooks -> 200",
    ]
