"""`gwms trigger`: one delivery."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.typedefs import Handler
from click.testing import CliRunner, Result

from gwms_async import HttpMethod, WebhookType
from gwms_async.cli.commands import gwms
from gwms_async.receiving import Delivery, Receiver, aiohttp_app

from ..helpers.command_line import lines
from ..helpers.deliveries import SECRET
from ..helpers.hosts import aiohttp_host

CREATE = WebhookType.CREATE_ORDER


class Site:
    """An application with a receiver, in a thread of its own."""

    def __init__(self) -> None:
        self.deliveries: list[Delivery] = []
        self.content_types: list[str | None] = []
        self.base = ""
        self.started = threading.Event()
        self._receiver = Receiver(SECRET)
        self._receiver.on(*set(WebhookType) - {CREATE})(self._keep)
        self._receiver.on(CREATE)(self._fail)

    async def _keep(self, delivery: Delivery) -> None:
        self.deliveries.append(delivery)

    async def _fail(self, delivery: Delivery) -> None:
        raise LookupError

    async def serve(self) -> None:
        """Serve until told to stop."""
        self.loop, self.stop = asyncio.get_running_loop(), asyncio.Event()

        @web.middleware
        async def note(request: web.Request, handler: Handler) -> web.StreamResponse:
            self.content_types.append(request.headers.get("Content-Type"))
            return await handler(request)

        app = web.Application(middlewares=[note])
        app.add_subapp("/gwms", aiohttp_app(self._receiver))
        async with aiohttp_host(app) as port:
            self.base = f"http://127.0.0.1:{port}/gwms"
            self.started.set()
            await self.stop.wait()


@pytest.fixture
def site() -> Iterator[Site]:
    """Serve an application."""
    one = Site()
    thread = threading.Thread(target=lambda: asyncio.run(one.serve()))
    thread.start()
    assert one.started.wait(10)
    yield one
    one.loop.call_soon_threadsafe(one.stop.set)
    thread.join(10)


def trigger(*arguments: str, secret: str | None = SECRET, typed: str | None = None) -> Result:
    """Run the command."""
    env = {"GWMS_WEBHOOK_SECRET": secret, "GWMS_WEBHOOK_SECRET_OLD": None}
    result = CliRunner().invoke(gwms, ["trigger", *arguments], env=env, input=typed, catch_exceptions=False)
    assert SECRET not in result.output
    return result


def test_all_event_types(site: Site) -> None:
    """The id is where the receiver looks for it."""
    results = [trigger(one, "--id", f"Ž {one}", "--to", site.base) for one in WebhookType if one is not CREATE]

    assert {result.exit_code for result in results} == {0}
    assert results[0].stdout.startswith(f"200: POST {site.base}/CREATE_PRODUCT/gw1-***  ")
    assert [one.entity_id for one in site.deliveries] == [f"Ž {one}" for one in WebhookType if one is not CREATE]


def test_by_get(site: Site) -> None:
    """The id is appended, percent-encoded; the label is in the URL, which is shown on request only."""
    options = ("--to", site.base, "--method", "get", "--eshop", "cz", "--json")
    hidden = trigger("update_order", "--id", "Ž/1", *options)
    shown = trigger("UPDATE_ORDER", "--id", "Ž/1", *options, "--show-urls")

    assert [(one.entity_id, one.eshop, one.method) for one in site.deliveries] == [("Ž/1", "cz", HttpMethod.GET)] * 2
    (one,), (other,) = lines(hidden), lines(shown)
    assert (one["answer"], one["url"]) == (200, f"{site.base}/cz.UPDATE_ORDER/gw1-***/%C5%BD%2F1")
    assert len(other["url"]) == len(one["url"]) + 29
    assert site.content_types == [None, None]


def test_an_id_that_is_not_utf_8(site: Site) -> None:
    """Its bytes are sent as they were typed; JSON has no place for them."""
    options = ("UPDATE_ORDER", "--id", "A\udcff", "--to", site.base)
    by_get = trigger(*options, "--method", "GET")

    assert by_get.stdout.split()[2].endswith("/A%FF")
    assert (by_get.exit_code, trigger(*options).exit_code) == (0, 0)
    assert [one.entity_id for one in site.deliveries] == ["A\N{REPLACEMENT CHARACTER}", "A?"]


def test_data(site: Site, tmp_path: Path) -> None:
    """A file or standard input, as it is, and said to be JSON."""
    file = tmp_path / "order.json"
    file.write_text('{"eshopOrderId":  "A1"}')

    assert trigger("UPDATE_ORDER", "--data", str(file), "--to", site.base).exit_code == 0
    assert trigger("UPDATE_ORDER", "--data", "-", "--to", site.base, typed='{"eshopOrderId": 7}').exit_code == 0
    assert [one.body for one in site.deliveries] == [b'{"eshopOrderId":  "A1"}', b'{"eshopOrderId": 7}']
    assert site.content_types == ["application/json"] * 2


def test_answers_that_are_failures(site: Site) -> None:
    """The exit code is 1."""
    failed = trigger("CREATE_ORDER", "--id", "A", "--to", site.base)
    other_secret = trigger("UPDATE_ORDER", "--id", "A", "--to", site.base, secret="x" * 32)
    unreachable = trigger("UPDATE_ORDER", "--id", "A", "--to", "http://127.0.0.1:1")

    assert [one.exit_code for one in (failed, other_secret, unreachable)] == [1, 1, 1]
    assert failed.stdout.startswith("500: POST ")
    assert other_secret.stdout.startswith("404: POST ")
    assert unreachable.stderr == "Error: cannot reach http://127.0.0.1:1 (connection refused)\n"


@pytest.mark.parametrize(
    ("arguments", "secret", "words"),
    [
        (["UPDATE_ORDER", "--id", "A"], None, "set GWMS_WEBHOOK_SECRET in the environment; `gwms secret` prints"),
        (["UPDATE_ORDR", "--id", "A"], SECRET, "did you mean UPDATE_ORDER"),
        (["UPDATE_ORDER"], SECRET, "pass either --id or --data"),
        (["UPDATE_ORDER", "--id", "A", "--data", "-"], SECRET, "pass either --id or --data"),
        (["UPDATE_ORDER", "--data", "-", "--method", "GET"], SECRET, "a GET delivery carries only an id"),
        (["UPDATE_ORDER", "--data", "-"], SECRET, "--data must be JSON"),
        (["UPDATE_ORDER", "--id", "A", "--eshop", "an-API-key"], SECRET, "must be a label of up to 32 lower-case"),
        (["UPDATE_ORDER", "--id", "A", "--to", "http://shop.example"], SECRET, "must be https://host/path"),
    ],
)
def test_mistakes(arguments: list[str], secret: str | None, words: str) -> None:
    """Exit code 2, and what to do."""
    result = trigger("--to", "http://127.0.0.1:1", *arguments, secret=secret, typed="[" * 5000)

    assert result.exit_code == 2
    assert words in result.stderr
    assert "an-API-key" not in result.output
