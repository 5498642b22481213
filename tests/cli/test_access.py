"""Credentials from the environment, from options and from a prompt."""

from __future__ import annotations

from pathlib import Path

import pytest

from gwms_async import ConfigurationError
from gwms_async.cli.access import Access
from gwms_async.testing import GwmsEmulator

from ..helpers.command_line import run

pytestmark = pytest.mark.usefixtures("own_cache")


def test_a_password_is_prompted_for(gwms_emulator: GwmsEmulator) -> None:
    """On a terminal; elsewhere the message names the variable to set."""
    password = gwms_emulator.credentials.password
    prompted = run(gwms_emulator, "webhooks", "list", typed=f"{password}\n", GWMS_PASSWORD=None)
    missing = run(gwms_emulator, "webhooks", "list", GWMS_PASSWORD=None)

    assert prompted.exit_code == 0
    assert missing.exit_code == 2
    assert "set GWMS_PASSWORD in the environment" in missing.stderr


def test_a_secret_in_an_option(gwms_emulator: GwmsEmulator) -> None:
    """It works, with a warning."""
    result = run(gwms_emulator, "webhooks", "list", "--json", "--password", gwms_emulator.credentials.password)

    assert result.exit_code == 0
    assert result.stderr == (
        "Warning: --password is visible in the process list; set GWMS_PASSWORD instead\n"
    )  # fmt: skip


def test_no_cache_directory(gwms_emulator: GwmsEmulator, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Commands warn, and log in each time; there is nothing to log out of, and no folder appears."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("gwms_async.auth.stores.file.user_cache_path", lambda name: Path("~/.cache") / name)
    listed = run(gwms_emulator, "webhooks", "list", "--json")
    logged_in = run(gwms_emulator, "login")
    logged_out = run(gwms_emulator, "logout")

    assert (listed.exit_code, logged_in.exit_code, logged_out.exit_code) == (0, 0, 2)
    assert listed.stderr == (
        "Warning: the token is not cached: "
        "there is no cache directory: set HOME or XDG_CACHE_HOME to an absolute path\n"
    )
    assert logged_out.stderr.startswith("Error: there is no cache directory")
    assert list(tmp_path.iterdir()) == []


def test_secrets_are_not_shown() -> None:
    """Not in the repr either."""
    assert repr(Access("name", "secret", "key", "https://gateway")) == (
        "Access(username='name', base_url='https://gateway')"
    )


def test_the_proxy_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands go through it."""
    monkeypatch.setenv("https_proxy", "socks5://127.0.0.1:1080")
    with pytest.raises(ConfigurationError, match="the proxy of the environment"):
        Access("name", "secret", "key", "https://gw.example/v21").client()
