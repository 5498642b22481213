"""Answers that are lost or damaged on the way: what arrives, byte by byte."""

from __future__ import annotations

import asyncio

import pytest

from gwms_async.testing import (
    CutBody,
    CutHead,
    DropAfter,
    DropBefore,
    Fault,
    Garbage,
    GwmsEmulator,
    SlowBody,
    Stall,
    Status,
    WrongLength,
)

from ..helpers.emulated import until
from ..helpers.plain_client import HOOK, logged_in, plain, raw_answer, request_bytes, wire
from ..helpers.virtual_io_loop import VirtualIoLoop


def parsed(content: bytes) -> tuple[dict[str, str], bytes]:
    """Return the headers and the body of an answer."""
    head, _, body = content.partition(b"\r\n\r\n")
    return dict(line.split(": ", 1) for line in head.decode().split("\r\n")[1:]), body


@pytest.mark.parametrize("fault", [DropBefore(), DropAfter(), Stall(0.001)], ids=str)
async def test_a_drop_sends_nothing(gateway: GwmsEmulator, fault: Fault) -> None:
    """No byte comes back before the connection closes."""
    assert await raw_answer(gateway, fault) == b""


@pytest.mark.parametrize("carry_out", [True, False])
async def test_a_cut_head_is_half_a_head(gateway: GwmsEmulator, carry_out: bool) -> None:
    """The answer starts as usual and ends within its headers."""
    content = await raw_answer(gateway, CutHead(carry_out=carry_out))

    assert content.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"\r\n\r\n" not in content


async def test_a_cut_body_is_half_a_body(gateway: GwmsEmulator) -> None:
    """Less comes than `Content-Length` promises."""
    headers, body = parsed(await raw_answer(gateway, CutBody()))

    assert headers.keys() == {"Date", "Content-Length", "Content-Type"}
    assert int(headers["Content-Length"]) // 2 == len(body)
    assert body.startswith(b'{"statusCode": 200, "message": "OK", "data": {"id": 1')


async def test_a_cut_answer_may_be_a_refusal(gateway: GwmsEmulator) -> None:
    """The answer that is cut is the usual one."""
    async with plain(gateway) as client, wire(gateway) as connection:
        gateway.inject(CutBody())
        connection.send(request_bytes(client, "GET", "/webhooks"))

        assert (await connection.rest()).startswith(b"HTTP/1.1 401 Unauthorized\r\n")


async def test_a_pipelined_request_behind_a_fault_is_lost(gateway: GwmsEmulator) -> None:
    """A request pipelined behind one whose connection closes is neither recorded nor carried out."""
    async with logged_in(gateway) as client, wire(gateway) as connection:
        gateway.inject(DropAfter())
        connection.send(request_bytes(client, "POST", "/webhooks", HOOK) * 2)

        assert await connection.rest() == b""
    assert gateway.count("create") == len(gateway.webhooks) == 1


async def test_a_stall_ends_when_the_client_goes(gateway: GwmsEmulator) -> None:
    """When a client gives up, its connection closes long before the stall is over."""
    async with logged_in(gateway) as client:
        gateway.inject(Stall(3600))
        call = asyncio.create_task(client.create())
        await until(lambda: gateway.count("create") and gateway.requests[-1].body)
        assert gateway.connections == 1
        call.cancel()

        await until(lambda: gateway.connections == 0)

    assert (gateway.requests[-1].status, gateway.webhooks) == (None, [])


def test_a_slow_body_pauses_in_the_middle() -> None:
    """Half of the body comes at once, the rest after the pause; then it was sent whole."""

    async def main() -> None:
        async with GwmsEmulator() as gateway, logged_in(gateway) as client, wire(gateway) as connection:
            gateway.inject(SlowBody(5))
            connection.send(request_bytes(client, "POST", "/webhooks", HOOK))
            began = asyncio.get_running_loop().time()
            first = await connection.reader.read(1000)
            assert asyncio.get_running_loop().time() == began
            rest = await connection.rest()
            assert asyncio.get_running_loop().time() == began + 5

        headers, body = parsed(first + rest)
        assert int(headers["Content-Length"]) == len(body)
        assert len(body) // 2 == len(body) - len(rest)
        assert gateway.requests[-1].status == 200

    with asyncio.Runner(loop_factory=VirtualIoLoop) as runner:
        runner.run(main())


@pytest.mark.parametrize("by", [-3, 3])
async def test_a_wrong_length_promises_another_body(gateway: GwmsEmulator, by: int) -> None:
    """The body is whole, its announced length is not."""
    headers, body = parsed(await raw_answer(gateway, WrongLength(by)))

    assert int(headers["Content-Length"]) == len(body) + by
    assert len(gateway.webhooks) == 1


async def test_garbage_is_sent_as_given(gateway: GwmsEmulator) -> None:
    """Nothing but the bytes."""
    assert await raw_answer(gateway, Garbage(content=b"\x00\x01")) == b"\x00\x01"


async def test_a_whole_answer_has_a_status(gateway: GwmsEmulator) -> None:
    """The journal has the status of an answer only if it was sent whole."""
    async with logged_in(gateway) as client:
        gateway.inject(Status(502))
        await client.create()
        await raw_answer(gateway, CutBody())

    assert [exchange.status for exchange in gateway.requests if exchange.operation == "create"] == [502, None]
