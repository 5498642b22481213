"""Credentials from the environment, from options and from a prompt."""

from __future__ import annotations

from pathlib import Path

import pytest
import trustme

from gwms_async import ConfigurationError, MemoryTokenStore, TransportError
from gwms_async.cli.access import Access
from gwms_async.cli.profiles import profiles_file
from gwms_async.testing import GwmsEmulator, Stall

from ..client.test_tls import tls_front
from ..helpers.command_line import run

pytestmark = pytest.mark.usefixtures("own_cache")


def test_a_password_is_prompted_for(gwms_emulator: GwmsEmulator) -> None:
    """On a terminal; elsewhere the message names the variable to set."""
    password = gwms_emulator.credentials.password
    prompted = run(gwms_emulator, "webhooks", "list", typed=f"{password}\n", GWMS_PASSWORD=None)
    missing = run(gwms_emulator, "webhooks", "list", GWMS_PASSWORD=None)

    assert prompted.exit_code == 0
    assert "Password" in prompted.stderr
    assert "Password" not in prompted.stdout
    assert missing.exit_code == 2
    assert missing.stderr.endswith("Error: set GWMS_PASSWORD in the environment\n")  # a profile would not help


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


PROFILES = """
[shop-a]
username = "USERNAME"
api_key = "KEY"
base_url = "URL"
eshops = { cz = "other-key", sk = "KEY" }

[typo]
username = "someone-else"
api_key = "some-key"
"""


@pytest.fixture
def profiles(gwms_emulator: GwmsEmulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Write profiles for the emulator."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    username, _, api_key = gwms_emulator.credentials
    path = profiles_file()
    path.parent.mkdir()
    path.touch(mode=0o600)
    text = PROFILES.replace("USERNAME", username).replace("KEY", api_key).replace("URL", gwms_emulator.base_url)
    path.write_text(text, "utf-8")


NOTHING: dict[str, str | None] = {"GWMS_USERNAME": None, "GWMS_API_KEY": None, "GWMS_BASE_URL": None}
WRONG: dict[str, str | None] = {
    "GWMS_USERNAME": "wrong",
    "GWMS_API_KEY": "wrong",
    "GWMS_BASE_URL": "http://[::1]:9/v21",
}


@pytest.mark.usefixtures("profiles")
@pytest.mark.parametrize(
    ("arguments", "env"),
    [
        (["--profile", "shop-a", "webhooks", "list"], NOTHING),
        (["webhooks", "list", "--profile", "shop-a"], NOTHING),
        (["--profile", "typo", "webhooks", "list", "--profile", "shop-a"], NOTHING),
        (["webhooks", "list"], {**NOTHING, "GWMS_PROFILE": "shop-a"}),
        (["--profile", "shop-a", "webhooks", "list"], {**WRONG, "GWMS_PROFILE": "typo"}),
        (["webhooks", "list"], {"GWMS_PROFILE": "typo"}),
        (["--profile", "shop-a", "--eshop", "sk", "webhooks", "list"], WRONG),
        (["webhooks", "list", "--eshop", "sk"], {"GWMS_API_KEY": "wrong", "GWMS_PROFILE": "shop-a"}),
        (["login", "--profile", "shop-a"], NOTHING),
    ],
)
def test_the_first_source_counts(gwms_emulator: GwmsEmulator, arguments: list[str], env: dict[str, str | None]) -> None:
    """Options, `--profile`, variables, the profile in GWMS_PROFILE."""
    result = run(gwms_emulator, *arguments, "--json", **env)

    assert (result.stderr, result.exit_code) == ("", 0)
    assert gwms_emulator.count("list") == 1


@pytest.mark.usefixtures("profiles")
def test_options_come_first(gwms_emulator: GwmsEmulator) -> None:
    """Also before the profile that an option names."""
    key, options = gwms_emulator.credentials.api_key, ("--profile", "shop-a", "--eshop", "cz")
    result = run(gwms_emulator, *options, "webhooks", "list")
    overridden = run(gwms_emulator, *options, "webhooks", "list", "--api-key", key)

    assert result.stderr == "Error: the API key was rejected (401); check it (profile shop-a)\n"
    assert overridden.exit_code == 0
    assert overridden.stderr.startswith("Warning: --api-key is visible in the process list")


@pytest.mark.usefixtures("profiles")
def test_logout_of_a_profile(gwms_emulator: GwmsEmulator) -> None:
    """It needs the username and the base URL only."""
    run(gwms_emulator, "--profile", "shop-a", "login")
    result = run(gwms_emulator, "logout", "--profile", "shop-a", **WRONG)

    assert result.stdout == f"Deleted the token of {gwms_emulator.credentials.username}.\n"


def test_an_e_shop_without_a_profile(gwms_emulator: GwmsEmulator) -> None:
    """Nothing says what its key is."""
    result = run(gwms_emulator, "webhooks", "list", "--eshop", "cz")

    assert result.exit_code == 2
    assert "--eshop needs a profile: pass --profile or set GWMS_PROFILE" in result.stderr


def test_a_time_limit(gwms_emulator: GwmsEmulator) -> None:
    """It covers a call with all its attempts."""
    gwms_emulator.inject(Stall(30), operation="list")
    result = run(gwms_emulator, "--timeout", "0.2", "webhooks", "list")

    assert result.exit_code == 1
    assert "GET /webhooks: the deadline passed after 1 attempt; allow more time with --timeout" in result.stderr


async def test_a_private_ca(tmp_path: Path) -> None:
    """Its file makes the gateway trusted; a file without certificates is a usage error."""
    ca, file = trustme.CA(), tmp_path / "ca.pem"
    ca.cert_pem.write_to_path(file)
    async with tls_front(ca, "127.0.0.1") as (port, read):
        url = f"https://127.0.0.1:{port}/v21"
        async with Access("name", "secret", "key", url, ca=str(file)).client(MemoryTokenStore()) as gwms:
            assert await gwms.webhooks.list() == []
        async with Access("name", "secret", "key", url).client(MemoryTokenStore()) as gwms:
            with pytest.raises(TransportError) as caught:
                await gwms.webhooks.list()
    file.write_text("no certificate")

    assert len(read) == 2
    assert caught.value.reason == "unable to get local issuer certificate"
    with pytest.raises(ConfigurationError, match=f"^--ca {file}: no certificates in PEM format$"):
        Access("name", "secret", "key", url, ca=str(file)).client()


def test_a_ca_file_that_is_missing(gwms_emulator: GwmsEmulator) -> None:
    """It is a usage error."""
    result = run(gwms_emulator, "webhooks", "list", "--ca", "missing.pem")

    assert result.exit_code == 2
    assert "File 'missing.pem' does not exist" in result.stderr


def test_secrets_are_not_shown() -> None:
    """Not in the repr either."""
    assert repr(Access("name", "secret", "key", "https://gateway")) == (
        "Access(username='name', base_url='https://gateway', timeout=120.0, ca=None)"
    )


def test_the_proxy_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands go through it."""
    monkeypatch.setenv("https_proxy", "socks5://127.0.0.1:1080")
    with pytest.raises(ConfigurationError, match="the proxy of the environment"):
        Access("name", "secret", "key", "https://gw.example/v21").client()
