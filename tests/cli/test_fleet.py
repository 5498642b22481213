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

from gwms_async.cli import fleet
from gwms_async.cli.commands import gwms
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
def test_a_worker_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """The demo ends, with one line that says why."""
    import docket  # noqa: PLC0415  # an extra

    class Failing(docket.Worker):
        async def run_forever(self) -> None:
            raise ConnectionError("the store is gone")

    monkeypatch.setattr(docket, "Worker", Failing)
    monkeypatch.setattr(fleet, "_ACCOUNTS", 3)
    monkeypatch.setattr(fleet, "_ESHOPS", 1)
    result = CliRunner().invoke(gwms, ["fleet", "demo"])

    assert (result.exit_code, result.stderr) == (1, "Error: the workers failed: ConnectionError('the store is gone')\n")


@needs_docket
async def test_what_the_emulators_store_decides(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever the results say."""
    monkeypatch.setattr(fleet, "is_as_wanted", lambda *_: False)

    assert await fleet.run_demo(3, 1, Console()) == 1
    assert "not as they should be" in capsys.readouterr().out


async def test_what_is_as_wanted(gateway: GwmsEmulator) -> None:
    """A missing webhook, one too many, a second copy instead of one, or another login: each alone is not."""
    async with client(gateway) as gwms_client:
        await gwms_client.webhooks.register_many(specs(17))
        assert not fleet.is_as_wanted(gateway, 1)
        await gwms_client.webhooks.register_many(specs(18))
        first, *_, last = await gwms_client.webhooks.list()
        assert fleet.is_as_wanted(gateway, 1)
        assert not fleet.is_as_wanted(gateway, 0)
        copy = gateway.add_webhook(first.url, first.webhook_type)
        await gwms_client.webhooks.delete(last)
        assert not fleet.is_as_wanted(gateway, 1)
        await gwms_client.webhooks.delete(copy.id)
        await gwms_client.webhooks.create(last.spec)
        assert fleet.is_as_wanted(gateway, 1)
    async with client(gateway) as gwms_client:
        await gwms_client.webhooks.list()
    assert not fleet.is_as_wanted(gateway, 1)


def test_without_docket(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error says what to install; help works."""
    for name in [name for name in sys.modules if name == "docket" or name.startswith("gwms_async.fleet.docket")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "docket", None)
    importlib.reload(fleet)

    result = CliRunner().invoke(gwms, ["fleet", "demo"])

    assert result.exit_code == 1
    assert "needs docket: install gwms-async with the extra fleet" in result.stderr
    assert CliRunner().invoke(gwms, ["fleet", "demo", "--help"]).exit_code == 0
