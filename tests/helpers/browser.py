"""A headless browser that reaches this machine only."""

from __future__ import annotations

import asyncio
import os
import shutil
import time
from collections.abc import Coroutine, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, TypeVar
from urllib.parse import urlsplit

from gwms_async.testing import GwmsEmulator

T = TypeVar("T")

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
URL = "https://shop.example/gwms"
LOOPBACK = {"127.0.0.1", "localhost", ""}


def executable() -> str | None:
    """Return the browser to start; None is the one that playwright has downloaded."""
    return os.environ.get("GWMS_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")


@contextmanager
def launched() -> Generator[Any]:
    """Run a browser until the block ends.

    Raises:
        ImportError: The group `browser` is not installed.
        playwright.sync_api.Error: There is no browser.
    """
    from playwright.sync_api import sync_playwright  # noqa: PLC0415  # a group of its own

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable(), args=FLAGS)
        yield browser
        browser.close()


def keep_local(context: Any) -> list[str]:
    """Abort what a browser context asks of other machines; the URLs are in the list that is returned."""
    foreign: list[str] = []

    def decide(route: Any) -> None:
        if urlsplit(route.request.url).hostname in LOOPBACK:
            route.continue_()
        else:
            foreign.append(route.request.url)
            route.abort()

    context.route("**/*", decide)
    return foreign


def emit(gateway: GwmsEmulator, count: int, first: int = 1) -> None:
    """Emit events of numbered orders."""
    for number in range(first, first + count):
        gateway.emit("UPDATE_ORDER", {"eshopOrderId": f"A{number}"})


def in_thread(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine; playwright has an event loop in the test's own thread."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, coroutine).result()


def row(page: Any, text: str) -> Any:
    """Return the newest row that contains a text."""
    return page.locator(".row", has_text=text).first


def wait_for(page: Any, expression: str) -> None:
    """Wait until something holds in the page, 10 seconds at most; its policy forbids playwright's own way."""
    end = time.monotonic() + 10
    while not page.evaluate(expression):
        assert time.monotonic() < end, expression
        page.wait_for_timeout(20)
