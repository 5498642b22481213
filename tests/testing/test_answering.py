"""How API calls are answered and noted."""

from __future__ import annotations

import asyncio
import json
import time

import aiohttp
import pytest

from gwms_async.testing import DropAfter, DropBefore, GwmsEmulator

from ..helpers.plain_client import logged_in


async def test_the_answer_is_noted(gateway: GwmsEmulator) -> None:
    """Its headers, the start of its body, and how long it took; also of one that a fault has lost."""
    async with logged_in(gateway) as client:
        gateway.latency = 0.01
        await client.create()
        gateway.inject(DropAfter())
        gateway.inject(DropBefore(), at=2)
        for _ in range(2):
            with pytest.raises(aiohttp.ClientError):
                await client.send("POST", "/webhooks", {"url": "x" * 5_000})

    _, create, lost, dropped = gateway.requests
    assert json.loads(create.answer_start)["data"]["id"] == 1
    assert create.answer_headers["Content-Type"] == "application/json; charset=utf-8"
    assert create.seconds is not None
    assert create.seconds >= 0.01
    assert (lost.status, json.loads(lost.answer_start)["statusCode"]) == (None, 400)
    assert (dropped.status, dropped.answer_start, dropped.answer_headers) == (None, b"", {})
    assert lost.seconds is not None
    assert dropped.seconds is not None


async def test_only_the_start_of_a_long_answer_is_kept(gateway: GwmsEmulator) -> None:
    """A list of thousands costs no more memory than a short one."""
    for _ in range(50):
        gateway.add_webhook("https://shop.example/" + "x" * 100, "CREATE_ORDER")
    async with logged_in(gateway) as client:
        assert len((await client.send("GET", "/webhooks")).content) > 4096

    assert len(gateway.requests[-1].answer_start) == 4096


async def test_a_webhook_can_be_switched_from_outside(gateway: GwmsEmulator) -> None:
    """As if another process did it; an id that does not exist is no error."""
    gateway.add_webhook("https://shop.example/", "CREATE_ORDER")

    assert gateway.switch_webhook(1, active=False)
    assert not gateway.webhooks[0].active
    assert not gateway.switch_webhook(2, active=False)


async def test_unix_time(gateway: GwmsEmulator) -> None:
    """The clock of the loop and an offset make the present time."""
    assert asyncio.get_running_loop().time() + gateway.unix_offset == pytest.approx(time.time(), abs=5)
