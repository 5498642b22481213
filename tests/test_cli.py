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
from gwms_async.cli.commands import gwms
from gwms_async.cli.file import WebhookFile
from gwms_async.cli.lazy import LazyGroup
from gwms_async.cli.output import Exit, code_of_all, guarded
from gwms_async.cli.plan import apply_file
from gwms_async.cli.session import Access
from gwms_async.testing import GwmsEmulator, Stall, Status

from .support import held, spec, specs, until

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


def test_plan_and_apply(served_gateway: GwmsEmulator, path: Path) -> None:
    """A plan changes nothing; applied twice, the second run changes nothing and says so."""
    planned = run(served_gateway, "plan", path)
    (figures,) = lines(run(served_gateway, "plan", path, "--json"))
    assert served_gateway.webhooks == []
    first = run(served_gateway, "apply", path, FORCE_COLOR="1")
    second = run(served_gateway, "apply", path)
    third = run(served_gateway, "apply", path, "--json")

    assert "2 to create, 0 unchanged" in planned.stdout
    assert (figures["changes"], len(figures["create"])) == (2, 2)
    assert "2 created" in first.stdout
    assert "applying" in first.stderr
    assert "nothing to do, 2 unchanged" in second.stdout
    assert [one["status"] for one in lines(third)] == ["existing", "existing"]
    assert {planned.exit_code, first.exit_code, second.exit_code, third.exit_code} == {0}
    assert second.stderr == ""
    assert served_gateway.count("create") == 2


def test_prune(served_gateway: GwmsEmulator, path: Path) -> None:
    """What is ours and not wanted goes, after a yes; nothing outside the prefix is touched."""
    served_gateway.add_webhook("https://shop.example/gwms/old", "CREATE_ORDER")
    served_gateway.add_webhook("https://shop.example/gwms-other", "CREATE_ORDER")
    alone = run(served_gateway, "apply", path, "--prune")
    refused = run(served_gateway, "apply", path, "--prune", typed="n\n")
    kept = run(served_gateway, "apply", path)
    assert len(served_gateway.webhooks) == 4
    agreed = run(served_gateway, "apply", path, "--prune", typed="y\n")
    served_gateway.add_webhook("https://shop.example/gwms/old", "CREATE_ORDER")
    told = run(served_gateway, "apply", path, "--prune", "--yes", "--json")

    assert (alone.exit_code, refused.exit_code, kept.exit_code, agreed.exit_code, told.exit_code) == (2, 1, 0, 0, 0)
    assert "give --yes" in alone.stderr
    assert "nothing was changed" in refused.stderr
    assert [one["status"] for one in lines(told)] == ["existing", "existing", "deleted"]
    assert sorted({hook.url for hook in served_gateway.webhooks}) == ["https://shop.example/gwms-other", URL]


def test_prune_of_much(served_gateway: GwmsEmulator, path: Path) -> None:
    """More than 30 % need --force; --prune needs a prefix."""
    for number in range(12):
        served_gateway.add_webhook(f"https://shop.example/gwms/{number}", "CREATE_ORDER")
    refused = run(served_gateway, "apply", path, "--prune", "--yes")
    forced = run(served_gateway, "apply", path, "--prune", "--yes", "--force")
    path.write_text(FILE.replace('prune = "https://shop.example/gwms/"', ""))
    without = run(served_gateway, "plan", path, "--prune")

    assert refused.exit_code == 1
    assert "--force" in refused.stderr
    assert forced.exit_code == 0
    assert without.exit_code == 2
    assert held(served_gateway).total() == 2


def test_failures(served_gateway: GwmsEmulator, path: Path) -> None:
    """Partly failed is 3, failed is 1, refused credentials are 4; each says so in a line."""
    served_gateway.inject(Status(400), operation="create")
    partly = run(served_gateway, "apply", path)
    served_gateway.inject(Status(500), operation="get", times=9)
    nothing = run(served_gateway, "webhooks", "get", "77")
    refused = run(served_gateway, "webhooks", "list", GWMS_PASSWORD="wrong")
    no_key = run(served_gateway, "webhooks", "list", GWMS_API_KEY="wrong")
    unfit = run(served_gateway, "webhooks", "list", GWMS_BASE_URL="http://shop.example")

    assert [one.exit_code for one in (partly, nothing, refused, no_key, unfit)] == [3, 1, 4, 4, 2]
    assert "1 failed" in partly.stdout
    assert all(one.stderr.count("\n") == 1 for one in (nothing, refused, no_key, unfit))


