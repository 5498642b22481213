"""The emulator as a server: its journal, its port, its connections, how it starts and ends."""

from __future__ import annotations

import asyncio
import errno
import json
import socket
import time
from collections.abc import AsyncIterator
from contextlib import ExitStack, suppress

import aiohttp
import pytest

from gwms_async.testing import GwmsEmulator, Stall

from ..helpers.emulated import until
from ..helpers.plain_client import HOOK, logged_in, plain, request_bytes, wire


async def test_the_journal_tells_all(gateway: GwmsEmulator) -> None:
    """Every request is noted: operation, method, path, headers in lower case, body, moment, status, fault."""
    before = time.monotonic()
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
    assert before <= create.at <= get.at <= other.at <= time.monotonic()


async def test_requests_are_counted_by_operation(gateway: GwmsEmulator) -> None:
    """Each operation has a name; what is answered 401 counts too; a name that does not exist is an error."""
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


async def test_the_state_may_be_changed_from_outside(gateway: GwmsEmulator) -> None:
    """Webhooks come and go as if another process were at work; what is put there is not checked."""
    gateway.add_eshop("other")
    old = gateway.add_webhook("https://shop.example/1", "CREATE_ORDER")
    odd = gateway.add_webhook("", "CREATE_CLAIM", active=False, method="GET")
    foreign = gateway.add_webhook("https://shop.example/3", "CREATE_ORDER", eshop="other")
    assert gateway.webhooks == [old, odd, foreign]

    async with logged_in(gateway) as client:
        listed = (await client.send("GET", "/webhooks")).data
        assert [(hook["id"], hook["webhookType"], hook["active"], hook["method"]) for hook in listed] == [
            (1, "CREATE_ORDER", True, "POST"),
            (2, "CREATE_CLAIM", False, "GET"),
        ]

        gateway.remove_webhook(old.id)
        assert (await client.send("GET", "/webhooks/1")).status == 404
        with pytest.raises(KeyError):
            gateway.remove_webhook(old.id)


async def test_connections_are_counted_while_they_are_open(gateway: GwmsEmulator) -> None:
    """One that is kept alive counts; one that was closed does not."""
    assert gateway.connections == 0
    async with logged_in(gateway) as client, wire(gateway):
        await client.send("GET", "/webhooks")
        await until(lambda: gateway.connections == 2)

    await until(lambda: gateway.connections == 0)


async def test_a_chunked_body_is_read_whole(gateway: GwmsEmulator) -> None:
    """A body of unknown length is as good as any."""

    async def chunks() -> AsyncIterator[bytes]:
        for byte in json.dumps(HOOK).encode():
            yield bytes([byte])

    async with logged_in(gateway) as client:
        headers = {"authorization": str(client.authorization), "x-api-key": gateway.credentials.api_key}
        async with client.http.post(f"{gateway.base_url}/webhooks", data=chunks(), headers=headers) as response:
            assert response.status == 200

    assert gateway.requests[-1].headers["transfer-encoding"] == "chunked"
    assert json.loads(gateway.requests[-1].body) == HOOK


async def test_a_large_body_is_read_whole(gateway: GwmsEmulator) -> None:
    """There is no limit that a test might hit by chance."""
    url = "https://shop.example/" + "x" * 900_000
    async with logged_in(gateway) as client:
        assert (await client.send("POST", "/webhooks", {**HOOK, "url": url})).data["url"] == url


async def test_a_request_that_comes_in_pieces(gateway: GwmsEmulator) -> None:
    """A request is noted with its head, and carried out with the last byte of its body."""
    async with logged_in(gateway) as client, wire(gateway) as connection:
        content = request_bytes(client, "POST", "/webhooks", HOOK, close=True)
        connection.send(content[:-1])
        await until(lambda: gateway.count("create"))
        assert (gateway.requests[-1].body, gateway.requests[-1].status, gateway.webhooks) == (b"", None, [])

        connection.send(content[-1:])
        assert (await connection.rest()).startswith(b"HTTP/1.1 200 OK\r\n")

    assert len(gateway.webhooks) == 1


async def test_a_request_that_is_never_sent_whole(gateway: GwmsEmulator) -> None:
    """If the client goes in the midst of the body, nothing is carried out."""
    async with logged_in(gateway) as client:
        async with wire(gateway) as connection:
            connection.send(request_bytes(client, "POST", "/webhooks", HOOK)[:-1])
            await until(lambda: gateway.count("create"))
        await until(lambda: gateway.connections == 1)

    assert (gateway.requests[-1].status, gateway.webhooks) == (None, [])


