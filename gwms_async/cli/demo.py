"""``gwms demo``: a bulk registration against the embedded emulator, with everything going wrong on purpose."""

from __future__ import annotations

import json
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from functools import partial
from itertools import cycle, islice

import click
from attrs import asdict, frozen
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from .. import Credentials, GwmsClient, OutcomeStatus, Report, WebhookSpec, WebhookType
from ..testing import CutBody, DropAfter, DropBefore, Fault, GwmsEmulator, Html, RevokeTokens, Status
from .loop import run

_FAULTS: tuple[Fault, ...] = (
    DropBefore(),
    DropAfter(),
    DropAfter(commit_delay=0.4),
    CutBody(),
    Html(),
    Status(503),
    Status(503, carry_out=True),
    Status(429, retry_after="1"),
)
_LATENCY = 0.01
_OK = "The server holds each webhook exactly once, and the report says so."
_NOT_OK = "[red]What the server holds is not what the input asks for."


@frozen
class RunFigures:
    """One run of the demonstration, in figures.

    Args:
        created: Webhooks created.
        recovered: Webhooks whose answer was lost, found on the gateway.
        existing: Webhooks that were there already.
        failed: Webhooks that are not known to be there.
        attempts: Requests for single webhooks on the wire.
        retries: How many of these were not the first for their webhook.
        logins: Logins.
        missing: Webhooks of the input that the server does not hold.
        copies: Webhooks that the server holds in excess.
        elapsed: Seconds.
        rate: Webhooks per second.
    """

    created: int
    recovered: int
    existing: int
    failed: int
    attempts: int
    retries: int
    logins: int
    missing: int
    copies: int
    elapsed: float
    rate: float

    @property
    def is_exact(self) -> bool:
        """Whether the server holds each webhook exactly once, and the run says so."""
        return not (self.failed or self.missing or self.copies)


@click.command()
@click.option("--webhooks", type=click.IntRange(1, 100_000), default=500, show_default=True, help="How many.")
@click.option("--concurrency", type=click.IntRange(1, 1_000), default=32, show_default=True, help="How many at once.")
@click.option("--seed", type=int, default=None, help="Repeat the faults of an earlier run.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of tables.")
@click.pass_context
def demo(context: click.Context, webhooks: int, concurrency: int, seed: int | None, as_json: bool) -> None:
    """Register webhooks on an emulated gateway that fails in every way it can.

    In the middle it revokes the token; it answers 503 and 429, and drops connections before and after carrying a
    request out. Then it is all done again, to show that everything is there already. Exits with 0 only if the server
    holds each webhook exactly once.
    """
    seed = random.SystemRandom().randrange(10**6) if seed is None else seed
    console = Console(stderr=as_json)
    context.exit(run(_demonstrate(webhooks, concurrency, seed, console, as_json=as_json)))


async def _demonstrate(webhooks: int, concurrency: int, seed: int, console: Console, *, as_json: bool) -> int:
    first, second = await _perform(webhooks, concurrency, seed, console)
    exact = first.is_exact and second.is_exact
    if as_json:
        figures = {"webhooks": webhooks, "concurrency": concurrency, "seed": seed}
        click.echo(json.dumps({**figures, "first": asdict(first), "second": asdict(second)}))
    else:
        console.print(_table(webhooks, seed, first, second))
        console.print(_OK if exact else _NOT_OK)
    return 0 if exact else 1


async def _perform(webhooks: int, concurrency: int, seed: int, console: Console) -> tuple[RunFigures, RunFigures]:
    specs = [
        WebhookSpec(f"https://shop.example/gwms/{number}", webhook_type)
        for number, webhook_type in enumerate(islice(cycle(WebhookType), webhooks))
    ]
    async with GwmsEmulator(latency=_LATENCY) as gateway:
        _arrange_faults(gateway, webhooks, random.Random(seed))  # noqa: S311  # repeatable, not secret
        credentials = Credentials(*gateway.credentials)
        async with GwmsClient(credentials, base_url=gateway.base_url) as gwms:
            register = partial(gwms.webhooks.register_many, specs, concurrency=concurrency)
            return (
                await _measure("registering", register, gateway, specs, console),
                await _measure("once again", register, gateway, specs, console),
            )


def _arrange_faults(gateway: GwmsEmulator, webhooks: int, rng: random.Random) -> None:
    """Revoke the token in the middle, and hit one create in twenty with some fault, each kind once at least."""
    gateway.inject(RevokeTokens(), operation="create", at=max(1, webhooks // 2))
    for number in range(max(len(_FAULTS), webhooks // 20)):
        gateway.inject(_FAULTS[number % len(_FAULTS)], operation="create", at=rng.randint(1, webhooks))


async def _measure(
    title: str,
    register: Callable[..., Awaitable[Report]],
    gateway: GwmsEmulator,
    specs: list[WebhookSpec],
    console: Console,
) -> RunFigures:
    logins, began = gateway.logins, time.monotonic()
    with _progress(console) as progress:
        task = progress.add_task(title, total=len(specs))
        report = await register(on_outcome=lambda _: progress.advance(task))
    return _figures(report, gateway, specs, gateway.logins - logins, time.monotonic() - began)


def _progress(console: Console) -> Progress:
    columns = TextColumn("{task.description:<12}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    return Progress(*columns, console=console, disable=not console.is_terminal)


def _figures(
    report: Report, gateway: GwmsEmulator, specs: list[WebhookSpec], logins: int, elapsed: float
) -> RunFigures:
    held: Counter[tuple[str, ...]] = Counter(
        (webhook.url, webhook.webhook_type, webhook.method) for webhook in gateway.webhooks
    )
    attempts = [outcome.attempts for outcome in report.outcomes]
    counts = report.counts
    return RunFigures(
        created=counts[OutcomeStatus.CREATED],
        recovered=counts[OutcomeStatus.RECOVERED],
        existing=counts[OutcomeStatus.EXISTING],
        failed=len(report.failures),
        attempts=sum(attempts),
        retries=sum(max(0, number - 1) for number in attempts),
        logins=logins,
        missing=sum(held[spec.identity] == 0 for spec in specs),
        copies=sum(held.values()) - len(held),
        elapsed=round(elapsed, 3),
        rate=round(len(specs) / elapsed, 1),
    )


def _table(webhooks: int, seed: int, first: RunFigures, second: RunFigures) -> Table:
    table = Table(title=f"{webhooks} webhooks, seed {seed}")
    table.add_column("")
    table.add_column("first run", justify="right")
    table.add_column("second run", justify="right")
    names = {"copies": "copies on the server", "missing": "missing on the server", "elapsed": "elapsed, s"}
    names["rate"] = "webhooks per second"
    for name, value in asdict(first).items():
        table.add_row(names.get(name, name), str(value), str(getattr(second, name)))
    return table
