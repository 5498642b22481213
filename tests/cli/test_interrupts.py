"""Ctrl-C while modules are imported."""

from __future__ import annotations

import signal
import subprocess
import sys
from types import SimpleNamespace

import pytest

from gwms_async import cli
from gwms_async.cli import commands
from gwms_async.cli.interrupts import whole_imports

_PRESS_AT = """
import signal, sys

class Press:
    module = sys.argv.pop(1)

    def find_spec(self, name, *_):
        if name == self.module:
            sys.meta_path.remove(self)
            signal.raise_signal(signal.SIGINT)

sys.meta_path.insert(0, Press())
from gwms_async.cli import main
main()
"""


@pytest.mark.parametrize(
    ("module", "command"), [("click.core", "secret"), ("asyncio.tasks", "secret"), ("uvloop.loop", "demo")]
)
def test_ctrl_c_in_the_middle_of_an_import(module: str, command: str) -> None:
    """It ends a command as at any other time: half a module would turn the report into a traceback."""
    pytest.importorskip(module.partition(".")[0])
    line = [sys.executable, "-c", _PRESS_AT, module, command]
    end = subprocess.run(line, capture_output=True, text=True, check=False)  # noqa: S603

    assert (end.returncode, end.stdout, end.stderr) == (130, "", "\ninterrupted\n")


def test_ctrl_c_before_the_commands_are_there(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What reports errors is not there yet, and not needed."""

    def press(*_: object) -> None:
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(cli, "commands", commands)  # put back afterwards
    monkeypatch.delitem(sys.modules, commands.__name__)
    monkeypatch.setattr(sys, "meta_path", [SimpleNamespace(find_spec=press), *sys.meta_path])

    with pytest.raises(SystemExit) as caught:
        cli.main()

    assert (caught.value.code, capsys.readouterr().err) == (130, "\ninterrupted\n")


def test_what_is_ignored_stays_ignored() -> None:
    """As for a command in the background of a script."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with whole_imports():
            signal.raise_signal(signal.SIGINT)
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)
