"""``gwms emulator``: an emulator of the gateway on a local port."""

from __future__ import annotations

import asyncio
from math import ceil
from shlex import quote
from urllib.parse import urlsplit

import click

from ..testing import GwmsEmulator, RateLimit
from .loop import run
from .output import Exit, handle_errors, json_option, print_json, print_message, print_output

_POSITIVE = click.FloatRange(min=0, min_open=True)


@click.command()
@click.option("--port", type=click.IntRange(0, 65_535), default=0, help="Port to listen on; a free one by default.")
@click.option("--rate", type=_POSITIVE, default=None, help="Requests per second; unlimited by default.")
@click.option("--token-ttl", type=_POSITIVE, default=3600.0, show_default=True, help="Lifetime of tokens in seconds.")
@click.option("--latency", type=click.FloatRange(min=0), default=0.0, show_default=True, help="Seconds per response.")
@json_option
@click.pass_context
def emulator(
    context: click.Context, port: int, rate: float | None, token_ttl: float, latency: float, *, as_json: bool
) -> None:
    """Run an emulator of the gateway until Ctrl-C.

    Prints `export` lines that point other commands at it. Its webhooks are lost when it stops.
    """
    limit = None if rate is None else RateLimit(rate, ceil(rate))
    gateway = GwmsEmulator(port=port, rate_limit=limit, token_ttl=token_ttl, latency=latency)
    context.exit(run(handle_errors(serve(gateway, as_json=as_json))))


async def serve(gateway: GwmsEmulator, *, as_json: bool) -> Exit:
    """Serve until cancelled.

    Args:
        gateway: The emulator to serve.
        as_json: Whether to print the base URL and the credentials as JSON.
    """
    async with gateway:
        username, password, api_key = gateway.credentials
        names = {"username": username, "password": password, "api_key": api_key, "base_url": gateway.base_url}
        if as_json:
            print_json(names)
        else:
            print_output("\n".join(f"export GWMS_{name.upper()}={quote(value)}" for name, value in names.items()))
            print_message(f"Emulator running on {urlsplit(gateway.base_url).netloc}. Press Ctrl-C to stop.")
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            print_message("stopped")
    return Exit.DONE
