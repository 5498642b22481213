"""Access to a gateway: settings from options, profiles, the environment or a prompt, and the client made of them."""

from __future__ import annotations

import os
import ssl as tls
import sys
from collections.abc import Callable
from functools import wraps
from typing import Any

import click
from attrs import field, frozen

from .. import PRODUCTION, ConfigurationError, Credentials, FileTokenStore, GwmsClient, MemoryTokenStore, TokenStore
from .options import common_options
from .output import print_message
from .profiles import load_profile

_NAMES = "username", "password", "api_key", "base_url"
SETTINGS = {name: (f"--{name}".replace("_", "-"), f"GWMS_{name.upper()}") for name in _NAMES}
"""The option and the variable of each setting."""
Settings = dict[str, tuple[str, str]]
"""The value of each setting that is known, and its source."""


@frozen
class Access:
    """The credentials and the gateway that a command uses, with the values of --timeout and --ca."""

    username: str
    password: str = field(repr=False)
    api_key: str = field(repr=False)
    base_url: str
    timeout: float = 120.0
    ca: str | None = None

    def client(self, store: TokenStore | None = None, **options: Any) -> GwmsClient:
        """Create a client, which keeps tokens in the user's cache directory by default.

        Raises:
            ConfigurationError: The credentials, the base URL or the certificates are invalid.
        """
        credentials = Credentials(self.username, self.password, self.api_key)
        try:
            options["ssl"] = tls.create_default_context(cafile=self.ca) if self.ca else None
        except OSError:
            raise ConfigurationError(f"--ca {self.ca}: no certificates in PEM format") from None
        options |= {"base_url": self.base_url, "timeout": self.timeout, "token_store": store or cached_tokens()}
        return GwmsClient(credentials, trust_env=True, **options)


def cached_tokens() -> TokenStore:
    """Return the store that commands keep tokens in; without a cache directory, one for this process only."""
    try:
        return FileTokenStore()
    except ConfigurationError as error:
        print_message(f"Warning: the token is not cached: {error}")
        return MemoryTokenStore()


def with_access(command: Callable[..., Any]) -> Any:
    """Add the common options to a command and pass it an `Access` as `access`."""

    @common_options
    @wraps(command)
    def wrapper(*args: Any, **options: Any) -> Any:
        return command(*args, access=make_access(find_settings()), **options)

    return wrapper


def find_settings() -> Settings:
    """Return the settings that are known, each from the first source that has it.

    Raises:
        click.ClickException: The profile cannot be used.
    """
    options = click.get_current_context().meta
    profile, eshop = options.get("gwms.profile") or os.environ.get("GWMS_PROFILE"), options.get("gwms.eshop")
    if eshop and not profile:
        raise click.UsageError("--eshop needs a profile: pass --profile or set GWMS_PROFILE")
    values = load_profile(profile, eshop) if profile else {}
    in_profile = {name: (value, f"profile {profile}") for name, value in values.items()}
    chosen = in_profile if "gwms.profile" in options else {}
    if eshop:
        chosen = {**chosen, "api_key": in_profile["api_key"]}
    variables = {name: (os.environ[text], text) for name, (_, text) in SETTINGS.items() if os.environ.get(text)}
    given = {name: (options[f"gwms.{name}"], text) for name, (text, _) in SETTINGS.items() if f"gwms.{name}" in options}
    for option, variable in (SETTINGS[name] for name in given if name in {"password", "api_key"}):
        print_message(f"Warning: {option} is visible in the process list; set {variable} instead")
    found = {"base_url": (PRODUCTION, "default"), **in_profile, **variables, **chosen, **given}
    settings: Settings = {name: found[name] for name in SETTINGS if name in found}
    options["gwms.settings"] = settings
    return settings


def make_access(settings: Settings) -> Access:
    """Return the access that settings give; if only the password is missing, ask for it on a terminal.

    Raises:
        click.UsageError: A setting is missing.
    """
    if SETTINGS.keys() - settings == {"password"} and sys.stdin.isatty():
        settings["password"] = click.prompt("Password", hide_input=True, err=True), "prompt"
    missing = [variable for name, (_, variable) in SETTINGS.items() if name not in settings]
    if missing:
        # Profiles contain no passwords.
        hint = "" if missing == ["GWMS_PASSWORD"] else ", or choose a profile: --profile NAME"
        raise click.UsageError(f"set {', '.join(missing)} in the environment{hint}")
    meta = click.get_current_context().meta
    given: dict[str, Any] = {name: value for name, (value, _) in settings.items()}
    given |= {name: meta[key] for name in ("timeout", "ca") if (key := f"gwms.{name}") in meta}
    return Access(**given)
