"""Secrets and tokens show up nowhere: not in a log at DEBUG, an error, a plan, a pickle, or our frames."""

from __future__ import annotations

import asyncio
import logging
import pickle
import traceback
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest

import gwms_async
from gwms_async import ConfigurationError, GwmsClient, GwmsError, WebhookType
from gwms_async.receiving import Delivery, Receiver, aiohttp_app, asgi_app, redact_logs
from gwms_async.receiving.logs import _LOGGERS, _redact
from gwms_async.testing import DeliveryPolicy, GwmsEmulator, Status

from ..helpers.deliveries import BASE, NEW_SECRET, SECRET
from ..helpers.emulated import client
from ..helpers.hosts import aiohttp_host, exchange, uvicorn_host
from ..helpers.watching import Time, watched

HOSTS: dict[str, Callable[[Receiver], AbstractAsyncContextManager[int]]] = {
    "aiohttp": lambda receiver: aiohttp_host(aiohttp_app(receiver)),
    "uvicorn, h11": lambda receiver: uvicorn_host(asgi_app(receiver), http="h11"),
    "uvicorn, httptools": lambda receiver: uvicorn_host(asgi_app(receiver), http="httptools"),
}
PACKAGE = str(Path(gwms_async.__file__).parent)
TYPES = (WebhookType.UPDATE_ORDER, WebhookType.CREATE_ORDER, WebhookType.UPDATE_PRODUCT)


@pytest.fixture(autouse=True)
def logged(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Log everything, without tokens."""
    caplog.set_level(logging.DEBUG)
    redact_logs()
    yield
    for name in _LOGGERS:
        logging.getLogger(name).removeFilter(_redact)


async def handle(delivery: Delivery) -> None:
    """Fail, take too long, or keep a pickle of what came."""
    if delivery.event_type == "CREATE_ORDER":
        raise LookupError(repr(delivery))
    if delivery.event_type == "UPDATE_PRODUCT":
        await asyncio.sleep(10)
    logging.getLogger("app").info("%s %r %s", delivery, delivery, pickle.dumps(delivery))


def shown(error: BaseException) -> Iterator[str]:
    """Return what an error shows, and what a crash reporter finds in our frames."""
    yield from (str(error), repr(error), repr(vars(error)), "".join(traceback.format_exception(error)))
    yield repr(pickle.dumps(error)) if isinstance(error, GwmsError) else ""
    for frame, _ in traceback.walk_tb(error.__traceback__):
        if frame.f_code.co_filename.startswith(PACKAGE):
            yield repr(frame.f_locals)


@pytest.mark.parametrize(("older", "limit"), [("short", 1), (NEW_SECRET, 0)])
def test_a_mistake_in_the_environment(older: str, limit: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error shows none of the secrets."""
    monkeypatch.setenv("GWMS_WEBHOOK_SECRET", SECRET)
    monkeypatch.setenv("GWMS_WEBHOOK_SECRET_OLD", older)
    with pytest.raises(ConfigurationError) as caught:
        Receiver.from_env(limit=limit)

    texts = list(shown(caught.value))
    assert not [text for text in texts if SECRET in text or repr(older) in text]


async def managed(gwms: GwmsClient, receiver: Receiver, gateway: GwmsEmulator) -> list[str]:
    """Register webhooks with a gateway that repeats what it is sent; return all that is shown."""
    specs = receiver.specs(BASE)
    plan = await gwms.webhooks.plan(specs, prune=receiver.owns(BASE))
    for at, spec in enumerate(specs, 1):
        gateway.inject(Status(403, message=f"{spec.url} is odd"), operation="create", at=at)
    report = await receiver.subscribe(gwms, BASE)
    with pytest.raises(ExceptionGroup) as caught:
        report.raise_for_failures()
    done = await receiver.subscribe(gwms, BASE)
    values = (plan, report, done, *report.outcomes, *done.outcomes, *specs, receiver, receiver.health(), receiver._urls)
    texts = [text for value in values for text in (str(value), repr(value))]
    return [*texts, *(text for error in caught.value.exceptions for text in shown(error))]


@pytest.mark.parametrize("host", HOSTS)
async def test_a_run(host: str, gateway: GwmsEmulator, caplog: pytest.LogCaptureFixture) -> None:
    """Through each adapter: all kinds of answers, all kinds of failures, a round of the watch that fails."""
    time = Time()
    receiver = watched(time, *TYPES, handler=handle)
    receiver._handler_timeout.seconds = 0.05
    other = watched(time, *TYPES, secret=NEW_SECRET)
    specs = receiver.specs(BASE)
    async with client(gateway) as gwms, HOSTS[host](receiver) as port:
        texts = await managed(gwms, receiver, gateway)
        async with receiver.watch(gwms, BASE):
            await gwms.webhooks.deactivate(1)
            gateway.inject(Status(400, message=f"{specs[0].url} is odd"), operation="activate")
            await time.go_on()
        gateway.delivery_policy = DeliveryPolicy(repeats=())
        gateway.route("https://shop.example", f"http://127.0.0.1:{port}")
        for spec in specs:
            await gwms.webhooks.activate(1)
            gateway.emit(spec.webhook_type, {"eshopOrderId": "A1", "sku": "S1"}, entity_id="A1")
        await gateway.delivered()
        for one in (*specs, *other.specs(BASE)):
            for method in ("GET", "PUT", "HEAD"):
                await exchange(port, method, one.url.removeprefix("https://shop.example"), f"Referer: {one.url}")
        texts += [repr(receiver.health()), str(receiver.health())]

    assert {attempt.status for attempt in gateway.deliveries} == {200, 500, 503}
    texts += [caplog.text, *(repr(vars(record)) for record in caplog.records)]
    errors = [record.exc_info[1] for record in caplog.records if record.exc_info]
    assert len(errors) >= 2
    texts += [text for error in errors if error is not None for text in shown(error)]
    tokens = [one.url.rpartition("/")[2] for one in (*specs, *other.specs(BASE))]
    for hidden in (SECRET, NEW_SECRET, *tokens, gateway.credentials.password, *gateway.tokens_issued):
        assert not [text for text in texts if hidden in text], hidden
    assert "gw1-***" in caplog.text