async def test_a_client_that_does_not_wait(gateway: GwmsEmulator) -> None:
    """A request that came whole is carried out, though its client hangs up at once."""
    async with logged_in(gateway) as client:
        for _ in range(20):
            async with wire(gateway) as connection:
                connection.send(request_bytes(client, "POST", "/webhooks", HOOK))
        await until(lambda: gateway.connections == 1)

    assert len(gateway.webhooks) == 20


async def test_pipelined_requests_are_answered_in_order(gateway: GwmsEmulator) -> None:
    """Requests that come in one piece are carried out one after the other."""
    async with logged_in(gateway) as client, wire(gateway) as connection:
        connection.send(
            request_bytes(client, "POST", "/webhooks", HOOK)
            + request_bytes(client, "PUT", "/webhooks/1/deactivate")
            + request_bytes(client, "DELETE", "/webhooks/1", close=True)
        )
        content = await connection.rest()

    assert content.count(b"HTTP/1.1 200 OK\r\n") == 3
    assert [exchange.operation for exchange in gateway.requests[1:]] == ["create", "deactivate", "delete"]
    assert gateway.webhooks == []


async def test_the_port_is_free_or_chosen() -> None:
    """A port that is taken is an error at the start, which does no harm to its owner, nor to a later close."""
    async with GwmsEmulator() as gateway, logged_in(gateway) as client:
        assert gateway.base_url.startswith("http://127.0.0.1:")
        port = int(gateway.base_url.split(":")[2].removesuffix("/v21"))
        second = GwmsEmulator(port=port)
        for emulator in (second, gateway):
            with pytest.raises(OSError) as caught:  # noqa: PT011  (its number tells)
                await emulator.start()
            assert caught.value.errno == errno.EADDRINUSE
        await second.close()

        assert second.connections == 0
        assert (await client.send("GET", "/webhooks")).data == []
        assert gateway.connections == 1

    async with second, plain(second) as client:
        assert second.base_url == gateway.base_url
        assert (await client.log_in()).status == 200


async def test_two_emulators_have_nothing_in_common() -> None:
    """Each has its port, its state and its tokens."""
    async with GwmsEmulator() as first, GwmsEmulator() as second, logged_in(first) as client, plain(second) as stranger:
        stranger.authorization = client.authorization

        assert first.base_url != second.base_url
        assert (await stranger.send("GET", "/webhooks")).status == 401


async def test_it_can_be_closed_twice_and_started_again() -> None:
    """A restart keeps port, webhooks and tokens; closing what is closed, or never was open, does nothing."""
    gateway = GwmsEmulator()
    await gateway.close()
    await gateway.start()
    async with logged_in(gateway) as client:
        await client.create()
        base_url = gateway.base_url
        await gateway.close()
        await gateway.close()

        assert gateway.connections == 0
        with pytest.raises(aiohttp.ClientConnectorError):
            await client.send("POST", "/webhooks", HOOK)

        await gateway.start()
        assert gateway.base_url == base_url
        assert len((await client.send("GET", "/webhooks")).data) == 1
        await gateway.close()


async def test_closing_ends_whatever_goes_on() -> None:
    """Idle connections, half-sent requests, stalled and slow answers end at once, and leave no task behind."""
    gateway = GwmsEmulator()
    await gateway.start()
    async with logged_in(gateway) as client, wire(gateway) as idle, wire(gateway) as half, wire(gateway) as stalled:
        gateway.inject(Stall(3600), operation="list")
        half.send(request_bytes(client, "POST", "/webhooks", HOOK)[:-1])
        stalled.send(request_bytes(client, "GET", "/webhooks"))
        gateway.latency = 3600
        slow = asyncio.create_task(client.create())
        await until(lambda: len(gateway.requests) == 4 and gateway.webhooks and gateway.connections == 4)
        ours = {asyncio.current_task(), slow}

        async with asyncio.timeout(5):
            await gateway.close()

        assert asyncio.all_tasks() <= ours
        assert gateway.connections == 0
        for connection in (idle, half, stalled):
            assert await connection.rest() == b""
        with pytest.raises(aiohttp.ClientConnectionError):
            await slow
    assert [exchange.status for exchange in gateway.requests] == [200, None, None, None]


@pytest.mark.parametrize("steps", range(6))
async def test_connections_that_come_while_it_closes(steps: int) -> None:
    """A client that connects at the last moment is hung up on as well, whatever stage its connection is in."""
    gateway = GwmsEmulator()
    await gateway.start()
    port = int(gateway.base_url.split(":")[2].removesuffix("/v21"))
    with ExitStack() as stack:
        clients = [stack.enter_context(socket.create_connection(("127.0.0.1", port), 10)) for _ in range(5)]
        for _ in range(steps):
            await asyncio.sleep(0)
        await gateway.close()

        assert asyncio.all_tasks() == {asyncio.current_task()}
        for client in clients:
            with suppress(ConnectionResetError):
                assert client.recv(1) == b""
    assert gateway.requests == []
