"""The doctor: broken set-ups, each named."""

from __future__ import annotations

import json
import os
import re
import time
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from gwms_async import __version__
from gwms_async.cli.commands import gwms
from gwms_async.cli.profiles import profiles_file
from gwms_async.testing import GwmsEmulator, Html, Status
from gwms_async.testing.threaded import emulator_in_thread

from ..helpers.command_line import URL, hide_metadata, hurry, run

pytestmark = pytest.mark.usefixtures("own_cache", "profiles", "quick")

ALL = ["settings", "gateway", "login", "api_key", "webhooks", "clock"]


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let retries hardly wait."""
    hurry(monkeypatch)


def checks(gateway: GwmsEmulator, *arguments: str, **env: str | None) -> dict[str, str]:
    """Return what the doctor says of what it checked; the exit code must fit."""
    result = run(gateway, *arguments, "doctor", "--json", **env)
    found = json.loads(result.stdout)["checks"]

    assert result.exit_code == (0 if all(one["ok"] for one in found) else 1)
    return {one["name"]: "fine" if one["ok"] else one["message"] for one in found}


@pytest.fixture
def profiles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Write a file of one profile."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    profiles_file().parent.mkdir()
    profiles_file().touch(mode=0o600)
    profiles_file().write_text("[somebody]\n", "utf-8")


def test_all_is_well(gwms_emulator: GwmsEmulator) -> None:
    """Settings with their sources, versions and all checks; no secret is shown, and nothing is cached."""
    gwms_emulator.add_webhook(URL, "CREATE_ORDER")
    result = run(gwms_emulator, "doctor")
    shown = json.loads(run(gwms_emulator, "doctor", "--json").stdout)

    username = gwms_emulator.credentials.username
    assert result.exit_code == 0
    assert result.stdout.splitlines()[1:-1] == [
        f"username: {username} (GWMS_USERNAME)",
        "password: *** (GWMS_PASSWORD)",
        "api_key: *** (GWMS_API_KEY)",
        f"base_url: {gwms_emulator.base_url} (GWMS_BASE_URL)",
        "ok: settings: fine",
        "ok: gateway: fine",
        "ok: login: fine",
        "ok: api_key: fine",
        "ok: webhooks: 1, 0 of them inactive",
    ]
    assert shown["settings"]["password"] == {"value": "***", "source": "GWMS_PASSWORD"}
    assert {"gwms-async", "python", "aiohttp"} <= set(shown["versions"])
    assert [one["name"] for one in shown["checks"]] == ALL
    assert gwms_emulator.logins == 2


def test_a_bundle_without_metadata(gwms_emulator: GwmsEmulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """It checks all the same, and does not know the versions of libraries."""
    hide_metadata(monkeypatch)
    shown = json.loads(run(gwms_emulator, "doctor", "--json").stdout)

    assert [one["name"] for one in shown["checks"]] == ALL
    assert shown["versions"]["gwms-async"] == __version__
    assert shown["versions"]["aiohttp"] == "unknown"


HERE, FAR = "http://127.0.0.1:9", "https://gw.example/v21"
BROKEN: list[tuple[dict[str, str | None], str, str]] = [
    ({"GWMS_PASSWORD": "wrong"}, "login", "Wrong username or password; check username (GWMS_USERNAME) and password"),
    ({"GWMS_API_KEY": "wrong"}, "api_key", "the API key was rejected (401); check it (GWMS_API_KEY)"),
    ({"GWMS_BASE_URL": f"{HERE}/v21"}, "gateway", f"cannot reach {HERE} (connection refused), 5 attempts"),
    ({"GWMS_BASE_URL": "http://HOST"}, "login", "did you mean the base URL http://HOST/v21?"),
    ({"GWMS_BASE_URL": "https://HOST/v21"}, "gateway", "(wrong version number), 1 attempt; does it speak https?"),
    ({"GWMS_BASE_URL": "http://gw.example"}, "settings", "the base URL must use https"),
    ({"GWMS_USERNAME": None, "GWMS_API_KEY": None}, "settings", "set GWMS_USERNAME, GWMS_API_KEY in the environment"),
    ({"GWMS_PROFILE": "nobody"}, "settings", "profile 'nobody' is unknown: did you mean somebody?"),
    ({"GWMS_BASE_URL": FAR, "https_proxy": "socks5://127.0.0.1:9"}, "settings", "the proxy of the environment must be"),
    (
        {"GWMS_BASE_URL": FAR, "https_proxy": HERE},
        "gateway",
        "(proxy 127.0.0.1:9: connection refused), 5 attempts; check HTTPS_PROXY",
    ),
]


@pytest.mark.parametrize(("env", "name", "text"), BROKEN)
def test_broken_settings(gwms_emulator: GwmsEmulator, env: dict[str, str | None], name: str, text: str) -> None:
    """What is broken is named, and all before it is fine."""
    host = gwms_emulator.base_url.removeprefix("http://").removesuffix("/v21")
    found = checks(gwms_emulator, **{key: value and value.replace("HOST", host) for key, value in env.items()})

    *passed, last = [one for one in found if one != "clock"]
    assert last == name
    assert text.replace("HOST", host) in found[name]
    assert passed == ALL[: ALL.index(name)]
    assert {found[one] for one in passed} <= {"fine"}


def test_a_profile_that_others_can_read(gwms_emulator: GwmsEmulator) -> None:
    """The command that mends it is shown."""
    profiles_file().chmod(0o644)

    assert f"run chmod 600 {profiles_file()}" in checks(gwms_emulator, "--profile", "shop-a")["settings"]


@pytest.mark.parametrize(
    ("skew", "text"), [(3600.0, "behind"), (-90.0, "ahead of"), (20.0, "fine"), (-20.0, "fine"), (0.0, "fine")]
)
def test_the_clock(skew: float, text: str) -> None:
    """A difference of more than 30 s is named; `Date` has whole seconds."""
    with emulator_in_thread(clock=lambda: time.time() + skew) as gateway:
        found = checks(gateway)["clock"]
    seconds = f"({abs(skew):.0f}|{abs(skew) - 1:.0f}|{abs(skew) + 1:.0f})"

    assert re.fullmatch(text if text == "fine" else f"this machine's is {seconds} s {text} the gateway's", found)


def test_inactive_webhooks(gwms_emulator: GwmsEmulator) -> None:
    """They are named, with the command that resumes deliveries."""
    for number in range(7):
        gwms_emulator.add_webhook(f"{URL}/{number}", "CREATE_ORDER", active=number == 0)

    assert checks(gwms_emulator)["webhooks"] == (
        "7, 6 of them inactive: `gwms webhooks activate 2 3 4 5 6` resumes deliveries"
    )
    text = run(gwms_emulator, "doctor").stdout
    assert "ok: login: fine\n" in text
    assert "failed: webhooks: 7, 6 of them inactive: " in text


def test_further_copies(gwms_emulator: GwmsEmulator) -> None:
    """They double deliveries; inactive ones do not."""
    for active in (True, False, True, True):
        gwms_emulator.add_webhook(URL, "CREATE_ORDER", active=active)
    gwms_emulator.add_webhook(URL, "UPDATE_ORDER")

    assert checks(gwms_emulator)["webhooks"].endswith("; 2 deliver what others deliver too: `gwms webhooks delete 3 4`")


def test_webhooks_that_may_be_gone(gwms_emulator: GwmsEmulator) -> None:
    """A list does not tell what was deactivated from what was deleted."""
    gwms_emulator.add_webhook(URL, "CREATE_ORDER")
    run(gwms_emulator, "webhooks", "deactivate", "1")

    result = run(gwms_emulator, "doctor")

    assert result.exit_code == 0
    assert (
        "ok: webhooks: 1, 0 of them inactive; 1 unregistered, which may be deactivated or deleted: 1\n" in result.stdout
    )


@pytest.mark.parametrize(
    ("fault", "operation", "name"),
    [
        (Status(503), "login", "gateway"),
        (Status(404), "login", "gateway"),
        (Html(), "login", "gateway"),
        (Status(403), "list", "api_key"),
        (Status(500), "list", "webhooks"),
        (Html(), "list", "webhooks"),
    ],
)
def test_a_gateway_that_fails(gwms_emulator: GwmsEmulator, fault: Any, operation: str, name: str) -> None:
    """The step that fails is named; the API key is not called fine, as no response shows that it is."""
    gwms_emulator.inject(fault, operation=operation, times=99)

    shown = checks(gwms_emulator)
    assert [one for one, text in shown.items() if text != "fine"] == [name]
    assert shown.get("api_key") != "fine"


def test_a_gateway_without_a_clock(gwms_emulator: GwmsEmulator) -> None:
    """Then there is nothing to compare."""
    gwms_emulator.inject(Status(500, headers={"Date": "yesterday"}), operation="list", times=99)

    assert "clock" not in checks(gwms_emulator)


def test_no_environment() -> None:
    """What is known is shown, with defaults."""
    env = {name: None for name in os.environ if name.startswith("GWMS_")}
    result = CliRunner().invoke(gwms, ["doctor"], env=env)

    assert result.exit_code == 1
    assert "base_url: https://gw.new.skladon.net/v21 (default)\n" in result.stdout
