"""``gwms demo``: register webhooks on the built-in emulator while it misbehaves on purpose."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from contextlib import suppress
from functools import partial
from itertools import cycle, islice
from typing import Any

import click
from rich.console import Console
from rich.table import Column, Table

from .. import Credentials, GwmsClient, Outcome, OutcomeStatus, Report, WebhookSpec, WebhookType, testing
from ..testing import Exchange, Fault, GwmsEmulator, StoredWebhook
from .options import json_option
from .output import Exit, is_json, print_json, progress_bar

_LATENCY = 0.01
_LOSSES: Mapping[Fault, str] = {
    testing.DropBefore(): "dropped connections",
    testing.DropAfter(): "dropped connections",
    testing.DropAfter(commit_delay=0.4): "dropped connections",
    testing.CutBody(): "truncated responses",
    testing.Html(): "HTML pages",
    testing.Status(503): "503s",
    testing.Status(503, carry_out=True): "503s",
}
"""Faults that leave a create without a readable response, whether it is carried out or not."""
_THROTTLING, _REVOCATION = testing.Status(429, retry_after="1"), testing.RevokeTokens()
_FAULTS: Mapping[Fault, str] = {_THROTTLING: "429s", _REVOCATION: "token revocations", **_LOSSES}
_OPERATIONS = {"login": "logins", "list": "lists", "create": "creates"}
_STATUSES = OutcomeStatus.CREATED, OutcomeStatus.RECOVERED, OutcomeStatus.EXISTING
_OK = "Checked against the emulator: each webhook exists exactly once, as reported."
_NOT_OK = "The webhooks on the emulator are not as reported, or some have failed."

Register = Callable[..., Awaitable[Report]]
Figures = dict[str, Any]
"""Of one run: requests by fault and by operation, webhooks by status, discrepancies, and the seconds."""


@click.command()
@click.option("--webhooks", type=click.IntRange(1, 100_000), default=500, show_default=True, help="Number of webhooks.")
@click.option(
    "--concurrency", type=click.IntRange(1, 1_000), default=32, show_default=True, help="Number of concurrent workers."
)
@click.option("--seed", type=int, default=None, help="Replay the faults of an earlier run.")
@click.option("--page", "on_page", is_flag=True, help="Show it on a page: wait for a browser, and serve until Ctrl-C.")
@json_option
async def demo(webhooks: int, concurrency: int, seed: int | None, *, on_page: bool) -> Exit:
    """Watch 500 webhooks get registered while the gateway misbehaves.

    The built-in emulator revokes the token halfway, throttles, answers 503, and drops connections before and after
    processing a request. A second run then shows that everything exists already. Exits with 0 only if each webhook
    exists exactly once on the gateway.
    """
    seed = random.SystemRandom().randrange(10**6) if seed is None else seed
    console = Console(stderr=is_json())
    first, second = await run_twice(webhooks, concurrency, seed, console, on_page=on_page)
    if is_json():
        print_json({"webhooks": webhooks, "concurrency": concurrency, "seed": seed, "first": first, "second": second})
    return Exit.DONE if is_exact(first) and is_exact(second) else Exit.FAILED


async def run_twice(
    webhooks: int, concurrency: int, seed: int, console: Console, *, on_page: bool = False
) -> tuple[Figures, Figures]:
    """Register the same webhooks twice on an emulator that misbehaves; the seed decides which requests are hit.

    With `on_page`, wait until a browser shows the emulator's page, and at the end until cancelled.
    """
    types = islice(cycle(WebhookType), webhooks)
    specs = [WebhookSpec(f"https://shop.example/gwms/{number}", one) for number, one in enumerate(types)]
    async with GwmsEmulator(latency=_LATENCY, journal=3 * webhooks + 1_000) as gateway:
        lost = _arrange_faults(gateway, webhooks, random.Random(seed))  # noqa: S311  # repeatable, not secret
        console.print(
            f"Registering {webhooks} webhooks on an emulator that answers after {_LATENCY * 1000:.0f} ms, throttles "
            f"once (429: all calls pause for 1 s), revokes the token halfway, and loses its responses to {lost} "
            f"creates. To inject the same faults again: --seed {seed}\n",
            highlight=False,
        )
        if on_page:
            console.print(f"Open {gateway.page_url} in a browser; it starts then.", highlight=False)
            await gateway.page_opened()
        async with GwmsClient(Credentials(*gateway.credentials), base_url=gateway.base_url) as gwms:
            waits = {
                webhooks - lost: f"Waiting 1 s before looking for the {lost} webhooks whose responses were lost",
                webhooks: "Waiting 9 s for the closing list, which shows whether late creates left copies",
            }
            register = partial(gwms.webhooks.register_many, specs, concurrency=concurrency)
            first = await _run("first run", register, gateway, webhooks, console, waits=waits)
            second = await _run("second run", register, gateway, webhooks, console, waits={})
        verdict = _OK if is_exact(first) and is_exact(second) else _NOT_OK
        console.print(table(first, second))
        console.print(verdict, style=None if verdict is _OK else "red")
        gateway.announce(verdict)
        if on_page:
            console.print("Press Ctrl-C to stop.")
            with suppress(asyncio.CancelledError):
                await asyncio.Event().wait()
    return first, second


def _arrange_faults(gateway: GwmsEmulator, webhooks: int, rng: random.Random) -> int:
    """Throttle, revoke the token, and lose the response to one create in twenty; return how many are lost."""
    lost = max(len(_LOSSES), webhooks // 20)
    gateway.inject(_REVOCATION, operation="create", at=max(1, webhooks // 2))
    for fault in (_THROTTLING, *islice(cycle(_LOSSES), lost)):
        gateway.inject(fault, operation="create", at=rng.randint(1, webhooks))
    return lost


async def _run(
    title: str, register: Register, gateway: GwmsEmulator, webhooks: int, console: Console, *, waits: dict[int, str]
) -> Figures:
    """Run once; say what the client waits for when so many webhooks are done."""
    received, started, done = len(gateway.requests), time.monotonic(), set[object]()
    with progress_bar(console) as progress:
        task = progress.add_task(title, total=webhooks)

        def record(outcome: Outcome) -> None:
            done.add(outcome.spec.identity)
            count = len(done)
            progress.update(task, completed=count)
            gateway.announce(f"{title.capitalize()}: {count} of {webhooks} webhooks registered", count, webhooks)
            if wait := waits.pop(count, None):
                console.print(wait, highlight=False)
                gateway.announce(wait, count, webhooks)

        report = await register(on_outcome=record)
    return figures(report, gateway.requests[received:], gateway.webhooks, time.monotonic() - started)


def figures(report: Report, requests: Collection[Exchange], stored: Iterable[StoredWebhook], seconds: float) -> Figures:
    """Count what happened in a run, and compare its report with what the emulator received and stores."""
    hits = Counter(_FAULTS[request.fault] for request in requests if request.fault)
    received = Counter(_OPERATIONS.get(request.operation, "others") for request in requests)
    others = {webhook.id: (webhook.url, webhook.webhook_type, webhook.method) for webhook in stored}
    missing = sum(
        outcome.webhook is None or others.pop(outcome.webhook.id, None) != outcome.spec.identity
        for outcome in report.outcomes
    )
    return {
        "injected": {kind: hits[kind] for kind in _FAULTS.values()},
        "requests": {operation: received[operation] for operation in (*_OPERATIONS.values(), "others")},
        "reported": {**{status: report.counts[status] for status in _STATUSES}, "failed": len(report.failures)},
        "discrepancies": {"missing": missing, "copies": len(others)},
        "seconds": round(seconds, 1),
    }


def is_exact(run: Figures) -> bool:
    """Return whether each webhook exists exactly once on the gateway, and the report says so."""
    return not (run["reported"]["failed"] or any(run["discrepancies"].values()))


def table(first: Figures, second: Figures) -> Table:
    """Return a table of both runs."""
    result = Table(Column(overflow="fold"), *(Column(name, justify="right") for name in ("first run", "second run")))
    for title in ("injected", "requests", "reported", "discrepancies"):
        result.add_row(f"[bold]{title}")
        for name, value in first[title].items():
            result.add_row(f"  {name}", str(value), str(second[title][name]))
        result.add_section()
    result.add_row("seconds", str(first["seconds"]), str(second["seconds"]))
    return result
