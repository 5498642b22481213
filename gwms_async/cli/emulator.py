"""``gwms emulator``: an emulated gateway on a port of this machine."""

from __future__ import annotations

import asyncio
from math import ceil
from shlex import quote

import click

from ..testing import GwmsEmulator, RateLimit
from .loop import run
from .output import Exit, as_json, guarded, say, show, show_json

_ABOVE_ZERO = click.FloatRange(min=0, min_open=True)


@click.command()
@click.option("--port", type=click.IntRange(0, 65_535), default=0, help="By default one that is free.")
@click.option("--rate", type=_ABOVE_ZERO, default=None, help="Requests per second; by default there is no limit.")
@click.option("--token-ttl", type=_ABOVE_ZERO, default=3600.0, show_default=True, help="Seconds that tokens are good.")
@click.option("--latency", type=click.FloatRange(min=0), default=0.0, show_default=True, help="Seconds per answer.")
@as_json
@click.pass_context
def emulator(
    context: click.Context, port: int, rate: float | None, token_ttl: float, latency: float, *, as_json: bool
) -> None:
    """Serve an emulated gateway until Ctrl-C.

    It prints lines for a shell, so that other commands talk to it; what it holds is gone when it ends.
    """
    limit = None if rate is None else RateLimit(rate, ceil(rate))
    made = GwmsEmulator(port=port, rate_limit=limit, token_ttl=token_ttl, latency=latency)
    context.exit(run(guarded(serve(made, as_json=as_json))))


async def serve(gateway: GwmsEmulator, *, as_json: bool) -> Exit:
    """Serve until cancelled.

    Args:
        gateway: What is served.
        as_json: Whether to tell the address and the credentials in JSON.
    """
    async with gateway:
        username, password, api_key = gateway.credentials
        names = {"username": username, "password": password, "api_key": api_key, "base_url": gateway.base_url}
        if as_json:
            show_json(names)
        else:
            show("\n".join(f"export GWMS_{name.upper()}={quote(value)}" for name, value in names.items()))
            say("serving until Ctrl-C")
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            say("ended")
    return Exit.DONE
