"""The table of answers, row by row, without a server."""

from __future__ import annotations

import asyncio
import logging
import traceback
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from urllib.parse import quote

import pytest

from gwms_async import HttpMethod, WebhookType
from gwms_async.clock import Clock
from gwms_async.receiving import Answer, Delivery, Receiver, take
from gwms_async.receiving.take import BODIES_IN_FLIGHT

from ..helpers.deliveries import (
    IDS,
    NEW_SECRET,
    ORDER,
    SECRET,
    Handled,
    path_of,
    post,
    reader,
    receiver_of,
    without_token,
    wrong_paths,
)
from ..helpers.emulated import until
from ..helpers.virtual_loop import run

NO_STORE = ("Cache-Control", "no-store")
BUSY = Answer(503, (("Retry-After", "5"), NO_STORE))
MIB = 1024 * 1024
TOKEN = path_of(receiver_of(Handled())).rpartition("/")[2]


async def unread() -> bytes:
    """Be a body that nobody may read."""
    raise AssertionError


async def endless() -> bytes:
    """Be a body that never goes on."""
    await asyncio.sleep(10**6)
    return b""


@pytest.mark.parametrize("method", ["GET", "POST", "HEAD", "OPTIONS", "PUT", "get"])
async def test_wrong_urls(method: str) -> None:
    """All alike, whatever is wrong and whatever the method; the body is not read."""
    handled = Handled()
    receiver = receiver_of(handled)
    answers = {await receiver.take(method, path, unread) for path in wrong_paths(path_of(receiver))}

    assert answers == {Answer(404)}
    assert not handled
    assert receiver.health().deliveries == {}


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "PUT", "DELETE", "PATCH", "post", ""])
async def test_wrong_methods(method: str) -> None:
    """They never call a handler."""
    handled = Handled()
    receiver = receiver_of(handled)

    assert await receiver.take(method, path_of(receiver), unread) == Answer(405, (("Allow", "GET, POST"), NO_STORE))
    assert not handled


class Timed(Receiver):
    """A receiver at a certain time."""

    _clock = Clock(wall=lambda: 1_790_000_000.5)


async def test_post() -> None:
    """The handler has it all, but not the token."""
    handled = Handled()
    receiver = Timed(SECRET)
    receiver.on(ORDER)(handled)
    path = path_of(receiver)

    assert await receiver.take("POST", f"/proxy{path}", reader(b'{"eshopOrder', b'Id": "A1"}')) == Answer(200)
    assert handled == [
        Delivery(
            event_type=ORDER,
            eshop="",
            method=HttpMethod.POST,
            entity_id="A1",
            data={"eshopOrderId": "A1"},
            body=b'{"eshopOrderId": "A1"}',
            raw_path=f"/proxy{without_token(path)}",
            received_at=datetime(2026, 9, 21, 14, 13, 20, 500_000, tzinfo=UTC),
        )
    ]
    assert receiver.health().deliveries == {"UPDATE_ORDER": handled[0].received_at}
    assert [type(name) for name in receiver.health().deliveries] == [str]  # others cannot be keys for orjson


@pytest.mark.parametrize("entity_id", IDS)
@pytest.mark.parametrize("registered", HttpMethod)
async def test_get(entity_id: str, registered: HttpMethod) -> None:
    """The id comes in the path, and no body is read; a URL registered for POST takes it too."""
    handled = Handled()
    receiver = receiver_of(handled)
    path = path_of(receiver, method=registered).rstrip("/")

    assert await receiver.take("GET", f"{path}/{quote(entity_id, safe='')}", unread) == Answer(200)
    (delivery,) = handled
    assert (delivery.entity_id, delivery.data, delivery.body) == (entity_id, None, b"")
    assert delivery.raw_path == f"/gwms/UPDATE_ORDER/gw1-***/{quote(entity_id, safe='')}"


async def test_post_to_a_url_registered_for_get() -> None:
    """It is read by what came."""
    handled = Handled()
    receiver = receiver_of(handled)

    path = path_of(receiver, method=HttpMethod.GET)
    assert await receiver.take("POST", path, reader(b'{"eshopOrderId": "A1"}')) == Answer(200)
    assert handled[0].entity_id == "A1"


