"""Credentials from the environment, from options and from a prompt."""

from __future__ import annotations

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
    result = run(gwms_emulator, "webhooks", "list", "--password", gwms_emulator.credentials.password)

    assert result.exit_code == 0
    assert result.stderr == (
        "Warning: --password is visible in the process list; set GWMS_PASSWORD instead\n"
    )  # fmt: skip


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
