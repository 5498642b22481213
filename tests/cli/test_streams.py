"""What becomes of commands whose output cannot be written, or not in its encoding."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from gwms_async.cli.streams import ForgivingFile, forgiving, forgiving_output
from gwms_async.testing import GwmsEmulator

from ..helpers.command_line import FILE, environment
from ..helpers.slow import first

pytestmark = pytest.mark.usefixtures("own_cache")

ARROW = "https://shop.example/gwms/→"


def process(gateway: GwmsEmulator, *arguments: str | Path, **env: str) -> subprocess.Popen[bytes]:
    """Start a command as a process."""
    return subprocess.Popen(  # noqa: S603
        [sys.executable, "-m", "gwms_async.cli", *map(str, arguments)],
        env={**os.environ, **environment(gateway), **env},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def write_file(folder: Path, webhooks: int) -> Path:
    """Write a file of webhooks."""
    file = folder / "shop.toml"
    urls = (f"https://shop.example/gwms/{number}" for number in range(webhooks))
    file.write_text(FILE + "".join(f'[[webhooks]]\nurl = "{url}"\nevents = ["CREATE_ORDER"]\n' for url in urls))
    return file


def end_with(code: int) -> None:
    """Print something, and end."""
    with forgiving_output():
        sys.stdout.write("text")
        sys.exit(code)


def closed_pipe() -> int:
    """Return the end to write to of a pipe that nobody reads."""
    reader, writer = os.pipe()
    os.close(reader)
    return writer


def test_a_reader_that_has_gone(gwms_emulator: GwmsEmulator, tmp_path: Path) -> None:
    """All is registered and deleted, and nothing else is said; the exit code is that of the work."""
    gwms_emulator.add_webhook("https://shop.example/gwms/old", "CREATE_ORDER")
    gwms_emulator.latency = 0.01
    file = write_file(tmp_path, 30)
    with process(gwms_emulator, "apply", file, "--prune", "--yes", "--json") as applying:
        assert applying.stdout
        assert applying.stderr
        applying.stdout.readline()
        applying.stdout.close()
        messages = applying.stderr.read()

    assert (messages, applying.returncode) == (b"", 0)
    assert len(gwms_emulator.webhooks) == 32
    assert "https://shop.example/gwms/old" not in {hook.url for hook in gwms_emulator.webhooks}


@pytest.mark.parametrize(
    "arguments", first(1, [["webhooks", "list"], ["webhooks", "list", "--matrix"], ["plan", "FILE"]])
)
def test_nobody_reads(gwms_emulator: GwmsEmulator, tmp_path: Path, arguments: list[str]) -> None:
    """Lists and plans end without a message."""
    file = write_file(tmp_path, 30)
    gwms_emulator.add_webhook(ARROW, "CREATE_ORDER")
    with process(gwms_emulator, *(str(file) if one == "FILE" else one for one in arguments)) as listing:
        assert listing.stdout
        assert listing.stderr
        listing.stdout.close()
        messages = listing.stderr.read()

    assert (messages, listing.returncode) == (b"", 0)


@pytest.mark.parametrize("encoding", first(1, ["cp1252", "cp437"]))
@pytest.mark.parametrize(
    "arguments",
    first(2, [["plan", "FILE"], ["webhooks", "list", "--matrix"], ["webhooks", "list"], ["apply", "FILE"]]),
)
def test_a_code_page(gwms_emulator: GwmsEmulator, tmp_path: Path, arguments: list[str], encoding: str) -> None:
    """Characters that it lacks are escaped."""
    gwms_emulator.add_webhook(ARROW, "CREATE_ORDER", active=False)
    file = tmp_path / "shop.toml"
    file.write_text(f'[[webhooks]]\nurl = "{ARROW}"\nevents = ["CREATE_ORDER"]\n', "utf-8")
    words = [str(file) if one == "FILE" else one for one in arguments]
    with process(gwms_emulator, *words, PYTHONIOENCODING=encoding, PYTHONUTF8="0") as command:
        output, messages = command.communicate()
    text = output.decode(encoding)

    assert (messages, command.returncode) == (b"", 0)
    assert "gwms/\\u2192" in text or "gwms/→" in text
    assert "plan" not in arguments or text.startswith("~ CREATE_ORDER")


def test_streams_that_were_closed_before(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is written is dropped, and nothing is there to read."""
    for name in ("stdin", "stdout", "stderr"):
        monkeypatch.setattr(sys, name, None)

    with forgiving_output():
        sys.stdout.write("text")
        streams = sys.stdin, sys.stdout, sys.stderr
        assert sys.stdin.read() == ""
    for stream in streams:
        stream.close()


