"""What tests against the emulator share."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from itertools import cycle, islice
from textwrap import dedent
from typing import Any

from gwms_async import Credentials, GwmsClient, RetryPolicy, WebhookSpec, WebhookType
from gwms_async.testing import GwmsEmulator

QUICK = RetryPolicy(base=0.001, cap=0.01)
"""Retries that hardly wait."""

CONTRACT_SEED = 20_261_124
"""Where the cases made from the contract begin."""


def client(
    gateway: GwmsEmulator, *, api_key: str | None = None, kind: type[GwmsClient] = GwmsClient, **options: Any
) -> GwmsClient:
    """Make a client of an emulator; retries hardly wait unless told otherwise."""
    username, password, key = gateway.credentials
    options = {"retry": QUICK, "base_url": gateway.base_url, **options}
    return kind(Credentials(username, password, api_key or key), **options)


def spec(number: int = 1) -> WebhookSpec:
    """Make the spec of a webhook."""
    return WebhookSpec(f"https://shop.example/{number}", WebhookType.CREATE_ORDER)


def specs(count: int) -> list[WebhookSpec]:
    """Make specs that differ, of all event types in turn."""
    types = islice(cycle(WebhookType), count)
    return [WebhookSpec(f"https://shop.example/{number}", kind) for number, kind in enumerate(types)]


def held(gateway: GwmsEmulator) -> Counter[tuple[str, ...]]:
    """Count what the gateway holds, by identity."""
    return Counter((hook.url, hook.webhook_type, hook.method) for hook in gateway.webhooks)


def statuses(gateway: GwmsEmulator, operation: str) -> list[int | None]:
    """List what the requests of an operation were answered."""
    return [exchange.status for exchange in gateway.requests if exchange.operation == operation]


async def until(condition: Callable[[], object]) -> None:
    """Wait for a state that is bound to come, 10 seconds at most."""
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110  # the emulator's state has no events
            await asyncio.sleep(0)


def python(code: str, *arguments: object) -> str:
    """Run code in a process of its own, where it must not fail; give what it writes."""
    command = [sys.executable, "-c", dedent(code), *map(str, arguments)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=50)  # noqa: S603  # our own code
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.strip()
