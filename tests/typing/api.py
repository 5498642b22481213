"""The public face as a type checker sees it; checked, never run."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, assert_type

from aiohttp import web
from attrs import evolve
from fastapi import FastAPI
from starlette.applications import Starlette

from gwms_async import (
    ApiError,
    Credentials,
    FileTokenStore,
    GwmsClient,
    Handler,
    HttpMethod,
    MemoryTokenStore,
    Middleware,
    Outcome,
    OutcomeStatus,
    OutcomeUnknownError,
    RedisTokenStore,
    Report,
    Request,
    Response,
    RetryPolicy,
    Telemetry,
    Timeout,
    Token,
    TokenStore,
    Webhook,
    WebhookSpec,
    WebhookType,
)
from gwms_async.receiving import Answer, Delivery, Health, Lapse, Receiver, aiohttp_app, asgi_app, redact_logs
from gwms_async.telemetry import OpenTelemetry
from gwms_async.testing import (
    DeliveryAttempt,
    DropAfter,
    Exchange,
    GwmsEmulator,
    NoEffect,
    OtherState,
    Paged,
    Repeat,
    Status,
    StoredWebhook,
    normalized_url,
)


async def traced(request: Request, handler: Handler) -> Response:
    """Be a middleware."""
    return await handler(evolve(request, headers={**request.headers, "x-trace": "1"}))


async def operations(gwms: GwmsClient) -> None:
    """Use all operations."""
    spec = WebhookSpec("https://shop.example/", WebhookType.CREATE_ORDER, active=False, method=HttpMethod.GET)
    assert_type(await gwms.webhooks.list(), list[Webhook])
    hook = await gwms.webhooks.create(spec)
    assert_type(hook, Webhook)
    assert_type(hook.registered_at, datetime | None)
    assert_type(hook.spec, WebhookSpec)
    assert_type(await gwms.webhooks.get(hook.id), Webhook)
    assert_type(await gwms.webhooks.update(hook.id, spec), Webhook)
    assert_type(await gwms.webhooks.activate(hook.id), Webhook)
    assert_type(await gwms.webhooks.deactivate(hook.id), Webhook)
    assert_type(await gwms.webhooks.register(spec), Webhook)
    await gwms.webhooks.delete(hook.id)
    assert_type(await gwms.request("GET", "/orders", json={"a": 1}, idempotent=True), Any)


async def bulk(gwms: GwmsClient, source: AsyncIterator[WebhookSpec]) -> None:
    """Register many."""
    report = await gwms.webhooks.register_many([], concurrency=4, deadline=1.5, on_outcome=print)
    assert_type(report, Report)
    assert_type(report.outcomes, tuple[Outcome, ...])
    assert_type(report.counts[OutcomeStatus.CREATED], int)
    async for outcome in gwms.webhooks.register_stream(source, concurrency=2):
        assert_type(outcome, Outcome)
        assert_type(outcome.webhook, Webhook | None)
        assert_type(outcome.copies, tuple[int, ...])


async def clients() -> None:
    """Make clients."""
    store: TokenStore = MemoryTokenStore()
    middleware: Middleware = traced
    options = Timeout(connect=1, attempt=2, total=3), RetryPolicy(max_attempts=2)
    credentials = Credentials("user", "password", "key")
    async with GwmsClient(
        credentials, timeout=options[0], retry=options[1], token_store=store, middlewares=[middleware]
    ) as gwms:
        assert_type(gwms, GwmsClient)
        assert_type(gwms.for_eshop("other"), GwmsClient)
    assert_type(GwmsClient(credentials, timeout=30, trust_env=True), GwmsClient)
    assert_type(GwmsClient.from_env(max_connections=1, timeout=5, retry=options[1], token_store=store), GwmsClient)
    assert_type(await store.load("key"), Token | None)
    telemetry: Telemetry = OpenTelemetry()
    assert_type(GwmsClient.from_env(telemetry=telemetry), GwmsClient)
    in_files: TokenStore = FileTokenStore("directory")
    assert_type(FileTokenStore().directory, Path)
    assert_type(await in_files.load("key"), Token | None)
    async with RedisTokenStore.connect("redis://localhost", cipher=None) as in_redis:
        assert_type(in_redis, RedisTokenStore)
        shared: TokenStore = in_redis
        assert_type(await shared.load("key"), Token | None)


async def mistakes() -> None:
    """Make mistakes: an `ignore` that nothing needs is an error."""
    GwmsClient.from_env(token_sotre=MemoryTokenStore())  # type: ignore[call-arg]
    GwmsClient.from_env(retry=3)  # type: ignore[arg-type]
    Receiver.from_env(limt=5)  # type: ignore[call-arg]
    Receiver.from_env(limit="5")  # type: ignore[arg-type]
    gwms = GwmsClient(("user", "password", "key"))  # type: ignore[arg-type]
    with gwms:  # type: ignore[attr-defined]
        pass
    spec = WebhookSpec("https://shop.example/", "create_order", method="post")
    await gwms.webhooks.register_many(spec)  # type: ignore[arg-type]
    await gwms.webhooks.register("https://shop.example/")  # type: ignore[arg-type]
    await gwms.webhooks.get("21")  # type: ignore[arg-type]
    await gwms.webhooks.plan([spec], prune=5)  # type: ignore[arg-type]


async def reception(gwms: GwmsClient) -> None:
    """Receive deliveries."""
    receiver = Receiver("secret", "older secret", max_body=1, limit=1.5)
    assert_type(Receiver.from_env(limit=5), Receiver)

    @receiver.on(WebhookType.UPDATE_ORDER, "CREATE_ORDER")
    async def handled(delivery: Delivery) -> int:
        assert_type(delivery.event_type, WebhookType)
        assert_type(delivery.received_at, datetime)
        return len(delivery.body)

    def wrong(delivery: Delivery) -> None:
        raise NotImplementedError

    receiver.on(*WebhookType)(wrong)  # type: ignore[type-var]

    async def body() -> bytes:
        return b""

    async def on_lapse(lapses: list[Lapse]) -> None:
        assert_type(lapses[0].seen_active_at, datetime | None)

    async def on_any_lapse(lapses: Sequence[Lapse]) -> None: ...

    base = "https://shop.example/gwms"
    assert_type(receiver.specs(base, eshop="cz", method="GET"), list[WebhookSpec])
    assert_type(await receiver.subscribe(gwms, base, eshop="cz", method=HttpMethod.GET, force=True), Report)
    async with gwms, receiver.watch(gwms, base, eshop="cz", method="GET", every=60, on_lapse=on_lapse):
        await gwms.webhooks.plan(receiver.specs(base), prune=receiver.owns(base, eshop="cz"))
    async with receiver.watch(gwms, base, on_lapse=on_any_lapse):
        pass
    assert_type(receiver.health(), Health)
    assert_type(receiver.health().deliveries["UPDATE_ORDER"], datetime)
    assert_type(await receiver.take("POST", "/", body), Answer)
    web.Application().add_subapp("/gwms", aiohttp_app(receiver))
    Starlette().mount("/gwms", asgi_app(receiver))
    FastAPI().mount("/gwms", asgi_app(receiver))
    redact_logs()


async def emulation() -> None:
    """Use the emulator."""
    unkind = GwmsEmulator(
        spelling=normalized_url, list_lag=2.5, get_lag=1, unique_urls=422, tombstones=True, expires_in="text", journal=9
    )
    assert_type(unkind.list_lag + unkind.get_lag, float)
    for fault in (NoEffect(), OtherState(), Paged(10, "link"), Status(400, message=["url", "active"])):
        unkind.inject(fault, times=2)
    async with GwmsEmulator() as gateway:
        gateway.inject(DropAfter(), operation="create")
        async with GwmsClient(Credentials(*gateway.credentials), base_url=gateway.base_url) as gwms:
            try:
                await gwms.webhooks.list()
            except ApiError as error:
                assert_type(error.status, int)
                assert_type(error.retry_after, float | None)
            except OutcomeUnknownError as error:
                assert_type(error.spec, WebhookSpec | None)
        gateway.route("https://shop.example", "http://127.0.0.1:8080")
        gateway.disturb(Repeat(2), event="UPDATE_ORDER")
        assert_type(gateway.emit(WebhookType.UPDATE_ORDER, {"eshopOrderId": "A1"}), int)
        await gateway.delivered()
        assert_type(gateway.deliveries, list[DeliveryAttempt])
        assert_type(gateway.requests, list[Exchange])
        assert_type(gateway.webhooks, list[StoredWebhook])