async def test_all_event_types() -> None:
    """Each handler gets its own, with the e-shop's label."""
    receiver, got = Receiver(SECRET), dict[WebhookType, Handled]()
    for event_type in WebhookType:
        got[event_type] = Handled()
        receiver.on(event_type)(got[event_type])
    for spec in receiver.specs("http://localhost", eshop="cz"):
        assert await receiver.take("POST", spec.url.removeprefix("http://localhost"), reader(b"{}")) == Answer(200)

    assert {event_type: [one.eshop for one in handled] for event_type, handled in got.items()} == {
        event_type: ["cz"] for event_type in WebhookType
    }
    assert set(receiver.health().deliveries) == {f"cz.{event_type}" for event_type in WebhookType}


@pytest.mark.parametrize("body", [b"", b"{", b"\xff\xff", b"[" * 100_000, b'{"a":' * 100_000, b"9" * 5000])
async def test_no_json(body: bytes, caplog: pytest.LogCaptureFixture) -> None:
    """It is an answer, with one warning and no traceback, however deeply it is nested."""
    handled = Handled()
    receiver = receiver_of(handled)

    for _ in range(2):
        assert await post(receiver, body) == Answer(400)
    assert not handled
    assert [(one.levelname, one.message) for one in caplog.records] == [
        ("WARNING", "a body was refused (400): empty, compressed or otherwise not JSON; see `gwms listen --headers`")
    ]


@pytest.mark.parametrize(
    "body", [b"\xef\xbb\xbf{}", b"[{}]", b"NaN", b'"\\ud800"', b'{"eshopOrderId": "\\ud800"}', b'{"a": 1, "a": 2}']
)
async def test_odd_json(body: bytes) -> None:
    """Any JSON is taken."""
    handled = Handled()

    assert await post(receiver_of(handled), body) == Answer(200)
    assert handled[0].body == body


async def test_a_body_that_is_too_large(caplog: pytest.LogCaptureFixture) -> None:
    """Its parts are counted while they are read; one warning says what to do."""
    handled = Handled()
    receiver = Receiver(SECRET, max_body=10)
    receiver.on(ORDER)(handled)
    path = path_of(receiver)

    assert await receiver.take("POST", path, reader(b"12345", b"12345")) == Answer(200)
    assert await receiver.take("POST", path, reader(b"12345", b"12345", b"1")) == Answer(413)
    assert await receiver.take("POST", path, reader(b"12345678901")) == Answer(413)
    assert len(handled) == 1
    (record,) = (record for record in caplog.records if "413" in record.message)
    assert record.message == "a body over 10 bytes was refused (413): raise `max_body`"


def test_a_body_that_is_too_slow(caplog: pytest.LogCaptureFixture) -> None:
    """It has 30 seconds; one warning names the causes."""
    handled = Handled()

    async def main() -> None:
        receiver, loop = receiver_of(handled), asyncio.get_running_loop()
        assert await receiver.take("POST", path_of(receiver), endless) == Answer(408)
        assert loop.time() == pytest.approx(30)

        async def drip() -> bytes:
            await asyncio.sleep(1)
            return b" "

        assert await receiver.take("POST", path_of(receiver), drip) == Answer(408)
        assert loop.time() == pytest.approx(60, abs=1)

    run(main())
    assert not handled
    (record,) = caplog.records
    assert record.message == "a body took over 30 s (408): a proxy is slow, or a middleware has read it"


@pytest.mark.parametrize("error", [ConnectionResetError(), OSError(), ValueError("bad chunk")])
async def test_a_body_that_breaks_off(error: Exception, caplog: pytest.LogCaptureFixture) -> None:
    """Nothing is handled, whatever the server raises; one warning names it, for it may be no disconnect."""
    handled = Handled()
    receiver, parts = receiver_of(handled), iter([b"{}"])

    async def read() -> bytes:
        for part in parts:
            return part
        raise error

    for _ in range(2):
        assert await receiver.take("POST", path_of(receiver), read) == Answer(400)
    assert not handled
    assert receiver.health().in_flight == 0
    (record,) = caplog.records
    assert record.message == f"a body could not be read to its end (400): {type(error).__name__}"


