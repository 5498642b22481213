"""Login and logout."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("filelock", reason="the command line is an extra")

from filelock import FileLock

from gwms_async import FileTokenStore
from gwms_async.testing import GwmsEmulator
from gwms_async.testing.threaded import emulator_in_thread
from gwms_async.tokens import store_key

from ..helpers.command_line import lines, run

pytestmark = pytest.mark.usefixtures("own_cache")


def test_login(gwms_emulator: GwmsEmulator) -> None:
    """It shows when the token expires."""
    text = run(gwms_emulator, "login").stdout
    (result,) = lines(run(gwms_emulator, "login", "--json"))

    username = gwms_emulator.credentials.username
    assert text.startswith(f"Logged in as {username}; the token expires 20")
    assert text.endswith(" UTC. Webhooks of the e-shop: 0.\n")
    assert result["expires_at"].endswith("+00:00")
    assert (result["username"], result["webhooks"]) == (username, 0)


def test_a_login_is_always_new(gwms_emulator: GwmsEmulator) -> None:
    """Even if the cached token is still valid; later commands use the new one."""
    for command in ("login", "login"):
        assert run(gwms_emulator, command).exit_code == 0
    assert gwms_emulator.logins == 2

    assert run(gwms_emulator, "webhooks", "list").exit_code == 0
    assert gwms_emulator.logins == 2


@pytest.mark.parametrize("command", ["login", "doctor"])
def test_a_wrong_password_beside_a_cached_token(gwms_emulator: GwmsEmulator, command: str) -> None:
    """It is rejected, and the cached token stays; other commands use that token and do not send the password."""
    run(gwms_emulator, "login")
    rejected = run(gwms_emulator, command, GWMS_PASSWORD="wrong")
    listed = run(gwms_emulator, "webhooks", "list", GWMS_PASSWORD="wrong")

    assert rejected.exit_code == (4 if command == "login" else 1)
    assert "Wrong username or password" in rejected.output
    assert (listed.exit_code, listed.stderr, gwms_emulator.logins) == (0, "no webhooks yet\n", 2)


def test_logout(gwms_emulator: GwmsEmulator) -> None:
    """The cached token is deleted, so that the next command logs in; it needs neither password nor API key."""
    anonymous = {"GWMS_PASSWORD": None, "GWMS_API_KEY": None}
    run(gwms_emulator, "login")
    (result,) = lines(run(gwms_emulator, "logout", "--json", **anonymous))
    again = run(gwms_emulator, "logout", **anonymous)
    run(gwms_emulator, "webhooks", "list")
    text = run(gwms_emulator, "logout", typed="", GWMS_PASSWORD=None)
    unnamed = run(gwms_emulator, "logout", GWMS_USERNAME=None)

    username = gwms_emulator.credentials.username
    assert result == {"username": username, "deleted": True}
    assert again.stdout == f"No token of {username} is cached.\n"
    assert gwms_emulator.logins == 2
    assert text.stdout == f"Deleted the token of {username}.\n"
    assert unnamed.exit_code == 2


def test_a_cache_that_cannot_be_used(gwms_emulator: GwmsEmulator, tmp_path: Path) -> None:
    """The error says what was done and what was not, and where the cache would be."""
    file = tmp_path / "file"
    file.touch()
    login, logout = (run(gwms_emulator, command, XDG_CACHE_HOME=str(file)) for command in ("login", "logout"))

    assert (login.exit_code, logout.exit_code) == (1, 1)
    for result in (login, logout):
        assert f"'{file}" in result.stderr
        assert "; let XDG_CACHE_HOME name a folder that you can write to" in result.stderr
    assert "logged in, but the token cannot be cached (" in login.stderr
    assert "the cached token cannot be deleted (" in logout.stderr


def test_logout_while_another_process_logs_in(gwms_emulator: GwmsEmulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """It waits for a while, then ends with an error that says what to do; the token stays."""
    monkeypatch.setattr("gwms_async.cli.login.PATIENCE", 0.05)
    username = gwms_emulator.credentials.username
    key = store_key(gwms_emulator.base_url, username)
    run(gwms_emulator, "login")
    with FileLock(FileTokenStore().directory / f"{key}.lock"):
        text, as_json = run(gwms_emulator, "logout"), run(gwms_emulator, "logout", "--json")

    message = f"another process keeps the token of {username} locked (waited 0.05 s); try again, or stop it"
    assert (text.exit_code, text.stdout, text.stderr) == (1, "", f"Error: {message}\n")
    assert (as_json.exit_code, as_json.stderr, lines(as_json)[0]["error"]["message"]) == (1, "", message)
    assert run(gwms_emulator, "logout").stdout == f"Deleted the token of {username}.\n"


@pytest.mark.parametrize("seconds", [3e11, 1e15, 1e40])
def test_an_expiry_beyond_the_calendar(seconds: float) -> None:
    """It says nothing about when the token expires."""
    with emulator_in_thread(token_ttl=seconds) as emulator:
        text = run(emulator, "login").stdout
        (result,) = lines(run(emulator, "login", "--json"))

    assert "the token has no known expiry" in text
    assert result["expires_at"] is None
