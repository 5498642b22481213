"""The emulator as a server: its port, its connections, how it starts and closes."""

from __future__ import annotations

import asyncio
import errno
import json
import socket
from collections.abc import AsyncIterator
from contextlib import ExitStack, suppress

import aiohttp
import pytest

from gwms_async.testing import DropBefore, GwmsEmulator, Stall

from ..helpers.emulated import until
from ..helpers.plain_client import HOOK, logged_in, plain, request_bytes, wire


async def test_connections_are_counted_while_they_are_open(gateway: GwmsEmulator) -> None:
    """A connection that is kept alive counts; a closed one does not."""
    assert gateway.connections == 0
    async with logged_in(gateway) as client, wire(gateway):
        await client.send("GET", "/webhooks")
        await until(lambda: gateway.connections == 2)

    await until(lambda: gateway.connections == 0)


async def test_a_chunked_body_is_read_whole(gateway: GwmsEmulator) -> None:
    """A body of unknown length is accepted."""

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
    """There is no limit that a test might hit."""
    url = "https://shop.example/" + "x" * 900_000
    async with logged_in(gateway) as client:
        assert (await client.send("POST", "/webhooks", {**HOOK, "url": url})).data["url"] == url


async def test_a_request_that_arrives_in_pieces(gateway: GwmsEmulator) -> None:
    """A request is recorded with its head and carried out with the last byte of its body."""
    async with logged_in(gateway) as client, wire(gateway) as connection:
        content = request_bytes(client, "POST", "/webhooks", HOOK, close=True)
        connection.send(content[:-1])
        await until(lambda: gateway.count("create"))
        assert (gateway.requests[-1].body, gateway.requests[-1].status, gateway.webhooks) == (b"", None, [])

        connection.send(content[-1:])
        assert (await connection.rest()).startswith(b"HTTP/1.1 200 OK\r\n")

    assert len(gateway.webhooks) == 1


async def test_a_request_that_is_never_sent_whole(gateway: GwmsEmulator) -> None:
    """If the client disconnects in the middle of the body, nothing is carried out."""
    async with logged_in(gateway) as client:
        async with wire(gateway) as connection:
            connection.send(request_bytes(client, "POST", "/webhooks", HOOK)[:-1])
            await until(lambda: gateway.count("create"))
        await until(lambda: gateway.connections == 1)

    assert (gateway.requests[-1].status, gateway.webhooks) == (None, [])


async def test_a_client_that_does_not_wait(gateway: GwmsEmulator) -> None:
    """A request that arrived whole is carried out even if its client disconnects at once."""
    async with logged_in(gateway) as client:
        for _ in range(20):
            async with wire(gateway) as connection:
                connection.send(request_bytes(client, "POST", "/webhooks", HOOK))
        await until(lambda: gateway.connections == 1)

    assert len(gateway.webhooks) == 20


async def test_pipelined_requests_are_answered_in_order(gateway: GwmsEmulator) -> None:
    """Requests that arrive in one piece are carried out one by one."""
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
    """A taken port is an error at the start; its owner is not disturbed, and closing later works."""
    async with GwmsEmulator() as gateway, logged_in(gateway) as client:
        assert gateway.base_url.startswith("http://127.0.0.1:")
        port = int(gateway.base_url.split(":")[2].removesuffix("/v21"))
        second = GwmsEmulator(port=port)
        for emulator in (second, gateway):
            with pytest.raises(OSError) as caught:  # noqa: PT011  # the errno is checked below
                await emulator.start()
            assert caught.value.errno == errno.EADDRINUSE
        await second.close()

        assert second.connections == 0
        assert (await client.send("GET", "/webhooks")).data == []
        assert gateway.connections == 1

    async with second, plain(second) as client:
        assert second.base_url == gateway.base_url
        assert (await client.log_in()).status == 200


async def test_a_start_that_is_cancelled_leaves_the_port_free() -> None:
    """At any step; it can start again."""
    step, was_cancelled = 0, True
    while was_cancelled:
        gateway = GwmsEmulator()
        starting = asyncio.create_task(gateway.start())
        for _ in range(step):
            await asyncio.sleep(0)
        was_cancelled = starting.cancel()
        await asyncio.wait([starting])
        if was_cancelled:
            await gateway.start()
        await gateway.close()
        step += 1
    assert step > 2


async def test_it_can_be_closed_twice_and_restarted() -> None:
    """A restart keeps port, webhooks and tokens; closing what is not open does nothing."""
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


async def test_closing_ends_all_connections() -> None:
    """Idle, half-sent, stalled and slow ones end at once and leave no task behind."""
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
async def test_connections_that_arrive_while_it_closes(steps: int) -> None:
    """A connection made at the last moment is closed too, at any stage."""
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


async def test_requests_are_logged(gateway: GwmsEmulator, caplog: pytest.LogCaptureFixture) -> None:
    """With what was answered; 444 where the connection was closed instead."""
    caplog.set_level("INFO", "gwms_async.testing")
    gateway.inject(DropBefore(), operation="create")
    async with plain(gateway) as client:
        with suppress(aiohttp.ServerDisconnectedError):
            await client.send("POST", "/webhooks", {})
        await client.send("DELETE", "/webhooks/1")

    assert caplog.messages == ["POST /v21/webhooks HTTP/1.1 444", "DELETE /v21/webhooks/1 HTTP/1.1 401"]
