"""A file of webhooks against the gateway."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from gwms_async import Outcome, WebhookSpec, WebhookType
from gwms_async.cli.access import Access
from gwms_async.cli.commands import gwms
from gwms_async.cli.file import WebhookFile
from gwms_async.cli.output import Exit, handle_errors
from gwms_async.cli.plan import _plan, apply_file
from gwms_async.testing import GwmsEmulator, RawBody, Stall, Status

from ..helpers.command_line import FILE, URL, environment, lines, run
from ..helpers.emulated import client, held, spec, specs, until

pytestmark = pytest.mark.usefixtures("own_cache")
FLAGS: dict[str, Any] = {"prune": False, "yes": False, "force": False, "concurrency": 32}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Write a file of two webhooks."""
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


def test_exit_code_and_dry_run(gwms_emulator: GwmsEmulator, path: Path) -> None:
    """A plan that would change something is 5 if asked for; a dry run is a plan."""
    differs = run(gwms_emulator, "plan", "--exit-code", path)
    dry = run(gwms_emulator, "apply", "--dry-run", path)
    dry_json = run(gwms_emulator, "apply", "--dry-run", "--json", path)
    planned = run(gwms_emulator, "plan", "--json", path)
    assert gwms_emulator.webhooks == []
    run(gwms_emulator, "apply", path)
    gwms_emulator.add_webhook("https://shop.example/gwms/old", "CREATE_ORDER")
    same = run(gwms_emulator, "plan", "--exit-code", path)
    with_prune = run(gwms_emulator, "plan", "--exit-code", "--prune", path)
    gwms_emulator.inject(Status(400), operation="list")
    failed = run(gwms_emulator, "plan", "--exit-code", path)

    assert [one.exit_code for one in (differs, dry, same, with_prune, failed)] == [5, 0, 0, 5, 1]
    assert dry.stdout == differs.stdout
    assert lines(dry_json) == lines(planned)


@pytest.mark.parametrize("event", ["CREATE_ORDER", "UPDATE_ORDER"])
def test_what_the_file_does_not_list_is_counted(gwms_emulator: GwmsEmulator, path: Path, event: str) -> None:
    """Under the prefix if there is one, else of the e-shop; the test of copies is the next."""
    for url in ("https://shop.example/gwms/old", URL + "/2", "https://shop.example/other"):
        gwms_emulator.add_webhook(url, event)
    two_more = run(gwms_emulator, "plan", path)
    gwms_emulator.remove_webhook(2)
    one_more = run(gwms_emulator, "plan", path)
    shown = run(gwms_emulator, "plan", path, "--prune")
    (figures,) = lines(run(gwms_emulator, "plan", path, "--json"))
    path.write_text(FILE.replace('prune = "https://shop.example/gwms/"', ""))
    of_the_eshop = run(gwms_emulator, "plan", path)

    assert one_more.stdout.endswith("\n1 more under https://shop.example/gwms/; --prune would delete it\n")
    assert two_more.stdout.endswith("\n2 more under https://shop.example/gwms/; --prune would delete them\n")
    assert "more" not in shown.stdout
    assert (figures["claimed"], figures["unlisted"], figures["delete"]) == (0, 1, [])
    assert of_the_eshop.stdout.endswith("\n2 more in the e-shop that the file does not list\n")


def test_copies_of_what_the_file_lists(gwms_emulator: GwmsEmulator, path: Path) -> None:
    """They are named, also by an `apply` with nothing to do, with what deletes them: each doubles deliveries."""
    run(gwms_emulator, "apply", path)
    gwms_emulator.add_webhook(URL.replace("https://shop", "HTTPS://Shop"), "UPDATE_ORDER")
    one = run(gwms_emulator, "apply", path)
    gwms_emulator.add_webhook(URL, "UPDATE_ORDER")
    (figures,) = lines(run(gwms_emulator, "plan", path, "--json"))
    applied = lines(run(gwms_emulator, "apply", path, "--json"))
    created = run(gwms_emulator, "webhooks", "create", URL, "CREATE_ORDER", "UPDATE_ORDER")
    path.write_text(FILE.replace('prune = "https://shop.example/gwms/"', ""))
    without_prefix = run(gwms_emulator, "apply", path)

    assert one.stdout.endswith("\n1 further copy of these webhooks (id 3); --prune would delete it\n")
    assert (figures["changes"], figures["unlisted"], figures["copies"]) == (0, 0, [3, 4])
    assert [(outcome["status"], outcome["copies"]) for outcome in applied] == [("existing", []), ("existing", [3, 4])]
    assert "on CREATE_ORDER (id 1)\n" in created.stdout
    assert "on UPDATE_ORDER (id 2, copies 3, 4)\n" in created.stdout
    advice = "2 further copies of these webhooks (id 3, 4); `gwms webhooks delete 3 4` would delete them"
    assert without_prefix.stdout == f"nothing to do, 2 unchanged\n{advice}\n"
    assert len(gwms_emulator.webhooks) == 4


