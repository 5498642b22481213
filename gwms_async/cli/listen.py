"""``gwms listen``: show what the gateway delivers."""

from __future__ import annotations

import asyncio
import os
import re
from contextlib import suppress
from typing import Any

import click

from .. import GwmsClient, GwmsError, NotFoundError, Outcome, OutcomeStatus, WebhookSpec, WebhookType
from ..models import Identity
from ..receiving import Receiver
from ..receiving.receiver import SECRET_VARIABLE
from .access import Access, find_settings, make_access
from .hosts import url_warning
from .lines import Lines
from .loop import Work
from .options import common_options, json_option
from .output import Exit, is_json, print_message
from .problems import RefusedError, describe
from .receiver import BASE_URL, EVENT_TYPE, Checked, receiver_of
from .serving import Respond, answering, forwarding, keep, serving

_CHECK = 60.0  # seconds between two checks of the webhooks
_CREATED = {OutcomeStatus.CREATED, OutcomeStatus.RECOVERED, OutcomeStatus.FAILED}  # a FAILED one could not be activated
_OTHERS = "others that may have been created"


def _answer(text: str) -> Respond:
    found = re.fullmatch(r"([2-5][0-9][0-9])|slow:([0-9]{1,4}(?:\.[0-9]+)?)", text)
    if found is None:
        raise ValueError(f"must be a status, e.g. 500, or slow:SECONDS, e.g. slow:20; got {text!r}")
    return answering(int(found[1] or 200), float(found[2] or 0))


@click.command()
@click.option("--port", type=click.IntRange(0, 65_535), default=8022, show_default=True, help="0 takes a free one.")
@click.option("--public-url", type=BASE_URL, help="The base URL that leads here; this machine's by default.")
@click.option("--event", "events", type=EVENT_TYPE, multiple=True, help="Only this event type; all by default.")
@click.option("--register", is_flag=True, help="Register webhooks; at the end, delete the ones it created.")
@click.option("--forward-to", type=BASE_URL, help="Pass deliveries on to this base URL, and its answers back.")
@click.option("--answer", type=Checked("answer", _answer), help="A status, or slow:SECONDS; 200 by default.")
@click.option("--headers", is_flag=True, help="Show the headers of deliveries.")
@common_options
@json_option
def listen(
    events: tuple[WebhookType, ...],
    forward_to: str | None,
    answer: Respond | None,
    *,
    register: bool,
    headers: bool,
    **options: Any,
) -> Work:
    """Show deliveries as they come, one line each, until Ctrl-C.

    The URLs are derived from GWMS_WEBHOOK_SECRET, or with --register from a random secret if that is not set. Only
    this machine can connect: --public-url names a tunnel or proxy of yours that leads here.
    """
    if forward_to and answer:
        raise click.UsageError("--forward-to and --answer cannot be combined")
    if not register and not os.environ.get(SECRET_VARIABLE):
        raise RefusedError(f"no deliveries can arrive: set {SECRET_VARIABLE}, or pass --register")
    access = make_access(find_settings()) if register else None
    receiver = receiver_of(*events or WebhookType, handler=keep, or_random=True)
    respond = forwarding(forward_to) if forward_to else answer or answering(200, 0)
    lines = Lines(headers=headers, as_json=is_json())
    return _listen(receiver, respond, lines, access=access, **options)


async def _listen(
    receiver: Receiver, respond: Respond, lines: Lines, *, access: Access | None, port: int, public_url: str | None
) -> Exit:
    try:
        async with serving(receiver, port, respond, lines.show) as bound:
            print_message(f"Listening on 127.0.0.1:{bound}. Press Ctrl-C to stop.")
            with lines.status():
                if access:
                    await _register(receiver.specs(public_url or f"http://127.0.0.1:{bound}"), access, lines)
                await asyncio.Event().wait()
    except asyncio.CancelledError:
        print_message("stopped")
    return Exit.DONE


async def _register(specs: list[WebhookSpec], access: Access, lines: Lines) -> None:
    """Register webhooks and look after them until cancelled; then delete those that were created."""
    if text := url_warning((spec.url for spec in specs), access.base_url):
        print_message(text)
    done = dict[Identity, Outcome]()

    def record(outcome: Outcome) -> None:
        done[outcome.spec.identity] = outcome
        if outcome.is_failure:
            print_message(f"Warning: {outcome}")

    async with access.client() as gwms:
        before = {webhook.id for webhook in await gwms.webhooks.list()}
        try:
            await gwms.webhooks.register_many(specs, on_outcome=record)
            while True:
                lines.update(active=await _count_active(gwms, specs))
                await asyncio.sleep(_CHECK)
        finally:
            # In a task of its own, because this one is cancelled.
            if left := await asyncio.create_task(_tidy_up(gwms, specs, done, before)):
                texts = (f"{one} ({why})" for one, why in left.items())
                raise OSError(f"these webhooks could not be deleted: {', '.join(texts)}")


async def _count_active(gwms: GwmsClient, specs: list[WebhookSpec]) -> str:
    try:
        active = {webhook.identity for webhook in await gwms.webhooks.list() if webhook.active}
    except GwmsError as error:
        print_message(f"Warning: {describe(error)}")
        return f"?/{len(specs)}"
    return f"{len(active & {spec.identity for spec in specs})}/{len(specs)}"


async def _tidy_up(
    gwms: GwmsClient, specs: list[WebhookSpec], done: dict[Identity, Outcome], before: set[int]
) -> dict[int | str, str]:
    """Delete what was created, also where the answer was lost or has not come yet, until cancelled.

    Returns:
        What is left, and why.
    """
    created = {one.webhook.id for one in done.values() if one.webhook and one.status in _CREATED} - before
    unsure = {spec.identity for spec in specs} - {identity for identity, one in done.items() if one.webhook}
    left: dict[int | str, str] = {_OTHERS: "interrupted"} if unsure else {}
    left |= dict.fromkeys(created, "interrupted")
    with suppress(asyncio.CancelledError):
        if unsure:
            try:
                created |= {one.id for one in await gwms.webhooks.list() if one.identity in unsure} - before
                left = dict.fromkeys(created, "interrupted")
            except GwmsError as error:
                left[_OTHERS] = describe(error)
        for webhook_id in sorted(created):
            try:
                with suppress(NotFoundError):
                    await gwms.webhooks.delete(webhook_id)
                del left[webhook_id]
            except GwmsError as error:
                left[webhook_id] = describe(error)
    if created and not left:
        print_message(f"deleted: {', '.join(map(str, sorted(created)))}")
    return left
