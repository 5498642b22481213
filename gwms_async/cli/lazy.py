"""A group of commands that imports each command on first use."""

from __future__ import annotations

import json
import sys
from collections.abc import Coroutine, Mapping, Sequence
from importlib import import_module
from inspect import iscoroutine
from itertools import takewhile
from typing import Any

import click

INTERRUPTED = 130
Work = Coroutine[Any, Any, int | None]
"""The work of a command, to be run on an event loop; its result is an exit code."""


class LazyGroup(click.Group):
    """A group that shows its help without importing its commands, the client or any HTTP library.

    For each command, `lazy` has the module that defines it, and the first sentence of its help.
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
            command = getattr(import_module(f".{self.lazy[name][0]}", __package__), name)
        return name, command, rest

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command, and do its work."""
        result = super().invoke(ctx)
        return import_module(".loop", __package__).run(result) if iscoroutine(result) else result

    def main(self, args: Sequence[str] | None = None, *arguments: Any, **options: Any) -> Any:
        """Run a command and exit; Ctrl-C or an error ends it with one line, under --json with one JSON object."""
        as_json = "--json" in takewhile(lambda one: one != "--", sys.argv[1:] if args is None else args)
        try:
            code = super().main(args, *arguments, **{**options, "standalone_mode": False})
        except click.Abort:
            code = _report(InterruptedError("interrupted"), INTERRUPTED, as_json=as_json, prefix="")
        except click.ClickException as error:
            code = error.exit_code
            if as_json:
                _report(error, code, as_json=True)
            else:
                text = import_module(".problems", __package__).describe(error)
                error.format_message = lambda: text  # type: ignore[method-assign]
                error.show()
        except (OSError, ValueError) as error:  # from reading a file or what was typed, before the work began
            code = _report(error, import_module(".output", __package__).exit_code_for(error), as_json=as_json)
        sys.exit(code)


def _report(error: Exception, code: int, *, as_json: bool, prefix: str = "Error: ") -> int:
    """Print an error, and return its exit code."""
    problems = import_module(".problems", __package__)
    if as_json:
        click.echo(json.dumps({"error": problems.problem_of(error)}))
    else:
        click.echo(prefix + problems.describe(error), err=True)
    return code
