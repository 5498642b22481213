"""Access logs without tokens: those of aiohttp as it writes them, those of others by their form."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from typing import NoReturn

import pytest

from gwms_async.receiving import aiohttp_app, redact_logs
from gwms_async.receiving.logs import _redact

from ..helpers.deliveries import Handled, path_of, receiver_of, without_token
from ..helpers.hosts import aiohttp_host, exchange

LOGGERS = (
    *("aiohttp.access", "aiohttp.server", "uvicorn.access", "uvicorn.error", "uvicorn.asgi"),
    *("gunicorn.access", "gunicorn.error", "hypercorn.access", "hypercorn.error", "granian.access"),
    *("daphne.server", "django.request"),
)
PATH = path_of(receiver_of(Handled()))


@pytest.fixture(autouse=True)
def restored(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Log all, and take the filters off again."""
    caplog.set_level(logging.INFO)
    yield
    for name in LOGGERS:
        logging.getLogger(name).removeFilter(_redact)


async def test_aiohttp(caplog: pytest.LogCaptureFixture) -> None:
    """Its own lines and their parts, with the referrer."""
    redact_logs()
    async with aiohttp_host(aiohttp_app(receiver_of(Handled()))) as port:
        await exchange(port, "GET", f"{PATH}/A1", f"Referer: https://shop.example{PATH}")

    (record,) = (record for record in caplog.records if record.name == "aiohttp.access")
    hidden = without_token(PATH)
    assert f'"GET {hidden}/A1 HTTP/1.1" 200' in record.message
    assert PATH not in repr(vars(record))


@pytest.mark.parametrize("name", ["aiohttp.server", "gunicorn.error"])
async def test_what_aiohttp_refuses(name: str, caplog: pytest.LogCaptureFixture) -> None:
    """A space that is not encoded is answered 400 by aiohttp itself, which logs the request as an error.

    Its worker for gunicorn logs to that one's logger.
    """
    redact_logs()
    async with aiohttp_host(aiohttp_app(receiver_of(Handled())), logger=logging.getLogger(name)) as port:
        assert (await exchange(port, "GET", f"{PATH}/A 1")).split()[1] == b"400"

    (record,) = (record for record in caplog.records if record.name == name)
    assert "/gw1-***/" in logging.Formatter().format(record)
    assert PATH not in caplog.text
    assert PATH not in repr(vars(record))  # what crash reporters read


def test_an_error_without_a_token(caplog: pytest.LogCaptureFixture) -> None:
    """It stays as it is, for crash reporters."""
    redact_logs()
    error = LookupError("of the application")
    logging.getLogger("aiohttp.server").error("failed", exc_info=error)

    (record,) = caplog.records
    assert record.exc_info is not None
    assert record.exc_info[1] is error


class Atoms(dict[str, object]):
    """What gunicorn passes: a dict of its own that knows what is missing."""

    def __getitem__(self, name: str) -> object:
        """Return a part of a line."""
        return super().__getitem__(name) if name in self else "-"

    def __reduce__(self) -> NoReturn:
        """It cannot be copied."""
        raise TypeError


@pytest.mark.parametrize(
    ("name", "line", "values"),
    [
        ("uvicorn.error", '%s - "WebSocket %s" 403', ("127.0.0.1:5", PATH)),
        ("uvicorn.access", '%s - "%s %s HTTP/%s" %d', ("127.0.0.1:5", "GET", f"{PATH}/A1", "1.1", 200)),
        ("gunicorn.access", "%(m)s %(U)s %(x)s %(D)s", (Atoms({"m": "GET", "U": PATH, "D": 5}),)),
        ("gunicorn.access", f"plain {PATH}", ()),
        ("hypercorn.access", "%(r)s %(x)s", (Atoms({"r": f"GET {PATH} 1.1"}),)),
        ("granian.access", "%(method)s %(path)s", ({"method": "GET", "path": PATH},)),
        ("django.request", "%s: %s", ("Not Found", PATH)),
        ("daphne.server", "%r for connection %s was killed.", (7, f"<WebRequest at 0x7f method=GET uri={PATH}/A1>")),
        (
            "uvicorn.asgi",
            "%s - ASGI [%d] Started scope=%s",
            ("127.0.0.1:5", 1, {"path": PATH, "headers": [(b"referer", PATH.encode())]}),
        ),
    ],
)
def test_others(name: str, line: str, values: tuple[object, ...], caplog: pytest.LogCaptureFixture) -> None:
    """The arguments stay apart, for formatters that read them one by one."""
    plain: object = values[0] if values and isinstance(values[0], Mapping) else values
    expected = without_token(line % plain if values else line)
    redact_logs()
    redact_logs()
    logging.getLogger(name).info(line, *values)

    (record,) = caplog.records
    assert record.message == expected
    assert type(record.args) is type(plain)
    assert PATH not in repr(vars(record))
    assert len(logging.getLogger(name).filters) == 1


def test_others_are_left_alone(caplog: pytest.LogCaptureFixture) -> None:
    """Only the logs of servers are filtered, and only on request."""
    logging.getLogger("uvicorn.access").info("%s", PATH)
    redact_logs()
    logging.getLogger("mine").info("%s", PATH)

    assert [record.message for record in caplog.records] == [PATH, PATH]


def test_what_is_logged_stays_as_it_is() -> None:
    """The application may still use it."""
    state = {"path": PATH}
    redact_logs()
    logging.getLogger("uvicorn.asgi").info("%s %s", {"state": state}, PATH)

    assert state == {"path": PATH}