def test_standard_input(gwms_emulator: GwmsEmulator) -> None:
    """A dash is a file too, and mistakes name it."""
    env = environment(gwms_emulator)
    applied = CliRunner().invoke(gwms, ["apply", "-"], env=env, input=FILE)
    mistaken = CliRunner().invoke(gwms, ["plan", "-"], env=env, input="")

    assert "2 created" in applied.stdout
    assert len(gwms_emulator.webhooks) == 2
    assert mistaken.exit_code == 2
    assert mistaken.stderr.startswith("Error: standard input: is empty")


async def test_hosts_that_a_gateway_cannot_reach(gateway: GwmsEmulator, capfd: pytest.CaptureFixture[str]) -> None:
    """There is a warning, unless the gateway is local too."""
    wanted = WebhookFile((WebhookSpec("https://localhost/a", WebhookType.CREATE_ORDER),))
    async with client(gateway) as gwms:
        for base_url in (gateway.base_url, "https://gw.example/v21"):
            await _plan(gwms, wanted, Access(*gateway.credentials, base_url), prune=False)

    assert capfd.readouterr().err == "Warning: the gateway may not reach a private host: https://localhost/a\n"


def test_partly_failed(gwms_emulator: GwmsEmulator, path: Path) -> None:
    """The exit code is 3."""
    gwms_emulator.inject(Status(403), operation="create")
    result = run(gwms_emulator, "apply", path)

    assert result.exit_code == 3
    assert "1 failed" in result.stdout


async def test_an_outcome_that_is_replaced(gateway: GwmsEmulator) -> None:
    """A closing list shows another's webhook: it counts once."""
    gateway.add_webhook(spec().url, spec().webhook_type)
    nothing = RawBody(b'{"statusCode": 200, "message": "OK", "data": []}')
    gateway.inject(nothing, operation="list", times=3)
    access, done = Access(*gateway.credentials, gateway.base_url), dict[object, Outcome]()

    code = await apply_file(WebhookFile((spec(),)), access, "x", done, **FLAGS)

    assert code is Exit.DONE
    assert [outcome.status for outcome in done.values()] == ["existing"]
    assert (gateway.count("create"), gateway.count("delete"), len(gateway.webhooks)) == (1, 1, 1)


def test_one_at_a_time(gwms_emulator: GwmsEmulator, path: Path) -> None:
    """--concurrency 1 sends a create only when the one before it was answered; 0 is a usage error."""
    gwms_emulator.latency = 0.05
    applied = run(gwms_emulator, "apply", path, "--concurrency", "1")
    created = run(gwms_emulator, "webhooks", "create", URL, "CREATE_RETURN", "UPDATE_RETURN", "--concurrency", "1")
    none = run(gwms_emulator, "apply", path, "--concurrency", "0")
    times = [one.at for one in gwms_emulator.requests if one.operation == "create"]

    assert [applied.exit_code, created.exit_code, none.exit_code] == [0, 0, 2]
    assert len(times) == 4
    assert all(later - sooner >= 0.05 for sooner, later in pairwise(times))


