"""Processes that share a token store: one login for all, also when one of them is killed in the midst of it."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

pytest.importorskip("filelock", reason="the store in files is an extra")

from gwms_async import FileTokenStore, Token
from gwms_async.testing import GwmsEmulator, Stall
from gwms_async.tokens import store_key

from ...helpers.emulated import until

PROGRAM = Path(__file__).parents[2] / "helpers" / "store_process.py"


class Process:
    """A service's process.

    Args:
        gateway: Whom it calls.
        directory: Where it keeps tokens.
        calls: How many calls it makes.
    """

    def __init__(self, gateway: GwmsEmulator, directory: Path, calls: int) -> None:
        arguments = [gateway.base_url, str(directory), str(calls), *gateway.credentials]
        self.popen = subprocess.Popen(  # noqa: S603  # our own program
            [sys.executable, PROGRAM, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def expect(self, line: str) -> None:
        """Wait for the next line that it writes."""
        assert self.popen.stdout is not None
        assert self.popen.stdout.readline() == f"{line}\n"

    def go(self) -> None:
        """Let it begin."""
        assert self.popen.stdin is not None
        self.popen.stdin.write("\n")
        self.popen.stdin.flush()

    def kill(self) -> None:
        """End it as the system would, without a chance to tidy up."""
        self.popen.kill()
        self.popen.wait(10)

    def end(self) -> None:
        """Take its last lines, of which there must be none, and its exit code."""
        output, _ = self.popen.communicate(timeout=30)
        assert (output, self.popen.returncode) == ("", 0)


@contextmanager
def processes(count: int, gateway: GwmsEmulator, directory: Path, calls: int) -> Iterator[list[Process]]:
    """Start processes, all of them ready; those that are still there in the end are killed."""
    with ExitStack() as stack:
        started = [Process(gateway, directory, calls) for _ in range(count)]
        for one in started:
            stack.enter_context(one.popen)
            stack.callback(one.popen.kill)
        for one in started:
            one.expect("ready")
        yield started


@pytest.mark.slow
def test_eight_processes_that_start_together(gwms_emulator: GwmsEmulator, tmp_path: Path) -> None:
    """The token that they find has expired: one of them logs in, and all calls of all go through."""
    key = store_key(gwms_emulator.base_url, gwms_emulator.credentials.username)
    asyncio.run(FileTokenStore(tmp_path).save(key, Token("expired", time.time() - 60)))

    with processes(8, gwms_emulator, tmp_path, calls=50) as started:
        for one in started:
            one.go()
        for one in started:
            one.expect("locking")
            one.expect("done: 50")
            one.end()

    assert gwms_emulator.logins == 1
    assert gwms_emulator.count("list") == 400
    assert {exchange.status for exchange in gwms_emulator.requests} == {200}
    assert [file.name for file in sorted(tmp_path.iterdir())] == [f"{key}.json", f"{key}.lock"]


@pytest.mark.slow
def test_a_process_killed_while_it_holds_the_lock(gwms_emulator: GwmsEmulator, tmp_path: Path) -> None:
    """The others go on without a warning: waiting in vain would cost them one, and a login each."""
    gwms_emulator.inject(Stall(60), operation="login")
    with processes(4, gwms_emulator, tmp_path, calls=5) as (holder, *others):
        holder.go()
        holder.expect("locking")
        asyncio.run(until(lambda: gwms_emulator.logins == 1))
        for one in others:
            one.go()
            one.expect("locking")

        holder.kill()
        killed = time.monotonic()
        for one in others:
            one.expect("done: 5")
        took = time.monotonic() - killed
        for one in others:
            one.end()

    assert gwms_emulator.logins == 2
    assert gwms_emulator.count("list") == 15
    assert took < 5
