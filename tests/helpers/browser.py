"""A headless browser that reaches this machine only."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
LOOPBACK = {"127.0.0.1", "localhost", ""}


def executable() -> str | None:
    """Return the browser to start; None is the one that playwright has downloaded."""
    return os.environ.get("GWMS_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")


@contextmanager
def launched() -> Iterator[Any]:
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
