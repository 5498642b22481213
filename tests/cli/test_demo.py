"""The demo."""

from __future__ import annotations

import json
from typing import Any

import pytest
from attrs import evolve
from click.testing import CliRunner

from gwms_async.cli.commands import gwms
from gwms_async.cli.demo import RunFigures


def run(*arguments: str) -> tuple[int, str]:
    """Run a command; return its exit code and its output."""
    result = CliRunner().invoke(gwms, [*arguments], catch_exceptions=False)
    return result.exit_code, result.stdout


def test_json() -> None:
    """Faults of each kind occur, nothing is dropped or duplicated, and the second run changes nothing."""
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


def test_table() -> None:
    """A table of both runs, the seed to repeat it, and whether the result is exact."""
    code, output = run("demo", "--webhooks", "20")

    assert code == 0
    for words in ("first run", "second run", "recovered", "copies on the gateway", "seed", "exactly once"):
        assert words in output


@pytest.mark.parametrize("name", ["failed", "missing", "copies"])
def test_what_is_not_exact(name: str) -> None:
    """A failure, a missing webhook or a copy: each alone makes the exit code 1."""
    fine = RunFigures(1, 0, 0, 0, 1, 0, 1, 0, 0, 0.1, 10.0)

    assert fine.is_exact
    assert not evolve(fine, **{name: 1}).is_exact


def test_usage_errors() -> None:
    """Invalid options end with exit code 2."""
    assert run("demo", "--webhooks", "0")[0] == 2
