"""The live list, its filter and its details, as a person uses them."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from gwms_async.testing import GwmsEmulator

from ..helpers.browser import URL, emit, in_thread, row, wait_for
from ..helpers.plain_client import logged_in
from .conftest import App


def test_one_row(page: Any, gwms_emulator: GwmsEmulator, app: App) -> None:
    """It appears by itself; a click shows its headers, pretty JSON, the answer, how long it took."""
    assert page.get_by_text("Nothing has happened yet").is_visible()
    gwms_emulator.add_webhook(URL, "UPDATE_ORDER")
    emit(gwms_emulator, 1)

    row(page, "A1").click()

    details = page.locator("#details")
    details.get_by_text("UPDATE_ORDER A1").wait_for()
    details.get_by_text("Answer body").wait_for()
    text = details.inner_text()
    for words in (
        "200",
        " ms",
        "Request headers",
        "Content-Type",
        "application/json",
        '"eshopOrderId": "A1"',
        '{\n  "handled": true\n}',
        "Sent to",
        app.url,
    ):
        assert words in text
    assert not page.get_by_text("Nothing has happened yet").is_visible()


def test_details_are_fetched_once(page: Any, gwms_emulator: GwmsEmulator) -> None:
    """Those of an API call, whatever other calls come."""

    async def call() -> None:
        async with logged_in(gwms_emulator):
            pass

    in_thread(call())
    fetched: list[str] = []
    page.on("request", lambda request: fetched.extend([request.url] if "/rows/" in request.url else []))
    row(page, "login").click()
    page.locator("#details-title", has_text="login").wait_for()
    for count in (2, 3):
        in_thread(call())
        wait_for(page, f"document.querySelectorAll('.row').length === {count}")

    assert [url.rpartition("/")[2] for url in fetched] == ["1"]


def test_by_keyboard_only(page: Any, gwms_emulator: GwmsEmulator, app: App) -> None:
    """Slash filters, arrows walk through the list, Enter shows details, which follow; Escape closes them."""
    gwms_emulator.add_webhook(URL, "UPDATE_ORDER")
    emit(gwms_emulator, 3)
    row(page, "A3").wait_for()
    page.keyboard.press("/")
    page.keyboard.type("a")
    page.keyboard.press("Tab")
    wait_for(page, "document.activeElement.className === 'row'")
    page.keyboard.press("Enter")
    page.locator("#details-title", has_text="A3").wait_for()
    page.keyboard.press("ArrowDown")
    page.locator("#details-title", has_text="A2").wait_for()
    page.keyboard.press("End")
    page.locator("#details-title", has_text="A1").wait_for()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "again"
    page.keyboard.press("Enter")
    wait_for(page, "document.querySelectorAll('.row').length === 4")
    wait_for(page, "document.querySelector('.row').ariaCurrent === 'true'")
    page.keyboard.press("Escape")
    page.locator("#details").wait_for(state="hidden")

    assert "A1" in page.evaluate("document.activeElement.textContent")


def test_back_closes_the_details(page: Any, gwms_emulator: GwmsEmulator) -> None:
    """It leaves the page only when there are none."""

    async def call() -> None:
        async with logged_in(gwms_emulator) as client:
            await client.create()

    in_thread(call())
    for _ in range(2):
        row(page, "login").click()
        page.locator("#details-title", has_text="login").wait_for()
        row(page, "create").click()
        page.locator("#details-title", has_text="create").wait_for()
        page.go_back()
        page.locator("#details").wait_for(state="hidden")
    assert page.url == gwms_emulator.page_url


def test_focus_stays_while_rows_arrive(page: Any, gwms_emulator: GwmsEmulator, app: App) -> None:
    """The row that has the focus moves down with its neighbours."""
    gwms_emulator.add_webhook(URL, "UPDATE_ORDER")
    emit(gwms_emulator, 1)
    row(page, "A1").focus()
    emit(gwms_emulator, 5, first=2)
    row(page, "A6").wait_for()

    assert "A1" in page.evaluate("document.activeElement.textContent")


def test_a_hundred_rows(page: Any, gwms_emulator: GwmsEmulator, app: App) -> None:
    """Newest first; the filter looks at ids, event types, URLs, statuses, in any case."""
    gwms_emulator.add_webhook(URL, "UPDATE_ORDER")
    app.statuses[:] = [200] * 49 + [404]
    gwms_emulator.delivery_policy = type(gwms_emulator.delivery_policy)(repeats=())
    emit(gwms_emulator, 100)
    wait_for(page, "document.querySelectorAll('.row[data-tone=good]').length === 99")

    rows = page.locator(".row")
    assert "A100 " in rows.first.inner_text()
    assert "A1 " in rows.last.inner_text()
    for text, count in (("a10", 2), ("update_order 404", 1), ("SHOP.example", 100), ("nothing like it", 0)):
        page.get_by_label("Filter").fill(text)
        wait_for(page, f"document.querySelectorAll('.row').length === {count}")
    assert page.get_by_text("Nothing matches.").is_visible()
    assert page.get_by_text("0 of 100", exact=True).is_visible()
    emit(gwms_emulator, 1, first=500)
    page.get_by_label("Filter").fill("a500")
    row(page, "A500").wait_for()


@pytest.mark.slow
def test_5000_rows(open_page: Callable[..., Any], gwms_emulator: GwmsEmulator, app: App) -> None:
    """While they arrive, clicks are answered at once; the newest 300 stay, and the filter finds older ones."""
    page = open_page()
    gwms_emulator.add_webhook(URL, "UPDATE_ORDER")
    emit(gwms_emulator, 1)
    row(page, "A1").wait_for()
    page.evaluate("""() => {
        const draw = window.requestAnimationFrame;
        let asked = 0;
        window.most = window.drawn = 0;
        window.requestAnimationFrame = (callback) => {
            window.most = Math.max(window.most, ++asked);
            return draw((time) => { asked--; window.drawn++; callback(time); });
        };
        window.delays = [];
        const toggle = document.querySelector('[data-fault=slow] button');
        let clicked = 0;
        toggle.addEventListener('click', () => { clicked = performance.now(); }, true);
        new MutationObserver(() => window.delays.push(performance.now() - clicked))
            .observe(toggle, { attributeFilter: ['aria-checked'] });
    }""")
    toggle = page.get_by_role("switch", name="slow")
    with ThreadPoolExecutor(1) as thread:
        for done in range(17):
            arriving = thread.submit(emit, gwms_emulator, 294, first=2 + 294 * done)
            toggle.click()
            wait_for(page, f"window.delays.length > {done}")
            arriving.result()
    emit(gwms_emulator, 1, first=5_000)
    assert statistics.median(page.evaluate("window.delays")) < 200
    assert page.evaluate("window.most") == 1  # at a time, however much arrives
    assert page.evaluate("window.drawn") > 17
    in_thread(gwms_emulator.delivered(60))
    page.get_by_text("4,700 older").wait_for()

    assert page.locator(".row").count() == 300
    page.get_by_label("Filter").fill("a7 ")
    page.get_by_label("Filter").fill("a4999")
    wait_for(page, "document.querySelectorAll('.row').length === 1")
    page.get_by_label("Filter").fill("a17")
    wait_for(page, "document.querySelectorAll('.row').length === 111")
