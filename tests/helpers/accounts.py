"""Several accounts of the gateway, with several e-shops each, for tests of the fleet."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import AsyncGenerator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from gwms_async import Credentials, WebhookSpec, WebhookType
from gwms_async.fleet import Eshop
from gwms_async.testing import GwmsEmulator

from .emulated import until


class Accounts:
    """One emulator per account; the e-shop "3/7" is the seventh of the third.

    Args:
        gateways: The emulators.
        eshops: How many e-shops each account has.
        events: How many event types each e-shop wants to know of.
    """

    def __init__(self, gateways: list[GwmsEmulator], eshops: int, events: int = len(WebhookType)) -> None:
        self.gateways = gateways
        self.eshops = eshops
        self.events = events
        for account, gateway in enumerate(gateways):
            for eshop in range(eshops):
                gateway.add_eshop(f"the-api-key-{account}-{eshop}")

    @property
    def names(self) -> Mapping[str, list[str]]:
        """The names of all e-shops by account."""
        return {
            f"account-{account}": [f"{account}/{eshop}" for eshop in range(self.eshops)]
            for account in range(len(self.gateways))
        }

    def as_json(self) -> str:
        """Return what another process needs to find e-shops."""
        return json.dumps([self.events, [[one.base_url, *one.credentials] for one in self.gateways]])

    @property
    def copies(self) -> Counter[int]:
        """How many webhooks exist how often."""
        held = Counter((hook.eshop, hook.url, hook.webhook_type) for one in self.gateways for hook in one.webhooks)
        return Counter(held.values())


@asynccontextmanager
async def accounts(count: int, eshops: int, events: int = len(WebhookType), **options: Any) -> AsyncGenerator[Accounts]:
    """Run some; no connection to them is left open."""
    gateways = [GwmsEmulator(**options) for _ in range(count)]
    async with AsyncExitStack() as stack:
        for gateway in gateways:
            await stack.enter_async_context(gateway)
        yield Accounts(gateways, eshops, events)
        await until(lambda: not any(gateway.connections for gateway in gateways))


def find_in(text: str, name: str) -> Eshop:
    """Return an e-shop of accounts that are given as JSON."""
    events, gateways = json.loads(text)
    account, _, eshop = name.partition("/")
    base_url, username, password, _ = gateways[int(account)]
    return Eshop(
        Credentials(username, password, f"the-api-key-{account}-{eshop}"),
        [WebhookSpec(f"https://shop.example/{eshop}", event_type) for event_type in list(WebhookType)[:events]],
        base_url=base_url,
    )
