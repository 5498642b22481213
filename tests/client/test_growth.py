"""Nothing grows with the number of calls or of API keys: a minute later, memory is what it was."""

from __future__ import annotations

import asyncio
import gc
import sys
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from attrs import define, field

from gwms_async import (
    Credentials,
    GwmsClient,
    Handler,
    MemoryTokenStore,
    OutcomeStatus,
    Request,
    Response,
    Token,
    WebhookSpec,
    WebhookType,
)
from gwms_async.clock import Clock

from ..helpers import virtual_loop
from ..helpers.emulated import spec

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

MAX_BLOCKS = 5_000_000 // 512
"""Python keeps small objects in blocks of up to 512 bytes, and knows their number without tracing anything."""
MINUTE = 61.0
WARM_UP = 100


class VirtualClient(GwmsClient):
    """Goes by the time of the running loop."""

    _clock = Clock(monotonic=lambda: asyncio.get_running_loop().time())


class LoggedIn(MemoryTokenStore):
    """Has a token from the start."""

    async def load(self, key: str) -> Token | None:
        """Return it."""
        return Token("token")


@define
class Gateway:
    """Answers as a middleware, and keeps the last webhook of each e-shop."""

    last: dict[str, dict[str, object]] = field(factory=dict)
    creates: int = 0

    async def __call__(self, request: Request, _: Handler) -> Response:
        """Answer a create or a list."""
        key = request.headers["x-api-key"]
        if request.spec is None:
            return Response(200, data=[self.last[key]] if key in self.last else [])
        self.creates += 1
        self.last[key] = {
            "id": self.creates,
            "url": request.spec.url,
            "webhookType": request.spec.webhook_type.value,
            "active": True,
            "method": "POST",
        }
        return Response(201, data=self.last[key])


def check_growth(gateway: Gateway, main: Callable[[GwmsClient, int], Awaitable[None]], count: int) -> None:
    """Assert that memory does not grow by 5 MB with so many calls.

    Args:
        gateway: Who answers.
        main: Makes calls, and ends a minute after the last; is called once with few of them, and once with all.
        count: How many.
    """

    async def measure() -> int:
        async with VirtualClient(
            Credentials("shop", "password", "key"), token_store=LoggedIn(), middlewares=[gateway]
        ) as gwms:
            blocks = []
            for calls in (WARM_UP, count):
                await main(gwms, calls)
                gateway.last.clear()
                gc.collect()
                blocks.append(sys.getallocatedblocks())
            return blocks[1] - blocks[0]

    assert virtual_loop.run(measure()) < MAX_BLOCKS


def test_many_calls_beside_an_open_stream() -> None:
    """The stream has nothing to do with them."""
    gateway = Gateway()

    async def main(gwms: GwmsClient, calls: int) -> None:
        over = asyncio.Event()

        async def source() -> AsyncIterator[WebhookSpec]:
            await over.wait()
            yield spec(0)

        stream = gwms.webhooks.register_stream(source())
        first = asyncio.ensure_future(anext(stream))
        for number in range(calls):
            await gwms.webhooks.create(spec(number + 1))
            if number % 100 == 0:
                await asyncio.sleep(1)
        await asyncio.sleep(MINUTE)
        over.set()
        assert (await first).status is OutcomeStatus.CREATED
        assert [outcome async for outcome in stream] == []
        await asyncio.sleep(MINUTE)

    check_growth(gateway, main, 100_000)
    assert gateway.creates == 100_000 + WARM_UP + 2


@pytest.mark.parametrize("use", ["list", "registration"])
def test_many_keys_used_once(use: str) -> None:
    """Each one is forgotten a minute after its only call."""
    gateway = Gateway()

    async def main(gwms: GwmsClient, keys: int) -> None:
        for number in range(keys):
            webhooks = gwms.for_eshop(f"key-{number}").webhooks
            if use == "list":
                assert await webhooks.list() == []
            else:
                await webhooks.register(WebhookSpec(f"https://shop.example/{number}", WebhookType.CREATE_ORDER))
        await asyncio.sleep(MINUTE)

    check_growth(gateway, main, 10_000)