def test_the_end_where_streams_were_closed_before(monkeypatch: pytest.MonkeyPatch) -> None:
    """The exit code is that of the work; an open standard input stays what it is."""
    typed = io.StringIO("typed")
    for name, stream in (("stdin", typed), ("stdout", None), ("stderr", None)):
        monkeypatch.setattr(sys, name, stream)

    with pytest.raises(SystemExit) as caught:
        end_with(0)
    sys.stdout.close()
    sys.stderr.close()

    assert caught.value.code == 0
    assert sys.stdin is typed


def test_a_pipe_of_windows_that_nobody_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows calls that an invalid argument, as Linux does four bytes for an eventfd; it is not an error either."""
    for name in ("stdin", "stderr"):
        monkeypatch.setattr(sys, name, None)
    with os.fdopen(os.eventfd(0), "w", encoding="utf-8") as pipe:
        monkeypatch.setattr(sys, "stdout", pipe)
        with pytest.raises(SystemExit) as caught:
            end_with(0)
    for stream in (sys.stdin, sys.stderr):
        stream.close()

    assert caught.value.code == 0


def test_a_console_of_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its stream stays, and escapes what it cannot show."""
    monkeypatch.setattr(sys, "platform", "win32")

    class Terminal(io.TextIOWrapper):
        def isatty(self) -> bool:
            return True

    terminal = Terminal(io.BytesIO(), "cp1252")

    assert forgiving(terminal) is terminal
    assert terminal.errors == "backslashreplace"


def test_a_pipe_that_nobody_reads() -> None:
    """The first error is kept, and everything after it dropped."""
    with open(closed_pipe(), "w", encoding="ascii") as pipe:
        stream = forgiving(pipe)
        for _ in range(2):
            print("→", file=stream, flush=True)

    assert isinstance(stream.buffer, io.BufferedWriter)
    assert isinstance(stream.buffer.raw, ForgivingFile)
    assert isinstance(stream.buffer.raw.error, BrokenPipeError)


@pytest.mark.parametrize("make", [os.pipe, os.openpty], ids=["pipe", "terminal"])
def test_a_slow_reader(make: Callable[[], tuple[int, int]]) -> None:
    """All is written in time, also where another process has set the file not to wait."""
    reader, writer = make()
    os.set_blocking(writer, False)

    def write() -> None:
        with os.fdopen(writer, "w", encoding="ascii") as file:
            print("x" * 200_000, "end", file=forgiving(file), flush=True)

    with ThreadPoolExecutor() as pool:
        writing = pool.submit(write)
        received = b""
        while b"end" not in received and (some := os.read(reader, 1000)):
            received += some
        writing.result()
    os.close(reader)

    assert received.count(b"x") == 200_000


@pytest.mark.parametrize(("code", "expected"), [(0, "Error: the output is incomplete"), (3, "3")])
def test_a_full_disk(monkeypatch: pytest.MonkeyPatch, code: int, expected: str) -> None:
    """Success becomes an error, because the output is incomplete; another exit code stays."""
    if not Path("/dev/full").exists():
        pytest.skip("there is no device that is always full")
    for name in ("stdin", "stderr"):
        monkeypatch.setattr(sys, name, None)
    with Path("/dev/full").open("w", encoding="utf-8") as disk:
        monkeypatch.setattr(sys, "stdout", disk)
        with pytest.raises(SystemExit) as caught:
            end_with(code)
    for stream in (sys.stdin, sys.stderr):
        stream.close()

    assert str(caught.value.code).startswith(expected)
