"""What commands print, and their exit codes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from click import unstyle

from gwms_async import AuthenticationError, Outcome, OutcomeStatus, ServerError
from gwms_async.cli.output import Exit, exit_code_for_all, printable, summary
from gwms_async.testing import GwmsEmulator, Status

from ..helpers.command_line import FILE, URL, run
from ..helpers.emulated import spec

pytestmark = pytest.mark.usefixtures("own_cache")


def error(kind: type[Any], status: int) -> Any:
    """Create an error of a call."""
    return kind(status=status, message="no", method="GET", path="/webhooks")


def test_exit_codes(gwms_emulator: GwmsEmulator) -> None:
    """Failed is 1, rejected credentials are 4, a bad setting is 2; each prints one line."""
    gwms_emulator.inject(Status(500), operation="get", times=9)
    failed = run(gwms_emulator, "webhooks", "get", "77")
    gwms_emulator.revoke_tokens()
    no_account = run(gwms_emulator, "webhooks", "list", GWMS_PASSWORD="wrong")
    no_key = run(gwms_emulator, "webhooks", "list", GWMS_API_KEY="wrong")
    no_tls = run(gwms_emulator, "webhooks", "list", GWMS_BASE_URL="http://shop.example")

    assert [one.exit_code for one in (failed, no_account, no_key, no_tls)] == [1, 4, 4, 2]
    assert all(one.stderr.count("\n") == 1 for one in (failed, no_account, no_key, no_tls))


def test_exit_codes_of_many() -> None:
    """All failed is 1, unless the credentials were rejected."""
    created = Outcome(spec(), OutcomeStatus.CREATED)
    failed = Outcome(spec(), OutcomeStatus.FAILED, error=error(ServerError, 500))
    rejected = Outcome(spec(), OutcomeStatus.FAILED, error=error(AuthenticationError, 401))

    assert exit_code_for_all([created]) is Exit.DONE
    assert exit_code_for_all([created, failed]) is Exit.PARTLY_FAILED
    assert exit_code_for_all([failed, rejected]) is Exit.FAILED
    assert exit_code_for_all([rejected]) is Exit.REJECTED


def test_printable() -> None:
    """Control characters are escaped, other scripts are not."""
    assert printable("\x1b[2J→ č") == "\\x1b[2J→ č"


@pytest.mark.parametrize(("forced", "disabled", "coloured"), [("1", "", True), ("1", "1", False), ("", "", False)])
def test_colours(gwms_emulator: GwmsEmulator, tmp_path: Path, forced: str, disabled: str, *, coloured: bool) -> None:
    """Signs and errors, on a terminal or with FORCE_COLOR, unless NO_COLOR is set."""
    file = tmp_path / "shop.toml"
    file.write_text(FILE)
    env = {"TERM": "xterm", "FORCE_COLOR": forced, "NO_COLOR": disabled}
    gwms_emulator.add_webhook(URL, "CREATE_ORDER", active=False)
    gwms_emulator.add_webhook("https://shop.example/gwms/old", "CREATE_ORDER")
    plan = run(gwms_emulator, "plan", file, "--prune", **env).stdout
    missing = run(gwms_emulator, "webhooks", "get", "77", **env).stderr

    assert plan.count("\x1b[32m+ \x1b[0m") == 2 * coloured
    assert plan.count("\x1b[33m~ \x1b[0m") == 2 * coloured
    assert plan.count("\x1b[31m- \x1b[0m") == 2 * coloured
    assert missing.startswith("\x1b[31mError:\x1b[0m webhook 77" if coloured else "Error: webhook 77")
    assert ("\x1b" in plan) is coloured
    assert "+ 1 to create, ~ 1 to activate, - 1 to delete, 0 unchanged" in unstyle(plan)


def test_failures_are_coloured(gwms_emulator: GwmsEmulator) -> None:
    """Lines that need attention stand out."""
    result = run(gwms_emulator, "webhooks", "activate", "77", TERM="xterm", FORCE_COLOR="1")

    assert result.stdout.startswith("\x1b[31mfailed:\x1b[0m 77: webhook 77 not found")


def test_long_lines_stay_whole(gwms_emulator: GwmsEmulator) -> None:
    """The terminal wraps them, so that they can be copied."""
    url = "https://shop.example/" + "long/" * 40
    created = run(gwms_emulator, "webhooks", "create", url, "CREATE_ORDER", FORCE_COLOR="1", COLUMNS="40")

    assert f"POST {url} on" in created.stdout


def test_summary() -> None:
    """Results are counted by status."""
    statuses = [OutcomeStatus.FAILED, OutcomeStatus.CREATED, OutcomeStatus.CREATED]

    assert summary([Outcome(spec(), status) for status in statuses]) == "2 created, 1 failed"
    assert summary([]) == "nothing was done"
