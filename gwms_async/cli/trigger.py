"""``gwms trigger``: one delivery, as the gateway would send it."""

from __future__ import annotations

import json
import time
from typing import BinaryIO
from urllib.parse import quote

import click

from .. import HttpMethod, WebhookType
from ..receiving.delivery import entity_with, parsed
from .loop import Work
from .options import json_option, method_option, show_urls_option
from .output import Exit, print_result
from .receiver import BASE_URL, EVENT_TYPE, LABEL, receiver_of
from .sending import send


@click.command()
@click.argument("event", type=EVENT_TYPE)
@click.option("--id", "entity_id", help="The id of the entity; needed unless --data is given.")
@click.option("--data", type=click.File("rb"), help="A file with the entity as JSON; - is standard input.")
@click.option("--to", type=BASE_URL, required=True, help="The receiver's base URL, e.g. https://shop.example/gwms")
@click.option("--eshop", type=LABEL, default="", help="The e-shop's label in the URL, if it has one.")
@method_option
@show_urls_option
@json_option
def trigger(
    event: WebhookType, *, entity_id: str | None, data: BinaryIO | None, to: str, eshop: str, method: str | None
) -> Work:
    """Deliver an event to a receiver, as the gateway would.

    The URL is derived from GWMS_WEBHOOK_SECRET. Without --method, it is a POST. Exits with 0 if the answer is 2xx, else
    with 1.
    """
    if (entity_id is None) == (data is None):
        raise click.UsageError("pass either --id or --data")
    how = HttpMethod(method or "POST")
    if how is HttpMethod.GET and entity_id is None:
        raise click.UsageError("a GET delivery carries only an id: pass --id, not --data")
    (spec,) = receiver_of(event).specs(to, eshop=eshop, method=how)
    url, body = spec.url, None
    if how is HttpMethod.GET:
        url += quote(entity_id or "", safe="", errors="surrogateescape")  # as it was typed
    else:
        body = data.read() if data else json.dumps(entity_with(entity_id or "", event)).encode()
        try:
            parsed(body)
        except (ValueError, RecursionError):
            raise click.UsageError("--data must be JSON") from None
    return _deliver(how, url, body)


async def _deliver(method: HttpMethod, url: str, body: bytes | None) -> Exit:
    started = time.monotonic()
    reply, _ = await send(method, url, body, [("Content-Type", "application/json")] if body else [])
    ms = round((time.monotonic() - started) * 1000, 1)
    result = {"answer": reply.status, "method": method, "url": url, "ms": ms}
    print_result(result, f"{reply.status}: {method} {url}  {ms:g} ms")
    return Exit.DONE if 200 <= reply.status < 300 else Exit.FAILED
