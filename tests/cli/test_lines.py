"""What `gwms listen` shows."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from gwms_async.cli.lines import Lines, as_object, as_text
from gwms_async.cli.serving import Seen

from ..helpers.deliveries import ORDER

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
PATH = "/gwms/UPDATE_ORDER/gw1-MbZ1jhtIVnOWgIwJF-PSrc925KH6773s"
HEADERS = (("Host", "shop.example"), ("X-Url", f"https://shop.example{PATH}"))


def seen(path: str = PATH, eshop: str = "", *, status: int | None = 200, has_delivery: bool = True) -> Seen:
    """Make a request."""
    event, name, entity_id = (ORDER, eshop, "A\x1b1") if has_delivery else (None, None, None)
    return Seen(NOON, event, name, "POST", entity_id, 2, status, 3.5, path, HEADERS)


def test_text() -> None:
    """One line; more only if asked for. It has no time zone: it is local."""
    time = f"{NOON.astimezone():%H:%M:%S}.000"

    assert as_text(seen(), headers=False) == f"{time} POST UPDATE_ORDER 'A\\x1b1' 2 B -> 200 in 3.5 ms"
    assert as_text(seen(eshop="cz", status=None), headers=False).endswith(
        "POST cz.UPDATE_ORDER 'A\\x1b1' 2 B -> no answer in 3.5 ms"
    )
    assert as_text(seen("/x", status=404, has_delivery=False), headers=True).splitlines() == [
        f"{time} POST /x 2 B -> 404 in 3.5 ms",
        "  /x",
        "  Host: shop.example",
        f"  X-Url: {HEADERS[1][1]}",
    ]


def test_json() -> None:
    """One object; what was refused has no event type."""
    one = as_object(seen(eshop="cz"), headers=False)
    other = as_object(seen("/x", has_delivery=False), headers=True)

    assert one == {
        "at": "2026-01-01T12:00:00+00:00",
        "event": "UPDATE_ORDER",
        "eshop": "cz",
        "method": "POST",
        "id": "A\x1b1",
        "size": 2,
        "answer": 200,
        "ms": 3.5,
        "path": PATH,
    }
    assert (other["event"], other["eshop"], other["id"], other["headers"]) == (None, None, None, HEADERS)


@pytest.mark.parametrize("as_json", [True, False])
def test_no_token_is_printed(capsys: pytest.CaptureFixture[str], *, as_json: bool) -> None:
    """Neither of the path nor of a header."""
    Lines(headers=True, as_json=as_json).show(seen())
    output = capsys.readouterr().out

    assert output.count("UPDATE_ORDER/gw1-***") == 2
    if as_json:
        assert json.loads(output)["path"] == "/gwms/UPDATE_ORDER/gw1-***"


def test_the_status_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """On a terminal it says since when, when the last delivery came, and how many webhooks are active."""
    lines = Lines(headers=False, as_json=False)
    with lines.status():
        lines.show(seen())
    assert capsys.readouterr().err == ""

    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "200")
    lines = Lines(headers=False, as_json=False)
    with lines.status():
        before = lines.text
        lines.update(active="17/18")
        lines.show(seen("/x", has_delivery=False))
        lines.show(seen())
        lines.show(seen())
    output, messages = capsys.readouterr()

    assert output.count("UPDATE_ORDER") == 2
    assert before.endswith(", last delivery none yet")
    assert lines.text.endswith(f", last delivery {NOON.astimezone():%H:%M:%S} (2 in all), webhooks active 17/18")
    assert "listening since " in messages
    assert "webhooks active 17/18" in messages
