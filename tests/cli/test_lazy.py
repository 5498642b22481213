"""A group that imports each command on first use."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import click
import pytest
from click.testing import CliRunner

from gwms_async.cli.commands import gwms
from gwms_async.cli.lazy import LazyGroup

HEAVY = {"aiohttp", "asyncio", "cattrs", "filelock", "rich"}


def test_the_list_is_true() -> None:
    """Its texts are the commands' own first sentences."""
    assert isinstance(gwms, LazyGroup)
    context = gwms.make_context("gwms", ["x"], resilient_parsing=True)

    assert gwms.list_commands(context) == list(gwms.lazy)
    for name, (_, text) in gwms.lazy.items():
        _, command, rest = gwms.resolve_command(context, [name, "--yes"])
        assert command is not None
        assert (command.name, command.get_short_help_str(200), rest) == (name, text, ["--yes"])


def test_an_unknown_command() -> None:
    """It is a usage error that suggests the closest ones, also within a group."""
    result = CliRunner().invoke(gwms, ["aply"])
    nested = CliRunner().invoke(gwms, ["webhooks", "lst"])

    assert (result.exit_code, nested.exit_code) == (2, 2)
    assert "No such command 'aply'. Did you mean 'apply'?" in result.stderr
    assert "Did you mean 'list'?" in nested.stderr


@pytest.mark.parametrize(
    "arguments", [["plan"], ["webhooks", "list"], ["nonsense"], ["--nonsense"], ["emulator", "-x"]]
)
def test_a_usage_error_as_json(arguments: list[str]) -> None:
    """It is one object on stdout, wherever `--json` stands before a "--"."""
    result = CliRunner().invoke(gwms, [*arguments, "--json"], env={"GWMS_USERNAME": None})
    error = json.loads(result.stdout)["error"]

    assert (result.exit_code, result.stderr) == (2, "")
    assert (error["type"], error["status"], error["hint"]) == ("UsageError", None, None)
    assert error["message"]


def test_json_for_another_command() -> None:
    """What stands after a "--" is not ours."""
    result = CliRunner().invoke(gwms, ["emulator", "--rate", "x", "--", "other", "--json"])

    assert (result.exit_code, result.stdout) == (2, "")
    assert "Error: Invalid value for '--rate'" in result.stderr


@pytest.mark.parametrize("arguments", [[], ["plan"], ["webhooks"], ["webhooks", "list"], ["demo"], ["completion"]])
def test_short_help(arguments: list[str]) -> None:
    """`-h` is `--help` everywhere."""
    short, long = (CliRunner().invoke(gwms, [*arguments, option]) for option in ("-h", "--help"))

    assert short.exit_code == 0
    assert short.stdout == long.stdout


def test_ctrl_c() -> None:
    """It ends a command with one line and exit code 130, also while commands are imported; under --json, with JSON."""

    class Interrupted(LazyGroup):
        def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
            raise KeyboardInterrupt

    result = CliRunner().invoke(Interrupted(lazy={}), ["wait"])

    assert result.exit_code == 130
    assert result.stderr == "\ninterrupted\n"

    result = CliRunner().invoke(Interrupted(lazy={}), ["wait", "--json"])

    assert result.exit_code == 130
    (error,) = json.loads(result.stdout).values()
    assert (error["type"], error["message"]) == ("InterruptedError", "interrupted")


@pytest.mark.parametrize(
    ("argument", "code", "text"),
    [("--help", 0, "Create, update and (with --prune) delete webhooks"), ("aply", 2, "Did you mean 'apply'?")],
)
def test_no_command_is_imported(argument: str, code: int, text: str) -> None:
    """Nor the client, nor an HTTP library, for the help or a mistyped command."""
    program = f"import sys; sys.argv = ['gwms', {argument!r}]; import atexit, gwms_async.cli as cli\n"
    program += f"atexit.register(lambda: print(sorted({HEAVY} & set(sys.modules)))); cli.main()"

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)  # noqa: S603

    assert done.returncode == code
    assert text in done.stdout + done.stderr
    assert done.stdout.endswith("[]\n")


@pytest.mark.parametrize(
    ("error", "code"), [(OSError(5, "Input/output error"), 1), (ValueError("not what was asked for"), 2)]
)
def test_an_error_before_the_work_begins(error: Exception, code: int) -> None:
    """It is reported as one in the work is: a file or the keyboard could not be read."""

    class Failing(LazyGroup):
        def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
            raise error

    text, as_json = (CliRunner().invoke(Failing(lazy={}), ["read", *more]) for more in ([], ["--json"]))

    assert (text.exit_code, text.stderr) == (code, f"Error: {error}\n")
    assert (as_json.exit_code, json.loads(as_json.stdout)["error"]["message"]) == (code, str(error))
