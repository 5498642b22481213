"""Webhooks as tables: laid out for a terminal, tab-separated elsewhere."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta, timezone
from itertools import cycle

import pytest
from click import unstyle

from gwms_async import HttpMethod, Webhook, WebhookType
from gwms_async.cli.table import print_matrix, print_table, print_webhook
from gwms_async.testing import GwmsEmulator

from ..helpers.command_line import URL, lines, run

pytestmark = pytest.mark.usefixtures("own_cache")

NOON_IN_PRAGUE = datetime(2026, 7, 1, 12, 0, tzinfo=timezone(timedelta(hours=2)))
NASTY = "https://[red]\x1b[2J\t"


class Terminal(io.TextIOWrapper):
    """Output that says it is a terminal."""

    def isatty(self) -> bool:
        """Return True."""
        return True


def webhook(number: int, url: str = URL, webhook_type: WebhookType = WebhookType.CREATE_ORDER) -> Webhook:
    """Make a webhook."""
    return Webhook(number, url, webhook_type, active=True, method=HttpMethod.POST, registered_at=NOON_IN_PRAGUE)


def all_types() -> list[Webhook]:
    """Make a webhook of each event type."""
    return [webhook(number, webhook_type=one) for number, one in enumerate(WebhookType, 1)]


def one_each(count: int) -> list[Webhook]:
    """Make webhooks with a url of their own, of all event types in turn."""
    types = cycle(WebhookType)
    return [webhook(number, f"https://shop.example/{number:03}", next(types)) for number in range(1, count + 1)]


@pytest.fixture
def on_terminal(monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Return what prints webhooks on a terminal of a width, and returns its text without colours."""

    def show(
        function: Callable[[Sequence[Webhook]], None], webhooks: Sequence[Webhook], width: int, encoding: str = "utf-8"
    ) -> str:
        terminal = Terminal(io.BytesIO(), encoding)
        with monkeypatch.context() as patch:
            patch.setenv("COLUMNS", str(width))
            patch.setenv("TERM", "xterm")
            patch.setattr(sys, "stdout", terminal)
            function(webhooks)
        terminal.seek(0)
        return unstyle(terminal.read())

    return show


def test_a_list_in_a_pipe(gwms_emulator: GwmsEmulator) -> None:
    """Tab-separated below a header, or JSON; what a gateway sends cannot add a column or drive the terminal."""
    gwms_emulator.add_webhook(URL, "CREATE_ORDER")
    gwms_emulator.add_webhook(NASTY, "NEW_EVENT", active=False, method="GET")
    header, first, second = (one.split("\t") for one in run(gwms_emulator, "webhooks", "list").stdout.splitlines())

    assert header == ["id", "event type", "method", "url", "active", "registered (UTC)"]
    assert first[:5] == ["1", "CREATE_ORDER", "POST", URL, "yes"]
    assert second[:5] == ["2", "NEW_EVENT", "GET", r"https://[red]\x1b[2J\t", "no"]
    assert [one["id"] for one in lines(run(gwms_emulator, "webhooks", "list", "--json"))] == [1, 2]


@pytest.mark.parametrize("options", [[], ["--matrix"]])
def test_no_webhooks(gwms_emulator: GwmsEmulator, options: list[str]) -> None:
    """It is said on stderr, so that a script reads nothing."""
    result = run(gwms_emulator, "webhooks", "list", *options)

    assert (result.stdout, result.stderr, result.exit_code) == ("", "no webhooks yet\n", 0)


@pytest.mark.parametrize(
    ("width", "columns"),
    [
        (120, "id event type method url active registered (UTC)"),
        (100, "id event type method url active"),
        (80, "id event type url active"),
    ],
)
def test_columns_give_way(on_terminal: Callable[..., str], width: int, columns: str) -> None:
    """First when it was registered, then the method."""
    header, *_ = on_terminal(print_table, all_types(), width).splitlines()

    assert " ".join(header.split()) == columns


@pytest.mark.parametrize("width", [40, 80])
def test_what_is_long_is_folded(on_terminal: Callable[..., str], width: int) -> None:
    """Never cut: at each width all event types and urls can be read, and no line is wider than the terminal."""
    text = on_terminal(print_table, [*all_types(), webhook(19, f"{URL}/{'long/' * 30}"), webhook(20, NASTY)], width)
    _, *rows = text.splitlines()
    start, end = text.index("event type"), text.index("url")
    types = "".join(one[start:end].strip() for one in rows)

    assert types == "".join(WebhookType) + "CREATE_ORDER" * 2
    assert "long/" * 30 in "".join(one[end : text.index("active")].strip() for one in rows)
    assert max(map(len, rows)) <= width
    assert "\x1b" not in text


