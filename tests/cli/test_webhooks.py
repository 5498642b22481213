"""List, create, update and delete webhooks."""

from __future__ import annotations

import json
import os
import signal
import threading

import pytest
from click.testing import CliRunner

from gwms_async import WebhookType
from gwms_async.cli.commands import gwms
from gwms_async.testing import Fault, GwmsEmulator, OtherState, Stall, Status

from ..helpers.command_line import URL, lines, run

pytestmark = pytest.mark.usefixtures("own_cache")


def test_all_operations(gwms_emulator: GwmsEmulator) -> None:
    """Created once, shown, updated, activated, deactivated, deleted."""
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
    assert "event type: CREATE_RETURN\n" in got.stdout
    assert activated.exit_code == 3
    assert "failed: 77: " in activated.stdout
    assert lines(off) == [{"status": "updated", "id": 1, "error": None}]
    assert kept.exit_code == 2
    assert gone.stdout == "deleted: 1\ndeleted: 2\n"
    assert gwms_emulator.webhooks == []


@pytest.mark.parametrize(
    ("fault", "times", "code"),
    [(Status(400), 1, 3), (Status(400), 2, 1), (Status(403), 2, 4), (OtherState(), 2, 0)],
)
def test_exit_codes_of_create(gwms_emulator: GwmsEmulator, fault: Fault, times: int, code: int) -> None:
    """That of what failed: one of two, both, and by their credentials."""
    gwms_emulator.inject(fault, operation="create", times=times)
    result = run(gwms_emulator, "webhooks", "create", URL, "CREATE_ORDER", "UPDATE_ORDER")

    assert (result.exit_code, result.stdout.count("failed: ")) == (code, times if code else 0)


def test_an_event_type_that_is_repeated(gwms_emulator: GwmsEmulator) -> None:
    """It counts once."""
    created = run(gwms_emulator, "webhooks", "create", URL, "CREATE_ORDER", "CREATE_ORDER", "--json")

    assert [one["status"] for one in lines(created)] == ["created"]


def test_types_need_no_credentials() -> None:
    """All 18 event types."""
    text = CliRunner().invoke(gwms, ["webhooks", "types"]).stdout
    as_json = CliRunner().invoke(gwms, ["webhooks", "types", "--json"]).stdout

    assert text.split() == json.loads(as_json)["types"] == [*WebhookType]


def test_usage_errors(gwms_emulator: GwmsEmulator) -> None:
    """They end with exit code 2."""
    event = run(gwms_emulator, "webhooks", "create", URL, "CREATE_ORDR")
    nothing = run(gwms_emulator, "webhooks", "update", "1")
    gwms_emulator.add_webhook(URL, "CREATE_ORDER")
    empty = run(gwms_emulator, "webhooks", "update", "1", "--url", "")

    assert {event.exit_code, nothing.exit_code, empty.exit_code} == {2}
    assert "did you mean CREATE_ORDER" in event.stderr
    assert "nothing to update: pass --url" in nothing.stderr


@pytest.mark.parametrize(
    ("arguments", "operation", "count"),
    [
        (["create", URL, "CREATE_ORDER", "UPDATE_ORDER", "--concurrency", "1"], "create", "1 created"),
        (["deactivate", "1", "2"], "deactivate", "1 updated"),
    ],
)
def test_ctrl_c(gwms_emulator: GwmsEmulator, arguments: list[str], operation: str, count: str) -> None:
    """It ends with exit code 130 and a line that counts what was done."""
    if operation == "deactivate":
        gwms_emulator.add_webhook(URL, "CREATE_RETURN")
    gwms_emulator.inject(Stall(30), operation=operation, at=2)

    def press() -> None:
        while gwms_emulator.count(operation) < 2:
            threading.Event().wait(0.01)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=press).start()
    result = run(gwms_emulator, "webhooks", *arguments)

    assert result.exit_code == 130
    assert result.stderr.endswith(f"interrupted: {count}; run the command again for the rest\n")


def test_a_url_that_cannot_be_registered(gwms_emulator: GwmsEmulator) -> None:
    """It is a usage error of one line, and nothing is sent."""
    created = run(gwms_emulator, "webhooks", "create", "shop.example/x", "CREATE_ORDER")

    assert created.exit_code == 2
    assert created.stderr.endswith("e.g. https://shop.example/hook; got 'shop.example/x'\n")
    assert not gwms_emulator.requests


def test_a_url_with_a_space(gwms_emulator: GwmsEmulator) -> None:
    """The error says so: a space at the end is hard to see."""
    gwms_emulator.add_webhook(URL, "CREATE_ORDER")
    created = run(gwms_emulator, "webhooks", "create", "https://shop.example/a b", "CREATE_ORDER")
    updated = run(gwms_emulator, "webhooks", "update", "1", "--url", f"{URL} ")

    assert (created.exit_code, updated.exit_code) == (2, 2)
    assert created.stderr.endswith("; got 'https://shop.example/a b', which contains a space\n")
    assert updated.stderr.endswith(f"; got '{URL} ', which contains a space\n")
