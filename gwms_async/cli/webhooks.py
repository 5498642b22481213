"""``gwms webhooks``: list, create, update and delete webhooks."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import click
from attrs import evolve

from .. import GwmsClient, GwmsError, Outcome, OutcomeStatus, Webhook, WebhookSpec, WebhookType
from ..redaction import redacted
from .access import Access, with_access
from .confirm import confirm_delete
from .loop import Work
from .options import concurrency_option, json_option, method_option, show_urls_option
from .output import BulkResult, Exit, exit_code_for_all, is_json, print_json, print_message, print_result, resumable
from .problems import RefusedError, describe
from .receiver import EVENT_TYPE
from .table import print_matrix, print_table, print_webhook, states

_ids = click.argument("ids", metavar="ID...", type=int, nargs=-1, required=True)
_id = click.argument("webhook_id", metavar="ID", type=int)
_AGAIN = "run the command again for the rest"


@click.group()
def webhooks() -> None:
    """List, create, update and delete webhooks."""


@webhooks.command("list")
@click.option("--matrix", is_flag=True, help="Show event types by URL: active, inactive or missing.")
@with_access
@show_urls_option
@json_option
async def list_webhooks(access: Access, *, matrix: bool) -> None:
    """List all webhooks of the e-shop."""
    async with access.client() as gwms:
        found = await gwms.webhooks.list()
    if is_json():
        for one in [states(found)] if matrix else found:
            print_json(one)
    elif not found:
        print_message("no webhooks yet")
    else:
        (print_matrix if matrix else print_table)(found)


@webhooks.command()
@_id
@with_access
@show_urls_option
@json_option
async def get(webhook_id: int, access: Access) -> None:
    """Show one webhook."""
    async with access.client() as gwms:
        print_webhook(await gwms.webhooks.get(webhook_id))


@webhooks.command()
@click.argument("url")
@click.argument("events", metavar="EVENT...", type=EVENT_TYPE, nargs=-1, required=True)
@method_option
@click.option("--inactive", is_flag=True, help="Create webhooks that get no deliveries yet.")
@concurrency_option
@with_access
@show_urls_option
@json_option
async def create(
    access: Access, url: str, events: tuple[WebhookType, ...], method: str | None, concurrency: int, *, inactive: bool
) -> Exit:
    """Create webhooks for a URL, one per event type.

    Webhooks that already exist are only activated, or with --inactive deactivated. Without --method, deliveries are
    POSTs.
    """
    specs = [WebhookSpec(url, event, not inactive, method or "POST") for event in dict.fromkeys(events)]
    done = dict[object, Outcome]()

    def record(outcome: Outcome) -> None:
        done[outcome.spec.identity] = outcome
        copies = f", copies {', '.join(map(str, outcome.copies))}" if outcome.copies else ""
        print_result(outcome, f"{outcome} (id {outcome.webhook.id}{copies})" if outcome.webhook else outcome)

    with resumable(done.values(), _AGAIN):
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
async def update(webhook_id: int, access: Access, **changes: Any) -> None:
    """Update a webhook; fields you leave out are unchanged."""
    changes = {name: value for name, value in changes.items() if value is not None}
    if not changes:
        raise RefusedError("nothing to update: pass --url, --event, --method, --active or --inactive")
    async with access.client() as gwms:
        webhook = await gwms.webhooks.get(webhook_id)
        print_webhook(await gwms.webhooks.update(webhook_id, evolve(webhook.spec, **changes)))


def _bulk_command(name: str, text: str) -> None:
    @webhooks.command(name, help=text)
    @_ids
    @with_access
    @json_option
    def command(ids: tuple[int, ...], access: Access) -> Work:
        return _change_each(name, ids, access)


_bulk_command("activate", "Resume deliveries.")
_bulk_command("deactivate", "Pause deliveries.")


@webhooks.command()
@_ids
@click.option("--yes", is_flag=True, help="Delete without asking.")
@with_access
@json_option
def delete(ids: tuple[int, ...], access: Access, *, yes: bool) -> Work:
    """Delete webhooks."""
    if not yes:
        confirm_delete(len(set(ids)))
    return _change_each("delete", ids, access)


async def _change_each(operation: str, ids: Iterable[int], access: Access) -> Exit:
    """Activate, deactivate or delete webhooks; an id that is repeated counts once."""
    results = list[BulkResult]()
    with resumable(results, _AGAIN):
        async with access.client() as gwms:
            for webhook_id in dict.fromkeys(ids):
                result = await _change(gwms, operation, webhook_id)
                results.append(result)
                text = describe(result.error) if result.error else None
                line = f"{result.status}: {webhook_id}" + (f": {text}" if text else "")
                print_result({"status": result.status, "id": webhook_id, "error": text}, line)
    return exit_code_for_all(results)


async def _change(gwms: GwmsClient, operation: str, webhook_id: int) -> BulkResult:
    try:
        webhook: Webhook | None = await getattr(gwms.webhooks, operation)(webhook_id)
    except GwmsError as error:
        return BulkResult(OutcomeStatus.FAILED, error)
    if operation == "deactivate" and webhook and redacted(webhook.url) != webhook.url:
        print_message(f"Warning: a running `watch` of its receiver will activate webhook {webhook_id} again")
    return BulkResult(OutcomeStatus.DELETED if operation == "delete" else OutcomeStatus.UPDATED)


@webhooks.command()
@json_option
def types() -> None:
    """List the event types."""
    print_result({"types": [*WebhookType]}, "\n".join(WebhookType))
