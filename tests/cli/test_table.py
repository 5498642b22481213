"""Tables of webhooks."""

from __future__ import annotations

import pytest

from gwms_async.testing import GwmsEmulator

from ..helpers.command_line import URL, lines, run

pytestmark = pytest.mark.usefixtures("own_cache")


def test_list(gwms_emulator: GwmsEmulator) -> None:
    """As a table and as JSON; what a gateway sends cannot drive the terminal."""
    gwms_emulator.add_webhook(URL, "CREATE_ORDER")
    gwms_emulator.add_webhook("https://[red]\x1b[2J", "NEW_EVENT", active=False)
    table = run(gwms_emulator, "webhooks", "list").stdout

    assert URL in table
    assert "[red]\\x1b" in table
    assert "\x1b" not in table
    assert [one["id"] for one in lines(run(gwms_emulator, "webhooks", "list", "--json"))] == [1, 2]


def test_matrix(gwms_emulator: GwmsEmulator) -> None:
    """Event types by URL, those that only the gateway knows too; it is drawn also where there is nothing to show."""
    assert "event type" in run(gwms_emulator, "webhooks", "list", "--matrix").stdout
    gwms_emulator.add_webhook(URL, "CREATE_ORDER")
    gwms_emulator.add_webhook("https://[red]\x1b[2J", "NEW_EVENT", active=False)
    matrix = run(gwms_emulator, "webhooks", "list", "--matrix").stdout
    (states,) = lines(run(gwms_emulator, "webhooks", "list", "--matrix", "--json"))

    assert "\x1b" not in matrix
    assert all(mark in matrix.partition("https")[0] for mark in "●○·")
    assert len(states) == 19
    assert states["CREATE_ORDER"][URL] == "active"
    assert set(states["NEW_EVENT"].values()) == {"inactive", "missing"}
