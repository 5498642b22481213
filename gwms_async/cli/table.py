"""Tables of webhooks."""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from .. import Webhook, WebhookType
from .output import printable

_MARKS = {"active": Text("●", "green"), "inactive": Text("○", "yellow"), "missing": Text("·", "dim")}
_TYPE_WIDTH, _COLUMN_WIDTH, _WIDEST = 44, 6, 10_000

States = dict[str, dict[str, str]]
"""By event type, then by URL: active, inactive or missing."""


def print_table(webhooks: Iterable[Webhook]) -> None:
    """Print webhooks, one per line."""
    table = Table("id", "event type", "method", "url", "active", "registered")
    table.columns[0].justify = "right"
    table.columns[3].overflow = "fold"
    for one in webhooks:
        registered = f"{one.registered_at:%Y-%m-%d %H:%M}" if one.registered_at else ""
        texts = str(one.id), one.webhook_type, one.method, one.url, "yes" if one.active else "no", registered
        table.add_row(*(Text(printable(text)) for text in texts))
    _console().print(table)


def states(webhooks: Iterable[Webhook]) -> States:
    """Return for each event type and URL whether a webhook is active, inactive or missing."""
    found: defaultdict[tuple[str, str], bool] = defaultdict(bool)
    for one in webhooks:
        found[one.webhook_type, one.url] |= one.active
    urls = sorted({url for _, url in found})
    types = [*WebhookType, *sorted({event_type for event_type, _ in found} - set(WebhookType))]
    return {
        str(event_type): {
            url: ("active" if found[event_type, url] else "inactive") if (event_type, url) in found else "missing"
            for url in urls
        }
        for event_type in types
    }


def print_matrix(webhooks: Iterable[Webhook]) -> None:
    """Print event types by URL, in as many tables as the width of the terminal requires."""
    found, console = states(webhooks), _console()
    urls = list(next(iter(found.values())))
    per_table = max(1, (console.width - _TYPE_WIDTH) // _COLUMN_WIDTH)
    numbers = {url: str(number) for number, url in enumerate(urls, 1)}
    for chunk in _chunks(urls, per_table):
        table = Table("event type", *(numbers[url] for url in chunk))
        for event_type, by_url in found.items():
            table.add_row(Text(printable(event_type)), *(_MARKS[by_url[url]] for url in chunk))
        console.print(table)
    for url, number in numbers.items():
        console.print(Text(f"{number:>3}  {printable(url)}"), soft_wrap=True)
    console.print(Text("● active  ○ inactive  · missing"))


def _chunks(urls: Sequence[str], size: int) -> list[Sequence[str]]:
    return [urls[start : start + size] for start in range(0, len(urls), size)] or [urls]


def _console() -> Console:
    # Output to a file or a pipe is not cut to the width of a terminal.
    return Console(width=None if sys.stdout.isatty() else _WIDEST)
