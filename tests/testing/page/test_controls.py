"""What the page can change."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gwms_async.testing import DeliveryPolicy, GwmsEmulator
from gwms_async.testing.page.controls import DISTURBANCES, FAULTS, Controls
from gwms_async.testing.wire import ProblemError

from ...helpers.plain_client import logged_in
from ...helpers.webhook_server import webhook_server

SWITCHES = [*FAULTS, *DISTURBANCES]
ORDER = '{"eshopOrderId": "A1"}'


def do(gateway: GwmsEmulator, action: str, **fields: Any) -> Any:
    """Carry out an action."""
    return controls(gateway).carry_out(action, json.dumps(fields).encode())


def controls(gateway: GwmsEmulator) -> Controls:
    """Return the controls of an emulator's page."""
    return gateway._page._controls


async def test_emit_and_send_again(gateway: GwmsEmulator) -> None:
    """An event goes to its webhooks; a delivery is sent again as it was, to the webhook as it is."""
    async with webhook_server() as server:
        gateway.add_webhook(server.url("/"), "UPDATE_ORDER")
        assert do(gateway, "faults", name="lost delivery", times=1) == {}
        assert do(gateway, "emit", event="UPDATE_ORDER", entity=ORDER) == {"webhooks": 1}
        assert do(gateway, "emit", event="CREATE_ORDER", entity=ORDER) == {"webhooks": 0}
        await gateway.delivered()
        assert server.handled == []

        assert do(gateway, "again", row=1) == {}
        await gateway.delivered()
        assert server.handled == ["A1"]

        assert do(gateway, "webhooks", id=1, active=False) == {}
        do(gateway, "again", row=1)
        await gateway.delivered()
    assert [attempt.problem for attempt in gateway.deliveries] == ["lost", None, "inactive"]


@pytest.mark.parametrize("name", SWITCHES)
def test_a_switch(name: str) -> None:
    """It hits as often as it says, and replaces what was left of it, but of no other."""
    gateway = GwmsEmulator()
    other = SWITCHES[SWITCHES.index(name) - 1]
    do(gateway, "faults", name=other, times=1)
    do(gateway, "faults", name=name, times=7)
    do(gateway, "faults", name=name, times=3)

    assert controls(gateway).left() == {**dict.fromkeys(SWITCHES, 0), name: 3, other: 1}
    do(gateway, "faults", name=name, times=0)
    assert controls(gateway).left()[name] == 0


async def test_switches_hit(gateway: GwmsEmulator) -> None:
    """And count down."""
    do(gateway, "faults", name="503", times=1)
    do(gateway, "faults", name="429", times=1)
    async with logged_in(gateway) as client:
        assert await client.statuses(3) == [503, 429, 200]
    assert not any(controls(gateway).left().values())


async def test_failures_are_counted_and_forgotten(gateway: GwmsEmulator) -> None:
    """Each attempt that failed; after a reset, `deactivate_after` counts from 0 too."""
    gateway.delivery_policy = DeliveryPolicy(repeats=(0.0,), deactivate_after=2)
    async with webhook_server() as server:
        hook = gateway.add_webhook(server.url("/"), "UPDATE_ORDER")
        for _ in range(2):
            server.answers[:] = [500, 500]
            do(gateway, "emit", event="UPDATE_ORDER", entity=ORDER)
            await gateway.delivered()
            assert gateway.failures == {hook.id: 2}
            assert gateway.feed.figures["failed"] == 2
            do(gateway, "reset")
            assert gateway.failures == {}
            assert gateway.feed.figures["failed"] == 0
    assert gateway.webhooks[0].active


@pytest.mark.parametrize(
    ("action", "body", "status", "words"),
    [
        ("explode", b"{}", 404, "no such action"),
        ("emit", b"\xff", 400, "The body is not JSON"),
        ("emit", b"[" * 100_000, 400, "The body is nested too deeply"),
        ("emit", b"[]", 400, "The body must be a JSON object"),
        ("emit", b"{}", 400, "entity must be str"),
        ("emit", b'{"entity": "{"}', 400, "The entity is not JSON: see line 1, column 2"),
        ("emit", b'{"entity": "' + b"9" * 5_000 + b'"}', 400, "The entity is not JSON"),
        ("emit", b'{"entity": "7"}', 400, "The entity must be a JSON object"),
        ("emit", b'{"entity": "{}"}', 400, "event must be str"),
        ("emit", b'{"entity": "{}", "event": "UPDATE_ODER"}', 400, "did you mean UPDATE_ORDER?"),
        ("emit", b'{"entity": "{}", "event": "UPDATE_ORDER"}', 400, "needs eshopOrderId"),
        ("emit", b'{"entity": "{\\"eshopOrderId\\": []}", "event": "UPDATE_ORDER"}', 400, "needs eshopOrderId"),
        ("again", b'{"row": 1}', 404, "no longer kept"),
        ("again", b'{"row": true}', 400, "row must be int"),
        ("faults", b'{"name": "503", "times": -1}', 400, "times must be from 0 to 10000"),
        ("faults", b'{"name": "503", "times": 10001}', 400, "times must be"),
        ("faults", b'{"name": "504", "times": 1}', 404, "no such switch"),
        ("webhooks", b'{"id": 1, "active": true}', 404, "no webhook 1"),
        ("webhooks", b'{"id": 1, "active": 1}', 400, "active must be bool"),
    ],
)
async def test_mistakes(gateway: GwmsEmulator, action: str, body: bytes, status: int, words: str) -> None:
    """They are said, and nothing changes."""
    with pytest.raises(ProblemError) as caught:
        controls(gateway).carry_out(action, body)

    assert caught.value.status == status
    assert words in caught.value.message


async def test_an_api_call_cannot_be_sent_again(gateway: GwmsEmulator) -> None:
    """Only clients make calls."""
    async with logged_in(gateway):
        pass
    with pytest.raises(ProblemError, match="no longer kept"):
        do(gateway, "again", row=1)
