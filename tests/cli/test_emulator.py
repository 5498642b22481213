"""The emulator as a command."""

from __future__ import annotations

import asyncio

import pytest
from click.testing import CliRunner

from gwms_async.cli.commands import gwms
from gwms_async.cli.emulator import serve
from gwms_async.cli.output import Exit
from gwms_async.testing import GwmsEmulator


@pytest.mark.parametrize("as_json", [True, False])
async def test_serve(capsys: pytest.CaptureFixture[str], *, as_json: bool) -> None:
    """It prints how to reach it, and serves until Ctrl-C."""
    gateway, output, messages = GwmsEmulator(), "", ""
    task = asyncio.create_task(serve(gateway, as_json=as_json))

    while not output:
        await asyncio.sleep(0)
        output, messages = capsys.readouterr()
    base_url = gateway.base_url
    task.cancel()

    assert await task is Exit.DONE
    assert base_url in output
    assert ("export GWMS_PASSWORD=" in output) is not as_json
    if not as_json:
        address = base_url.removeprefix("http://").removesuffix("/v21")
        assert messages == f"Emulator running on {address}. Press Ctrl-C to stop.\n"
    assert capsys.readouterr().err == "stopped\n"


def test_a_port_that_is_taken(gwms_emulator: GwmsEmulator) -> None:
    """One line, exit code 1."""
    port = gwms_emulator.base_url.split(":")[2].split("/")[0]
    result = CliRunner().invoke(gwms, ["emulator", "--port", port, "--rate", "5"])

    assert result.exit_code == 1
    assert result.stderr.startswith("Error: ")
