"""The group of commands, and how it is started."""

from __future__ import annotations

import sys
from importlib import import_module

import pytest
from click.testing import CliRunner

from gwms_async import __version__, cli
from gwms_async.cli.commands import gwms

from ..helpers.command_line import hide_metadata


def test_help_and_version(monkeypatch: pytest.MonkeyPatch) -> None:
    """The help lists the commands and the exit codes; the version needs no metadata."""
    hide_metadata(monkeypatch)
    text = CliRunner().invoke(gwms, ["--help"]).stdout

    assert "demo" in text
    assert "2    usage error or invalid file" in text
    assert CliRunner().invoke(gwms, ["--version"]).stdout == f"gwms, version {__version__}\n"


@pytest.mark.parametrize("group", [[], ["webhooks"], ["fleet"]])
def test_no_command_is_described_by_half_a_sentence(group: list[str]) -> None:
    """Click cuts off first sentences that are too long."""
    text = CliRunner().invoke(gwms, [*group, "--help"], env={"COLUMNS": "80"}).stdout

    assert not [line for line in text.partition("Commands:")[2].splitlines() if line.endswith("...")]


def test_as_a_module(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    """``python -m gwms_async.cli`` is ``gwms``."""
    monkeypatch.setattr(sys, "argv", ["gwms", "--help"])
    for name in ("stdin", "stdout", "stderr"):
        monkeypatch.setattr(sys, name, getattr(sys, name))  # put back afterwards
    monkeypatch.delitem(sys.modules, "gwms_async.cli.__main__", raising=False)

    with pytest.raises(SystemExit) as caught:
        import_module("gwms_async.cli.__main__")  # runpy bypasses pytest's import hook

    assert caught.value.code == 0
    assert "demo" in capfd.readouterr().out


@pytest.mark.parametrize("name", ["click", "rich", "tomli_w", "filelock", "platformdirs"])
def test_without_the_extra(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """The message says what to install."""
    monkeypatch.setitem(sys.modules, name, None)

    with pytest.raises(SystemExit, match=rf"gwms needs {name}: install gwms-async with the extra cli"):
        cli.main()
