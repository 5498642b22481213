"""Several processes of a service that share a token store."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from gwms_async.testing import GwmsEmulator

PROGRAM = Path(__file__).parent / "store_process.py"


class Process:
    """A service's process.

    Args:
        gateway: Whom it calls.
        place: Where it keeps tokens: a directory, or the URL of a Redis.
        calls: How many calls it makes.
        lease: How long it holds a lock in Redis, at most, in seconds.
    """

    def __init__(self, gateway: GwmsEmulator, place: Path | str, calls: int, lease: float) -> None:
        arguments = [gateway.base_url, str(place), str(calls), str(lease), *gateway.credentials]
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
def processes(
    count: int, gateway: GwmsEmulator, place: Path | str, calls: int, lease: float = 8.0
) -> Generator[list[Process]]:
    """Start processes, all of them ready; those that are still there in the end are killed."""
    with ExitStack() as stack:
        started = [Process(gateway, place, calls, lease) for _ in range(count)]
        for one in started:
            stack.enter_context(one.popen)
            stack.callback(one.popen.kill)
        for one in started:
            one.expect("ready")
        yield started
