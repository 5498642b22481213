"""Who calls: credentials from the environment, from options, or asked for; and the client made of them."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import wraps
from typing import Any

import click
from attrs import field, frozen
from click.core import ParameterSource

from .. import PRODUCTION, Credentials, FileTokenStore, GwmsClient, TokenStore
from .output import say

username_option = click.option("--username", envvar="GWMS_USERNAME", show_envvar=True, help="The account's name.")
base_url_option = click.option(
    "--base-url", envvar="GWMS_BASE_URL", show_envvar=True, default=PRODUCTION, help="The gateway."
)


@frozen
class Access:
    """What a command was told of the gateway and the account.

    Args:
        username: The account's name.
        password: The account's password.
        api_key: The e-shop's key.
        base_url: The gateway's address.
    """

    username: str
    password: str = field(repr=False)
    api_key: str = field(repr=False)
    base_url: str

    def client(self, store: TokenStore | None = None) -> GwmsClient:
        """Make a client.

        Args:
            store: Where it keeps tokens; in the usual place by default.

        Raises:
            ConfigurationError: The credentials or the address cannot be right.
        """
        credentials = Credentials(self.username, self.password, self.api_key)
        return GwmsClient(credentials, base_url=self.base_url, token_store=store or token_store())


def token_store() -> FileTokenStore:
    """Make the store that commands keep tokens in."""
    return FileTokenStore()


def on_terminal() -> bool:
    """Tell whether a person can be asked."""
    return sys.stdin.isatty()


def with_access(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options for credentials, and what comes of them as its argument `access`."""

    @username_option
    @click.option("--password", envvar="GWMS_PASSWORD", show_envvar=True, help="Asked for on a terminal.")
    @click.option("--api-key", envvar="GWMS_API_KEY", show_envvar=True, help="The e-shop's key.")
    @base_url_option
    @wraps(command)
    def told(
        *args: Any, username: str | None, password: str | None, api_key: str | None, base_url: str, **options: Any
    ) -> Any:
        """Run the command with what it was told."""
        context = click.get_current_context()
        for name in ("password", "api_key"):
            if context.get_parameter_source(name) is ParameterSource.COMMANDLINE:
                option, variable = f"--{name.replace('_', '-')}", f"GWMS_{name.upper()}"
                say(f"Warning: others can read {option} in the list of processes; set {variable} instead")
        if username and api_key and not password and on_terminal():
            password = click.prompt("Password", hide_input=True, err=True)
        given = {"GWMS_USERNAME": username, "GWMS_PASSWORD": password, "GWMS_API_KEY": api_key}
        missing = [variable for variable, value in given.items() if not value]
        if missing:
            raise click.UsageError(f"set {', '.join(missing)} in the environment")
        access = Access(username or "", password or "", api_key or "", base_url)
        return command(*args, access=access, **options)

    return told