def test_one_event_loop_after_another(caplog: pytest.LogCaptureFixture) -> None:
    """A receiver of a module serves all tests, also after a loop that ended in the middle of a delivery."""

    async def handle(delivery: Delivery) -> None:
        if delivery.entity_id == "slow":
            await asyncio.sleep(100)

    receiver = receiver_of(handle)
    path = path_of(receiver)

    async def cut_off() -> None:
        task = asyncio.create_task(receiver.take("GET", path + "/slow", unread))
        await until(lambda: receiver.health().in_flight)
        assert not task.done()

    asyncio.run(cut_off())
    for entity_id, status in (("fast", 200), ("slow", 503), ("fast", 200), ("slow", 503)):
        assert run(receiver.take("GET", f"{path}/{entity_id}", unread)) == Answer(status)
    assert receiver.health().in_flight == 0


async def test_a_path_that_is_no_text() -> None:
    """Bytes that are not UTF-8 can be written all the same."""
    handled = Handled()
    receiver = receiver_of(handled)

    assert await receiver.take("GET", path_of(receiver) + "/\udcff", unread) == Answer(200)
    assert handled[0].entity_id == "\N{REPLACEMENT CHARACTER}"
    assert handled[0].raw_path == "/gwms/UPDATE_ORDER/gw1-***/\\udcff"


