"""A receiver as an ASGI application, called as servers do."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import pytest

from gwms_async.receiving import Receiver, asgi_app

from ..helpers.deliveries import SECRET, Handled, path_of, receiver_of, without_token

Message = MutableMapping[str, Any]


def server(*messages: Message) -> Callable[[], Awaitable[Message]]:
    """Make the `receive` of a server that has got these messages, and nothing more."""
    rest = iter(messages)

    async def receive() -> Message:
        return next(rest)

    return receive


async def call(receiver: Receiver, scope: Message, *messages: Message) -> list[Message]:
    """Call the application; return what it sends."""
    sent = list[Message]()

    async def send(message: Message) -> None:
        sent.append(message)

    await asgi_app(receiver)({"type": "http", "path": "/", "query_string": b"a=/b", **scope}, server(*messages), send)
    return sent


def response(status: int, *headers: tuple[bytes, bytes]) -> list[Message]:
    """Return the messages of an empty response."""
    headers = (*headers, (b"cache-control", b"no-store"), (b"content-length", b"0"))
    start = {"type": "http.response.start", "status": status, "headers": list(headers)}
    return [start, {"type": "http.response.body", "body": b""}]  # some hosts need the key


async def test_post() -> None:
    """A body comes in parts, some of them empty, with and without the keys that may be left out."""
    handled = Handled()
    receiver = receiver_of(handled)
    scope = {"method": "POST", "raw_path": path_of(receiver).encode(), "path": "/"}
    parts: list[Message] = [
        {"type": "http.request", "more_body": True},
        {"type": "http.request", "body": b'{"eshopOrderId":', "more_body": True},
        {"type": "http.request", "body": b"", "more_body": True},
        {"type": "http.request", "body": b'"A1"}'},
    ]

    assert await call(receiver, scope, *parts) == response(200)
    assert handled[0].body == b'{"eshopOrderId":"A1"}'


async def test_an_empty_body() -> None:
    """It is no JSON; nothing more is received."""
    receiver = receiver_of(Handled())
    scope = {"method": "POST", "raw_path": path_of(receiver).encode()}

    assert await call(receiver, scope, {"type": "http.request"}) == response(400)
    assert await call(receiver, scope, {"type": "http.request", "body": b"", "more_body": False}) == response(400)


async def test_other_answers() -> None:
    """Nothing is received for them; headers are in lower case."""
    receiver = receiver_of(Handled())

    assert await call(receiver, {"method": "POST", "raw_path": b"/gwms/UPDATE_ORDER/x"}) == response(404)
    assert await call(receiver, {"method": "PUT", "raw_path": path_of(receiver).encode()}) == response(
        405, (b"allow", b"GET, POST")
    )


@pytest.mark.parametrize(
    ("raw_path", "entity_id"),
    [
        (b"/A%2F1", "A/1"),
        (b"/A1?a=b", "A1"),  # some servers add the query
        ("/Ä".encode(), "Ä"),
        (b"/\xff", "\N{REPLACEMENT CHARACTER}"),
        (b"", ""),
    ],
)
@pytest.mark.parametrize("prefix", ["", "/gwms", "/proxy/gwms"])
async def test_raw_paths(prefix: str, raw_path: bytes, entity_id: str) -> None:
    """Whatever `path` and `root_path` say."""
    handled = Handled()
    receiver = receiver_of(handled)
    raw = prefix.encode() + path_of(receiver).removeprefix("/gwms").encode() + raw_path
    scope = {"method": "GET", "raw_path": raw, "path": "/else", "root_path": prefix}

    assert await call(receiver, scope) == response(200)
    assert handled[0].entity_id == entity_id


@pytest.mark.parametrize("scope", [{}, {"raw_path": None}])
async def test_a_server_without_raw_paths(scope: Message) -> None:
    """The decoded path has to do; it is not decoded again."""
    handled = Handled()
    receiver = receiver_of(handled)

    for tail in ("/A/1", "/50%25", "/Ä ?", "/\ud800"):
        assert await call(receiver, {"method": "GET", "path": path_of(receiver) + tail, **scope}) == response(200)
    assert [delivery.entity_id for delivery in handled] == ["A/1", "50%25", "Ä ?", "?"]


@pytest.mark.parametrize("entity_id", ["50%25", "A%2F1", "100%", "A?B", "Ä", "A B"])
async def test_a_raw_path_that_was_decoded(entity_id: str) -> None:
    """BlackSheep makes it of the decoded path if the server has none, and releases before 2.6 always do when mounting.

    It is not decoded again, and a question mark in it begins no query.
    """
    handled = Handled()
    receiver = receiver_of(handled)
    path = f"{path_of(receiver).removeprefix('/gwms')}/{entity_id}"

    assert await call(receiver, {"method": "GET", "path": path, "raw_path": path.encode()}) == response(200)
    assert handled[0].entity_id == entity_id


async def test_a_raw_path_without_escapes() -> None:
    """It equals the decoded one, and stays as it came."""
    handled = Handled()
    receiver = receiver_of(handled)
    path = f"/a:b@c{path_of(receiver)}/A;1,2=(3)!*'$&+~"

    assert await call(receiver, {"method": "GET", "path": path, "raw_path": path.encode()}) == response(200)
    assert handled[0].raw_path == without_token(path)


async def test_a_client_that_has_gone() -> None:
    """Half a body is not handled, and the response may go nowhere."""
    handled = Handled()
    receiver = receiver_of(handled)
    scope = {"method": "POST", "raw_path": path_of(receiver).encode()}
    messages: list[Message] = [{"type": "http.request", "body": b"{}", "more_body": True}, {"type": "http.disconnect"}]

    assert await call(receiver, scope, *messages) == response(400)
    assert not handled

    async def send(message: Message) -> None:
        raise OSError

    scope |= {"type": "http", "path": path_of(receiver)}
    await asgi_app(receiver)(scope, server({"type": "http.request", "body": b"{}"}), send)
    assert len(handled) == 1


async def test_other_protocols() -> None:
    """A websocket is refused, a lifespan has nothing to do, and what is not known is left alone."""
    receiver = Receiver(SECRET)

    assert await call(receiver, {"type": "websocket", "path": "/"}) == [{"type": "websocket.close"}]
    assert await call(receiver, {"type": "another"}) == []
    messages = [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}]
    assert await call(receiver, {"type": "lifespan"}, *messages) == [
        {"type": "lifespan.startup.complete"}, {"type": "lifespan.shutdown.complete"}
    ]  # fmt: skip


async def test_a_lifespan_ends_when_its_server_says_so() -> None:
    """Each phase is complete only after it was asked for."""
    asked, sent = asyncio.Queue[Message](), asyncio.Queue[Message]()
    lifespan = asyncio.ensure_future(asgi_app(Receiver(SECRET))({"type": "lifespan"}, asked.get, sent.put))
    for phase in ("startup", "shutdown"):
        await asyncio.sleep(0)
        assert sent.empty()
        await asked.put({"type": f"lifespan.{phase}"})
        assert await sent.get() == {"type": f"lifespan.{phase}.complete"}
    await lifespan
