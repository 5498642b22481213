"""The demo of the fleet."""

from __future__ import annotations

import asyncio
import importlib
import re
import sys
from importlib.util import find_spec

import pytest

pytest.importorskip("rich", reason="the command line is an extra")

from click.testing import CliRunner
from rich.console import Console

import gwms_async.fleet
from gwms_async.cli import fleet
from gwms_async.cli.commands import gwms
from gwms_async.fleet import EshopResult
from gwms_async.testing import GwmsEmulator

from ..helpers.emulated import client, specs

needs_docket = pytest.mark.skipif(find_spec("docket") is None, reason="docket is an extra")


@needs_docket
def test_the_demo(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every e-shop is done, whatever happens to others; here there are fewer of them."""
    monkeypatch.setattr(fleet, "_ACCOUNTS", 4)
    monkeypatch.setattr(fleet, "_ESHOPS", 2)

    result = CliRunner().invoke(gwms, ["fleet", "demo"], env={"COLUMNS": "100"})

    assert result.exit_code == 0
    assert "4 accounts with 2 e-shops each" in result.output
    assert re.search(r"account-0 │ worker-\d( \(stopped\))? *│ 2 of 2  │ 36 ", result.output)
    assert re.search(r"account-1 │ .* │ 2 of 2  │ 0        │ 1      │ password rejected", result.output)
    assert "(stopped)" in result.output
    assert "108 webhooks exist exactly once, and each account logged in once." in result.output


@needs_docket
@pytest.mark.slow
def test_the_command() -> None:
    """It does as much as it says."""
    result = CliRunner().invoke(gwms, ["fleet", "demo"])

    assert result.exit_code == 0
    assert "8 accounts with 5 e-shops each" in result.output
    assert "630 webhooks exist exactly once" in " ".join(result.output.split())


@needs_docket
async def test_ctrl_c(gateway: GwmsEmulator) -> None:
    """It ends the workers, and leaves nothing behind."""
    demo = asyncio.create_task(fleet.run_demo(4, 2, Console(quiet=True)))
    await asyncio.sleep(0.1)
    demo.cancel()

    with pytest.raises(asyncio.CancelledError):
        await demo


@needs_docket
async def test_all_workers_fail(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """The demo ends, and says so."""
    import docket  # noqa: PLC0415  # an extra

    class Failing(docket.Worker):
        async def run_forever(self) -> None:
            raise ConnectionError("hunter2")

    monkeypatch.setattr(docket, "Worker", Failing)
    async with asyncio.timeout(10):
        assert await fleet.run_demo(3, 1, Console()) == 1

    output = capsys.readouterr().out
    assert "Workers failed: ConnectionError." in output
    assert "hunter2" not in output


@needs_docket
async def test_what_the_emulators_store_decides(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever the results say."""
    monkeypatch.setattr(fleet, "is_as_wanted", lambda *_, **__: False)

    assert await fleet.run_demo(3, 1, Console()) == 1
    assert "not as they should be" in capsys.readouterr().out


async def test_what_is_as_wanted(gateway: GwmsEmulator) -> None:
    """A missing webhook, a second copy, an error or another login: each alone is not."""

    def judge(*errors: str, is_refused: bool = False) -> bool:
        return fleet.is_as_wanted(gateway, [EshopResult("a", {}, errors, 0)], 1, is_refused=is_refused)

    async with client(gateway) as gwms_client:
        await gwms_client.webhooks.register_many(specs(17))
        assert not judge()
        await gwms_client.webhooks.register_many(specs(18))
    assert judge()
    assert not judge("all: ServerError")
    assert not judge(is_refused=True)
    copy = gateway.webhooks[0]
    gateway.add_webhook(copy.url, copy.webhook_type)
    assert not judge()


def test_without_docket(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error says what to install; help works."""
    for name in [name for name in sys.modules if name == "docket" or name.startswith("gwms_async.fleet.docket")]:
        monkeypatch.delitem(sys.modules, name)
    for name in ("make_tasks", "start"):
        monkeypatch.delitem(vars(gwms_async.fleet), name, raising=False)
    monkeypatch.setitem(sys.modules, "docket", None)
    importlib.reload(fleet)

    result = CliRunner().invoke(gwms, ["fleet", "demo"])

    assert result.exit_code == 1
    assert "needs docket: install gwms-async with the extra fleet" in result.stderr
    assert CliRunner().invoke(gwms, ["fleet", "demo", "--help"]).exit_code == 0
