"""A group that imports each command on first use."""

from __future__ import annotations

import subprocess
import sys

import click
from click.testing import CliRunner

from gwms_async.cli.commands import gwms
from gwms_async.cli.lazy import LazyGroup

HEAVY = {"aiohttp", "cattrs", "filelock", "rich"}


def test_the_list_is_true() -> None:
    """Its texts are the commands' own first sentences."""
    assert isinstance(gwms, LazyGroup)
    context = gwms.make_context("gwms", ["x"], resilient_parsing=True)

    assert gwms.list_commands(context) == sorted(gwms.lazy)
    for name, (_, text) in gwms.lazy.items():
        command = gwms.get_command(context, name)
        assert command is not None
        assert command.get_short_help_str(200) == text


def test_an_unknown_command() -> None:
    """It is a usage error."""
    result = CliRunner().invoke(gwms, ["nonsense"])

    assert result.exit_code == 2
    assert "No such command 'nonsense'" in result.stderr


def test_ctrl_c() -> None:
    """It ends a command with one line and exit code 130."""

    class Interrupted(LazyGroup):
        def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
            raise KeyboardInterrupt

    result = CliRunner().invoke(Interrupted(lazy={}), ["wait"])

    assert result.exit_code == 130
    assert result.stderr == "\ninterrupted\n"


def test_help_imports_no_command() -> None:
    """Nor the client, nor an HTTP library."""
    code = "import sys; sys.argv = ['gwms', '--help']; import atexit, gwms_async.cli as cli\n"
    code += f"atexit.register(lambda: print(sorted({HEAVY} & set(sys.modules)))); cli.main()"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603

    assert "Create, update and (with --prune) delete webhooks to match a file." in done.stdout
    assert done.stdout.endswith("[]\n")
