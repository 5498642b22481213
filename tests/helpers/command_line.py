"""Run commands against an emulator."""

from __future__ import annotations

import io
import json
from functools import partial
from importlib.metadata import MetadataPathFinder
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from gwms_async import GwmsClient
from gwms_async.cli.commands import gwms
from gwms_async.testing import GwmsEmulator

from .emulated import QUICK

URL = "https://shop.example/gwms/orders"
FILE = f"""
[defaults]
prune = "https://shop.example/gwms/"

[[webhooks]]
url = "{URL}"
events = ["CREATE_ORDER", "UPDATE_ORDER"]
"""


class Keyboard(io.BytesIO):
    """Input that says it is a terminal."""

    def isatty(self) -> bool:
        """Return True."""
        return True


def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the retries of commands hardly wait."""
    monkeypatch.setattr("gwms_async.cli.access.GwmsClient", partial(GwmsClient, retry=QUICK))


def hide_metadata(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no package have metadata, as in a bundle made by PyInstaller."""
    monkeypatch.setattr(MetadataPathFinder, "find_distributions", lambda *_: iter(()))


def environment(gateway: GwmsEmulator) -> dict[str, str]:
    """Return the variables that point commands at an emulator."""
    username, password, api_key = gateway.credentials
    names = {"USERNAME": username, "PASSWORD": password, "API_KEY": api_key, "BASE_URL": gateway.base_url}
    return {f"GWMS_{name}": value for name, value in names.items()}


def run(gateway: GwmsEmulator, *arguments: str | Path, typed: str | None = None, **env: str | None) -> Result:
    """Run a command with the emulator's credentials in the environment; its output must not show a secret."""
    keyboard = None if typed is None else Keyboard(typed.encode())
    result = CliRunner().invoke(
        gwms,
        [str(one) for one in arguments],
        env={**environment(gateway), **env},
        input=keyboard,
        catch_exceptions=False,
    )
    _, password, api_key = gateway.credentials
    for secret in (password, api_key, *gateway.tokens_issued):
        assert secret not in result.output
    return result


def lines(result: Result) -> list[dict[str, Any]]:
    """Parse the output as JSON, one object per line."""
    return [json.loads(line) for line in result.stdout.splitlines()]
