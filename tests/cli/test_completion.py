"""Completion in shells."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.shell_completion import BashComplete
from click.testing import CliRunner

from gwms_async import WebhookType
from gwms_async.cli.commands import gwms
from gwms_async.cli.profiles import profiles_file


def completions(*arguments: str) -> list[tuple[str, str]]:
    """Complete the last of the arguments: give types and values."""
    *before, incomplete = arguments
    found = BashComplete(gwms, {}, "gwms", "_GWMS_COMPLETE").get_completions(before, incomplete)
    return [(item.type, item.value) for item in found]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_scripts(shell: str) -> None:
    """Each registers a function for `gwms`."""
    script = CliRunner().invoke(gwms, ["completion", shell]).stdout

    assert f"_GWMS_COMPLETE={shell}_complete" in script
    assert "_gwms_completion" in script


def test_an_unknown_shell() -> None:
    """It is a usage error that names those there are."""
    result = CliRunner().invoke(gwms, ["completion", "tcsh"])

    assert result.exit_code == 2
    assert "'bash', 'fish', 'zsh'" in result.stderr


def test_in_a_shell() -> None:
    """The variable of the script makes `gwms` answer."""
    env = {"_GWMS_COMPLETE": "bash_complete", "COMP_WORDS": "gwms web", "COMP_CWORD": "1"}
    result = CliRunner().invoke(gwms, prog_name="gwms", env=env)

    assert (result.exit_code, result.stdout) == (0, "plain,webhooks\n")


def test_commands() -> None:
    """At the top and within a group."""
    assert completions("p") == [("plain", "plan")]
    assert completions("webhooks", "de") == [("plain", "deactivate"), ("plain", "delete")]
    assert completions("nonsense", "x") == []


def test_event_types() -> None:
    """Also in lower case."""
    expected = [("plain", str(one)) for one in WebhookType if one.startswith("UPDATE_ORDER")]

    assert len(expected) > 1
    assert completions("webhooks", "create", "https://shop.example/", "UPDATE_ORDER") == expected
    assert completions("webhooks", "create", "https://shop.example/", "CREATE_ORDER", "update_order") == expected
    assert completions("webhooks", "update", "1", "--event", "update_order") == expected


def test_files() -> None:
    """The shell completes them."""
    assert completions("apply", "shop") == completions("--ca", "shop") == [("file", "shop")]


def test_profiles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before and after the command; none if there is no file."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert completions("--profile", "sh") == []
    profiles_file().parent.mkdir()
    profiles_file().touch(mode=0o600)
    profiles_file().write_text("[shop-a]\n[shop-b]\n[other]\n", "utf-8")
    expected = [("plain", "shop-a"), ("plain", "shop-b")]

    assert completions("--profile", "sh") == completions("webhooks", "list", "--profile", "sh") == expected
