"""The command line: the demonstration, and what comes without the extra."""

from __future__ import annotations

import json
import sys
from importlib import import_module
from typing import Any

import pytest
from attrs import evolve

pytest.importorskip("rich", reason="the command line is an extra")

from click.testing import CliRunner

from gwms_async.cli.commands import gwms
from gwms_async.cli.demo import RunFigures


def run(*arguments: str) -> tuple[int, str]:
    """Run a command; give exit code and output."""
    end = CliRunner().invoke(gwms, [*arguments], catch_exceptions=False)
    return end.exit_code, end.stdout


def test_the_demonstration_in_json() -> None:
    """Faults of each kind are met, nothing is lost or doubled, and the second run changes nothing."""
    code, output = run("demo", "--webhooks", "120", "--concurrency", "16", "--seed", "7", "--json")

    figures: dict[str, Any] = json.loads(output)
    first, second = figures["first"], figures["second"]
    assert code == 0
    assert (figures["webhooks"], figures["concurrency"], figures["seed"]) == (120, 16, 7)
    assert first["created"] + first["recovered"] == 120
    assert first["recovered"] > 0
    assert first["retries"] > 0
    assert first["logins"] == 2
    assert first["failed"] == first["missing"] == first["copies"] == 0
    assert (second["existing"], second["attempts"], second["logins"]) == (120, 0, 0)


def test_the_demonstration_for_a_reader() -> None:
    """A table with both runs, the seed to repeat it, and the verdict."""
    code, output = run("demo", "--webhooks", "20")

    assert code == 0
    for words in ("first run", "second run", "recovered", "copies on the server", "seed", "exactly once"):
        assert words in output


@pytest.mark.parametrize("name", ["failed", "missing", "copies"])
def test_what_is_not_exact(name: str) -> None:
    """A failure, a missing webhook or a copy: each alone makes the exit code 1."""
    fine = RunFigures(1, 0, 0, 0, 1, 0, 1, 0, 0, 0.1, 10.0)

    assert fine.is_exact
    assert not evolve(fine, **{name: 1}).is_exact


def test_usage_errors() -> None:
    """Unfit options are told, with exit code 2."""
    assert run("demo", "--webhooks", "0")[0] == 2
    assert run("nonsense")[0] == 2


def test_help_and_version() -> None:
    """The group lists its commands and tells its version."""
    assert "demo" in run("--help")[1]
    assert "version" in run("--version")[1]


def test_as_a_module(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """``python -m gwms_async.cli`` is ``gwms``."""
    monkeypatch.setattr(sys, "argv", ["gwms", "--help"])
    monkeypatch.delitem(sys.modules, "gwms_async.cli.__main__", raising=False)

    with pytest.raises(SystemExit) as caught:
        import_module("gwms_async.cli.__main__")  # pytest's import hook knows nothing of runpy

    assert caught.value.code == 0
    assert "demo" in capsys.readouterr().out


def test_without_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """It says what to install."""
    from gwms_async import cli  # noqa: PLC0415  # as the entry point does

    monkeypatch.setitem(sys.modules, "rich", None)

    with pytest.raises(SystemExit, match=r"gwms needs rich: pip install 'gwms-async\[cli\]'"):
        cli.main()
