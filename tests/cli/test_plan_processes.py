"""`gwms apply` as a process: on a terminal, interrupted, killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from gwms_async.testing import GwmsEmulator, Stall

from ..helpers.command_line import environment
from ..helpers.emulated import held

pytestmark = pytest.mark.usefixtures("own_cache")

COUNT = 500


def process_environment(gateway: GwmsEmulator) -> dict[str, str]:
    """Return the environment of a process on a wide terminal."""
    return {**os.environ, "TERM": "xterm", "COLUMNS": "200", **environment(gateway)}


def command(tmp_path: Path) -> list[str]:
    """Write a file of 500 webhooks and return the command that applies it."""
    file = tmp_path / "many.toml"
    tables = (
        f'[[webhooks]]\nurl = "https://shop.example/{number}"\nevents = ["CREATE_ORDER"]\n' for number in range(COUNT)
    )
    file.write_text("".join(tables))
    return [sys.executable, "-m", "gwms_async.cli", "apply", str(file)]


@pytest.mark.slow
def test_killed_in_the_middle(gwms_emulator: GwmsEmulator, tmp_path: Path) -> None:
    """Run again, it does the rest: 500 webhooks, no duplicate."""
    gwms_emulator.latency = 0.05
    arguments, env = command(tmp_path), process_environment(gwms_emulator)
    with subprocess.Popen(arguments, env=env, stdout=subprocess.DEVNULL) as process:  # noqa: S603
        while len(gwms_emulator.webhooks) < 100:
            assert process.poll() is None
        process.kill()
    assert len(gwms_emulator.webhooks) < COUNT
    gwms_emulator.latency = 0.0

    done = subprocess.run(arguments, env=env, capture_output=True, text=True, check=True)  # noqa: S603

    assert "created" in done.stdout
    assert len(gwms_emulator.webhooks) == COUNT
    assert set(held(gwms_emulator).values()) == {1}


@pytest.mark.slow
def test_ctrl_c_on_a_terminal(gwms_emulator: GwmsEmulator, tmp_path: Path) -> None:
    """A progress bar is shown; Ctrl-C ends with 130, what was done and how to continue, without a traceback."""
    gwms_emulator.latency = 0.05
    gwms_emulator.inject(Stall(60), operation="create", at=COUNT)  # it does not end by itself
    pty = pytest.importorskip("pty", reason="there are no pseudo-terminals here")
    ours, theirs = pty.openpty()
    process = subprocess.Popen(  # noqa: S603
        command(tmp_path),
        env=process_environment(gwms_emulator),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    seen, pressed = b"", False
    while True:
        try:
            part = os.read(ours, 65_536)
        except OSError:  # how Linux says that the other end is closed
            break
        if not part:
            break
        seen += part
        if not pressed and b"applying" in seen and len(gwms_emulator.webhooks) > 50:
            pressed = True
            process.send_signal(signal.SIGINT)
    os.close(ours)

    assert process.wait(20) == 130
    text = seen.decode()
    assert "/500" in text
    assert "━" in text
    assert "interrupted: " in text
    assert "again to continue" in text
    assert "Traceback" not in text
