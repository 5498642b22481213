"""``gwms webhooks``: list, create, update and delete webhooks."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any

import click
from attrs import evolve

from .. import GwmsError, Outcome, OutcomeStatus, Webhook, WebhookSpec, WebhookType
from ..redaction import redacted
from .access import Access, with_access
from .confirm import confirm_delete
from .loop import run
from .options import concurrency_option, method_option
from .output import (
    BulkResult,
    Exit,
    exit_code_for_all,
    handle_errors,
    json_option,
    outcome_json,
    print_json,
    print_message,
    print_result,
    show_urls_option,
    summary,
    webhook_json,
)
from .problems import describe
from .receiver import EVENT_TYPE
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
def list_webhooks(access: Access, *, matrix: bool, as_json: bool) -> int:
    """List all webhooks of the e-shop."""
    return run(handle_errors(_list(access, matrix=matrix, as_json=as_json)))


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
def get(webhook_id: int, access: Access, *, as_json: bool) -> int:
    """Show one webhook."""
    return run(handle_errors(_show_one(webhook_id, access, {}, as_json=as_json)))


@webhooks.command()
@click.argument("url")
@click.argument("events", metavar="EVENT...", type=EVENT_TYPE, nargs=-1, required=True)
@method_option
@click.option("--inactive", is_flag=True, help="Create it without starting deliveries.")
@concurrency_option
@with_access
@show_urls_option
@json_option
def create(
    access: Access, url: str, events: tuple[WebhookType, ...], method: str | None, *, inactive: bool, **options: Any
) -> int:
    """Create webhooks for a URL, one per event type.

    Webhooks that already exist are kept.
    """
    specs = [WebhookSpec(url, event, not inactive, method or "POST") for event in dict.fromkeys(events)]
    done = dict[object, Outcome]()
    return run(handle_errors(_create(specs, access, done, **options), lambda: _interrupted(done.values())))


async def _create(
    specs: list[WebhookSpec], access: Access, done: dict[object, Outcome], *, concurrency: int, as_json: bool
) -> Exit:
    def record(outcome: Outcome) -> None:
        done[outcome.spec.identity] = outcome
        webhook_id = f" (id {outcome.webhook.id})" if outcome.webhook else ""
        print_result(outcome_json(outcome), f"{outcome}{webhook_id}", as_json=as_json)

    async with access.client() as gwms:
        report = await gwms.webhooks.register_many(specs, concurrency=concurrency, on_outcome=record)
    return exit_code_for_all(report.outcomes)


@webhooks.command()
@_id
@click.option("--url", help="The URL that receives deliveries.")
@click.option("--event", "webhook_type", type=EVENT_TYPE, help="The event type.")
@method_option
@click.option("--active/--inactive", default=None, help="Resume or pause deliveries.")
@with_access
@show_urls_option
@json_option
def update(webhook_id: int, access: Access, *, as_json: bool, **changes: Any) -> int:
    """Update a webhook; fields you leave out are unchanged."""
    changes = {name: value for name, value in changes.items() if value is not None}
    if not changes:
        raise click.UsageError("nothing to update: pass --url, --event, --method, --active or --inactive")
    return run(handle_errors(_show_one(webhook_id, access, changes, as_json=as_json)))


async def _show_one(webhook_id: int, access: Access, changes: dict[str, Any], *, as_json: bool) -> Exit:
    async with access.client() as gwms:
        webhook = await gwms.webhooks.get(webhook_id)
        if changes:
            webhook = await gwms.webhooks.update(webhook_id, evolve(webhook.spec, **changes))
        if as_json:
            print_json(webhook_json(webhook))
        else:
            print_webhook(webhook)
    return Exit.DONE


def _bulk_command(name: str, text: str) -> None:
    @webhooks.command(name, help=text)
    @_ids
    @with_access
    @json_option
    def command(ids: tuple[int, ...], access: Access, *, as_json: bool) -> int:
        return _run_bulk(name, ids, access, as_json=as_json)


_bulk_command("activate", "Resume deliveries.")
_bulk_command("deactivate", "Pause deliveries.")


@webhooks.command()
@_ids
@click.option("--yes", is_flag=True, help="Delete without asking.")
@with_access
@json_option
def delete(ids: tuple[int, ...], access: Access, *, yes: bool, as_json: bool) -> int:
    """Delete webhooks."""
    refusal = None if yes else confirm_delete(len(set(ids)))
    return refusal or _run_bulk("delete", ids, access, as_json=as_json)


def _run_bulk(operation: str, ids: Iterable[int], access: Access, *, as_json: bool) -> int:
    """Run activate, deactivate or delete; an id that is repeated counts once."""
    results = list[BulkResult]()
    work = _change_each(operation, dict.fromkeys(ids), access, results, as_json=as_json)
    return run(handle_errors(work, partial(_interrupted, results)))


async def _change_each(
    operation: str, ids: Iterable[int], access: Access, results: list[BulkResult], *, as_json: bool
) -> Exit:
    success = OutcomeStatus.DELETED if operation == "delete" else OutcomeStatus.UPDATED
    async with access.client() as gwms:
        for webhook_id in ids:
            try:
                webhook: Webhook | None = await getattr(gwms.webhooks, operation)(webhook_id)
                if operation == "deactivate" and webhook and redacted(webhook.url) != webhook.url:
                    again = f"will activate webhook {webhook_id} again"
                    print_message(f"Warning: a running `watch` of its receiver {again}")
                results.append(BulkResult(success))
            except GwmsError as error:
                results.append(BulkResult(OutcomeStatus.FAILED, error))
            result = results[-1]
            text = describe(result.error) if result.error else None
            line = f"{result.status}: {webhook_id}" + (f": {text}" if text else "")
            print_result({"status": result.status, "id": webhook_id, "error": text}, line, as_json=as_json)
    return exit_code_for_all(results)


@webhooks.command()
@json_option
def types(*, as_json: bool) -> None:
    """List the event types."""
    print_result({"types": [*WebhookType]}, "\n".join(WebhookType), as_json=as_json)


def _interrupted(results: Iterable[Outcome | BulkResult]) -> str:
    return f"interrupted: {summary(results)}; run the command again for the rest"
