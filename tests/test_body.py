"""What aiohttp is handed to send, and what of an answer is read."""

from __future__ import annotations

from unittest.mock import create_autospec

import aiohttp
from aiohttp.abc import AbstractStreamWriter

from gwms_async._body import JsonPayload
from gwms_async.testing import GwmsEmulator

from .support import client, spec

BODY = b'{"a":"\xc3\xa1"}'


async def test_a_body_that_a_session_of_the_users_own_looks_at(gateway: GwmsEmulator) -> None:
    """Its middlewares find all that aiohttp's own payload has."""
    seen: list[object] = []

    async def sign(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
        body = request.body
        if isinstance(body, aiohttp.Payload) and request.url.path.endswith("/webhooks"):
            assert await body.as_bytes() == body.decode().encode()
            seen.extend((body.size, body.content_type, dict(body.headers), body.encoding, body.filename, body.consumed))
        return await handler(request)

    async with aiohttp.ClientSession(middlewares=[sign]) as session, client(gateway, session=session) as gwms:
        await gwms.webhooks.create(spec())

    (sent,) = (exchange.body for exchange in gateway.requests if exchange.operation == "create")
    assert seen == [len(sent), "application/json", {"content-type": "application/json"}, None, None, False]


async def test_a_body_may_be_written_in_part() -> None:
    """As aiohttp asks: all of it, or so many bytes."""
    writer = create_autospec(AbstractStreamWriter)
    for length in (None, 5, 100):
        await JsonPayload(BODY).write_with_length(writer, length)
    await JsonPayload(BODY).write(writer)

    assert [call.args[0] for call in writer.write.await_args_list] == [BODY, BODY[:5], BODY, BODY]
    assert JsonPayload(BODY).decode() == BODY.decode()
