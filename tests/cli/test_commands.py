"""The commands, driven against the emulator as a person and as a program would."""

from __future__ import annotations

import asyncio
import io
import json
import os
import signal
import threading
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("rich", reason="the command line is an extra")

import click
from click.testing import CliRunner, Result

from gwms_async import AuthenticationError, Outcome, OutcomeStatus, ServerError, WebhookType
from gwms_async.cli import emulator as emulator_command
from gwms_async.cli import webhooks as webhooks_command
from gwms_async.cli.access import Access
from gwms_async.cli.commands import gwms
from gwms_async.cli.file import WebhookFile
from gwms_async.cli.lazy import LazyGroup
from gwms_async.cli.output import Exit, code_of_all, guarded
from gwms_async.cli.plan import apply_file
from gwms_async.testing import GwmsEmulator, Stall, Status

from ..helpers.emulated import held, spec, specs, until

pytestmark = pytest.mark.usefixtures("own_cache")

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
        """It is."""
        return True


def run(gateway: GwmsEmulator, *arguments: str | Path, typed: str | None = None, **env: str | None) -> Result:
    """Run a command with the gateway's credentials in the environment."""
    username, password, api_key = gateway.credentials
    names = {"USERNAME": username, "PASSWORD": password, "API_KEY": api_key, "BASE_URL": gateway.base_url}
    variables = {**{f"GWMS_{name}": value for name, value in names.items()}, **env}
    typing = None if typed is None else Keyboard(typed.encode())
    end = CliRunner().invoke(gwms, [str(one) for one in arguments], env=variables, input=typing, catch_exceptions=False)
    for secret in (password, api_key, *gateway.tokens_issued):
        assert secret not in end.output
    return end


