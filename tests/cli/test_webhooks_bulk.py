"""One operation on several webhooks."""

from __future__ import annotations

import pytest

from gwms_async.testing import GwmsEmulator, Status

from ..helpers.command_line import URL, lines, run

pytestmark = pytest.mark.usefixtures("own_cache")


def test_all_succeed(gwms_emulator: GwmsEmulator) -> None:
    """One line each, also in JSON; an id that is repeated counts once."""
    for event in ("CREATE_ORDER", "UPDATE_ORDER"):
        gwms_emulator.add_webhook(URL, event)
    paused = run(gwms_emulator, "webhooks", "deactivate", "1", "1", "--json")
    deleted = run(gwms_emulator, "webhooks", "delete", "1", "2", "--yes")

    assert lines(paused) == [{"status": "updated", "id": 1, "error": None}]
    assert deleted.stdout == "deleted: 1\ndeleted: 2\n"
    assert (paused.exit_code, deleted.exit_code) == (0, 0)
    assert gwms_emulator.webhooks == []


def test_a_receivers_webhook(gwms_emulator: GwmsEmulator) -> None:
    """Deactivating it comes with a warning: its application would undo that. Nothing else does."""
    for url in (URL, f"{URL}/UPDATE_ORDER/gw1-{'x' * 32}"):
        gwms_emulator.add_webhook(url, "UPDATE_ORDER")
    paused = run(gwms_emulator, "webhooks", "deactivate", "1", "2")
    other = [run(gwms_emulator, "webhooks", *words) for words in (("activate", "2"), ("delete", "2", "--yes"))]

    assert paused.stderr == "Warning: a running `watch` of its receiver will activate webhook 2 again\n"
    assert [one.stderr for one in other] == ["", ""]


def test_some_fail(gwms_emulator: GwmsEmulator) -> None:
    """The others are done all the same; the exit code is 3."""
    gwms_emulator.add_webhook(URL, "CREATE_ORDER", active=False)
    result = run(gwms_emulator, "webhooks", "activate", "77", "1")

    assert result.exit_code == 3
    assert result.stdout.startswith("failed: 77: webhook 77 not found (404). ")
    assert result.stdout.endswith("updated: 1\n")


def test_all_fail(gwms_emulator: GwmsEmulator) -> None:
    """The exit code is 1."""
    gwms_emulator.add_webhook(URL, "CREATE_ORDER")
    gwms_emulator.inject(Status(409), operation="deactivate")
    result = run(gwms_emulator, "webhooks", "deactivate", "1", "--json")

    assert result.exit_code == 1
    assert lines(result)[0]["status"] == "failed"
