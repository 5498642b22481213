"""A browser, its pages, and an app that webhooks are delivered to."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from attrs import define, field

from gwms_async.testing import GwmsEmulator

from ..helpers.browser import keep_local, launched

WIDE = {"width": 1400, "height": 900}


@define
class App:
    """A small app: it answers 200, or what a test wants next."""

    url: str
    statuses: list[int] = field(factory=list)
    bodies: list[bytes] = field(factory=list)


@pytest.fixture(scope="package")  # while it is open, its event loop is the running one, which other tests cannot stand
def browser() -> Iterator[Any]:
    """One browser for all these tests in a process."""
    api = pytest.importorskip(
        "playwright.sync_api", reason="needs the group browser: uv run --group browser pytest tests/browser"
    )
    try:
        running = launched()
        found = running.__enter__()
    except api.Error as error:
        pytest.skip(f"no browser: {str(error).splitlines()[0]}")
    yield found
    running.__exit__(None, None, None)


@pytest.fixture
def errors() -> list[str]:
    """What a browser has complained of; a test that expects something takes it out."""
    return []


@pytest.fixture
def open_page(browser: Any, errors: list[str], gwms_emulator: GwmsEmulator) -> Iterator[Callable[..., Any]]:
    """Open pages of an emulator; nothing may leave this machine, and no error may reach the console."""
    contexts, foreign = [], []

    def open_page(gateway: GwmsEmulator = gwms_emulator, **options: Any) -> Any:
        context = browser.new_context(**{"viewport": WIDE, **options})
        contexts.append(context)
        context.set_default_timeout(10_000)
        foreign.append(keep_local(context))
        page = context.new_page()
        page.on("console", lambda message: errors.extend([message.text] if message.type == "error" else []))
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(gateway.page_url)
        page.wait_for_selector("#link[data-state=live]")
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert not errors
    assert not any(foreign)


@pytest.fixture
def page(open_page: Callable[..., Any]) -> Any:
    """The page of the test's emulator."""
    return open_page()


@pytest.fixture
def app(gwms_emulator: GwmsEmulator) -> Iterator[App]:
    """A running app that gets what is delivered to any host."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # one packet an answer

        def do_POST(self) -> None:
            found.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
            content = b'{"handled": true}'
            self.send_response(found.statuses.pop(0) if found.statuses else 200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        found = App(f"http://127.0.0.1:{server.server_port}")
        gwms_emulator.route("*", found.url)
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield found
        server.shutdown()
        thread.join()
