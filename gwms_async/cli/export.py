"""``gwms export``: the file of webhooks that describes what exists."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

import click
import tomli_w
from attrs import frozen

from .. import ConfigurationError, HttpMethod, Webhook, WebhookType
from ..models import Identity, check_url
from ..receiving import Receiver
from ..redaction import redacted
from ..registration.plan import claimed_by
from ..registration.snapshot import is_tombstone, preferred_first
from .access import Access, with_access
from .file import LIMIT, is_prefix
from .output import print_message
from .problems import RefusedError
from .receiver import receiver_of

_NOT_DERIVED = "a receiver's: paused, or not derived from the current GWMS_WEBHOOK_SECRET"
_SECOND_RECEIVER = "a file has only one [receiver]"
_NOT_PRINTABLE = re.compile(r"[^ -~]")
_TEMPLATE = """\
# No webhooks yet. Edit these lines and remove the leading "# ":
# [[webhooks]]
# url = "https://shop.example/gwms/orders"
# events = ["CREATE_ORDER", "UPDATE_ORDER"]  # `gwms webhooks types` lists all
# method = "POST"  # or "GET"
# active = true    # false pauses deliveries
"""


@frozen
class _ReceiverTable:
    """A [receiver] table without its events."""

    base_url: str
    eshop: str
    method: HttpMethod

    def table(self, types: Iterable[WebhookType]) -> dict[str, Any]:
        """Return the table with these events."""
        label = {"eshop": self.eshop} if self.eshop else {}
        return {"base_url": self.base_url, **label, **_events_and_method(types, self.method)}


@frozen(order=True)
class _WebhooksTable:
    """A [[webhooks]] table without its events."""

    url: str
    method: HttpMethod
    active: bool

    def table(self, types: Iterable[WebhookType]) -> dict[str, Any]:
        """Return the table with these events."""
        return {"url": self.url, **_events_and_method(types, self.method), **({} if self.active else {"active": False})}


_Place = _ReceiverTable | _WebhooksTable | str
"""Where a webhook goes: into a table, or into a comment with the reason."""


@click.command()
@click.option("--prefix", metavar="URL", help="Only webhooks whose URL begins with this; it must end with a slash.")
@with_access
async def export(prefix: str | None, access: Access) -> None:
    """Print existing webhooks as a file for `plan` and `apply`.

    Webhooks that a file cannot express are comments, with the reason. Secret URLs are never printed: those that
    GWMS_WEBHOOK_SECRET gives become a [receiver] table.
    """
    if prefix is not None and not is_prefix(prefix):
        raise RefusedError(f"--prefix must be a URL that ends with a slash; got {prefix!r}")
    async with access.client() as gwms:
        found = await gwms.webhooks.list()
    try:
        receiver = receiver_of(*WebhookType)
    except RefusedError:
        receiver = None
    text = as_file(filter(claimed_by(prefix), found) if prefix else found, receiver)
    click.echo(text, nl=False)
    if len(text) > LIMIT:
        print_message(f"Warning: `plan` and `apply` read files of at most {LIMIT:,} bytes; use --prefix to split it")


def as_file(webhooks: Iterable[Webhook], receiver: Receiver | None = None) -> str:
    """Return the file of the webhooks that a gateway lists, in ASCII: a plan of it changes nothing."""
    receivers: defaultdict[_ReceiverTable, list[Webhook]] = defaultdict(list)
    groups: defaultdict[_WebhooksTable, list[WebhookType]] = defaultdict(list)
    left_out: dict[int, str] = {}
    for webhook, place in _placed(webhooks, receiver):
        if isinstance(place, _ReceiverTable):
            receivers[place].append(webhook)
        elif isinstance(place, _WebhooksTable):
            groups[place].append(webhook.webhook_type)
        else:
            left_out[webhook.id] = _comment(webhook, place)
    tables: dict[str, Any] = {}
    if receivers:
        largest = max(receivers, key=lambda place: len(receivers[place]))
        tables["receiver"] = largest.table([one.webhook_type for one in receivers.pop(largest)])
    left_out |= {one.id: _comment(one, _SECOND_RECEIVER) for ones in receivers.values() for one in ones}
    if groups:
        tables["webhooks"] = [group.table(types) for group, types in sorted(groups.items())]
    text = "\n".join(map(_ascii, tomli_w.dumps(tables).split("\n"))) or _TEMPLATE
    if left_out:
        text += "\n# Left out:\n" + "".join(left_out[number] for number in sorted(left_out))
    return text


def _placed(webhooks: Iterable[Webhook], receiver: Receiver | None) -> Iterator[tuple[Webhook, _Place]]:
    """Yield each webhook with its place; of several copies, only the preferred one goes into a table."""
    copies: defaultdict[Identity, list[Webhook]] = defaultdict(list)
    for webhook in webhooks:
        copies[webhook.identity].append(webhook)
    for first, *others in (preferred_first(ones, active=True) for ones in copies.values()):
        yield first, _place(first, receiver)
        for one in others:
            yield one, _reason(one) or f"a copy of {first.id}"


def _place(webhook: Webhook, receiver: Receiver | None) -> _Place:
    """Return where a webhook goes that has no better copy; secret URLs only into the table of a receiver."""
    if reason := _reason(webhook):
        return reason
    if redacted(webhook.url) == webhook.url:
        return _WebhooksTable(webhook.url, webhook.method, webhook.active)
    return _derived(webhook, receiver) or _NOT_DERIVED


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


def _derived(webhook: Webhook, receiver: Receiver | None) -> _ReceiverTable | None:
    """Return the table by which a receiver registers a webhook; None if it does not."""
    if receiver is None or not webhook.active:
        return None
    base, _, name = webhook.identity.url.removesuffix("/").rpartition("/")[0].rpartition("/")
    eshop = name.rpartition(".")[0]
    try:
        specs = receiver.specs(base, eshop=eshop, method=webhook.method)
    except ConfigurationError:
        return None
    is_derived = webhook.identity in {spec.identity for spec in specs}
    return _ReceiverTable(base, eshop, webhook.method) if is_derived else None


def _events_and_method(types: Iterable[WebhookType], method: HttpMethod) -> dict[str, Any]:
    """Return these keys of a table; the method only if it is not the default."""
    table: dict[str, Any] = {"events": [one.value for one in WebhookType if one in types]}
    return table if method is HttpMethod.POST else {**table, "method": method.value}


def _comment(webhook: Webhook, reason: str) -> str:
    line = f"# {webhook.webhook_type}  {webhook.method} {webhook.url}  (id {webhook.id}: {reason})"
    return _ascii(redacted(line)) + "\n"


def _ascii(line: str) -> str:
    """Escape what is not printable ASCII, as TOML does: no code page alters it, and a comment stays one line."""
    return _NOT_PRINTABLE.sub(lambda found: f"\\U{ord(found[0]):08x}", line)
