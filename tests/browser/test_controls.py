"""What a person can change on the page."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from gwms_async.testing import DeliveryPolicy, GwmsEmulator
from gwms_async.testing.threaded import emulator_in_thread

from ..helpers.browser import URL, emit, in_thread, row, wait_for
from ..helpers.plain_client import logged_in
from .conftest import App


def test_emit_fail_and_send_again(page: Any, gwms_emulator: GwmsEmulator, app: App) -> None:
    """The first minute with a receiver: an event that fails, its attempts, and the same delivery sent again."""
    gwms_emulator.add_webhook(URL, "CREATE_PRODUCT")
    gwms_emulator.delivery_policy = DeliveryPolicy(repeats=(0.01,))
    app.statuses[:] = [500, 500]
    page.get_by_label("Event type").select_option("CREATE_PRODUCT")
    page.get_by_role("button", name="Emit", exact=True).click()
    page.get_by_text("Queued for 1 webhook.").wait_for()
    row(page, "attempt 2").click()
    details = page.locator("#details")
    details.locator("#attempts button").nth(1).wait_for()
    assert details.locator("#attempts button").count() == 2
    page.locator("#events .failures", has_text="2 failed").first.wait_for()

    page.get_by_role("button", name="Send again").click()

    page.get_by_label("Filter").fill("update")
    page.get_by_label("Filter").fill("")  # all rows come again, the followed one too
    page.locator("#badge[data-tone=good]").wait_for()  # that of the new attempt
    page.keyboard.press("Escape")
    details.wait_for(state="hidden")
    page.get_by_role("button", name="Emit", exact=True).click()
    wait_for(page, "document.querySelectorAll('.row[data-tone=good]').length === 2")
    assert details.is_hidden()  # it follows what was sent again, and no other
    assert len(app.bodies) == 4
    assert app.bodies[0] == app.bodies[2]
    page.get_by_role("button", name="Reset failure counts").click()
    wait_for(page, "!document.querySelector('#events').textContent.includes('failed')")


def test_the_form(page: Any, gwms_emulator: GwmsEmulator, errors: list[str]) -> None:
    """A sample per event type, which gives way to no text of one's own; mistakes are said."""
    assert json.loads(page.get_by_label("Entity").input_value())["eshopOrderId"] == "A1001"
    page.get_by_label("Event type").select_option("CREATE_STOCK_MOVEMENT_RETURN")
    assert "sku" in json.loads(page.get_by_label("Entity").input_value())
    page.get_by_role("button", name="Emit", exact=True).click()
    page.get_by_text("No active webhook for CREATE_STOCK_MOVEMENT_RETURN: register one, or switch one on.").wait_for()
    page.get_by_label("Entity").fill('{"id": ""}')
    page.get_by_label("Event type").select_option("UPDATE_ORDER")
    assert page.get_by_label("Entity").input_value() == '{"id": ""}'
    page.get_by_role("button", name="Emit", exact=True).click()
    page.get_by_text("the entity of UPDATE_ORDER needs eshopOrderId").wait_for()
    page.get_by_label("Entity").fill("{")
    page.get_by_role("button", name="Emit", exact=True).click()
    page.get_by_text("The entity is not JSON: see line 1, column 2").wait_for()
    page.get_by_role("button", name="Use sample").click()
    assert json.loads(page.get_by_label("Entity").input_value())["eshopOrderId"] == "A1001"
    assert page.locator("#emitted").text_content() == ""

    assert len(errors) == 2
    assert all("400 (Bad Request)" in error for error in errors)
    errors.clear()


