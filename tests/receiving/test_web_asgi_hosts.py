"""A receiver in Starlette and FastAPI, under uvicorn with both of its HTTP parsers."""

from __future__ import annotations

import logging
from collections.abc import Callable

import pytest
import uvicorn.logging
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.types import ASGIApp

from gwms_async.receiving import asgi_app, redact_logs
from gwms_async.receiving.logs import _redact

from ..helpers.deliveries import Handled, path_of, receiver_of
from ..helpers.hosts import Subject, check_table, exchange, uvicorn_host


def in_starlette(app: ASGIApp) -> ASGIApp:
    """Mount it in Starlette."""
    parent = Starlette()
    parent.mount("/gwms", app)
    return parent


def in_fastapi(app: ASGIApp, root_path: str = "") -> ASGIApp:
    """Mount it in FastAPI."""
    parent = FastAPI(root_path=root_path)
    parent.mount("/gwms", app)
    return parent


MOUNTINGS: dict[str, tuple[Callable[[ASGIApp], ASGIApp], str, dict[str, str]]] = {
    #  name: what mounts it, the prefix of the path, options of the server
    "alone": (lambda app: app, "", {}),
    "alone behind a prefix": (lambda app: app, "/proxy", {}),
    "Starlette": (in_starlette, "", {}),
    "FastAPI": (in_fastapi, "", {}),
    "FastAPI, the proxy strips root_path": (lambda app: in_fastapi(app, "/api"), "", {}),
    "FastAPI, the proxy leaves root_path": (lambda app: in_fastapi(app, "/api"), "/api", {}),
    "Starlette, root_path of the server": (in_starlette, "", {"root_path": "/api"}),
}


def cases() -> list[object]:
    """List all mountings with one parser, and by default one mounting with the other: mountings do not see it."""
    with_h11 = [pytest.param(name, "h11", marks=() if name == "alone" else pytest.mark.slow) for name in MOUNTINGS]
    return [*with_h11, *((name, "httptools") for name in MOUNTINGS)]


@pytest.mark.filterwarnings("ignore:The `root_path` parameter")
@pytest.mark.parametrize(("mounting", "http"), cases())
async def test_the_table(mounting: str, http: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same answers as everywhere."""
    mounted, prefix, options = MOUNTINGS[mounting]
    subject = Subject()
    async with uvicorn_host(mounted(asgi_app(subject.receiver)), http=http, **options) as port:
        await check_table(port, monkeypatch, subject, prefix)


async def test_logs(caplog: pytest.LogCaptureFixture) -> None:
    """The access log as uvicorn formats it."""
    caplog.set_level(logging.INFO)
    redact_logs()
    receiver = receiver_of(Handled())
    try:
        async with uvicorn_host(asgi_app(receiver)) as port:
            await exchange(port, "GET", f"{path_of(receiver)}/A1")
    finally:
        logging.getLogger("uvicorn.access").removeFilter(_redact)

    (record,) = (record for record in caplog.records if record.name == "uvicorn.access")
    formatter = uvicorn.logging.AccessFormatter("%(request_line)s %(status_code)s", use_colors=False)
    assert formatter.format(record) == "GET /gwms/UPDATE_ORDER/gw1-***/A1 HTTP/1.1 200 OK"
