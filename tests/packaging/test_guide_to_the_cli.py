"""The guide to the command line; what its commands print is in test_documents.py."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ..helpers.documents import CLI

pytest.importorskip("rich", reason="the command line is an extra")

import click

from gwms_async.cli.commands import gwms
from gwms_async.cli.output import Exit
from gwms_async.cli.profiles import load_profile
from gwms_async.cli.webhooks import webhooks


def test_every_command_is_in_it() -> None:
    """The table of commands is complete."""
    context = click.Context(gwms)
    table = CLI.text.partition("## Commands")[2].partition("##")[0]

    for name in (*gwms.list_commands(context), *webhooks.list_commands(context)):
        assert re.search(rf"`(gwms )?(webhooks )?{name}\b", table), name


def test_every_exit_code_is_in_it() -> None:
    """The table of exit codes is complete."""
    rows = "".join(line.split("|")[1] + "," for line in CLI.text.splitlines() if line.startswith("| "))

    assert {str(code.value) for code in Exit} <= {code.strip() for code in rows.split(",")}


def test_the_profile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is read as it stands there."""
    (example,) = (text for text in CLI.blocks("toml") if "profiles.toml" in text)
    file = tmp_path / "gwms-async" / "profiles.toml"
    file.parent.mkdir()
    file.touch(mode=0o600)
    file.write_text(example, "utf-8")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))

    assert load_profile("shop-a", "cz")["username"] == "shop-a"
