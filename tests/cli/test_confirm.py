"""Confirmation before webhooks are deleted."""

from __future__ import annotations

import signal
import sys
from types import SimpleNamespace

import click
import pytest

from gwms_async.cli import confirm, loop
from gwms_async.testing import GwmsEmulator

from ..helpers.command_line import URL, lines, run

pytestmark = pytest.mark.usefixtures("own_cache")


def test_without_a_terminal(gwms_emulator: GwmsEmulator) -> None:
    """Nothing is deleted, and no option is recommended; repeated ids count once."""
    one = run(gwms_emulator, "webhooks", "delete", "1", "1")
    two = run(gwms_emulator, "webhooks", "delete", "1", "2")
    as_json = run(gwms_emulator, "webhooks", "delete", "1", "--json")

    assert (one.exit_code, two.exit_code, as_json.exit_code) == (2, 2, 2)
    assert lines(as_json)[0]["error"]["message"].startswith("deleting 1 webhook must be confirmed")
    assert (
        one.stderr == "Error: deleting 1 webhook must be confirmed on a terminal (see --help). Nothing was changed.\n"
    )
    assert "deleting 2 webhooks" in two.stderr
    assert gwms_emulator.requests == []


def test_on_a_terminal(gwms_emulator: GwmsEmulator) -> None:
    """The answer decides."""
    gwms_emulator.add_webhook(URL, "CREATE_ORDER")
    refused = run(gwms_emulator, "webhooks", "delete", "1", typed="n\n")
    kept = len(gwms_emulator.webhooks)
    confirmed = run(gwms_emulator, "webhooks", "delete", "1", typed="y\n")

    assert (refused.exit_code, kept) == (1, 1)
    assert "Delete 1 webhook?" in refused.stderr
    assert refused.stderr.endswith("Nothing was changed.\n")
    assert confirmed.exit_code == 0
    assert gwms_emulator.webhooks == []


def test_interrupted(gwms_emulator: GwmsEmulator) -> None:
    """A prompt that ends without an answer is one line and exit code 130; signals are handled as before."""
    gwms_emulator.add_webhook(URL, "CREATE_ORDER")
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    result = run(gwms_emulator, "webhooks", "delete", "1", typed="")

    assert result.exit_code == 130
    assert result.stderr.endswith("interrupted\n")
    assert len(gwms_emulator.webhooks) == 1
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


def test_the_signal_that_stops_commands_ends_the_prompt(monkeypatch: pytest.MonkeyPatch) -> None:
    """On Windows that is Ctrl-Break; here another one stands in for it."""
    monkeypatch.setattr(loop, "STOP_SIGNALS", [signal.SIGUSR1])
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(isatty=lambda: True))
    handlers = list[object]()

    def answer(*_: object, **__: object) -> bool:
        handlers.append(signal.getsignal(signal.SIGUSR1))
        return True

    monkeypatch.setattr(click, "confirm", answer)

    def own(*_: object) -> None:
        """Be the handler from before."""

    before = signal.signal(signal.SIGUSR1, own)
    try:
        confirm.confirm_delete(1)
        after = signal.getsignal(signal.SIGUSR1)
    finally:
        signal.signal(signal.SIGUSR1, before)

    assert (handlers, after) == ([signal.SIG_DFL], own)
