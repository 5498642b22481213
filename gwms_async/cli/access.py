"""Access to a gateway: credentials from the environment, options or a prompt, and the client made of them."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import wraps
from typing import Any

import click
from attrs import field, frozen
from click.core import ParameterSource

from .. import PRODUCTION, ConfigurationError, Credentials, FileTokenStore, GwmsClient, MemoryTokenStore, TokenStore
from .output import print_message

username_option = click.option("--username", envvar="GWMS_USERNAME", show_envvar=True, help="The account's username.")
base_url_option = click.option(
    "--base-url", envvar="GWMS_BASE_URL", show_envvar=True, default=PRODUCTION, help="The gateway's base URL."
)


@frozen
class Access:
    """The credentials and the gateway that a command uses."""

    username: str
    password: str = field(repr=False)
    api_key: str = field(repr=False)
    base_url: str

    def client(self, store: TokenStore | None = None) -> GwmsClient:
        """Create a client.

        Args:
            store: Where it keeps tokens; the user's cache directory by default.

        Raises:
            ConfigurationError: The credentials or the base URL are invalid.
        """
        credentials = Credentials(self.username, self.password, self.api_key)
        store = store or cached_tokens()
        return GwmsClient(credentials, base_url=self.base_url, token_store=store, trust_env=True)


def cached_tokens() -> TokenStore:
    """Return the store that commands keep tokens in; without a cache directory, one for this process only."""
    try:
        return FileTokenStore()
    except ConfigurationError as error:
        print_message(f"Warning: the token is not cached: {error}")
        return MemoryTokenStore()


def is_interactive() -> bool:
    """Return whether there is a terminal to ask questions on."""
    return sys.stdin.isatty()


def with_access(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the credential options to a command and pass it an `Access` as `access`."""

    @username_option
    @click.option("--password", envvar="GWMS_PASSWORD", show_envvar=True, help="Prompted for on a terminal.")
    @click.option("--api-key", envvar="GWMS_API_KEY", show_envvar=True, help="The e-shop's API key.")
    @base_url_option
    @wraps(command)
    def wrapper(
        *args: Any, username: str | None, password: str | None, api_key: str | None, base_url: str, **options: Any
    ) -> Any:
        context = click.get_current_context()
        for name in ("password", "api_key"):
            if context.get_parameter_source(name) is ParameterSource.COMMANDLINE:
                option, variable = f"--{name.replace('_', '-')}", f"GWMS_{name.upper()}"
                print_message(f"Warning: {option} is visible in the process list; set {variable} instead")
        if username and api_key and not password and is_interactive():
            password = click.prompt("Password", hide_input=True, err=True)
        given = {"GWMS_USERNAME": username, "GWMS_PASSWORD": password, "GWMS_API_KEY": api_key}
        missing = [variable for variable, value in given.items() if not value]
        if missing:
            raise click.UsageError(f"set {', '.join(missing)} in the environment")
        access = Access(username or "", password or "", api_key or "", base_url)
        return command(*args, access=access, **options)

    return wrapper
