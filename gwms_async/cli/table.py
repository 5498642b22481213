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
"""By event type, then by url: active, inactive or missing."""


def print_table(webhooks: Iterable[Webhook]) -> None:
    """Print webhooks, one a line.

    Args:
        webhooks: The webhooks.
    """
    table = Table("id", "event", "method", "url", "active", "registered")
    table.columns[0].justify = "right"
    table.columns[3].overflow = "fold"
    for one in webhooks:
        registered = f"{one.registered_at:%Y-%m-%d %H:%M}" if one.registered_at else ""
        texts = str(one.id), one.webhook_type, one.method, one.url, "yes" if one.active else "no", registered
        table.add_row(*(Text(printable(text)) for text in texts))
    _console().print(table)


def states(webhooks: Iterable[Webhook]) -> States:
    """Tell for each event type and url whether a webhook is active, inactive or missing.

    Args:
        webhooks: The webhooks.
    """
    found: defaultdict[tuple[str, str], bool] = defaultdict(bool)
    for one in webhooks:
        found[one.webhook_type, one.url] |= one.active
    urls = sorted({url for _, url in found})
    types = [*WebhookType, *sorted({kind for kind, _ in found} - set(WebhookType))]
    return {
        str(kind): {
            url: ("active" if found[kind, url] else "inactive") if (kind, url) in found else "missing" for url in urls
        }
        for kind in types
    }


def print_matrix(webhooks: Iterable[Webhook]) -> None:
    """Print event types against urls, in as many tables as the terminal's width makes necessary.

    Args:
        webhooks: The webhooks.
    """
    found, console = states(webhooks), _console()
    urls = list(next(iter(found.values())))
    at_once = max(1, (console.width - _TYPE_WIDTH) // _COLUMN_WIDTH)
    numbers = {url: str(number) for number, url in enumerate(urls, 1)}
    for some in _parts(urls, at_once):
        table = Table("event", *(numbers[url] for url in some))
        for kind, by_url in found.items():
            table.add_row(Text(printable(kind)), *(_MARKS[by_url[url]] for url in some))
        console.print(table)
    for url, number in numbers.items():
        console.print(Text(f"{number:>3}  {printable(url)}"), soft_wrap=True)
    console.print(Text("● active  ○ inactive  · missing"))


def _parts(urls: Sequence[str], size: int) -> list[Sequence[str]]:
    return [urls[start : start + size] for start in range(0, len(urls), size)] or [urls]


def _console() -> Console:
    # What goes into a file or another program is not cut to the width of a terminal that is not there.
    return Console(width=None if sys.stdout.isatty() else _WIDEST)
