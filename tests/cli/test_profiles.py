"""The file of profiles."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from gwms_async.cli.commands import gwms
from gwms_async.cli.problems import RefusedError
from gwms_async.cli.profiles import load_profile, profile_names, profiles_file

PROFILES = """
[shop-a]
username = "ann"
api_key = "secret-key-a"
base_url = "https://gw.example/v21"
eshops = { cz = "secret-key-cz", sk = "secret-key-sk" }

[shop-b]
username = "bob"
"""
NO_TABLE = 'must be a table, [x], of non-empty strings, e.g. username = "…"'


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return where the file of profiles is, with two profiles in it."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    path = profiles_file()
    path.parent.mkdir()
    path.touch(mode=0o600)
    path.write_text(PROFILES, "utf-8")
    return path


def test_a_profile(file: Path) -> None:
    """It has what the file says; an e-shop's key replaces its own."""
    assert file.parent.name == "gwms-async"
    assert profile_names() == ["shop-a", "shop-b"]
    assert load_profile("shop-b") == {"username": "bob"}
    assert load_profile("shop-a") == {
        "username": "ann",
        "api_key": "secret-key-a",
        "base_url": "https://gw.example/v21",
    }
    assert load_profile("shop-a", "cz") == {**load_profile("shop-a"), "api_key": "secret-key-cz"}


def test_a_byte_order_mark(file: Path) -> None:
    """Editors on Windows write one."""
    file.write_text(PROFILES, "utf-8-sig")

    assert load_profile("shop-b") == {"username": "bob"}


@pytest.mark.parametrize(
    ("name", "eshop", "text"),
    [
        ("shop-aa", None, "profile 'shop-aa' is unknown: did you mean shop-a?"),
        ("nothing", None, "profile 'nothing' is unknown: choose from shop-a, shop-b"),
        ("shop-a", "sc", "shop-a: e-shop 'sc' is unknown: did you mean sk?"),
        ("shop-b", "cz", "shop-b: e-shop 'cz' is unknown: choose from (none)"),
    ],
)
def test_unknown_names(file: Path, name: str, eshop: str | None, text: str) -> None:
    """The error names the closest one, or all."""
    with pytest.raises(RefusedError) as caught:
        load_profile(name, eshop)

    assert caught.value.message == f"{file}: {text}"
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ('[x]\nusernme = "ann"', "x: field 'usernme' is unknown: did you mean username?"),
        ('[x]\npassword = "hunter2"', "x.password: a profile must not contain a password: delete it; "),
        ("x = 3", NO_TABLE),
        ("[x]\nusername = 3", NO_TABLE),
        ('[x]\nusername = ""', NO_TABLE),
        ("[x]\neshops = 3", NO_TABLE),
        ("[x]\neshops = { cz = 3 }", NO_TABLE),
        ('[x]\nusername = "hunter2', "not valid TOML: "),
        ("x = " + "[" * 20_000, "not valid TOML: "),
        (b"x = '\xff'", "not valid TOML: "),
    ],
)
def test_mistakes(file: Path, content: str | bytes, text: str) -> None:
    """They are named, and no value is shown."""
    file.write_bytes(content.encode() if isinstance(content, str) else content)

    with pytest.raises(RefusedError) as caught:
        load_profile("x")

    assert text in caught.value.message
    assert "hunter2" not in caught.value.message


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o700, 0o660])
def test_a_file_that_others_can_read(file: Path, mode: int) -> None:
    """It is refused with the command that mends it; completion offers nothing."""
    file.chmod(mode)

    with pytest.raises(RefusedError, match=f"has mode {mode:o}: run chmod 600 {file}$"):
        load_profile("shop-a")
    assert profile_names() == []


def test_on_windows(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Modes say nothing there."""
    file.chmod(0o644)
    monkeypatch.setattr("gwms_async.cli.profiles.os", SimpleNamespace(name="nt", fstat=os.fstat))

    assert "shop-a" in profile_names()


def test_a_stricter_mode(file: Path) -> None:
    """It is fine."""
    file.chmod(0o400)

    assert profile_names()


def test_no_file(file: Path) -> None:
    """Naming a profile is then an error with exit code 2."""
    file.unlink()
    result = CliRunner().invoke(gwms, ["webhooks", "list"], env={"GWMS_PROFILE": "shop-a"})

    assert (result.exit_code, result.stderr) == (2, f"Error: {file}: no such file or directory\n")


@pytest.mark.parametrize("found", ["~/.config/gwms-async", None])
def test_no_home(monkeypatch: pytest.MonkeyPatch, found: str | None) -> None:
    """As in a container; the error says what to set, whether platformdirs raises or returns a relative path."""

    def user_config_path(_: str) -> Path:
        if found is None:
            raise RuntimeError("could not determine the home directory")
        return Path(found)

    monkeypatch.setattr("gwms_async.cli.profiles.user_config_path", user_config_path)
    result = CliRunner().invoke(gwms, ["webhooks", "list"], env={"GWMS_PROFILE": "shop-a"})

    assert (result.exit_code, profile_names()) == (2, [])
    assert result.stderr == (
        "Error: there is no configuration directory: set HOME or XDG_CONFIG_HOME to an absolute path\n"
    )
