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


@pytest.mark.filterwarnings("ignore:The `root_path` parameter")
@pytest.mark.parametrize("http", ["h11", "httptools"])
@pytest.mark.parametrize(
    ("mounted", "prefix", "options"),
    [
        pytest.param(lambda app: app, "", {}, id="alone"),
        pytest.param(lambda app: app, "/proxy", {}, id="alone behind a prefix"),
        pytest.param(in_starlette, "", {}, id="Starlette"),
        pytest.param(in_fastapi, "", {}, id="FastAPI"),
        pytest.param(lambda app: in_fastapi(app, "/api"), "", {}, id="FastAPI, the proxy strips root_path"),
        pytest.param(lambda app: in_fastapi(app, "/api"), "/api", {}, id="FastAPI, the proxy leaves root_path"),
        pytest.param(in_starlette, "", {"root_path": "/api"}, id="Starlette, root_path of the server"),
    ],
)
async def test_the_table(
    mounted: Callable[[ASGIApp], ASGIApp],
    prefix: str,
    options: dict[str, str],
    http: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The same answers as everywhere."""
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
