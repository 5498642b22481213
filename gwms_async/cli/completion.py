"""``gwms completion``: print completion scripts for shells."""

from __future__ import annotations

import click
from click.shell_completion import BashComplete, FishComplete, ZshComplete

_SHELLS = {"bash": BashComplete, "fish": FishComplete, "zsh": ZshComplete}


@click.command()
@click.argument("shell", type=click.Choice([*_SHELLS]))
def completion(shell: str) -> None:
    """Print the completion script of a shell.

    In bash or zsh, add `eval "$(gwms completion bash)"` to ~/.bashrc, or the same with zsh to ~/.zshrc. In fish, write
    the script to ~/.config/fish/completions/gwms.fish.
    """
    script = _SHELLS[shell](click.Command("gwms"), {}, "gwms", "_GWMS_COMPLETE")
    click.echo(script.source_template % script.source_vars())
