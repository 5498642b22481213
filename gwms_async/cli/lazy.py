"""A group of commands that imports each command on first use."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from inspect import iscoroutine
from itertools import takewhile
from typing import Any

import click

from .interrupts import whole_imports


class LazyGroup(click.Group):
    """A group that shows its help without importing its commands, the client or any HTTP library.

    `lazy` maps each command to the module that defines it, and to the first sentence of its help.
    """

    def __init__(self, *, lazy: Mapping[str, tuple[str, str]], **options: Any) -> None:
        commands = {name: click.Command(name, short_help=text) for name, (_, text) in lazy.items()}
        super().__init__(commands=commands, **options)
        self.lazy = lazy

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Import the command that the arguments name."""
        name, command, rest = super().resolve_command(ctx, args)
        if name is not None:
            with whole_imports():
                command = getattr(import_module(f".{self.lazy[name][0]}", __package__), name)
        return name, command, rest

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command, and do its work."""
        result = super().invoke(ctx)
        if not iscoroutine(result):
            return result
        from .loop import run  # noqa: PLC0415  # not needed for the help

        return run(result)

    def main(self, args: Sequence[str] | None = None, *arguments: Any, **options: Any) -> Any:
        """Run a command and exit; Ctrl-C or an error ends it with one line, under --json with one JSON object."""
        as_json = "--json" in takewhile(lambda one: one != "--", sys.argv[1:] if args is None else args)
        try:
            code = super().main(args, *arguments, **{**options, "standalone_mode": False})
        # OSError, ValueError: from reading a file or what was typed, before the work began
        except (click.Abort, click.ClickException, OSError, ValueError) as error:
            code = _report(error, as_json=as_json)
        sys.exit(code)


def _report(error: Exception, *, as_json: bool) -> int:
    """Print an error, and return its exit code; a usage error needs neither the client nor rich."""
    if isinstance(error, click.ClickException) and not as_json:
        from .problems import describe  # noqa: PLC0415  # not needed for the help

        text = describe(error)
        error.format_message = lambda: text  # type: ignore[method-assign]
        error.show()
        return error.exit_code
    from .output import report_error  # noqa: PLC0415  # not needed for the help

    end = InterruptedError("interrupted") if isinstance(error, click.Abort) else error
    return report_error(end, as_json=as_json)
