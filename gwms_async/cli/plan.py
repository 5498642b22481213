"""``gwms plan`` and ``gwms apply``: a file of webhooks against the gateway."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import click

from .. import Outcome, OutcomeStatus, Plan, PlanRefusedError, Webhook
from .access import Access, with_access
from .confirm import refused_to_delete
from .file import WebhookFile, read_file
from .loop import run
from .output import (
    Exit,
    as_json,
    code_of_all,
    counted,
    guarded,
    outcome_json,
    progress_bar,
    show,
    show_json,
    webhook_json,
)

_file = click.argument("path", metavar="FILE", type=click.Path(path_type=Path))
_prune = click.option("--prune", is_flag=True, help="Delete what is under the file's prune prefix and not wanted.")


@click.command()
@_file
@_prune
@with_access
@as_json
@click.pass_context
def plan(context: click.Context, path: Path, access: Access, *, prune: bool, as_json: bool) -> None:
    """Show what `apply` would change; nothing is changed."""
    wanted = _read(path, prune=prune)
    context.exit(run(guarded(_show_plan(wanted, access, prune=prune, as_json=as_json))))


@click.command()
@_file
@_prune
@click.option("--yes", is_flag=True, help="Delete without asking.")
@click.option("--force", is_flag=True, help="Delete even more than 30 % of what is there.")
@with_access
@as_json
@click.pass_context
def apply(context: click.Context, /, path: Path, access: Access, *, as_json: bool, **flags: bool) -> None:
    """Make the gateway hold the webhooks of a file.

    It may be repeated at will: what is there already is left alone. Without --prune nothing is deleted.
    """
    wanted, done = _read(path, prune=flags["prune"]), list[Outcome]()
    work = apply_file(wanted, access, done, as_json=as_json, **flags)
    context.exit(run(guarded(work, partial(_interrupted, path, done))))


def _read(path: Path, *, prune: bool) -> WebhookFile:
    wanted = read_file(path)
    if prune and wanted.prune is None:
        raise click.UsageError('--prune needs the prefix of what is yours: write prune = "https://…/" in [defaults]')
    return wanted


def _ours(wanted: WebhookFile, *, prune: bool) -> Callable[[Webhook], bool] | None:
    prefix = wanted.prune
    return (lambda webhook: webhook.url.startswith(prefix)) if prune and prefix else None


async def _show_plan(wanted: WebhookFile, access: Access, *, prune: bool, as_json: bool) -> Exit:
    async with access.client() as gwms:
        made = await gwms.webhooks.plan(wanted.specs, prune=_ours(wanted, prune=prune))
    if as_json:
        show_json(_plan_json(made))
    else:
        show(made)
    return Exit.DONE


def _plan_json(made: Plan) -> dict[str, Any]:
    create = [
        {"url": one.url, "type": one.webhook_type, "active": one.active, "method": one.method} for one in made.create
    ]
    there = {
        "activate": made.activate,
        "deactivate": made.deactivate,
        "delete": made.delete,
        "unchanged": made.unchanged,
    }
    return {
        "changes": made.changes,
        "create": create,
        **{name: [webhook_json(webhook) for webhook in webhooks] for name, webhooks in there.items()},
    }


async def apply_file(
    wanted: WebhookFile,
    access: Access,
    done: list[Outcome],
    *,
    prune: bool,
    yes: bool,
    force: bool,
    as_json: bool,
) -> Exit:
    """Do the work of ``gwms apply``.

    Args:
        wanted: What the file says.
        access: Who calls.
        done: Takes the outcomes as they become known.
        prune: Whether what is ours and not wanted shall go.
        yes: Whether to delete without asking.
        force: Whether to delete even much.
        as_json: Whether to print JSON.
    """
    async with access.client() as gwms:
        made = await gwms.webhooks.plan(wanted.specs, prune=_ours(wanted, prune=prune))
        if not as_json:
            show(made)
        if not made.changes:
            for webhook in made.unchanged if as_json else ():
                show_json(outcome_json(Outcome(webhook.spec, OutcomeStatus.EXISTING, webhook)))
            return Exit.DONE
        if made.delete and not yes and (refusal := refused_to_delete(len(made.delete))):
            return refusal
        with progress_bar() as bar:
            task = bar.add_task("applying", total=made.changes + len(made.unchanged))

            def note(outcome: Outcome) -> None:
                """Keep an outcome, and tell of it."""
                done.append(outcome)
                bar.advance(task)
                if as_json:
                    show_json(outcome_json(outcome))

            try:
                report = await gwms.webhooks.apply(made, force=force, on_outcome=note)
            except PlanRefusedError as error:
                text = str(error).replace("force=True", "--force").replace("`prune`", "the file's prune prefix")
                raise PlanRefusedError(text) from None
    if not as_json:
        show(report)
    return code_of_all(report.outcomes)


def _interrupted(path: Path, done: list[Outcome]) -> str:
    return f"interrupted: {counted(done)}; run `gwms apply {path}` again: it goes on where it stopped"
