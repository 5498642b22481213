"""``gwms plan`` and ``gwms apply``: a file of webhooks against the gateway."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import click
from attrs import evolve
from rich.console import Console

from .. import GwmsClient, Outcome, Plan, PlanRefusedError, Webhook
from .access import Access, with_access
from .confirm import confirm_delete
from .file import WebhookFile, read_file
from .hosts import url_warning
from .loop import Work
from .options import concurrency_option, json_option, show_urls_option
from .output import Exit, exit_code_for_all, is_json, print_json, print_message, print_output, progress_bar, resumable

_file = click.argument("path", metavar="FILE", type=click.Path(allow_dash=True))
_UNLISTED = "webhooks under the `prune` prefix or of the receiver that the file does not list."


@click.command()
@_file
@click.option("--prune", is_flag=True, help=f"Also show the deletion of {_UNLISTED}")
@click.option("--exit-code", is_flag=True, help="Exit with 5 if `apply` would change anything.")
@with_access
@show_urls_option
@json_option
def plan(path: str, access: Access, *, prune: bool, exit_code: bool) -> Work:
    """Show what `apply` would change, without changing anything.

    FILE may be - for standard input.
    """
    return _show_plan(_read(path, prune=prune), access, prune=prune, exit_code=exit_code)


@click.command()
@_file
@click.option("--prune", is_flag=True, help=f"Also delete {_UNLISTED}")
@click.option("--dry-run", is_flag=True, help="Only show what would change, as `plan` does.")
@click.option("--yes", is_flag=True, help="Delete without asking.")
@click.option("--force", is_flag=True, help="Allow deleting more than 30% of the webhooks under the prefix.")
@concurrency_option
@with_access
@show_urls_option
@json_option
def apply(path: str, access: Access, *, prune: bool, dry_run: bool, **how: Any) -> Work:
    """Create, update and (with --prune) delete webhooks to match a file.

    Safe to repeat: webhooks that are as the file says are left alone. Without --prune nothing is deleted. FILE may be -
    for standard input.
    """
    wanted = _read(path, prune=prune)
    if dry_run:
        return _show_plan(wanted, access, prune=prune)
    return apply_file(wanted, access, path, {}, prune=prune, **how)


def _read(path: str, *, prune: bool) -> WebhookFile:
    wanted = read_file(path)
    if prune and not wanted.scope:
        raise click.UsageError('--prune needs a prefix: add prune = "https://shop.example/gwms/" to [defaults]')
    return wanted


async def _show_plan(wanted: WebhookFile, access: Access, *, prune: bool, exit_code: bool = False) -> Exit:
    async with access.client() as gwms:
        planned, others = await _plan(gwms, wanted, access, prune=prune)
    if is_json():
        copies, unlisted = _split(others, wanted)
        figures = {name: getattr(planned, name) for name in ("changes", "needs_force", "claimed")}
        parts = {name: getattr(planned, name) for name in ("create", "activate", "deactivate", "delete", "unchanged")}
        print_json({**figures, "unlisted": len(unlisted), "copies": [webhook.id for webhook in copies], **parts})
    return Exit.DIFFERS if exit_code and planned.changes else Exit.DONE


async def _plan(
    gwms: GwmsClient, wanted: WebhookFile, access: Access, *, prune: bool
) -> tuple[Plan, tuple[Webhook, ...]]:
    """Make the plan, print it unless --json is given, and return what else there is, in the file's scope if any."""
    if text := url_warning((spec.url for spec in wanted.specs), access.base_url):
        print_message(text)
    pruned = await gwms.webhooks.plan(wanted.specs, prune=wanted.claims if wanted.scope else lambda _: True)
    planned = pruned if prune else evolve(pruned, delete=(), claimed=0)
    if not is_json():
        print_output(planned)
        if not prune:
            _print_others(*_split(pruned.delete, wanted), wanted.scope)
    return planned, pruned.delete


def _split(others: Iterable[Webhook], wanted: WebhookFile) -> tuple[list[Webhook], list[Webhook]]:
    """Split webhooks that are not wanted: further copies of those in the file, and those that it does not list."""
    listed = {spec.identity for spec in wanted.specs}
    copies, unlisted = list[Webhook](), list[Webhook]()
    for webhook in others:
        (copies if webhook.identity in listed else unlisted).append(webhook)
    return copies, unlisted


def _print_others(copies: Sequence[Webhook], unlisted: Sequence[Webhook], scope: str) -> None:
    """Print what there is besides the wanted webhooks, and what would delete it."""
    if copies:
        ids = [str(webhook.id) for webhook in copies]
        what = "1 further copy" if len(ids) == 1 else f"{len(ids)} further copies"
        how = "--prune" if scope else f"`gwms webhooks delete {' '.join(ids)}`"
        print_output(f"{what} of these webhooks (id {', '.join(ids)}); {how} would delete {_them(ids)}")
    if unlisted:
        under = f"under {scope}; --prune would delete {_them(unlisted)}"
        print_output(f"{len(unlisted)} more {under if scope else 'in the e-shop that the file does not list'}")


def _them(ones: Sequence[object]) -> str:
    return "it" if len(ones) == 1 else "them"


async def apply_file(
    wanted: WebhookFile, access: Access, path: str, done: dict[object, Outcome], *, prune: bool, yes: bool, **how: Any
) -> Exit:
    """Plan, confirm deletions, and apply; the keyword arguments are the options of the command.

    Outcomes are put into `done` as they become known; a later one of the same webhook replaces the first.
    """
    async with access.client() as gwms:
        with resumable(done.values(), f"run `gwms apply {path}` again to continue"):
            planned, _ = await _plan(gwms, wanted, access, prune=prune)
            if not planned.changes and not is_json():
                return Exit.DONE
            if planned.needs_force and not how["force"]:
                raise PlanRefusedError(
                    f"this would delete {len(planned.lost)} of the {planned.claimed} webhooks under {wanted.scope}, "
                    "more than 30%; nothing was changed. Check the prefix and the file, or see `gwms apply --help`"
                )
            if planned.delete and not yes:
                confirm_delete(len(planned.delete))
            unwanted = {webhook.id for webhook in planned.delete}

            def record(outcome: Outcome) -> None:
                webhook_id = outcome.webhook and outcome.webhook.id
                done[webhook_id if webhook_id in unwanted else outcome.spec.identity] = outcome
                bar.update(task, completed=len(done))
                if is_json():
                    print_json(outcome)

            with progress_bar(Console(stderr=True)) as bar:
                task = bar.add_task("applying", total=planned.changes + len(planned.unchanged))
                report = await gwms.webhooks.apply(planned, on_outcome=record, **how)
    if not is_json():
        print_output(report)
    return exit_code_for_all(report.outcomes)