def test_webhooks_one_by_one(served_gateway: GwmsEmulator) -> None:
    """Created once, shown, changed, switched off and on, deleted."""
    created = run(served_gateway, "webhooks", "create", URL, "CREATE_ORDER", "UPDATE_ORDER", "--inactive")
    again = run(served_gateway, "webhooks", "create", URL, "CREATE_ORDER", "--inactive", "--json")
    updated = run(served_gateway, "webhooks", "update", "1", "--event", "CREATE_RETURN", "--json")
    got = run(served_gateway, "webhooks", "get", "1")
    activated = run(served_gateway, "webhooks", "activate", "1", "77")
    off = run(served_gateway, "webhooks", "deactivate", "1", "--json")
    kept = run(served_gateway, "webhooks", "delete", "1")
    gone = run(served_gateway, "webhooks", "delete", "1", "2", "--yes")

    assert "created: POST" in created.stdout
    assert lines(again)[0]["status"] == "existing"
    assert lines(updated)[0]["type"] == "CREATE_RETURN"
    assert "CREATE_RETURN" in got.stdout
    assert activated.exit_code == 3
    assert "failed: 77: " in activated.stdout
    assert lines(off) == [{"status": "updated", "id": 1, "error": None}]
    assert kept.exit_code == 2
    assert gone.stdout == "deleted: 1\ndeleted: 2\n"
    assert served_gateway.webhooks == []


def test_list(served_gateway: GwmsEmulator) -> None:
    """As a table, as a matrix, and in JSON; what the gateway sends cannot drive the terminal."""
    assert "event" in run(served_gateway, "webhooks", "list", "--matrix").stdout
    served_gateway.add_webhook(URL, "CREATE_ORDER")
    served_gateway.add_webhook("https://[red]\x1b[2J", "NEW_EVENT", active=False)
    table = run(served_gateway, "webhooks", "list")
    matrix = run(served_gateway, "webhooks", "list", "--matrix")
    (states,) = lines(run(served_gateway, "webhooks", "list", "--matrix", "--json"))

    assert URL in table.stdout
    assert "[red]\\x1b" in table.stdout
    assert "\x1b" not in table.stdout + matrix.stdout
    assert all(mark in matrix.stdout.partition("https")[0] for mark in "●○·")
    assert len(states) == 19
    assert states["CREATE_ORDER"][URL] == "active"
    assert set(states["NEW_EVENT"].values()) == {"inactive", "missing"}
    assert [one["id"] for one in lines(run(served_gateway, "webhooks", "list", "--json"))] == [1, 2]


def test_types_need_no_credentials() -> None:
    """The 18 events."""
    text = CliRunner().invoke(gwms, ["webhooks", "types"]).stdout
    told = CliRunner().invoke(gwms, ["webhooks", "types", "--json"]).stdout

    assert text.split() == json.loads(told)["types"] == [*WebhookType]


def test_login(served_gateway: GwmsEmulator) -> None:
    """It tells until when; a password is asked for on a terminal, and one in argv earns a warning."""
    asked = run(served_gateway, "login", typed=served_gateway.credentials.password + "\n", GWMS_PASSWORD=None)
    (told,) = lines(run(served_gateway, "login", "--json"))
    warned = run(served_gateway, "login", "--password", served_gateway.credentials.password)
    missing = run(served_gateway, "login", GWMS_PASSWORD=None)

    assert "logged in as" in asked.stdout
    assert "UTC" in asked.stdout
    assert told["expires_at"].endswith("+00:00")
    assert warned.stderr.startswith("Warning: others can read --password")
    assert missing.exit_code == 2
    assert "set GWMS_PASSWORD in the environment" in missing.stderr


def test_usage(served_gateway: GwmsEmulator) -> None:
    """What is used wrongly is told with exit code 2."""
    event = run(served_gateway, "webhooks", "create", URL, "CREATE_ORDR")
    nothing = run(served_gateway, "webhooks", "update", "1")
    served_gateway.add_webhook(URL, "CREATE_ORDER")
    empty = run(served_gateway, "webhooks", "update", "1", "--url", "")

    assert {event.exit_code, nothing.exit_code, empty.exit_code} == {2}
    assert "did you mean CREATE_ORDER" in event.stderr


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


def test_emulator_on_a_port_that_is_taken(served_gateway: GwmsEmulator) -> None:
    """One line, exit code 1."""
    port = served_gateway.base_url.split(":")[2].split("/")[0]
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


def test_interrupted(served_gateway: GwmsEmulator, path: Path) -> None:
    """Ctrl-C in the middle tells how to go on; at a question it ends in a line; both with exit code 130."""
    served_gateway.inject(Stall(30), operation="list")
    username, password, api_key = served_gateway.credentials
    names = {"USERNAME": username, "PASSWORD": password, "API_KEY": api_key, "BASE_URL": served_gateway.base_url}

    def press() -> None:
        """Press Ctrl-C once the list is under way."""
        while not served_gateway.count("list"):
            threading.Event().wait(0.01)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=press).start()
    environment = {f"GWMS_{name}": value for name, value in names.items()}
    end = CliRunner().invoke(gwms, ["apply", str(path)], env=environment)
    served_gateway.add_webhook(URL, "CREATE_ORDER")
    at_question = run(served_gateway, "webhooks", "delete", "1", typed="")

    assert (end.exit_code, at_question.exit_code) == (130, 130)
    assert f"interrupted: nothing was done; run `gwms apply {path}` again" in end.stderr
    assert at_question.stderr.endswith("interrupted\n")


def test_words_for_the_interrupted() -> None:
    """What was done is counted."""
    assert webhooks_command._interrupted([Outcome(spec(), OutcomeStatus.CREATED)]).startswith("interrupted: 1 created;")
    assert gwms.list_commands(click.Context(gwms)) == ["apply", "demo", "emulator", "login", "plan", "webhooks"]
