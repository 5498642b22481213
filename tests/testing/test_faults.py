"""The emulator's faults: what the client sees of each, and whether the request was carried out."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable

import aiohttp
import pytest

from gwms_async.testing import (
    CutBody,
    CutHead,
    DropAfter,
    DropBefore,
    EnvelopeStatus,
    Fault,
    Garbage,
    GwmsEmulator,
    Html,
    Paged,
    RawBody,
    Redirect,
    Reset,
    RevokeTokens,
    SlowBody,
    Stall,
    Status,
    WrongLength,
)
from gwms_async.testing.wire import Answer, Route

from ..helpers.plain_client import HOOK, Reply, logged_in, plain, raw_answer, request_bytes, wire
from ..helpers.virtual_io_loop import with_virtual_gateway

PAGE = b"<!doctype html>"


async def answer_to(gateway: GwmsEmulator, fault: Fault) -> Reply:
    """Make a fault hit a create, and return the answer; the connection must stay usable."""
    async with logged_in(gateway) as client:
        gateway.inject(fault)
        reply = await client.create()
        assert (await client.send("GET", "/nowhere")).status in {401, 404}
        assert gateway.connections == 1
    hit = gateway.requests[-2]
    assert (hit.fault, hit.status, json.loads(hit.body)) == (fault, reply.status, HOOK)
    return reply


@pytest.mark.parametrize(
    ("fault", "carried_out"),
    [
        (DropBefore(), False),
        (DropAfter(), True),
        (CutHead(), True),
        (CutHead(carry_out=False), False),
        (CutBody(), True),
        (CutBody(carry_out=False), False),
        (Stall(0.001), False),
        (Stall(0.001, carry_out=True), True),
        (Reset(), False),
        (WrongLength(1), True),
        (WrongLength(1, carry_out=False), False),
        (Garbage(content=b""), True),
        (Garbage(content=b"", carry_out=False), False),
    ],
    ids=str,
)
async def test_an_answer_that_does_not_come(gateway: GwmsEmulator, fault: Fault, carried_out: bool) -> None:
    """The client gets an error and cannot know whether its request was carried out; the journal has no status."""
    async with logged_in(gateway) as client:
        gateway.inject(fault)
        with pytest.raises((aiohttp.ClientConnectionError, aiohttp.ClientPayloadError)):
            await client.create()

        assert len(gateway.webhooks) == carried_out
        assert (gateway.requests[-1].fault, gateway.requests[-1].status) == (fault, None)
        assert (await client.create()).status == 200


@pytest.mark.parametrize(
    ("fault", "status", "carried_out"),
    [
        (Status(503), 503, False),
        (Status(503, carry_out=True), 503, True),
        (Status(400, body=b"no", carry_out=True), 400, True),
        (EnvelopeStatus(503), 200, False),
        (Html(), 200, True),
        (Html(carry_out=False), 200, False),
        (Redirect("/elsewhere"), 307, False),
        (RawBody(b"[]"), 200, True),
        (RawBody(b"[]", carry_out=False), 200, False),
        (RevokeTokens(), 401, False),
    ],
    ids=str,
)
async def test_an_answer_that_says_something_else(
    gateway: GwmsEmulator, fault: Fault, status: int, carried_out: bool
) -> None:
    """The client gets the answer of the fault, and the connection stays in use."""
    assert (await answer_to(gateway, fault)).status == status
    assert len(gateway.webhooks) == carried_out


async def test_a_reset_is_a_reset(gateway: GwmsEmulator) -> None:
    """The connection is reset, and the body is not read."""
    with pytest.raises(ConnectionResetError):
        await raw_answer(gateway, Reset())

    assert gateway.requests[-1].body == b""


async def test_a_status_is_sent_twice(gateway: GwmsEmulator) -> None:
    """On the status line and in the envelope; no `Retry-After` unless asked for."""
    reply = await answer_to(gateway, Status(503))

    assert reply.problem == (503, "Emulated fault")
    assert "Retry-After" not in reply.headers


async def test_a_status_with_a_message_and_retry_after(gateway: GwmsEmulator) -> None:
    """The message and the header are sent as given, valid or not."""
    reply = await answer_to(gateway, Status(429, "soon", message="Slow down"))

    assert reply.problem == (429, "Slow down")
    assert reply.headers["Retry-After"] == "soon"


async def test_a_status_with_a_body_of_its_own(gateway: GwmsEmulator) -> None:
    """Given bytes are sent as HTML instead of the envelope."""
    reply = await answer_to(gateway, Status(502, "5", body=b"<h1>Bad</h1>"))

    assert (reply.status, reply.content) == (502, b"<h1>Bad</h1>")
    assert reply.headers["Content-Type"] == "text/html; charset=utf-8"
    assert reply.headers["Retry-After"] == "5"


@pytest.mark.parametrize("body", [None, b"x"])
async def test_given_headers_win(gateway: GwmsEmulator, body: bytes | None) -> None:
    """A header is sent once, in any spelling of its name."""
    headers = {"content-type": "text/plain", "date": "never", "RETRY-AFTER": "2", "X-More": "1"}
    fault = Status(503, "1", body=body, headers=headers)
    async with logged_in(gateway) as client, wire(gateway) as connection:
        gateway.inject(fault)
        connection.send(request_bytes(client, "POST", "/webhooks", HOOK, close=True))
        head = (await connection.rest()).partition(b"\r\n\r\n")[0].decode().split("\r\n")

    for name, value in headers.items():
        assert [line for line in head if line.lower().startswith(f"{name.lower()}:")] == [f"{name}: {value}"]


async def test_an_envelope_may_contradict_the_status_line(gateway: GwmsEmulator) -> None:
    """HTTP 200 with an envelope that has another status and no data."""
    reply = await answer_to(gateway, EnvelopeStatus(503))

    assert json.loads(reply.content) == {"statusCode": 503, "message": "Emulated fault"}
    assert reply.headers["Content-Type"] == "application/json; charset=utf-8"


async def test_a_page_in_place_of_json(gateway: GwmsEmulator) -> None:
    """HTTP 200 with HTML."""
    reply = await answer_to(gateway, Html())

    assert reply.content.startswith(PAGE)
    assert reply.headers["Content-Type"] == "text/html; charset=utf-8"


async def test_a_redirect_names_its_target(gateway: GwmsEmulator) -> None:
    """The `Location` and the status are those given."""
    reply = await answer_to(gateway, Redirect("https://other.example/", 302))

    assert reply.problem == (302, "Emulated fault")
    assert reply.headers["Location"] == "https://other.example/"


@pytest.mark.parametrize("body", [b"", b"\x00\xff", b'{"statusCode": 200}'])
async def test_a_raw_body_is_sent_as_it_is(gateway: GwmsEmulator, body: bytes) -> None:
    """HTTP 200 with exactly the given bytes and content type."""
    reply = await answer_to(gateway, RawBody(body, "application/octet-stream"))

    assert (reply.status, reply.content) == (200, body)
    assert reply.headers["Content-Type"] == "application/octet-stream"


async def test_a_login_recovers_from_revoked_tokens(gateway: GwmsEmulator) -> None:
    """The request that is hit is answered 401; after another login requests succeed."""
    async with logged_in(gateway) as client:
        gateway.inject(RevokeTokens())

        assert (await client.create()).problem == (401, "The token is missing or no longer valid")
        await client.log_in()
        assert (await client.create()).status == 200


async def test_an_answer_is_lost_though_the_request_was_refused(gateway: GwmsEmulator) -> None:
    """A fault does not authenticate anyone."""
    async with plain(gateway) as client:
        gateway.inject(DropAfter())
        gateway.inject(Html())
        with pytest.raises(aiohttp.ClientConnectionError):
            await client.create()

        assert (await client.create()).content.startswith(PAGE)
    assert gateway.webhooks == []


@pytest.mark.parametrize(
    ("fault", "carried_out"), [(SlowBody(0), True), (SlowBody(0, carry_out=False), False)], ids=str
)
async def test_an_answer_that_comes_slowly(gateway: GwmsEmulator, fault: Fault, carried_out: bool) -> None:
    """The request is carried out first, or not at all; the answer is a success."""
    async with logged_in(gateway) as client:
        gateway.inject(fault)
        assert (await client.create()).status == 200

    assert len(gateway.webhooks) == carried_out


def test_a_request_may_be_carried_out_late() -> None:
    """The connection closes first; the webhook appears later."""

    async def main(gateway: GwmsEmulator, _: object) -> None:
        assert await raw_answer(gateway, DropAfter(commit_delay=0.3)) == b""
        assert gateway.webhooks == []

        await asyncio.sleep(0.3)

        assert gateway.webhooks[0].url == HOOK["url"]

    with_virtual_gateway(main)


def test_a_late_commit_counts_from_the_end_of_the_connection() -> None:
    """Latency is added to it."""

    async def main(gateway: GwmsEmulator, _: object) -> None:
        gateway.latency = 1.0
        await raw_answer(gateway, DropAfter(commit_delay=0.3))
        assert gateway.webhooks == []

        await asyncio.sleep(0.4)

        assert len(gateway.webhooks) == 1

    with_virtual_gateway(main)


async def test_closing_drops_what_was_to_be_carried_out_late() -> None:
    """Nothing happens after closing."""
    async with GwmsEmulator() as gateway:
        await raw_answer(gateway, DropAfter(commit_delay=3600))
        assert len(asyncio.all_tasks()) > 1

    assert gateway.webhooks == []
    assert asyncio.all_tasks() == {asyncio.current_task()}


@pytest.mark.parametrize(
    ("fault", "carried_out"),
    [
        (DropBefore(), False),
        (DropAfter(), True),
        (CutHead(), True),
        (CutBody(carry_out=False), False),
        (Stall(1), False),
        (Status(500), False),
        (EnvelopeStatus(500), False),
        (Html(), True),
        (Redirect("/"), False),
        (RawBody(b""), True),
        (Reset(), False),
    ],
    ids=str,
)
def test_a_fault_knows_whether_the_request_is_carried_out(fault: Fault, carried_out: bool) -> None:
    """By its `carry_out`, a field where there is a choice."""
    assert fault.carry_out is carried_out


@pytest.mark.parametrize("fault", [DropAfter(), CutHead(), CutBody(), Stall(1), RevokeTokens()], ids=str)
def test_a_fault_of_the_connection_leaves_the_answer_as_it_is(fault: Fault) -> None:
    """Only faults in the content replace the answer."""
    usual = Answer(200, b"")

    assert fault.answer(usual) is usual


def test_a_late_commit_is_not_before_the_request() -> None:
    """Its delay must not be negative."""
    with pytest.raises(ValueError, match="must be >= 0"):
        DropAfter(commit_delay=-1)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Status(429, retry_after=3),  # type: ignore[arg-type]
        lambda: Status(503, body="text"),  # type: ignore[arg-type]
        lambda: Status(503, headers={"X-Count": 3}),  # type: ignore[dict-item]
        lambda: Status(400, message={"url"}),  # type: ignore[arg-type]
        lambda: EnvelopeStatus("500"),  # type: ignore[arg-type]
        lambda: Stall("3"),  # type: ignore[arg-type]
        lambda: SlowBody(None),  # type: ignore[arg-type]
        lambda: WrongLength("2"),  # type: ignore[arg-type]
        lambda: Garbage(content="text"),  # type: ignore[arg-type]
        lambda: RawBody("text"),  # type: ignore[arg-type]
        lambda: RawBody(b"", None),  # type: ignore[arg-type]
        lambda: Redirect(None),  # type: ignore[arg-type]
        lambda: Redirect("https://shop.example/", "307"),  # type: ignore[arg-type]
        lambda: Paged(1.5),  # type: ignore[arg-type]
    ],
)
def test_a_fault_that_cannot_be_sent(make: Callable[[], Fault]) -> None:
    """It is an error where it is made, and not a connection that breaks later."""
    with pytest.raises(TypeError):
        make()


@pytest.mark.parametrize(
    "make",
    [
        lambda: Status(503, retry_after="1\r\n"),
        lambda: Status(503, headers={"X-Name": "\u017elu\u0165"}),
        lambda: Status(503, headers={"X\n": "1"}),
        lambda: Redirect("https://shop.example/\u010d"),
        lambda: RawBody(b"", "text/plain\x00"),
    ],
)
def test_a_header_that_cannot_be_sent(make: Callable[[], Fault]) -> None:
    """A line break, or a letter that is not in Latin-1."""
    with pytest.raises(ValueError, match="must match regex"):
        make()


@pytest.mark.parametrize("status", [207, 418, 451, 499, 520, 522, 524, 530, 599])
async def test_any_status_can_be_sent(gateway: GwmsEmulator, status: int) -> None:
    """Also those that proxies made up, which have no reason phrase."""
    reply = await answer_to(gateway, Status(status))

    assert reply.problem == (status, "Emulated fault")


@pytest.mark.parametrize("message", [["url must be a URL", "active must be a boolean"], {"url": ["invalid"]}, []])
async def test_a_message_can_be_a_list_or_an_object(
    gateway: GwmsEmulator, message: list[str] | dict[str, object]
) -> None:
    """As validators send it."""
    reply = await answer_to(gateway, Status(400, message=message))

    assert reply.envelope == {"statusCode": 400, "message": message}


def test_a_fault_leaves_the_request_as_it_is() -> None:
    """Unless the gateway carries out something else."""
    route = Route.find("POST", "/webhooks")

    assert Fault().request(route, b"{}") == (route, b"{}")