async def test_too_many_bodies_at_once(caplog: pytest.LogCaptureFixture) -> None:
    """What is beyond 64 MiB may come later, with one warning; an id needs no body."""
    go_on, handled = asyncio.Event(), Handled()

    async def handle(delivery: Delivery) -> None:
        handled.append(delivery)
        await go_on.wait()

    receiver = receiver_of(handle)
    body = b'"' + b"x" * (16 * MIB - 2) + b'"'
    calls = [asyncio.create_task(post(receiver, body)) for _ in range(BODIES_IN_FLIGHT // len(body))]
    await until(lambda: len(handled) == len(calls))

    assert receiver.health().in_flight == 4
    assert await post(receiver) == await post(receiver) == BUSY
    assert [record.message for record in caplog.records if "503" in record.message] == [
        "over 64 MiB of bodies were in flight, so one was refused (503): return sooner"
    ]
    calls.append(asyncio.create_task(receiver.take("GET", path_of(receiver), unread)))
    await until(lambda: len(handled) == len(calls))
    go_on.set()
    assert await asyncio.gather(*calls) == [Answer(200)] * 5
    assert await post(receiver) == Answer(200)
    assert receiver.health().in_flight == 0


async def test_no_handler(caplog: pytest.LogCaptureFixture) -> None:
    """It is answered as if all were well, with one warning, whatever the body."""
    receiver, other = receiver_of(Handled(), WebhookType.CREATE_ORDER), receiver_of(Handled())
    path = path_of(other)

    for _ in range(2):
        assert await receiver.take("POST", path, reader(b"no JSON")) == Answer(200)
        assert await receiver.take("GET", path, unread) == Answer(200)
    assert [(one.levelname, one.message) for one in caplog.records] == [
        ("WARNING", "UPDATE_ORDER is delivered but has no handler: `Receiver.subscribe` deletes its webhook")
    ]


async def test_no_id(caplog: pytest.LogCaptureFixture) -> None:
    """It is handled, with one warning per kind of entity."""
    handled = Handled()
    receiver = receiver_of(handled)

    for event_type in (ORDER, ORDER, WebhookType.CREATE_ORDER, WebhookType.CREATE_PRODUCT):
        assert await post(receiver, b"[]", event_type) == Answer(200)
    assert [delivery.entity_id for delivery in handled] == [""] * 4
    assert [one.message.split()[5] for one in caplog.records] == ["ORDER", "PRODUCT"]


async def failing(delivery: Delivery) -> None:
    """Fail, as handlers do."""
    raise LookupError("no such row")


async def cancelled_within(delivery: Delivery) -> None:
    """Wait for what somebody cancels."""
    future = asyncio.get_running_loop().create_future()
    future.cancel()
    await future


async def timing_out(delivery: Delivery) -> None:
    """Give up by itself."""
    raise TimeoutError("the database")


@pytest.mark.parametrize("handler", [failing, cancelled_within, timing_out])
async def test_a_handler_that_fails(
    handler: Callable[[Delivery], Awaitable[None]], caplog: pytest.LogCaptureFixture
) -> None:
    """It is answered 500, and logged with its traceback, whose frames of ours show neither token nor body."""
    assert await post(receiver_of(handler), b'{"eshopOrderId": "A1\\n", "name": "Jan"}') == Answer(500)

    (record,) = caplog.records
    assert record.message == "UPDATE_ORDER 'A1\\n': the handler failed"
    assert handler.__name__ in caplog.text
    assert record.exc_info is not None
    assert record.exc_info[1] is not None
    shown = "".join(traceback.TracebackException.from_exception(record.exc_info[1], capture_locals=True).format())
    assert "gw1-***" in shown
    assert TOKEN not in shown
    assert "Jan" not in shown


def test_a_handler_that_is_too_slow(caplog: pytest.LogCaptureFixture) -> None:
    """It is cancelled after `limit` seconds."""
    ended = list[float]()

    async def main() -> Answer:
        loop = asyncio.get_running_loop()

        async def handle(delivery: Delivery) -> None:
            try:
                await asyncio.sleep(100)
            finally:
                ended.append(loop.time())

        receiver = Receiver(SECRET, limit=7.5)
        receiver.on(ORDER)(handle)
        return await post(receiver)

    assert run(main()) == Answer(503)
    assert ended == [pytest.approx(7.5)]
    assert caplog.records[-1].message == "UPDATE_ORDER '': the handler took longer than 7.5 s and was cancelled"


async def test_a_server_that_stops() -> None:
    """Cancellation goes through, and leaves nothing in flight; our frames show neither the token nor the secret."""

    async def handle(delivery: Delivery) -> None:
        await asyncio.sleep(100)

    receiver = receiver_of(handle)
    call = asyncio.create_task(post(receiver))
    await until(lambda: receiver.health().deliveries)
    call.cancel()
    with pytest.raises(asyncio.CancelledError) as caught:
        await call

    assert receiver.health().in_flight == 0
    frames = [frame for frame, _ in traceback.walk_tb(caught.tb) if frame.f_code.co_filename == take.__file__]
    shown = repr([frame.f_locals for frame in frames])
    assert "gw1-***" in shown
    assert TOKEN not in shown
    assert SECRET not in shown


async def test_rotation_across_two_replicas() -> None:
    """First both accept the new secret, then both derive with it: whoever gets what, nothing is answered 404."""
    handled = Handled()

    def replica(*secrets: str) -> Receiver:
        receiver = Receiver(*secrets)
        receiver.on(ORDER)(handled)
        return receiver

    first, second, third, last = [
        replica(SECRET),
        replica(SECRET, NEW_SECRET),
        replica(NEW_SECRET, SECRET),
        replica(NEW_SECRET),
    ]
    steps = [(first, first), (first, second), (second, second), (second, third), (third, third)]
    for one, other in steps:
        for registered, asked in ((one, other), (other, one), (one, one), (other, other)):
            assert await asked.take("GET", path_of(registered) + "/A1", unread) == Answer(200)
    # `subscribe` of the third has replaced all URLs by now.
    assert await last.take("GET", path_of(third) + "/A1", unread) == Answer(200)
    assert await last.take("GET", path_of(first) + "/A1", unread) == Answer(404)
    assert len(handled) == 21


async def test_logs(caplog: pytest.LogCaptureFixture) -> None:
    """At DEBUG too, there is neither token, secret nor body in them."""
    caplog.set_level(logging.DEBUG)
    for handler in (Handled(), failing):
        receiver = receiver_of(handler)
        await post(receiver, b'{"eshopOrderId": "A1", "recipientName": "Jan"}')
        await post(receiver, b'{"recipientName": "Jan"}')
        await post(receiver, b"Jan")
        await receiver.take("GET", path_of(receiver) + "/A1", unread)
        await receiver.take("PUT", path_of(receiver), unread)

    shown = caplog.text + repr([vars(record) for record in caplog.records])
    assert "UPDATE_ORDER 'A1': handled" in shown
    for hidden in (SECRET, "Jan", TOKEN):
        assert hidden not in shown
