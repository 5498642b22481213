"""The whole loop: apps under their servers subscribe, the emulator delivers, and a watch mends what it switches off."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from urllib.parse import quote

from aiohttp import web
from fastapi import FastAPI

from gwms_async import HttpMethod, WebhookType
from gwms_async.receiving import Delivery, Lapse, Receiver, aiohttp_app, asgi_app
from gwms_async.testing import DeliveryPolicy, GwmsEmulator

from ..helpers.deliveries import NEW_SECRET, SECRET, Handled
from ..helpers.emulated import client
from ..helpers.hosts import aiohttp_host, uvicorn_host
from ..helpers.watching import Time, watched

ENTITY = {"eshopOrderId": "A/1", "sku": "S1", "eshopReceivingId": "V1", "eshopReturnId": "R1", "id": 7}
IDS = {"ORDER": "A/1", "PRODUCT": "S1", "RECEIVING": "V1", "RETURN": "R1", "STOCK": "7"}
"""Which of the entity's ids counts, by the second word of the event type."""
POST, GET = HttpMethod.POST, HttpMethod.GET


class Service:
    """An app that subscribes to all event types when it starts: by POST, and for a second e-shop's label by GET."""

    def __init__(self, gateway: GwmsEmulator, base: str, secret: str) -> None:
        self.time = Time()
        self.receiver = watched(self.time, *WebhookType, secret=secret, handler=self.handle)
        self.handled = Counter[tuple[WebhookType, HttpMethod, str]]()
        self.lapses = list[Lapse]()
        self.broken = set[WebhookType]()
        self.gwms = client(gateway)
        self.base = base

    @asynccontextmanager
    async def subscribed(self, app: object) -> AsyncGenerator[None]:
        """Be the lifespan of an app."""
        async with self.gwms, self.receiver.watch(self.gwms, self.base, on_lapse=self.on_lapse):
            await self.receiver.subscribe(self.gwms, self.base)
            await self.receiver.subscribe(self.gwms, self.base, eshop="cz", method="GET")
            yield

    async def handle(self, delivery: Delivery) -> None:
        """Count a delivery, after an order is read again, as in the README."""
        if delivery.event_type in self.broken and delivery.method is POST:
            raise LookupError
        if delivery.entity_id == "A/1":
            order = await self.gwms.request("GET", f"/orders/{quote(delivery.entity_id, safe='')}")
            assert order == ENTITY
        assert (delivery.method is GET) == (delivery.eshop == "cz") == (delivery.data is None)
        self.handled[delivery.event_type, delivery.method, delivery.entity_id] += 1

    async def on_lapse(self, lapses: Sequence[Lapse]) -> None:
        """Keep lapses."""
        self.lapses.extend(lapses)


@asynccontextmanager
async def two_services(gateway: GwmsEmulator) -> AsyncGenerator[tuple[Service, Service]]:
    """Serve one with FastAPI and one with aiohttp, reached from outside by the URLs of production."""
    one = Service(gateway, "https://shop.example/gwms", SECRET)
    other = Service(gateway, "https://api.example/v1/gwms", NEW_SECRET)
    fastapi = FastAPI(lifespan=one.subscribed)
    fastapi.mount("/gwms", asgi_app(one.receiver))
    aiohttp = web.Application()
    aiohttp.add_subapp("/v1/gwms", aiohttp_app(other.receiver))

    async def subscribed(app: web.Application) -> AsyncGenerator[None]:
        async with other.subscribed(app):
            yield

    aiohttp.cleanup_ctx.append(subscribed)
    async with uvicorn_host(fastapi) as port, aiohttp_host(aiohttp) as other_port:
        gateway.route("https://shop.example", f"http://127.0.0.1:{port}")
        gateway.route("https://api.example", f"http://127.0.0.1:{other_port}")
        yield one, other


async def test_the_whole_loop(gateway: GwmsEmulator) -> None:
    """Each event is handled once per webhook; what the gateway deactivates is active again after a round of the watch.

    Webhooks of others are left alone, under the same base too.
    """
    urls = ("https://shop.example/gwms/by-hand", "https://other.example/")
    foreign = [gateway.add_webhook(url, "UPDATE_PRODUCT", active=False) for url in urls]
    broken = {WebhookType.UPDATE_RETURN, WebhookType.CREATE_STOCK_MOVEMENT_ORDER}
    async with two_services(gateway) as services:
        assert [gateway.emit(event, ENTITY) for event in WebhookType] == [4] * 18
        await gateway.delivered()
        once = {(event, how, IDS[event.split("_")[1]]): 1 for event in WebhookType for how in HttpMethod}
        for service in services:
            await service.time.go_on()
            assert service.handled == once
            assert not service.lapses

        gateway.delivery_policy = DeliveryPolicy(repeats=(), deactivate_after=1)
        services[0].broken |= broken
        for event in broken:
            gateway.emit(event, ENTITY)
        await gateway.delivered()
        off = {webhook.webhook_type for webhook in gateway.webhooks if not webhook.active and webhook not in foreign}
        assert off == broken
        services[0].broken.clear()
        for service in services:
            await service.time.go_on()
        assert all(webhook.active for webhook in gateway.webhooks if webhook not in foreign)
        assert {(lapse.event_type, lapse.eshop) for lapse in services[0].lapses} == {(event, "") for event in broken}
        assert len(services[0].lapses) == 2
        assert services[1].lapses == []
        for event in broken:
            assert gateway.emit(event, ENTITY) == 4
        await gateway.delivered()
        assert [attempt.status for attempt in gateway.deliveries[-8:]] == [200] * 8

    assert [webhook for webhook in gateway.webhooks if webhook.url in urls] == foreign
    assert len(gateway.webhooks) == 74
    assert {attempt.status for attempt in gateway.deliveries} == {200, 500}


async def test_rotation_of_the_secret(gateway: GwmsEmulator) -> None:
    """Two replicas are restarted one by one, and subscribe once all know the new secret: none is answered 404."""
    base, handled = "https://shop.example/gwms", Handled()
    old, both, new, last = (SECRET,), (SECRET, NEW_SECRET), (NEW_SECRET, SECRET), (NEW_SECRET,)
    steps = [(old, old), (old, both), (both, both), (both, new), (new, new), (new, last), (last, last)]
    async with client(gateway) as gwms:
        for step in steps:
            for secrets in step:
                receiver = Receiver(*secrets)
                receiver.on(*WebhookType)(handled)
                async with aiohttp_host(aiohttp_app(receiver)) as port:
                    gateway.route("https://shop.example", f"http://127.0.0.1:{port}")
                    if step in {(old, old), (new, new)}:
                        await receiver.subscribe(gwms, base)
                    assert gateway.emit("UPDATE_ORDER", ENTITY) == 1
                    await gateway.delivered()

    assert [attempt.status for attempt in gateway.deliveries] == [200] * 14
    assert len(handled) == 14
    assert len(gateway.webhooks) == 18
