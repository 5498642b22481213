"""What the emulator remembers of requests."""

from __future__ import annotations

import asyncio
import json

import pytest

from gwms_async.testing import GwmsEmulator

from ..helpers.plain_client import HOOK, logged_in


async def test_the_journal_records_requests(gateway: GwmsEmulator) -> None:
    """Operation, method, path, headers in lower case, body, time, status, fault."""
    loop = asyncio.get_running_loop()
    before = loop.time()
    async with logged_in(gateway) as client:
        await client.create()
        await client.send("GET", "/webhooks/7?x=1")
        client.authorization = None
        await client.send("GET", "/nowhere")

    _, create, get, other = gateway.requests
    assert [exchange.operation for exchange in gateway.requests] == ["login", "create", "get", "other"]
    assert (create.method, create.path, create.status, create.fault) == ("POST", "/webhooks", 200, None)
    assert json.loads(create.body) == HOOK
    assert create.headers["x-api-key"] == gateway.credentials.api_key
    assert create.headers["authorization"] == f"Bearer {gateway.tokens_issued[0]}"
    assert (get.method, get.path, get.status, get.body) == ("GET", "/webhooks/7", 404, b"")
    assert (other.path, other.status) == ("/nowhere", 401)
    assert "authorization" not in other.headers
    assert before <= create.at <= get.at <= other.at <= loop.time()


async def test_requests_are_counted_by_operation(gateway: GwmsEmulator) -> None:
    """Requests answered 401 count too; an unknown operation is an error."""
    async with logged_in(gateway) as client:
        await client.create()
        await client.send("GET", "/webhooks")
        await client.send("GET", "/webhooks/1")
        await client.send("PUT", "/webhooks/1", HOOK)
        await client.send("PUT", "/webhooks/1/deactivate")
        await client.send("PUT", "/webhooks/1/activate")
        await client.send("DELETE", "/webhooks/1")
        gateway.revoke_tokens()
        await client.send("GET", "/webhooks")
        await client.send("PATCH", "/webhooks")
        await client.log_in()

    names = ["login", "list", "create", "get", "update", "activate", "deactivate", "delete", "other"]
    assert [gateway.count(name) for name in names] == [2, 2, 1, 1, 1, 1, 1, 1, 1]
    assert gateway.logins == 2
    with pytest.raises(ValueError, match=r"operation must be one of activate, create, .*, not 'lists'"):
        gateway.count("lists")


async def test_the_journal_is_bounded() -> None:
    """It keeps the latest requests; all are counted."""
    async with GwmsEmulator(journal=3) as gateway, logged_in(gateway) as client:
        await client.statuses(4)
        await client.create()

    assert [exchange.operation for exchange in gateway.requests] == ["list", "list", "create"]
    assert (gateway.logins, gateway.count("list"), gateway.count("create"), gateway.count("get")) == (1, 4, 1, 0)
