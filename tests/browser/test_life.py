"""The page over time: restarts, tabs, what it shows to a hostile sender, and how it looks to everybody."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from gwms_async.testing import GwmsEmulator
from gwms_async.testing.threaded import emulator_in_thread

from ..helpers.browser import URL, emit, row, wait_for
from .conftest import App

EVIL = "<img src=x onerror=alert(1)>\"'&{{x}}</script><script>document.title='evil'</script>"


def test_the_emulator_restarts(open_page: Callable[..., Any], errors: list[str]) -> None:
    """The page says that it is gone, comes back by itself, and shows the new one's state."""
    with emulator_in_thread() as first:
        first.announce("the first run")
        first.add_webhook(URL, "CREATE_ORDER")
        first.emit("CREATE_ORDER", {"eshopOrderId": "A1"})
        port = int(first.page_url.split(":")[2].strip("/"))
        page = open_page(first)
        page.get_by_text("the first run").wait_for()
        row(page, "CREATE_ORDER").click()
        page.locator("#details-title", has_text="CREATE_ORDER").wait_for()
    page.locator("#link", has_text="offline").wait_for()
    page.get_by_role("button", name="Send again").click()
    page.get_by_role("alert").get_by_text("The emulator does not answer. Was it stopped?").wait_for()
    with emulator_in_thread(port=port) as second:
        second.add_webhook(URL, "UPDATE_ORDER")
        emit(second, 1)
        page.locator("#link", has_text="live").wait_for()
        row(page, "UPDATE_ORDER").wait_for()
        assert page.locator("#announcement").is_hidden()
        page.locator("#details").wait_for(state="hidden")
        assert page.get_by_role("alert").text_content() == ""
        page.close()

    assert all("ERR_" in error for error in errors)  # that nobody answered
    errors.clear()


def test_two_tabs(open_page: Callable[..., Any], gwms_emulator: GwmsEmulator, app: App) -> None:
    """Both see what one of them does, each with its own filter."""
    gwms_emulator.add_webhook(URL, "UPDATE_ORDER")
    one, other = open_page(), open_page()
    other.get_by_label("Filter").fill("404")
    app.statuses.append(404)
    one.get_by_role("button", name="Emit", exact=True).click()
    row(one, "A1001").wait_for()
    row(other, "404").wait_for()
    one.get_by_role("switch", name="slow").click()
    other.get_by_text("1 left").wait_for()

    wait_for(one, "document.querySelectorAll('.row').length === 2")
    assert other.locator(".row").count() == 1


def test_hostile_payloads_stay_text(page: Any, gwms_emulator: GwmsEmulator, app: App) -> None:
    """In ids, URLs, event types, bodies, headers, and announcements."""
    gwms_emulator.announce(EVIL)
    gwms_emulator.add_webhook(f"https://shop.example/{EVIL}", "UPDATE_ORDER")
    gwms_emulator.add_webhook("javascript:alert(1)", EVIL)
    gwms_emulator.emit("UPDATE_ORDER", {"eshopOrderId": EVIL, EVIL: [EVIL]})
    row(page, "img src").click()
    page.locator("#details-title", has_text="<img src=x").wait_for()

    page.locator("#events", has_text="javascript:alert(1)").wait_for()
    assert EVIL in page.locator("#announcement").inner_text()
    assert "onerror" in page.locator("#sections").inner_text()
    assert page.locator("main img, main script, main a").count() == 0
    assert page.title() == "GWMS emulator"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 800, 1400])
def test_everybody_can_use_it(
    open_page: Callable[..., Any], gwms_emulator: GwmsEmulator, app: App, scheme: str, width: int
) -> None:
    """No violation of what axe knows, contrast included, with up to 100 rows, details open; nothing is cut off."""
    sync_playwright = pytest.importorskip("axe_playwright_python.sync_playwright")
    gwms_emulator.announce("First run: 320 of 500 webhooks registered", 320, 500)
    gwms_emulator.add_webhook(URL, "UPDATE_ORDER")
    app.statuses[:] = [200] * 10 + [500, 404]
    emit(gwms_emulator, 30)
    page = open_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    for panel in page.locator(".panel > summary").all() if width < 1000 else []:
        panel.click()
    page.get_by_role("switch", name="slow").click()
    page.get_by_text("1 left").wait_for()
    found = [sync_playwright.Axe().run(page)]
    row(page, "500").click()
    page.locator("#details").wait_for()
    found.append(sync_playwright.Axe().run(page))

    assert [result.generate_report() for result in found if result.violations_count] == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
