"""``gwms export``: the file of webhooks that describes what exists."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable

import click
import tomli_w

from .. import HttpMethod, Webhook, WebhookType
from ..models import Identity, check_url
from ..registration.plan import claimed_by
from ..registration.snapshot import is_tombstone, preferred_first
from .access import Access, with_access
from .file import LIMIT, is_prefix
from .loop import run
from .output import Exit, handle_errors, print_message

_NOT_SHOWN = re.compile(r"[^ -~]")
_TEMPLATE = """\
# No webhooks yet. Edit these lines and remove the leading "# ":
# [[webhooks]]
# url = "https://shop.example/gwms/orders"
# events = ["CREATE_ORDER", "UPDATE_ORDER"]  # `gwms webhooks types` lists all
# method = "POST"  # or "GET"
# active = true    # false pauses deliveries
"""


@click.command()
@click.option("--prefix", metavar="URL", help="Only webhooks whose URL begins with this; it must end with a slash.")
@with_access
@click.pass_context
def export(context: click.Context, prefix: str | None, access: Access) -> None:
    """Print existing webhooks as a file for `plan` and `apply`.

    Webhooks that a file cannot express are comments, with the reason.
    """
    if prefix is not None and not is_prefix(prefix):
        raise click.UsageError(f"--prefix must be a URL that ends with a slash; got {prefix!r}")
    context.exit(run(handle_errors(_export(access, prefix))))


async def _export(access: Access, prefix: str | None) -> Exit:
    async with access.client() as gwms:
        found = await gwms.webhooks.list()
    text = as_file(filter(claimed_by(prefix), found) if prefix else found)
    click.echo(text, nl=False)
    if len(text) > LIMIT:
        print_message(f"Warning: `plan` and `apply` read files of at most {LIMIT:,} bytes; use --prefix to split it")
    return Exit.DONE


def as_file(webhooks: Iterable[Webhook]) -> str:
    """Return the file of the webhooks that a gateway lists, in ASCII: a plan of it changes nothing."""
    copies: defaultdict[Identity, list[Webhook]] = defaultdict(list)
    for webhook in webhooks:
        copies[webhook.identity].append(webhook)
    groups: defaultdict[tuple[str, HttpMethod, bool], list[WebhookType]] = defaultdict(list)
    left_out: dict[int, str] = {}
    for first, *others in (preferred_first(ones, active=True) for ones in copies.values()):
        if reason := _reason(first):
            left_out[first.id] = _comment(first, reason)
        else:
            groups[first.url, first.method, first.active].append(first.webhook_type)
        for one in others:
            left_out[one.id] = _comment(one, _reason(one) or f"a copy of {first.id}")
    tables = [_table(*group, events) for group, events in sorted(groups.items())] or [_TEMPLATE]
    if left_out:
        comments = (comment for _, comment in sorted(left_out.items()))
        tables.append("".join(["# Left out:\n", *comments]))
    return "\n".join(tables)


def _reason(webhook: Webhook) -> str | None:
    """Return why a file cannot ask for a webhook; None if it can."""
    if is_tombstone(webhook):
        return "paused or deleted; a list does not say which"
    if not webhook.webhook_type.is_listed:
        return "event type unknown to this version"
    if not webhook.method.is_listed:
        return "method unknown to this version"
    try:
        check_url(webhook.url)
        webhook.url.encode()
    except ValueError:
        return "not a valid URL"
    return None


def _table(url: str, method: HttpMethod, active: bool, events: Iterable[WebhookType]) -> str:
    table: dict[str, object] = {"url": url, "events": [event.value for event in WebhookType if event in events]}
    table |= {} if method is HttpMethod.POST else {"method": method.value}
    table |= {} if active else {"active": False}
    return "\n".join(["[[webhooks]]", *map(_ascii, tomli_w.dumps(table).split("\n"))])


def _comment(webhook: Webhook, reason: str) -> str:
    return _ascii(f"# {webhook.webhook_type}  {webhook.method} {webhook.url}  (id {webhook.id}: {reason})") + "\n"


def _ascii(line: str) -> str:
    """Escape what is not printable ASCII, as TOML does: no code page alters it, and a comment stays one line."""
    return _NOT_SHOWN.sub(lambda found: f"\\U{ord(found[0]):08x}", line)
