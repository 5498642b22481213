"""Options shared by commands, and the options of `gwms` itself, which can also follow the name of a command."""

from __future__ import annotations

from typing import Any

import click

from ..redaction import urls_shown


def _remember(context: click.Context, option: click.Parameter, value: Any) -> None:
    if value:  # an option after the command's name replaces the same one before it
        context.meta[f"gwms.{option.name}"] = value


def _show_urls(context: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted:
        context.find_root().with_resource(urls_shown())


concurrency_option = click.option(
    "--concurrency", type=click.IntRange(min=1), default=32, show_default=True, help="Webhooks to work on at a time."
)
method_option = click.option(
    "--method", type=click.Choice(["GET", "POST"], case_sensitive=False), help="The HTTP method of deliveries."
)

json_option = click.option(
    "--json", is_flag=True, expose_value=False, callback=_remember, help="Print JSON, one object per line."
)
show_urls_option = click.option(
    "--show-urls", is_flag=True, expose_value=False, callback=_show_urls, help="Show URLs with their secret part."
)


def common_options(command: Any) -> Any:
    """Add the options to a command or a group; their values are in `context.meta`, e.g. as "gwms.timeout"."""
    for name, settings in reversed(_OPTIONS.items()):
        command = click.option(name, expose_value=False, callback=_remember, **settings)(command)
    return command


def _complete_profile(_: object, __: object, incomplete: str) -> list[str]:
    from .profiles import profile_names  # noqa: PLC0415  # not needed for the help

    return [name for name in profile_names() if name.startswith(incomplete)]


_SECONDS, _FILE = click.FloatRange(min=0, min_open=True), click.Path(exists=True, dir_okay=False)
_OPTIONS: dict[str, dict[str, Any]] = {
    "--profile": {"help": "A profile in your profiles.toml.  [env: GWMS_PROFILE]", "shell_complete": _complete_profile},
    "--eshop": {"help": "Use the API key of this e-shop of the profile."},
    "--username": {"help": "The account's username.  [env: GWMS_USERNAME]"},
    "--password": {"help": "Prompted for on a terminal.  [env: GWMS_PASSWORD]"},
    "--api-key": {"help": "The e-shop's API key.  [env: GWMS_API_KEY]"},
    "--base-url": {"help": "The gateway's base URL, by default production.  [env: GWMS_BASE_URL]"},
    "--timeout": {"help": "Seconds for each call, retries included; 120 by default.", "type": _SECONDS},
    "--ca": {"help": "Trust the certificates in this PEM file, not the system's.", "type": _FILE},
    "--debug": {"help": "Log each attempt to stderr.", "is_flag": True},
}
