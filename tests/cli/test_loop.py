"""The event loop that commands run on, and the signals that end it."""

from __future__ import annotations

import asyncio
import os
import signal
import sys

import pytest

from gwms_async.cli.loop import run
from gwms_async.cli.output import Exit, handle_errors

TERMINATED = 143


async def loop_is_uvloop() -> int:
    """Return whether the running loop is one of uvloop."""
    return type(asyncio.get_running_loop()).__module__ == "uvloop"


def test_uvloop_is_used_where_it_is_installed() -> None:
    """It comes with the extra `speed`."""
    pytest.importorskip("uvloop", reason="it is an extra")

    assert run(loop_is_uvloop())


def test_asyncio_is_the_fallback(monkeypatch: pytest.MonkeyPatch) -> None:
    """The extra is optional."""
    monkeypatch.setitem(sys.modules, "uvloop", None)

    assert not run(loop_is_uvloop())


async def wait_for(number: int) -> Exit:
    """Send a signal to this process, and wait for what comes of it."""
    os.kill(os.getpid(), number)
    await asyncio.sleep(30)
    return Exit.DONE


@pytest.mark.parametrize("is_uvloop", [True, False])
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, TERMINATED), (signal.SIGHUP, 130)])
def test_signals(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], number: int, code: int, *, is_uvloop: bool
) -> None:
    """Ctrl-C, SIGTERM and the end of the terminal end a command alike, but for the exit code; handlers are put back."""
    if not is_uvloop:
        monkeypatch.setitem(sys.modules, "uvloop", None)
    before = signal.getsignal(number)

    assert run(handle_errors(wait_for(number))) == code
    assert capsys.readouterr().err == "interrupted\n"
    assert signal.getsignal(number) is before


def test_a_command_that_ends_well_on_sigterm() -> None:
    """Its own exit code counts."""

    async def serve() -> int:
        try:
            return await wait_for(signal.SIGTERM)
        except asyncio.CancelledError:
            return 7

    assert run(serve()) == 7


def test_the_end_of_the_terminal_is_repeated() -> None:
    """The shell sends the signal, and the kernel once more when the shell ends: what tidies up goes on."""

    async def serve() -> int:
        try:
            return await wait_for(signal.SIGHUP)
        except asyncio.CancelledError:
            os.kill(os.getpid(), signal.SIGHUP)
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            return 7

    assert run(serve()) == 7


def test_nohup() -> None:
    """It lets a command go on without its terminal."""

    async def serve() -> int:
        os.kill(os.getpid(), signal.SIGHUP)
        await asyncio.sleep(0)
        return 7

    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        assert run(serve()) == 7
    finally:
        signal.signal(signal.SIGHUP, before)


def test_sigterm_where_sigint_is_ignored() -> None:
    """As for a command in the background of a script."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        assert run(handle_errors(wait_for(signal.SIGTERM))) == TERMINATED
    finally:
        signal.signal(signal.SIGINT, before)
