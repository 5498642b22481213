"""``gwms export``: the file of webhooks that describes what exists."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import click
import tomli_w

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

_Place = tuple[str, str, HttpMethod]
_NOT_DERIVED = "a receiver's: paused, or not derived from the current GWMS_WEBHOOK_SECRET"
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
    copies: defaultdict[Identity, list[Webhook]] = defaultdict(list)
    for webhook in webhooks:
        copies[webhook.identity].append(webhook)
    groups: defaultdict[tuple[str, HttpMethod, bool], list[WebhookType]] = defaultdict(list)
    derived: defaultdict[_Place, list[Webhook]] = defaultdict(list)
    left_out: dict[int, str] = {}
    for first, *others in (preferred_first(ones, active=True) for ones in copies.values()):
        if reason := _reason(first):
            left_out[first.id] = _comment(first, reason)
        elif place := _place(first, receiver):
            derived[place].append(first)
        elif redacted(first.url) != first.url:
            left_out[first.id] = _comment(first, _NOT_DERIVED)
        else:
            groups[first.url, first.method, first.active].append(first.webhook_type)
        for one in others:
            left_out[one.id] = _comment(one, _reason(one) or f"a copy of {first.id}")
    tables: dict[str, Any] = {}
    if derived:
        base, eshop, method = largest = max(derived, key=lambda place: len(derived[place]))
        types = [one.webhook_type for one in derived.pop(largest)]
        label = {"eshop": eshop} if eshop else {}
        tables["receiver"] = {"base_url": base, **label, **_how(types, method)}
    left_out |= {one.id: _comment(one, "a file has only one [receiver]") for ones in derived.values() for one in ones}
    for (url, method, active), types in sorted(groups.items()):
        tables.setdefault("webhooks", []).append({"url": url, **_how(types, method, active=active)})
    text = "\n".join(map(_ascii, tomli_w.dumps(tables).split("\n"))) or _TEMPLATE
    if left_out:
        text += "\n# Left out:\n" + "".join(left_out[number] for number in sorted(left_out))
    return text


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


def _place(webhook: Webhook, receiver: Receiver | None) -> _Place | None:
    """Return the base URL, the e-shop's label and the method with which a receiver registers a webhook, if it does."""
    if receiver is None or not webhook.active or redacted(webhook.url) == webhook.url:
        return None
    base, _, name = webhook.identity.url.removesuffix("/").rpartition("/")[0].rpartition("/")
    eshop = name.rpartition(".")[0]
    try:
        specs = receiver.specs(base, eshop=eshop, method=webhook.method)
    except ConfigurationError:
        return None
    return (base, eshop, webhook.method) if webhook.identity in {spec.identity for spec in specs} else None


def _how(types: Iterable[WebhookType], method: HttpMethod, *, active: bool = True) -> dict[str, Any]:
    """Return the keys of a table other than its URL, without those that have their default value."""
    table: dict[str, Any] = {"events": [one.value for one in WebhookType if one in types]}
    table |= {} if method is HttpMethod.POST else {"method": method.value}
    return table | ({} if active else {"active": False})


def _comment(webhook: Webhook, reason: str) -> str:
    line = f"# {webhook.webhook_type}  {webhook.method} {webhook.url}  (id {webhook.id}: {reason})"
    return _ascii(redacted(line)) + "\n"


def _ascii(line: str) -> str:
    """Escape what is not printable ASCII, as TOML does: no code page alters it, and a comment stays one line."""
    return _NOT_SHOWN.sub(lambda found: f"\\U{ord(found[0]):08x}", line)
