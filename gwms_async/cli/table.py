"""Webhooks as tables: laid out for a terminal, tab-separated elsewhere."""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime

import click
from rich.cells import cell_len
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from .. import Webhook, WebhookType
from ..redaction import displayed
from .output import print_result, printable

_MARKS = {"active": ("●", "*", "green"), "inactive": ("○", "o", "yellow"), "missing": ("·", ".", "dim")}
"""For each state its mark, the mark where the encoding may lack that, and its style."""
_STATES = {True: "active", False: "inactive", None: "missing"}
_DROPPED_FIRST = ("registered (UTC)", "method")
"""The columns to leave out if the table is too wide, in this order."""
_MAX_WIDTH = 40
"""The maximum width of a column: every listed event type fits, longer values are folded."""

States = dict[str, dict[str, str]]
"""By event type, then by URL: active, inactive or missing."""


def print_table(webhooks: Iterable[Webhook]) -> None:
    """Print webhooks, one per row."""
    rows = [_fields(one) for one in webhooks]
    titles = {name: name for name in rows[0]}
    if not sys.stdout.isatty():
        _print_tabbed(row.values() for row in (titles, *rows))
        return
    console = Console()
    widths = {name: min(_MAX_WIDTH, 2 + max(cell_len(row[name]) for row in (titles, *rows))) for name in titles}
    for name in _DROPPED_FIRST:
        if sum(widths.values()) - 2 > console.width:
            del widths[name]
    table = _table(widths)
    table.columns[0].justify = "right"
    for row in rows:
        table.add_row(*(Text(row[name]) for name in widths))
    console.print(table)


def print_webhook(webhook: Webhook) -> None:
    """Print one webhook, as JSON or a field per line; those without a value are left out."""
    fields = {**_fields(webhook), "unregistered (UTC)": _utc(webhook.unregistered_at)}
    text = "\n".join(f"{name}: {text}" for name, text in fields.items() if text)
    print_result(webhook, text)


def states(webhooks: Iterable[Webhook]) -> States:
    """Return for each event type and URL whether a webhook is active, inactive or missing."""
    found: defaultdict[tuple[str, str], bool] = defaultdict(bool)
    for one in webhooks:
        found[one.webhook_type, displayed(one.url)] |= one.active
    urls = sorted({url for _, url in found})
    types = [*WebhookType, *sorted({event_type for event_type, _ in found} - set(WebhookType))]
    return {str(name): {url: _STATES[found.get((name, url))] for url in urls} for name in types}


def print_matrix(webhooks: Iterable[Webhook]) -> None:
    """Print event types by URL; on a terminal, the longer list makes the rows, and the other is numbered."""
    by_type = states(webhooks)
    urls = list(next(iter(by_type.values())))
    if not sys.stdout.isatty():
        _print_tabbed([("event type", *urls), *((name, *by_url.values()) for name, by_url in by_type.items())])
    elif len(urls) > len(by_type):
        _print_matrix("url", {url: {name: by_url[url] for name, by_url in by_type.items()} for url in urls})
    else:
        _print_matrix("event type", by_type)


def _print_matrix(title: str, rows: States) -> None:
    """Print a matrix, in as many tables as the width of the terminal requires."""
    console = Console()
    is_ascii = console.options.ascii_only
    marks = {state: Text(plain if is_ascii else mark, style) for state, (mark, plain, style) in _MARKS.items()}
    names = list(next(iter(rows.values())))
    numbers = {name: str(number) for number, name in enumerate(names, 1)}
    label_width = min(_MAX_WIDTH, max(map(cell_len, rows)), console.width // 2)
    width = len(str(len(names))) + 1
    per_table = max(1, (console.width - label_width) // width)
    for start in range(0, len(names), per_table):
        chunk = names[start : start + per_table]
        table = _table([title, *(numbers[name] for name in chunk)], gap=1)
        for row, cells in rows.items():
            table.add_row(Text(printable(row)), *(marks[cells[name]] for name in chunk))
        console.print(table, "")
    for name, number in numbers.items():
        console.print(Text(f"{number:>3}  {printable(name)}"), soft_wrap=True)
    console.print("", Text("  ").join(Text.assemble(mark, f" {state}") for state, mark in marks.items()), sep="\n")


def _fields(webhook: Webhook) -> dict[str, str]:
    return {
        "id": str(webhook.id),
        "event type": printable(webhook.webhook_type),
        "method": printable(webhook.method),
        "url": printable(webhook.url),
        "active": "yes" if webhook.active else "no",
        "registered (UTC)": _utc(webhook.registered_at),
    }


def _table(names: Iterable[str], *, gap: int = 2) -> Table:
    columns = (Column(name, overflow="fold") for name in names)
    return Table(*columns, box=None, padding=(0, gap, 0, 0), pad_edge=False)


def _print_tabbed(rows: Iterable[Iterable[str]]) -> None:
    click.echo("\n".join("\t".join(map(printable, row)) for row in rows))


def _utc(time: datetime | None) -> str:
    try:
        return f"{time.astimezone(UTC):%Y-%m-%d %H:%M}" if time else ""
    except OverflowError:  # in UTC it is before the year 1, or after 9999
        return str(time)