def lines(end: Result) -> list[dict[str, Any]]:
    """Read JSON, one object per line."""
    return [json.loads(line) for line in end.stdout.splitlines()]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file of two webhooks."""
    file = tmp_path / "shop.toml"
    file.write_text(FILE)
    return file


def test_plan_and_apply(gwms_emulator: GwmsEmulator, path: Path) -> None:
    """A plan changes nothing; applied twice, the second run changes nothing and says so."""
    planned = run(gwms_emulator, "plan", path)
    (figures,) = lines(run(gwms_emulator, "plan", path, "--json"))
    assert gwms_emulator.webhooks == []
    first = run(gwms_emulator, "apply", path, FORCE_COLOR="1")
    second = run(gwms_emulator, "apply", path)
    third = run(gwms_emulator, "apply", path, "--json")

    assert "2 to create, 0 unchanged" in planned.stdout
    assert (figures["changes"], len(figures["create"])) == (2, 2)
    assert "2 created" in first.stdout
    assert "applying" in first.stderr
    assert "nothing to do, 2 unchanged" in second.stdout
    assert [one["status"] for one in lines(third)] == ["existing", "existing"]
    assert {planned.exit_code, first.exit_code, second.exit_code, third.exit_code} == {0}
    assert second.stderr == ""
    assert gwms_emulator.count("create") == 2


def test_prune(gwms_emulator: GwmsEmulator, path: Path) -> None:
    """What is ours and not wanted goes, after a yes; nothing outside the prefix is touched."""
    gwms_emulator.add_webhook("https://shop.example/gwms/old", "CREATE_ORDER")
    gwms_emulator.add_webhook("https://shop.example/gwms-other", "CREATE_ORDER")
    alone = run(gwms_emulator, "apply", path, "--prune")
    refused = run(gwms_emulator, "apply", path, "--prune", typed="n\n")
    kept = run(gwms_emulator, "apply", path)
    assert len(gwms_emulator.webhooks) == 4
    agreed = run(gwms_emulator, "apply", path, "--prune", typed="y\n")
    gwms_emulator.add_webhook("https://shop.example/gwms/old", "CREATE_ORDER")
    told = run(gwms_emulator, "apply", path, "--prune", "--yes", "--json")

    assert (alone.exit_code, refused.exit_code, kept.exit_code, agreed.exit_code, told.exit_code) == (2, 1, 0, 0, 0)
    assert "give --yes" in alone.stderr
    assert "nothing was changed" in refused.stderr
    assert [one["status"] for one in lines(told)] == ["existing", "existing", "deleted"]
    assert sorted({hook.url for hook in gwms_emulator.webhooks}) == ["https://shop.example/gwms-other", URL]


def test_prune_of_much(gwms_emulator: GwmsEmulator, path: Path) -> None:
    """More than 30 % need --force; --prune needs a prefix."""
    for number in range(12):
        gwms_emulator.add_webhook(f"https://shop.example/gwms/{number}", "CREATE_ORDER")
    refused = run(gwms_emulator, "apply", path, "--prune", "--yes")
    forced = run(gwms_emulator, "apply", path, "--prune", "--yes", "--force")
    path.write_text(FILE.replace('prune = "https://shop.example/gwms/"', ""))
    without = run(gwms_emulator, "plan", path, "--prune")

    assert refused.exit_code == 1
    assert "--force" in refused.stderr
    assert forced.exit_code == 0
    assert without.exit_code == 2
    assert held(gwms_emulator).total() == 2


def test_failures(gwms_emulator: GwmsEmulator, path: Path) -> None:
    """Partly failed is 3, failed is 1, refused credentials are 4; each says so in a line."""
    gwms_emulator.inject(Status(400), operation="create")
    partly = run(gwms_emulator, "apply", path)
    gwms_emulator.inject(Status(500), operation="get", times=9)
    nothing = run(gwms_emulator, "webhooks", "get", "77")
    gwms_emulator.revoke_tokens()
    refused = run(gwms_emulator, "webhooks", "list", GWMS_PASSWORD="wrong")
    no_key = run(gwms_emulator, "webhooks", "list", GWMS_API_KEY="wrong")
    unfit = run(gwms_emulator, "webhooks", "list", GWMS_BASE_URL="http://shop.example")

    assert [one.exit_code for one in (partly, nothing, refused, no_key, unfit)] == [3, 1, 4, 4, 2]
    assert "1 failed" in partly.stdout
    assert all(one.stderr.count("\n") == 1 for one in (nothing, refused, no_key, unfit))


def test_webhooks_one_by_one(gwms_emulator: GwmsEmulator) -> None:
    """Created once, shown, changed, switched off and on, deleted."""
    created = run(gwms_emulator, "webhooks", "create", URL, "CREATE_ORDER", "UPDATE_ORDER", "--inactive")
    again = run(gwms_emulator, "webhooks", "create", URL, "CREATE_ORDER", "--inactive", "--json")
    updated = run(gwms_emulator, "webhooks", "update", "1", "--event", "CREATE_RETURN", "--json")
    got = run(gwms_emulator, "webhooks", "get", "1")
    activated = run(gwms_emulator, "webhooks", "activate", "1", "77")
    off = run(gwms_emulator, "webhooks", "deactivate", "1", "--json")
    kept = run(gwms_emulator, "webhooks", "delete", "1")
    gone = run(gwms_emulator, "webhooks", "delete", "1", "2", "--yes")

    assert "created: POST" in created.stdout
    assert lines(again)[0]["status"] == "existing"
    assert lines(updated)[0]["type"] == "CREATE_RETURN"
    assert "CREATE_RETURN" in got.stdout
    assert activated.exit_code == 3
    assert "failed: 77: " in activated.stdout
    assert lines(off) == [{"status": "updated", "id": 1, "error": None}]
    assert kept.exit_code == 2
    assert gone.stdout == "deleted: 1\ndeleted: 2\n"
    assert gwms_emulator.webhooks == []


def test_list(gwms_emulator: GwmsEmulator) -> None:
    """As a table, as a matrix, and in JSON; what the gateway sends cannot drive the terminal."""
    assert "event" in run(gwms_emulator, "webhooks", "list", "--matrix").stdout
    gwms_emulator.add_webhook(URL, "CREATE_ORDER")
    gwms_emulator.add_webhook("https://[red]\x1b[2J", "NEW_EVENT", active=False)
    table = run(gwms_emulator, "webhooks", "list")
    matrix = run(gwms_emulator, "webhooks", "list", "--matrix")
    (states,) = lines(run(gwms_emulator, "webhooks", "list", "--matrix", "--json"))

    assert URL in table.stdout
    assert "[red]\\x1b" in table.stdout
    assert "\x1b" not in table.stdout + matrix.stdout
    assert all(mark in matrix.stdout.partition("https")[0] for mark in "●○·")
    assert len(states) == 19
    assert states["CREATE_ORDER"][URL] == "active"
    assert set(states["NEW_EVENT"].values()) == {"inactive", "missing"}
    assert [one["id"] for one in lines(run(gwms_emulator, "webhooks", "list", "--json"))] == [1, 2]


def test_types_need_no_credentials() -> None:
    """The 18 events."""
    text = CliRunner().invoke(gwms, ["webhooks", "types"]).stdout
    told = CliRunner().invoke(gwms, ["webhooks", "types", "--json"]).stdout

    assert text.split() == json.loads(told)["types"] == [*WebhookType]


def test_login(gwms_emulator: GwmsEmulator) -> None:
    """It tells until when; a password is asked for on a terminal, and one in argv earns a warning."""
    asked = run(gwms_emulator, "login", typed=gwms_emulator.credentials.password + "\n", GWMS_PASSWORD=None)
    (told,) = lines(run(gwms_emulator, "login", "--json"))
    warned = run(gwms_emulator, "login", "--password", gwms_emulator.credentials.password)
    missing = run(gwms_emulator, "login", GWMS_PASSWORD=None)

    assert "logged in as" in asked.stdout
    assert "UTC" in asked.stdout
    assert told["expires_at"].endswith("+00:00")
    assert warned.stderr.startswith("Warning: others can read --password")
    assert missing.exit_code == 2
    assert "set GWMS_PASSWORD in the environment" in missing.stderr


def test_a_login_is_made_anew(gwms_emulator: GwmsEmulator) -> None:
    """Even if the token that was kept is still good; commands after it go on with its token."""
    for command in ("login", "login"):
        assert run(gwms_emulator, command).exit_code == 0
    assert gwms_emulator.logins == 2

    assert run(gwms_emulator, "webhooks", "list").exit_code == 0
    assert gwms_emulator.logins == 2


def test_logout(gwms_emulator: GwmsEmulator) -> None:
    """The token that was kept is deleted, so that the next command logs in; neither password nor key is needed."""
    nobody = {"GWMS_PASSWORD": None, "GWMS_API_KEY": None}
    run(gwms_emulator, "login")
    (told,) = lines(run(gwms_emulator, "logout", "--json", **nobody))
    again = run(gwms_emulator, "logout", **nobody)
    run(gwms_emulator, "webhooks", "list")
    text = run(gwms_emulator, "logout", **nobody)
    unnamed = run(gwms_emulator, "logout", GWMS_USERNAME=None)

    username = gwms_emulator.credentials.username
    assert told == {"username": username, "deleted": True}
    assert again.stdout == f"there is no token of {username}\n"
    assert gwms_emulator.logins == 2
    assert text.stdout == f"the token of {username} was deleted\n"
    assert unnamed.exit_code == 2


def test_usage(gwms_emulator: GwmsEmulator) -> None:
    """What is used wrongly is told with exit code 2."""
    event = run(gwms_emulator, "webhooks", "create", URL, "CREATE_ORDR")
    nothing = run(gwms_emulator, "webhooks", "update", "1")
    gwms_emulator.add_webhook(URL, "CREATE_ORDER")
    empty = run(gwms_emulator, "webhooks", "update", "1", "--url", "")

    assert {event.exit_code, nothing.exit_code, empty.exit_code} == {2}
    assert "did you mean CREATE_ORDER" in event.stderr


def test_a_url_that_cannot_be_registered(gwms_emulator: GwmsEmulator) -> None:
    """It is a usage error of one line, and nothing is sent."""
    created = run(gwms_emulator, "webhooks", "create", "shop.example/x", "CREATE_ORDER")

    assert created.exit_code == 2
    assert created.stderr.endswith("e.g. https://shop.example/hook; got 'shop.example/x'\n")
    assert not gwms_emulator.requests


async def test_apply_interrupted(gateway: GwmsEmulator) -> None:
    """Ctrl-C cancels: it tells what was done, and a second run brings the rest without a double."""
    gateway.latency = 0.01
    access, wanted = Access(*gateway.credentials, gateway.base_url), WebhookFile(tuple(specs(100)))
    done = list[Outcome]()
    flags = {"prune": False, "yes": False, "force": False, "as_json": True}
    task = asyncio.create_task(guarded(apply_file(wanted, access, done, **flags), lambda: str(len(done))))
    await until(lambda: done)
    task.cancel()

    assert await task is Exit.INTERRUPTED
    assert len(done) > 0
    assert len(gateway.webhooks) < 100
    assert await apply_file(wanted, access, [], **flags) is Exit.DONE
    assert set(held(gateway).values()) == {1}
    assert len(gateway.webhooks) == 100


@pytest.mark.parametrize("as_json", [True, False])
async def test_emulator(capsys: pytest.CaptureFixture[str], *, as_json: bool) -> None:
    """It serves until Ctrl-C and tells how to get there."""
    gateway, told = GwmsEmulator(), ""
    task = asyncio.create_task(emulator_command.serve(gateway, as_json=as_json))

    while not told:
        await asyncio.sleep(0)
        told = capsys.readouterr().out
    base_url = gateway.base_url
    task.cancel()

    assert await task is Exit.DONE
    assert base_url in told
    assert ("export GWMS_PASSWORD=" in told) is not as_json


def test_emulator_on_a_port_that_is_taken(gwms_emulator: GwmsEmulator) -> None:
    """One line, exit code 1."""
    port = gwms_emulator.base_url.split(":")[2].split("/")[0]
    end = CliRunner().invoke(gwms, ["emulator", "--port", port, "--rate", "5"])

    assert end.exit_code == 1
    assert end.stderr.startswith("Error: ")


def test_help_is_true() -> None:
    """The group's texts are the commands' own, and an unknown command is told."""
    assert isinstance(gwms, LazyGroup)
    context = gwms.make_context("gwms", ["x"], resilient_parsing=True)
    for name, (_, text) in gwms.lazy.items():
        command = gwms.get_command(context, name)
        assert command is not None
        assert command.get_short_help_str(200) == text
    assert CliRunner().invoke(gwms, ["nonsense"]).exit_code == 2


def test_exit_codes_of_many() -> None:
    """All failed is 1, unless the credentials were refused."""
    wire: dict[str, Any] = {"message": "no", "method": "POST", "path": "/webhooks"}
    refused, failed = AuthenticationError(status=401, **wire), ServerError(status=500, **wire)

    assert code_of_all([Outcome(spec(), OutcomeStatus.FAILED, error=failed)]) is Exit.FAILED
    assert code_of_all([Outcome(spec(), OutcomeStatus.FAILED, error=refused)]) is Exit.REFUSED


def test_interrupted(gwms_emulator: GwmsEmulator, path: Path) -> None:
    """Ctrl-C in the middle tells how to go on; at a question it ends in a line; both with exit code 130."""
    gwms_emulator.inject(Stall(30), operation="list")
    username, password, api_key = gwms_emulator.credentials
    names = {"USERNAME": username, "PASSWORD": password, "API_KEY": api_key, "BASE_URL": gwms_emulator.base_url}

    def press() -> None:
        """Press Ctrl-C once the list is under way."""
        while not gwms_emulator.count("list"):
            threading.Event().wait(0.01)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=press).start()
    environment = {f"GWMS_{name}": value for name, value in names.items()}
    end = CliRunner().invoke(gwms, ["apply", str(path)], env=environment)
    gwms_emulator.add_webhook(URL, "CREATE_ORDER")
    at_question = run(gwms_emulator, "webhooks", "delete", "1", typed="")

    assert (end.exit_code, at_question.exit_code) == (130, 130)
    assert f"interrupted: nothing was done; run `gwms apply {path}` again" in end.stderr
    assert at_question.stderr.endswith("interrupted\n")


def test_words_for_the_interrupted() -> None:
    """What was done is counted."""
    assert webhooks_command._interrupted([Outcome(spec(), OutcomeStatus.CREATED)]).startswith("interrupted: 1 created;")
    assert gwms.list_commands(click.Context(gwms)) == [
        "apply",
        "demo",
        "emulator",
        "login",
        "logout",
        "plan",
        "webhooks",
    ]
