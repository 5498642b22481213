"""Options that may stand before or after the name of a command."""

from __future__ import annotations

import click
from click.testing import CliRunner

from gwms_async.cli.commands import gwms
from gwms_async.cli.options import common_options


def test_either_place() -> None:
    """What stands after the command's name counts first."""
    seen: list[object] = []

    @click.group()
    @common_options
    def group() -> None:
        """A group."""

    @group.command()
    @common_options
    @click.pass_context
    def command(context: click.Context) -> None:
        seen.append((context.meta.get("gwms.timeout"), context.meta.get("gwms.debug")))

    for arguments in (
        ["command"],
        ["--timeout", "3", "--debug", "command"],
        ["command", "--timeout", "4"],
        ["--timeout", "3", "command", "--timeout", "4", "--debug"],
    ):
        CliRunner().invoke(group, arguments, catch_exceptions=False)

    assert seen == [(None, None), (3.0, True), (4.0, None), (4.0, True)]


def test_values_are_checked() -> None:
    """A wrong one is a usage error."""
    for value in ("0", "-1", "x"):
        assert CliRunner().invoke(gwms, ["--timeout", value, "webhooks", "types"]).exit_code == 2
