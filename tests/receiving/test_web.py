"""A receiver on aiohttp's own server, alone and mounted."""

from __future__ import annotations

import logging

import pytest
from aiohttp import web
from aiohttp.typedefs import Handler

from gwms_async.receiving import aiohttp_app
from gwms_async.redaction import redacted

from ..helpers.deliveries import IDS, SECRET, Handled, path_of, receiver_of
from ..helpers.hosts import MAX, Subject, aiohttp_host, check_table, exchange, send


def mounted(subject: Subject) -> web.Application:
    """Mount a receiver in an application."""
    app = web.Application()
    app.add_subapp("/gwms", aiohttp_app(subject.receiver))
    return app


async def test_a_sub_application(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """The whole table of answers; what we log meanwhile contains neither the secret nor a token."""
    caplog.set_level(logging.DEBUG)
    subject = Subject()
    async with aiohttp_host(mounted(subject)) as port:
        await check_table(port, monkeypatch, subject)

    ours = [logging.Formatter().format(record) for record in caplog.records if record.name == "gwms_async"]
    assert len(ours) > len(IDS)
    assert "\n".join(ours) == redacted("\n".join(ours))
    assert SECRET not in caplog.text


async def test_an_application_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same behind a proxy that leaves a prefix of its own."""
    subject = Subject()
    async with aiohttp_host(aiohttp_app(subject.receiver)) as port:
        await check_table(port, monkeypatch, subject, "/shop")


async def test_a_whole_url_as_target() -> None:
    """As clients of proxies send it."""
    handled = Handled()
    receiver = receiver_of(handled)
    async with aiohttp_host(aiohttp_app(receiver)) as port:
        assert await send(port, f"http://shop.example{path_of(receiver)}", b'{"eshopOrderId": "A2"}') == 200

    assert handled[0].entity_id == "A2"


async def test_an_id_with_a_newline() -> None:
    """It is found, alone and mounted, although aiohttp matches routes with decoded paths."""
    subject = Subject()
    for app in (aiohttp_app(subject.receiver), mounted(subject)):
        async with aiohttp_host(app) as port:
            assert (await exchange(port, "GET", f"{path_of(subject.receiver)}/A%0A1")).split()[1] == b"200"

    assert [delivery.entity_id for delivery in subject.handled] == ["A\n1"] * 2


async def test_a_middleware_that_reads_the_body() -> None:
    """The request keeps the body, and it is handled all the same."""

    @web.middleware
    async def log_body(request: web.Request, handler: Handler) -> web.StreamResponse:
        await request.read()
        return await handler(request)

    subject = Subject()
    app = mounted(subject)
    app.middlewares.append(log_body)
    path = path_of(subject.receiver)
    async with aiohttp_host(app) as port:
        assert await send(port, path, b'{"eshopOrderId": "A1"}') == 200
        assert await send(port, path, b"x" * (MAX + 1)) == 413
        assert await send(port, path, b"") == 400

    assert [delivery.entity_id for delivery in subject.handled] == ["A1"]