def test_times_are_in_utc(on_terminal: Callable[..., str]) -> None:
    """The header says so."""
    assert on_terminal(print_table, [webhook(1)], 120).split()[-2:] == ["2026-07-01", "10:00"]


def test_one_webhook(capsys: pytest.CaptureFixture[str]) -> None:
    """A field per line; one without a value is left out, and a time that UTC cannot express is shown as it is."""
    print_webhook(webhook(17))
    time = datetime(1, 1, 1, tzinfo=NOON_IN_PRAGUE.tzinfo)
    off = Webhook(18, NASTY, WebhookType.CREATE_ORDER, active=False, method=HttpMethod.GET, unregistered_at=time)
    print_webhook(off)

    assert capsys.readouterr().out.splitlines() == [
        "id: 17",
        "event type: CREATE_ORDER",
        "method: POST",
        f"url: {URL}",
        "active: yes",
        "registered (UTC): 2026-07-01 10:00",
        "id: 18",
        "event type: CREATE_ORDER",
        "method: GET",
        r"url: https://[red]\x1b[2J\t",
        "active: no",
        "unregistered (UTC): 0001-01-01 00:00:00+02:00",
    ]


def test_a_matrix_in_a_pipe(gwms_emulator: GwmsEmulator) -> None:
    """Event types by URL in words, those that only the gateway knows too."""
    gwms_emulator.add_webhook(URL, "CREATE_ORDER")
    gwms_emulator.add_webhook(NASTY, "NEW_EVENT", active=False)
    rows = [one.split("\t") for one in run(gwms_emulator, "webhooks", "list", "--matrix").stdout.splitlines()]
    (states,) = lines(run(gwms_emulator, "webhooks", "list", "--matrix", "--json"))

    assert rows[:2] == [["event type", r"https://[red]\x1b[2J\t", URL], ["CREATE_ORDER", "missing", "active"]]
    assert rows[-1] == ["NEW_EVENT", "inactive", "missing"]
    assert len(states) == 19
    assert states["CREATE_ORDER"][URL] == "active"
    assert set(states["NEW_EVENT"].values()) == {"inactive", "missing"}


@pytest.mark.parametrize(("encoding", "marks"), [("utf-8", "●○·"), ("cp437", "*o.")])
def test_a_matrix(on_terminal: Callable[..., str], encoding: str, marks: str) -> None:
    """Marks with a legend, in ASCII where the encoding may lack them; the urls are numbered."""
    off = Webhook(2, NASTY, WebhookType.UPDATE_ORDER, active=False, method=HttpMethod.POST)
    text = on_terminal(print_matrix, [webhook(1), off], 80, encoding).splitlines()
    active, inactive, missing = list(marks)

    assert text[0].split() == ["event", "type", "1", "2"]
    assert text[1].split() == ["CREATE_ORDER", missing, active]
    assert f"UPDATE_ORDER {inactive} {missing}".split() in [one.split() for one in text]
    assert text[-4:-2] == [r"  1  https://[red]\x1b[2J\t", f"  2  {URL}"]
    assert text[-1] == f"{active} active  {inactive} inactive  {missing} missing"


def test_a_matrix_of_many_urls(on_terminal: Callable[..., str]) -> None:
    """More of them than event types go down, and the event types are numbered."""
    text = on_terminal(print_matrix, one_each(19), 120).splitlines()

    assert text[0].split() == ["url", *map(str, range(1, 19))]
    assert text[2].split() == ["https://shop.example/002", "·", "●", *"·" * 16]
    assert "  1  CREATE_ORDER" in text


def test_a_matrix_where_nothing_fits(on_terminal: Callable[..., str]) -> None:
    """What the numbers stand for is shown all the same."""
    assert "\n 18  https://shop.example/018\n" in on_terminal(print_matrix, one_each(18), 1)


@pytest.mark.parametrize("width", [20, 40])
def test_a_matrix_on_a_narrow_terminal(on_terminal: Callable[..., str], width: int) -> None:
    """It is split into tables that fit, and together show every column."""
    text = on_terminal(print_matrix, one_each(18), width).partition("\n  1  ")[0].splitlines()
    numbers = [number for one in text if one.startswith("event type") for number in one.split()[2:]]

    assert numbers == [str(number) for number in range(1, 19)]
    assert max(map(len, text)) <= width
    assert sum(one.count("●") for one in text) == 18
