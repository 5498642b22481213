"""``gwms completion``: completion in shells; nothing of it needs the network."""

from __future__ import annotations

import click
from click.shell_completion import BashComplete, FishComplete, ZshComplete

from .. import WebhookType

_SHELLS = {"bash": BashComplete, "fish": FishComplete, "zsh": ZshComplete}


@click.command()
@click.argument("shell", type=click.Choice([*_SHELLS]))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print the completion script of a shell.

    In bash or zsh, add `eval "$(gwms completion bash)"` to ~/.bashrc, or the same with zsh to ~/.zshrc. In fish, write
    the script to ~/.config/fish/completions/gwms.fish.
    """
    script = _SHELLS[shell](context.find_root().command, {}, "gwms", "_GWMS_COMPLETE")
    click.echo(script.source_template % script.source_vars())


def complete_event_types(_: object, __: object, incomplete: str) -> list[str]:
    """Return the event types that start with what has been typed."""
    return [event_type for event_type in WebhookType if event_type.startswith(incomplete.upper())]
