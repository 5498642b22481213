"""``gwms fleet``: the e-shops of many accounts; its demo runs on built-in emulators and docket's store in memory."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from contextlib import AsyncExitStack
from importlib.util import find_spec
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.live import Live
from rich.table import Column, Table

from .. import Credentials, WebhookSpec, WebhookType
from ..fleet import Eshop, Fleet
from ..testing import GwmsEmulator, RateLimit
from .output import Exit

if TYPE_CHECKING:
    from docket import Execution

_ACCOUNTS, _ESHOPS = 8, 5
_REFUSED, _THROTTLED = 1, 2
_TROUBLES = {_REFUSED: "password rejected", _THROTTLED: "throttled"}
_WORKERS = ("worker-1", "worker-2", "worker-3")
_TITLES = ("account", "worker", "e-shops", "webhooks", "logins", "")
_OK = "\n[green]Checked against the emulators: {} webhooks exist exactly once, and each account logged in once."


@click.group()
def fleet() -> None:
    """Work on the e-shops of many accounts, with several workers."""


@fleet.command(short_help="Watch three workers register webhooks while one of them stops.")
async def demo() -> Exit:
    """Watch three workers register the webhooks of forty e-shops while one of them stops.

    There are eight accounts, on emulators: the password of one is rejected, another is throttled. The worker that stops
    finishes its task, and the others do the rest. Exits with 0 only if each webhook exists exactly once.
    """
    if find_spec("docket") is None:
        raise click.ClickException("gwms fleet demo needs docket: install gwms-async with the extra fleet")
    try:
        return await run_demo(_ACCOUNTS, _ESHOPS, Console())
    except ExceptionGroup as group:
        raise click.ClickException(f"the workers failed: {', '.join(map(repr, group.exceptions))}") from None


async def run_demo(accounts: int, eshops: int, console: Console) -> Exit:
    """Run the demo, with so many accounts of so many e-shops each."""
    from docket import Docket, Worker  # noqa: PLC0415  # an extra

    from ..fleet import make_tasks, start  # noqa: PLC0415  # they need docket

    gateways = [GwmsEmulator(latency=0.02) for _ in range(accounts)]
    gateways[_REFUSED].refuse_logins = True
    gateways[_THROTTLED].rate_limit = RateLimit(60, burst=20)
    names = {f"account-{account}": [f"{account}-{eshop}" for eshop in range(eshops)] for account in range(accounts)}

    async def find(name: str) -> Eshop:
        gateway = gateways[int(name.partition("-")[0])]
        credentials = Credentials(gateway.credentials.username, gateway.credentials.password, name)
        specs = [WebhookSpec(f"https://{name}.example/gwms", event_type) for event_type in WebhookType]
        return Eshop(credentials, specs, base_url=gateway.base_url)

    async with AsyncExitStack() as stack:
        for gateway, keys in zip(gateways, names.values(), strict=True):
            await stack.enter_async_context(gateway)
            for key in keys:
                gateway.add_eshop(key)
        docket = await stack.enter_async_context(Docket(name="gwms-demo", url="memory://"))
        for function in make_tasks(lambda: Fleet(find)):
            docket.register(function)
        console.print(f"{accounts} accounts with {eshops} e-shops each; {len(_WORKERS)} workers, one of which stops.")
        tasks = await start(docket, names, run="demo")
        first, *others = [await stack.enter_async_context(Worker(docket, name, concurrency=1)) for name in _WORKERS]
        group = await stack.enter_async_context(asyncio.TaskGroup())  # ends with an error if a worker fails
        stopped = group.create_task(first.run_forever())
        running = [stopped, *(group.create_task(worker.run_until_finished()) for worker in others)]
        with Live(console=console) as live:
            while not all(worker.done() for worker in running):
                await asyncio.sleep(0.1)
                for task in tasks:
                    await task.sync()
                if any(task.state.value == "completed" for task in tasks) and not stopped.cancelling():
                    stopped.cancel()  # once: a second time it would not finish its task
                live.update(_table(tasks, gateways, _WORKERS[0] if stopped.cancelling() else ""))
    if not all(is_as_wanted(gateway, 0 if gateway.refuse_logins else eshops) for gateway in gateways):
        console.print("\n[red]The webhooks on the emulators are not as they should be.")
        return Exit.FAILED
    console.print(_OK.format(sum(len(gateway.webhooks) for gateway in gateways)))
    return Exit.DONE


def is_as_wanted(gateway: GwmsEmulator, eshops: int) -> bool:
    """Return whether an account logged in once, and so many of its e-shops have each webhook exactly once."""
    held = [(hook.eshop, hook.url, hook.webhook_type) for hook in gateway.webhooks]
    return gateway.logins == 1 and len(held) == len(set(held)) == eshops * len(WebhookType)


def _table(tasks: Iterable[Execution], gateways: Iterable[GwmsEmulator], stopped: str) -> Table:
    table = Table(*(Column(title, overflow="fold") for title in _TITLES))
    for number, (task, gateway) in enumerate(zip(tasks, gateways, strict=True)):
        account, names = task.args
        worker = f"{stopped} (stopped)" if task.worker == stopped else task.worker or ""
        done = len(names) if task.state.value == "completed" else task.progress.current or 0
        counts = f"{done} of {len(names)}", str(len(gateway.webhooks)), str(gateway.logins)
        table.add_row(account, worker, *counts, _TROUBLES.get(number, ""))
    return table
