"""Response headers: dates, and how long the gateway asks to wait."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from gwms_async import Response
from gwms_async.wire.headers import http_date, retry_after

NOW = 1_790_000_000.0


def date_of(unix_time: float) -> str:
    """Return an HTTP date; on 32-bit systems, `email.utils.formatdate` knows none beyond 2038."""
    return format_datetime(datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=unix_time), usegmt=True)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("7", 7.0),
        ("0", 0.0),
        ("1.5", 1.5),
        (" 7 ", 7.0),
        ("-3", 0.0),
        ("-0", 0.0),
        ("999999999", 999_999_999.0),
        ("1e308", 1e308),
        ("1e309", None),
        ("nan", None),
        ("inf", None),
        ("-inf", None),
        ("Infinity", None),
        ("", None),
        ("soon", None),
        ("7 s", None),
        ("0x10", None),
        ("7, 8", None),
        ("Mon, 99 Jan 2026 00:00:00 GMT", None),
        ("Mon, 01 Jan 99999999999999999999 00:00:00 GMT", None),
        ("Mon, 01 Jan 2026 00:00:00 +999999", None),
        ("9" * 5000 + "x", None),
    ],
)
def test_retry_after_in_seconds(text: str, expected: float | None) -> None:
    """Seconds are taken, at least none; what cannot be read, or never ends, was not said."""
    assert expected == retry_after(Response(429, headers={"retry-after": text}), NOW)


@pytest.mark.parametrize("offset", [0.0, 7.0, 3600.0, 10.0**9])
@pytest.mark.parametrize("skew", [0.0, -600.0, 86_400.0])
def test_retry_after_as_a_date(offset: float, skew: float) -> None:
    """It counts from the date of the same answer, whatever either clock says."""
    headers = {
        "retry-after": date_of(NOW + skew + offset),
        "date": date_of(NOW + skew),
    }

    assert offset == retry_after(Response(429, headers=headers), NOW)


@pytest.mark.parametrize("date", [{}, {"date": "yesterday"}, {"date": ""}])
def test_retry_after_as_a_date_without_one_of_the_answer(date: dict[str, str]) -> None:
    """Then it counts from our own time."""
    headers = {"retry-after": date_of(NOW + 7), **date}

    assert retry_after(Response(429, headers=headers), NOW) == 7.0


@pytest.mark.parametrize(("offset", "expected"), [(7, 7.0), (0, 0.0), (-7, 0.0)])
def test_retry_after_as_a_unix_time(offset: int, expected: float) -> None:
    """It counts as a date does: the gateway's `expiresIn` has the same form."""
    for skew in (-600, 0):
        headers = {"retry-after": f"{NOW + skew + offset:.0f}", "date": date_of(NOW + skew)}

        assert retry_after(Response(429, headers=headers), NOW) == expected


def test_retry_after_in_the_past() -> None:
    """There is nothing to wait for."""
    headers = {"retry-after": date_of(NOW - 7)}

    assert retry_after(Response(429, headers=headers), NOW) == 0.0


def test_no_retry_after() -> None:
    """Nothing was said."""
    assert retry_after(Response(429), NOW) is None


@pytest.fixture
def _far_from_utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "Asia/Tokyo")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.usefixtures("_far_from_utc")
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, None),
        ("", None),
        ("soon", None),
        ("Sun, 06 Nov 1994 08:49:37 GMT", 784111777.0),
        ("Sunday, 06-Nov-94 08:49:37 GMT", 784111777.0),
        ("Sun Nov  6 08:49:37 1994", 784111777.0),
        ("Sun, 06 Nov 1994 09:49:37 +0100", 784111777.0),
        ("Sun, 06 Nov 1994 08:49:37 -0000", 784111777.0),
        ("Sun, 06 Nov 1994 08:49:37", 784111777.0),
        ("Sun, 31 Feb 1994 08:49:37 GMT", None),
        ("Sun, 06 Nov 1994 25:61:61 GMT", None),
    ],
)
def test_dates_of_http(text: str | None, expected: float | None) -> None:
    """All three forms of HTTP, UTC unless they say otherwise, wherever we are; None for what is no date."""
    assert expected == http_date(text)
