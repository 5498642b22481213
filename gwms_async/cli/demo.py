"""``gwms demo``: register webhooks on the built-in emulator while it misbehaves on purpose."""

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
from rich.table import Table

from .. import Credentials, GwmsClient, Outcome, OutcomeStatus, Report, WebhookSpec, WebhookType
from ..testing import CutBody, DropAfter, DropBefore, Fault, GwmsEmulator, Html, RevokeTokens, Status
from .loop import run
from .output import handle_errors, progress_bar

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
_OK = "Each webhook exists exactly once on the gateway, and the report says so."
_NOT_OK = "[red]The webhooks on the gateway do not match the input."


@frozen
class RunFigures:
    """The figures of one run.

    Args:
        created: Webhooks created.
        recovered: Webhooks found on the gateway after the response to their creation was lost.
        existing: Webhooks that already existed.
        failed: Webhooks not known to exist.
        attempts: Requests sent for single webhooks.
        retries: Those that were not the first for their webhook.
        logins: Logins.
        missing: Webhooks of the input that the gateway does not have.
        copies: Duplicates on the gateway.
        elapsed: The duration in seconds.
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
        """Whether each webhook exists exactly once on the gateway, and the run says so."""
        return not (self.failed or self.missing or self.copies)


@click.command()
@click.option("--webhooks", type=click.IntRange(1, 100_000), default=500, show_default=True, help="Number of webhooks.")
@click.option(
    "--concurrency", type=click.IntRange(1, 1_000), default=32, show_default=True, help="Number of concurrent workers."
)
@click.option("--seed", type=int, default=None, help="Replay the faults of an earlier run.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of tables.")
@click.pass_context
def demo(context: click.Context, webhooks: int, concurrency: int, seed: int | None, as_json: bool) -> None:
    """Watch 500 webhooks get registered while the gateway misbehaves.

    The built-in emulator revokes the token halfway, answers 503 and 429, and drops connections before and after
    processing a request. A second run then shows that everything exists already. Exits with 0 only if each webhook
    exists exactly once on the gateway.
    """
    seed = random.SystemRandom().randrange(10**6) if seed is None else seed
    console = Console(stderr=as_json)
    context.exit(run(handle_errors(_run_demo(webhooks, concurrency, seed, console, as_json=as_json))))


async def _run_demo(webhooks: int, concurrency: int, seed: int, console: Console, *, as_json: bool) -> int:
    first, second = await _run_twice(webhooks, concurrency, seed, console)
    is_exact = first.is_exact and second.is_exact
    if as_json:
        figures = {"webhooks": webhooks, "concurrency": concurrency, "seed": seed}
        click.echo(json.dumps({**figures, "first": asdict(first), "second": asdict(second)}))
    else:
        console.print(_table(webhooks, seed, first, second))
        console.print(_OK if is_exact else _NOT_OK)
    return 0 if is_exact else 1


async def _run_twice(webhooks: int, concurrency: int, seed: int, console: Console) -> tuple[RunFigures, RunFigures]:
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
                await _measure("first run", register, gateway, specs, console),
                await _measure("second run", register, gateway, specs, console),
            )


def _arrange_faults(gateway: GwmsEmulator, webhooks: int, rng: random.Random) -> None:
    """Revoke the token halfway, and let a fault hit one create in twenty, each kind at least once."""
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
    logins, started = gateway.logins, time.monotonic()
    with progress_bar(console) as progress:
        task = progress.add_task(title, total=len(specs))
        done = set[object]()

        def record(outcome: Outcome) -> None:
            done.add(outcome.spec.identity)
            progress.update(task, completed=len(done))

        report = await register(on_outcome=record)
    return _figures(report, gateway, specs, gateway.logins - logins, time.monotonic() - started)


def _figures(
    report: Report, gateway: GwmsEmulator, specs: list[WebhookSpec], logins: int, elapsed: float
) -> RunFigures:
    stored: Counter[tuple[str, ...]] = Counter(
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
        missing=sum(stored[spec.identity] == 0 for spec in specs),
        copies=sum(stored.values()) - len(stored),
        elapsed=round(elapsed, 3),
        rate=round(len(specs) / elapsed, 1),
    )


def _table(webhooks: int, seed: int, first: RunFigures, second: RunFigures) -> Table:
    table = Table(title=f"{webhooks} webhooks, seed {seed}")
    table.add_column("")
    table.add_column("first run", justify="right")
    table.add_column("second run", justify="right")
    names = {"copies": "copies on the gateway", "missing": "missing on the gateway", "elapsed": "elapsed, s"}
    names["rate"] = "webhooks per second"
    for name, value in asdict(first).items():
        table.add_row(names.get(name, name), str(value), str(getattr(second, name)))
    return table
