"""``gwms webhooks``: look at webhooks and change them one by one."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any

import click
from attrs import evolve

from .. import HttpMethod, Outcome, Webhook, WebhookSpec, WebhookType
from .access import Access, with_access
from .bulk import Change, change_all
from .confirm import refused_to_delete
from .loop import run
from .output import (
    Ended,
    Exit,
    as_json,
    code_of_all,
    counted,
    guarded,
    outcome_json,
    say,
    show,
    show_json,
    webhook_json,
)
from .table import print_matrix, print_table, states

_ids = click.argument("ids", metavar="ID...", type=int, nargs=-1, required=True)
_id = click.argument("webhook_id", metavar="ID", type=int)
_method = click.option("--method", type=click.Choice([*HttpMethod], case_sensitive=False), help="How it is delivered.")


@click.group()
def webhooks() -> None:
    """Look at webhooks and change them one by one."""


@webhooks.command("list")
@click.option("--matrix", is_flag=True, help="Event types against urls: active, inactive, missing.")
@with_access
@as_json
@click.pass_context
def list_webhooks(context: click.Context, access: Access, *, matrix: bool, as_json: bool) -> None:
    """List all webhooks of the e-shop."""
    context.exit(run(guarded(_list(access, matrix=matrix, as_json=as_json))))


async def _list(access: Access, *, matrix: bool, as_json: bool) -> Exit:
    async with access.client() as gwms:
        found = await gwms.webhooks.list()
    if as_json and matrix:
        show_json(states(found))
    elif as_json:
        for webhook in found:
            show_json(webhook_json(webhook))
    else:
        (print_matrix if matrix else print_table)(found)
    return Exit.DONE


@webhooks.command()
@_id
@with_access
@as_json
@click.pass_context
def get(context: click.Context, webhook_id: int, access: Access, *, as_json: bool) -> None:
    """Show one webhook."""
    context.exit(run(guarded(_get(webhook_id, access, as_json=as_json))))


async def _get(webhook_id: int, access: Access, *, as_json: bool) -> Exit:
    async with access.client() as gwms:
        _show_one(await gwms.webhooks.get(webhook_id), as_json=as_json)
    return Exit.DONE


@webhooks.command()
@click.argument("url")
@click.argument("events", metavar="EVENT...", nargs=-1, required=True)
@_method
@click.option("--inactive", is_flag=True, help="Do not deliver yet.")
@with_access
@as_json
@click.pass_context
def create(
    context: click.Context,
    url: str,
    events: tuple[str, ...],
    method: str | None,
    access: Access,
    *,
    inactive: bool,
    as_json: bool,
) -> None:
    """Create webhooks for a url, one for each event; one that is there already is kept, not doubled."""
    try:
        specs = [WebhookSpec(url, WebhookType(event), not inactive, HttpMethod(method or "POST")) for event in events]
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    done = list[Outcome]()
    work = _create(specs, access, done, as_json=as_json)
    context.exit(run(guarded(work, partial(_interrupted, done))))


async def _create(specs: list[WebhookSpec], access: Access, done: list[Outcome], *, as_json: bool) -> Exit:
    async with access.client() as gwms:
        await gwms.webhooks.register_many(specs, on_outcome=partial(_note, done, as_json=as_json))
    return code_of_all(done)


@webhooks.command()
@_id
@click.option("--url", help="Where events are delivered to.")
@click.option("--event", help="The event.")
@_method
@click.option("--active/--inactive", default=None, help="Whether events are delivered.")
@with_access
@as_json
@click.pass_context
def update(context: click.Context, /, webhook_id: int, access: Access, *, as_json: bool, **changes: Any) -> None:
    """Change what a webhook says; what no option names stays as it is."""
    changes = {name: value for name, value in changes.items() if value is not None}
    if not changes:
        raise click.UsageError("say what to change: --url, --event, --method, --active or --inactive")
    context.exit(run(guarded(_update(webhook_id, access, changes, as_json=as_json))))


async def _update(webhook_id: int, access: Access, changes: dict[str, Any], *, as_json: bool) -> Exit:
    try:
        if "event" in changes:
            changes["webhook_type"] = WebhookType(changes.pop("event"))
        async with access.client() as gwms:
            found = await gwms.webhooks.get(webhook_id)
            spec = evolve(found.spec, **changes)
            _show_one(await gwms.webhooks.update(webhook_id, spec), as_json=as_json)
    except ValueError as error:
        say(f"Error: {error}")
        return Exit.USAGE
    return Exit.DONE


def _one_by_one(name: str, text: str) -> None:
    @webhooks.command(name, help=text)
    @_ids
    @with_access
    @as_json
    @click.pass_context
    def command(context: click.Context, ids: tuple[int, ...], access: Access, *, as_json: bool) -> None:
        """Do it."""
        done = list[Change]()
        work = change_all(name, ids, access, done, as_json=as_json)
        context.exit(run(guarded(work, partial(_interrupted, done))))


_one_by_one("activate", "Let the gateway deliver to webhooks.")
_one_by_one("deactivate", "Keep the gateway from delivering to webhooks.")


@webhooks.command()
@_ids
@click.option("--yes", is_flag=True, help="Delete without asking.")
@with_access
@as_json
@click.pass_context
def delete(context: click.Context, ids: tuple[int, ...], access: Access, *, yes: bool, as_json: bool) -> None:
    """Delete webhooks."""
    refusal = None if yes else refused_to_delete(len(set(ids)))
    if refusal:
        context.exit(refusal)
    done = list[Change]()
    work = change_all("delete", ids, access, done, as_json=as_json)
    context.exit(run(guarded(work, partial(_interrupted, done))))


@webhooks.command()
@as_json
def types(*, as_json: bool) -> None:
    """Name the events that there are."""
    if as_json:
        show_json({"types": [*WebhookType]})
    else:
        show("\n".join(WebhookType))


def _show_one(webhook: Webhook, *, as_json: bool) -> None:
    if as_json:
        show_json(webhook_json(webhook))
    else:
        print_table([webhook])


def _note(done: list[Outcome], outcome: Outcome, *, as_json: bool) -> None:
    done.append(outcome)
    if as_json:
        show_json(outcome_json(outcome))
    else:
        number = f" (id {outcome.webhook.id})" if outcome.webhook else ""
        show(f"{outcome}{number}")


def _interrupted(done: Iterable[Ended]) -> str:
    return f"interrupted: {counted(done)}; run it again for the rest"
