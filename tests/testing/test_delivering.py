"""Deliveries: from an event to the answer of a server."""

from __future__ import annotations

from gwms_async.testing import GwmsEmulator

from ..helpers.webhook_server import webhook_server


async def test_an_event_is_delivered(gateway: GwmsEmulator) -> None:
    """To each active webhook of its type and e-shop, by its method: POST sends the entity, GET appends its id."""
    entity = {"eshopOrderId": "A1", "status": "packed"}
    async with webhook_server() as server:
        post = gateway.add_webhook(server.url("/post"), "UPDATE_ORDER")
        get = gateway.add_webhook(server.url("/get/"), "UPDATE_ORDER", method="GET")
        gateway.add_webhook(server.url("/off"), "UPDATE_ORDER", active=False)
        gateway.add_webhook(server.url("/other"), "CREATE_ORDER")
        gateway.add_webhook(server.url("/foreign"), "UPDATE_ORDER", eshop="other")

        assert gateway.emit("UPDATE_ORDER", entity) == 2
        await gateway.delivered()

        assert sorted(server.arrived) == [("GET", "/get/A1"), ("POST", "/post")]
    assert [(attempt.webhook, attempt.status) for attempt in gateway.deliveries] == [(post, 200), (get, 200)]
