"""``gwms emulator``: an emulator of the gateway on a local port."""

from __future__ import annotations

import asyncio
import logging
import os
import re
import secrets
import signal
import sys
import webbrowser
from asyncio.subprocess import Process
from collections.abc import Mapping
from contextlib import suppress
from math import ceil, isfinite
from shlex import quote
from typing import Any

import click

from .. import testing
from ..receiving.receiver import SECRET_VARIABLE
from ..testing import Fault, GwmsEmulator, RateLimit
from .logs import REQUESTS
from .loop import Work
from .options import json_option
from .output import Exit, is_json, print_json, print_message, print_output
from .problems import closest, port_errors


class _Finite(click.FloatRange):
    """A range without infinity and NaN, which click compares as if it were in any range."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        number: float = super().convert(value, param, ctx)
        return number if isfinite(number) else self.fail(f"must be a finite number; got {number}", param, ctx)


_POSITIVE = _Finite(min=0, min_open=True)
_GRACE = 5.0  # seconds between SIGTERM and SIGKILL
_FAULTS: Mapping[str, Fault] = {
    "cut-body": testing.CutBody(),
    "cut-head": testing.CutHead(),
    "drop-after": testing.DropAfter(),
    "drop-before": testing.DropBefore(),
    "garbage": testing.Garbage(),
    "html": testing.Html(),
    "reset": testing.Reset(),
    "revoke-tokens": testing.RevokeTokens(),
}


@click.command(context_settings={"allow_interspersed_args": False})
@click.argument("command", nargs=-1, type=click.UNPROCESSED)
@click.option("--port", type=click.IntRange(0, 65_535), default=8021, show_default=True, help="0 takes a free one.")
@click.option("--rate", type=_POSITIVE, default=None, help="Requests per second; unlimited by default.")
@click.option("--token-ttl", type=_POSITIVE, default=3600.0, show_default=True, help="Lifetime of tokens in seconds.")
@click.option("--latency", type=_Finite(min=0), default=0.0, show_default=True, help="Seconds before each response.")
@click.option("--deliver-to", metavar="URL", help="Deliver to this local server what is for other machines.")
@click.option("--open", "opens", is_flag=True, help="Open the page in a browser.")
@click.option("--fault", "faults", multiple=True, metavar="NAME[:OPERATION][:TIMES]", help="Make requests fail.")
@json_option
def emulator(
    command: tuple[str, ...],
    rate: float | None,
    faults: tuple[str, ...],
    deliver_to: str | None,
    *,
    opens: bool,
    **options: Any,
) -> Work:
    """Run an emulator of the gateway, on its own or for a command.

    Prints `export` lines that point other commands at it, and logs requests and deliveries to stderr, until Ctrl-C.
    With a COMMAND, which comes last, it sets the variables for that instead, runs as long as it does, logs nothing,
    and returns its exit code. Webhooks are lost when the emulator stops. Its page shows API calls and deliveries live.

    To start an app with it: gwms emulator --deliver-to http://127.0.0.1:8000 --open -- uvicorn app:app

    A fault is an HTTP status or cut-body, cut-head, drop-after, drop-before, garbage, html, reset or revoke-tokens. It
    hits the next request of an OPERATION (any but login by default), or the next TIMES of them: --fault 503:create:3
    """
    gateway = GwmsEmulator(rate_limit=RateLimit(rate, ceil(rate)) if rate else None, **options)
    for text in faults:
        _inject(gateway, text)
    if deliver_to is not None:
        try:
            gateway.route("*", deliver_to)
        except ValueError as error:
            raise click.UsageError(f"--deliver-to: {error}") from None
    is_shown = opens or deliver_to is not None
    return serve(gateway, command, as_json=is_json(), is_shown=is_shown, opens=opens)


def _inject(gateway: GwmsEmulator, text: str) -> None:
    name, *rest = text.split(":")
    times = int(rest.pop()) if rest and rest[-1].isdecimal() else 1
    try:
        if re.fullmatch("[345][0-9][0-9]", name):
            fault: Fault = testing.Status(int(name), retry_after="1" if name == "429" else None)
        elif name in _FAULTS:
            fault = _FAULTS[name]
        else:
            raise ValueError(f"no fault has this name: {closest(name, _FAULTS)}")
        gateway.inject(fault, operation=":".join(rest) or None, times=times)
    except ValueError as error:
        raise click.UsageError(f"--fault {text}: {error}") from None


async def serve(
    gateway: GwmsEmulator, command: tuple[str, ...] = (), *, as_json: bool, is_shown: bool = False, opens: bool = False
) -> int:
    """Serve until cancelled, or while a command runs; with `is_shown`, print the page's address in that case too."""
    with port_errors():
        await gateway.start()
    names = {**gateway.credentials._asdict(), "base_url": gateway.base_url}
    if not os.environ.get(SECRET_VARIABLE):
        names["webhook_secret"] = secrets.token_urlsafe(32)
    variables = {f"GWMS_{name.upper()}": value for name, value in names.items()}
    try:
        if opens and not await asyncio.to_thread(webbrowser.open, gateway.page_url):
            print_message("Warning: no browser found")
        if command:
            if is_shown:
                print_message(f"Page of the emulator: {gateway.page_url}")
            return await _run_command(command, variables)
        if as_json:
            print_json({**names, "page_url": gateway.page_url})
        else:
            print_output("\n".join(f"export {name}={quote(value)}" for name, value in variables.items()))
            print_message(f"Emulator running on {gateway.page_url} (open it in a browser). Press Ctrl-C to stop.")
        REQUESTS.setLevel(logging.INFO)
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        print_message("stopped")
    finally:
        await gateway.close()
    return Exit.DONE


async def _run_command(command: tuple[str, ...], variables: dict[str, str]) -> int:
    try:
        process = await asyncio.create_subprocess_exec(*command, env={**os.environ, **variables})
    except OSError as error:
        raise OSError(f"{command[0]}: {str(error.strerror).lower()}") from None
    # On a terminal, Ctrl-C reaches the command too, which decides what becomes of it.
    before = signal.signal(signal.SIGINT, signal.SIG_IGN if sys.stdin.isatty() else signal.getsignal(signal.SIGINT))
    try:
        code = await process.wait()
    except asyncio.CancelledError:
        code = await _stop(process)
    finally:
        signal.signal(signal.SIGINT, before)
    return code if code >= 0 else 128 - code


async def _stop(process: Process) -> int:
    with suppress(ProcessLookupError):
        process.terminate()
    try:
        return await asyncio.wait_for(process.wait(), _GRACE)
    except TimeoutError:
        with suppress(ProcessLookupError):  # it has just ended
            process.kill()
        return await process.wait()