def test_prune(gwms_emulator: GwmsEmulator, path: Path) -> None:
    """Unlisted webhooks under the prefix are deleted, after a yes; nothing outside it is touched."""
    gwms_emulator.add_webhook("HTTPS://shop.example:443/gwms/old", "CREATE_ORDER")
    gwms_emulator.add_webhook("https://shop.example/gwms-other", "CREATE_ORDER")
    unasked = run(gwms_emulator, "apply", path, "--prune")
    refused = run(gwms_emulator, "apply", path, "--prune", typed="n\n")
    kept = run(gwms_emulator, "apply", path)
    assert len(gwms_emulator.webhooks) == 4
    agreed = run(gwms_emulator, "apply", path, "--prune", typed="y\n")
    gwms_emulator.add_webhook("https://shop.example/gwms/old", "CREATE_ORDER")
    forced = run(gwms_emulator, "apply", path, "--prune", "--yes", "--json")

    codes = [one.exit_code for one in (unasked, refused, kept, agreed, forced)]
    assert codes == [2, 1, 0, 0, 0]
    assert "must be confirmed on a terminal" in unasked.stderr
    assert "--yes" not in unasked.stderr
    assert "Nothing was changed" in refused.stderr
    assert [one["status"] for one in lines(forced)] == ["existing", "existing", "deleted"]
    assert sorted({hook.url for hook in gwms_emulator.webhooks}) == ["https://shop.example/gwms-other", URL]


def test_prune_of_much(gwms_emulator: GwmsEmulator, path: Path) -> None:
    """More than 30% need --force, as the plan says beforehand and `apply` before it asks; --prune needs a prefix."""
    for number in range(12):
        gwms_emulator.add_webhook(f"https://shop.example/gwms/{number}", "CREATE_ORDER")
    (figures,) = lines(run(gwms_emulator, "plan", path, "--prune", "--json"))
    planned = run(gwms_emulator, "plan", path, "--prune")
    refused = run(gwms_emulator, "apply", path, "--prune", typed="y\n")
    sent = [one.operation for one in gwms_emulator.requests]
    forced = run(gwms_emulator, "apply", path, "--prune", "--yes", "--force")
    path.write_text(FILE.replace('prune = "https://shop.example/gwms/"', ""))
    without = run(gwms_emulator, "plan", path, "--prune")

    assert (figures["needs_force"], figures["claimed"]) == (True, 12)
    assert "`apply` refuses this by default: it deletes 12 of the 12 webhooks" in planned.stdout
    assert refused.exit_code == 1
    assert "Delete 12 webhooks?" not in refused.stderr
    assert "would delete 12 of the 12 webhooks under https://shop.example/gwms/" in refused.stderr
    assert "--force" not in refused.stderr
    assert set(sent) == {"login", "list"}
    assert forced.exit_code == 0
    assert without.exit_code == 2
    assert held(gwms_emulator).total() == 2


async def test_cancelled(gateway: GwmsEmulator) -> None:
    """A cancelled run reports what was done, and a second one does the rest without a duplicate."""
    gateway.latency = 0.01
    access, wanted = Access(*gateway.credentials, gateway.base_url), WebhookFile(tuple(specs(100)))
    done = dict[object, Outcome]()
    task = asyncio.create_task(handle_errors(apply_file(wanted, access, "x", done, **FLAGS)))
    await until(lambda: done)
    task.cancel()

    assert await task is Exit.INTERRUPTED
    assert len(done) > 0
    assert len(gateway.webhooks) < 100
    assert await apply_file(wanted, access, "x", {}, **FLAGS) is Exit.DONE
    assert set(held(gateway).values()) == {1}
    assert len(gateway.webhooks) == 100


def test_ctrl_c(gwms_emulator: GwmsEmulator, path: Path) -> None:
    """It ends with exit code 130 and a line that says how to continue."""
    gwms_emulator.inject(Stall(30), operation="list")

    def press() -> None:
        while not gwms_emulator.count("list"):
            threading.Event().wait(0.01)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=press).start()
    result = CliRunner().invoke(gwms, ["apply", str(path)], env=environment(gwms_emulator))

    assert result.exit_code == 130
    assert f"interrupted: nothing was done; run `gwms apply {path}` again to continue" in result.stderr


def test_the_help_of_prune() -> None:
    """Only `apply` deletes."""
    plan, apply = (CliRunner().invoke(gwms, [name, "--help"]).stdout for name in ("plan", "apply"))

    assert "Also show the deletion of webhooks under" in plan
    assert "Also delete webhooks under" in apply