def test_the_six_switches(page: Any, gwms_emulator: GwmsEmulator, app: App) -> None:
    """Each hits as often as it says, shows what is left, and can be switched off again."""

    async def statuses(count: int) -> list[int]:
        async with logged_in(gwms_emulator) as client:
            return await client.statuses(count)

    for name, status in (("503", 503), ("429", 429)):
        page.get_by_label(f"{name}: how many").fill("2")
        page.get_by_role("switch", name=name, exact=True).click()
        page.get_by_text("2 left").wait_for()
        assert in_thread(statuses(3)) == [status, status, 200]
        wait_for(page, f"document.querySelector('[data-fault=\"{name}\"] button').ariaChecked === 'false'")
    gwms_emulator.add_webhook(URL, "UPDATE_ORDER")
    page.get_by_role("switch", name="lost delivery").click()
    page.get_by_text("1 left").wait_for()
    page.get_by_role("button", name="Emit", exact=True).click()
    row(page, "lost delivery").wait_for()
    assert app.bodies == []
    page.get_by_role("switch", name="repeat").click()
    page.get_by_text("1 left").wait_for()
    page.get_by_role("button", name="Emit", exact=True).click()
    page.locator(".row[data-tone=good]", has_text="repeat").nth(1).wait_for()
    assert len(app.bodies) == 2
    for name in ("lost answer", "slow"):
        switch = page.get_by_role("switch", name=name)
        switch.press("Space")
        page.get_by_text("1 left").wait_for()
        switch.press("Space")
        wait_for(page, f"document.querySelector('[data-fault=\"{name}\"] button').ariaChecked === 'false'")
    assert gwms_emulator.faults_left == 0


def test_numbers_of_a_switch(page: Any, gwms_emulator: GwmsEmulator) -> None:
    """The browser says what is wrong with one; a new one counts at once while the switch is on."""
    number, toggle = page.get_by_label("503: how many"), page.get_by_role("switch", name="503", exact=True)
    for wrong in ("0", "-2", "2.5", "", "10001"):
        number.fill(wrong)
        toggle.click()
        assert number.evaluate("field => field.matches(':invalid') && document.activeElement === field")
    assert gwms_emulator.faults_left == 0
    number.fill("3")
    toggle.click()
    page.get_by_text("3 left").wait_for()
    number.fill("5")
    number.press("Tab")
    page.get_by_text("5 left").wait_for()
    number.fill("0")
    toggle.click()
    wait_for(page, "document.querySelector('[data-fault=\"503\"] button').ariaChecked === 'false'")

    assert gwms_emulator.faults_left == 0


def test_a_refusal_is_said(open_page: Callable[..., Any], errors: list[str]) -> None:
    """Until the next click."""
    with emulator_in_thread(journal=1) as gateway:
        page = open_page(gateway)
        gateway.add_webhook(URL, "UPDATE_ORDER")
        emit(gateway, 1)
        row(page, "A1").wait_for()
        emit(gateway, 1, first=2)
        row(page, "A2").wait_for()
        row(page, "A1").click()
        page.get_by_role("alert").get_by_text("There is nothing here, or it is no longer kept").wait_for()
        page.get_by_label("Filter").click()
        wait_for(page, "!document.querySelector('[role=alert]').textContent")
        page.close()

    assert [error for error in errors if "404 (Not Found)" not in error] == []
    errors.clear()


def test_what_the_form_said_goes_when_it_no_longer_holds(page: Any, gwms_emulator: GwmsEmulator) -> None:
    """That no webhook is active, once one is registered."""
    page.get_by_role("button", name="Emit", exact=True).click()
    page.get_by_text("No active webhook for UPDATE_ORDER").wait_for()
    gwms_emulator.add_webhook(URL, "UPDATE_ORDER")

    wait_for(page, "!document.querySelector('#emitted').textContent")


def test_webhooks(page: Any, gwms_emulator: GwmsEmulator, app: App) -> None:
    """They appear by event type, and can be switched off and on."""
    assert page.get_by_text("None registered yet.").is_visible()
    page.get_by_text(f"Deliveries to other hosts go to {app.url}.").wait_for()
    hook = gwms_emulator.add_webhook(URL, "UPDATE_ORDER")
    gwms_emulator.add_webhook(f"{URL}/2", "UPDATE_ORDER", active=False)
    page.get_by_text("1 of 2 active").wait_for()
    page.get_by_role("switch", name=f"Webhook {hook.id} active").click()
    page.get_by_text("0 of 2 active").wait_for()
    page.get_by_role("button", name="Emit", exact=True).click()
    page.get_by_text("No active webhook").wait_for()
    page.get_by_role("switch", name="Webhook 2 active").press("Enter")
    page.get_by_text("1 of 2 active").wait_for()

    assert [hook.active for hook in gwms_emulator.webhooks] == [False, True]
    gwms_emulator.remove_webhook(hook.id)
    page.get_by_text("1 of 1 active").wait_for()
