"""Profiles: settings by name, in a file that only its user can read."""

from __future__ import annotations

import os
import stat
import tomllib
from contextlib import suppress
from pathlib import Path
from shlex import quote
from typing import Any

from platformdirs import user_config_path

from .problems import RefusedError, closest

_FIELDS = dict.fromkeys(("username", "api_key", "base_url", "eshops"))
_NO_PASSWORD = "a profile must not contain a password: delete it; set GWMS_PASSWORD, or type it when asked"  # noqa: S105


def load_profile(name: str, eshop: str | None = None) -> dict[str, str]:
    """Return what a profile has of username, api_key and base_url; `eshop` selects the key of one of its e-shops.

    Raises:
        RefusedError: There is no such profile or e-shop, the profile has a mistake, or others could read the file.
    """
    path = profiles_file()
    profile = _find(f"{path}: profile", name, _read(path))
    table = profile if isinstance(profile, dict) else {}
    for key in table:
        if key == "password":
            raise RefusedError(f"{path}: {name}.password: {_NO_PASSWORD}")
        _find(f"{path}: {name}: field", key, _FIELDS)
    eshops = table.pop("eshops", {})
    texts = [*table.values(), *(eshops.values() if isinstance(eshops, dict) else [None])]
    if table is not profile or not all(isinstance(text, str) and text for text in texts):
        raise RefusedError(f'{path}: {name}: must be a table, [{name}], of non-empty strings, e.g. username = "…"')
    return table if eshop is None else {**table, "api_key": _find(f"{path}: {name}: e-shop", eshop, eshops)}


def profile_names() -> list[str]:
    """Return the names of all profiles; none if the file cannot be used."""
    try:
        return list(_read(profiles_file()))
    except RefusedError:
        return []


def profiles_file() -> Path:
    """Return the path of the file, which need not exist.

    Raises:
        RefusedError: There is no configuration directory.
    """
    with suppress(RuntimeError):  # platformdirs finds no home; older versions return a relative path
        directory = user_config_path("gwms-async")
        if directory.is_absolute():
            return directory / "profiles.toml"
    raise RefusedError("there is no configuration directory: set HOME or XDG_CONFIG_HOME to an absolute path")


def _find(what: str, name: str, table: dict[str, Any]) -> Any:
    if name not in table:
        raise RefusedError(f"{what} {name!r} is unknown: {closest(name, table)}")
    return table[name]


def _read(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            if os.name == "posix" and mode & ~0o600:
                raise RefusedError(f"{path} contains keys, but has mode {mode:o}: run chmod 600 {quote(str(path))}")
            return tomllib.loads(file.read().decode("utf-8-sig"))
    except OSError as error:
        raise RefusedError(f"{path}: {str(error.strerror).lower()}") from None
    except (ValueError, RecursionError) as error:
        raise RefusedError(f"{path}: not valid TOML: {str(error)[:200]}") from None
