"""``gwms webhooks``: list, create, update and delete webhooks."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any

import click
from attrs import evolve

from .. import HttpMethod, Outcome, Webhook, WebhookSpec, WebhookType
from .access import Access, with_access
from .bulk import BulkResult, run_bulk
from .completion import complete_event_types
from .confirm import confirm_delete
from .loop import run
from .options import concurrency_option, method_option
from .output import (
    Exit,
    Result,
    exit_code_for_all,
    handle_errors,
    json_option,
    outcome_json,
    print_json,
    print_message,
    print_output,
    show_urls_option,
    summary,
    webhook_json,
)
from .table import print_matrix, print_table, print_webhook, states

_ids = click.argument("ids", metavar="ID...", type=int, nargs=-1, required=True)
_id = click.argument("webhook_id", metavar="ID", type=int)


@click.group()
def webhooks() -> None:
    """List, create, update and delete webhooks."""


@webhooks.command("list")
@click.option("--matrix", is_flag=True, help="Show event types by URL: active, inactive or missing.")
@with_access
@show_urls_option
@json_option
@click.pass_context
def list_webhooks(context: click.Context, access: Access, *, matrix: bool, as_json: bool) -> None:
    """List all webhooks of the e-shop."""
    context.exit(run(handle_errors(_list(access, matrix=matrix, as_json=as_json))))


async def _list(access: Access, *, matrix: bool, as_json: bool) -> Exit:
    async with access.client() as gwms:
        found = await gwms.webhooks.list()
    if as_json and matrix:
        print_json(states(found))
    elif as_json:
        for webhook in found:
            print_json(webhook_json(webhook))
    elif not found:
        print_message("no webhooks yet")
    else:
        (print_matrix if matrix else print_table)(found)
    return Exit.DONE


@webhooks.command()
@_id
@with_access
@show_urls_option
@json_option
@click.pass_context
def get(context: click.Context, webhook_id: int, access: Access, *, as_json: bool) -> None:
    """Show one webhook."""
    context.exit(run(handle_errors(_get(webhook_id, access, as_json=as_json))))


async def _get(webhook_id: int, access: Access, *, as_json: bool) -> Exit:
    async with access.client() as gwms:
        _show_one(await gwms.webhooks.get(webhook_id), as_json=as_json)
    return Exit.DONE


@webhooks.command()
@click.argument("url")
@click.argument("events", metavar="EVENT...", nargs=-1, required=True, shell_complete=complete_event_types)
@method_option
@click.option("--inactive", is_flag=True, help="Create it without starting deliveries.")
@concurrency_option
@with_access
@show_urls_option
@json_option
@click.pass_context
def create(
    context: click.Context,
    url: str,
    events: tuple[str, ...],
    method: str | None,
    access: Access,
    *,
    inactive: bool,
    concurrency: int,
    as_json: bool,
) -> None:
    """Create webhooks for a URL, one per event type.

    Webhooks that already exist are kept.
    """
    try:
        unique = dict.fromkeys(map(WebhookType, events))
        specs = [WebhookSpec(url, one, not inactive, HttpMethod(method or "POST")) for one in unique]
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    done = dict[object, Outcome]()
    work = _create(specs, access, done, concurrency, as_json=as_json)
    context.exit(run(handle_errors(work, lambda: _interrupted(done.values()))))


async def _create(
    specs: list[WebhookSpec], access: Access, done: dict[object, Outcome], concurrency: int, *, as_json: bool
) -> Exit:
    record = partial(_record, done, as_json=as_json)
    async with access.client() as gwms:
        report = await gwms.webhooks.register_many(specs, concurrency=concurrency, on_outcome=record)
    return exit_code_for_all(report.outcomes)


@webhooks.command()
@_id
@click.option("--url", help="The URL that receives deliveries.")
@click.option("--event", help="The event type.", shell_complete=complete_event_types)
@method_option
@click.option("--active/--inactive", default=None, help="Resume or pause deliveries.")
@with_access
@show_urls_option
@json_option
@click.pass_context
def update(context: click.Context, /, webhook_id: int, access: Access, *, as_json: bool, **changes: Any) -> None:
    """Update a webhook; fields you leave out are unchanged."""
    changes = {name: value for name, value in changes.items() if value is not None}
    if not changes:
        raise click.UsageError("nothing to update: pass --url, --event, --method, --active or --inactive")
    context.exit(run(handle_errors(_update(webhook_id, access, changes, as_json=as_json))))


async def _update(webhook_id: int, access: Access, changes: dict[str, Any], *, as_json: bool) -> Exit:
    if "event" in changes:
        changes["webhook_type"] = WebhookType(changes.pop("event"))
    async with access.client() as gwms:
        found = await gwms.webhooks.get(webhook_id)
        spec = evolve(found.spec, **changes)
        _show_one(await gwms.webhooks.update(webhook_id, spec), as_json=as_json)
    return Exit.DONE


def _bulk_command(name: str, text: str) -> None:
    @webhooks.command(name, help=text)
    @_ids
    @with_access
    @json_option
    @click.pass_context
    def command(context: click.Context, ids: tuple[int, ...], access: Access, *, as_json: bool) -> None:
        results = list[BulkResult]()
        work = run_bulk(name, ids, access, results, as_json=as_json)
        context.exit(run(handle_errors(work, partial(_interrupted, results))))


_bulk_command("activate", "Resume deliveries.")
_bulk_command("deactivate", "Pause deliveries.")


@webhooks.command()
@_ids
@click.option("--yes", is_flag=True, help="Delete without asking.")
@with_access
@json_option
@click.pass_context
def delete(context: click.Context, ids: tuple[int, ...], access: Access, *, yes: bool, as_json: bool) -> None:
    """Delete webhooks."""
    refusal = None if yes else confirm_delete(len(set(ids)))
    if refusal:
        context.exit(refusal)
    results = list[BulkResult]()
    work = run_bulk("delete", ids, access, results, as_json=as_json)
    context.exit(run(handle_errors(work, partial(_interrupted, results))))


@webhooks.command()
@json_option
def types(*, as_json: bool) -> None:
    """List the event types."""
    if as_json:
        print_json({"types": [*WebhookType]})
    else:
        print_output("\n".join(WebhookType))


def _show_one(webhook: Webhook, *, as_json: bool) -> None:
    if as_json:
        print_json(webhook_json(webhook))
    else:
        print_webhook(webhook)


def _record(done: dict[object, Outcome], outcome: Outcome, *, as_json: bool) -> None:
    done[outcome.spec.identity] = outcome
    if as_json:
        print_json(outcome_json(outcome))
    else:
        webhook_id = f" (id {outcome.webhook.id})" if outcome.webhook else ""
        print_output(f"{outcome}{webhook_id}")


def _interrupted(results: Iterable[Result]) -> str:
    return f"interrupted: {summary(results)}; run the command again for the rest"
