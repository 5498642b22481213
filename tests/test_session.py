"""The wrapper around aiohttp's session, where a whole client does not come by."""

from __future__ import annotations

import asyncio

import pytest

from gwms_async import DeadlineExceededError, Handler, OutcomeStatus, OutcomeUnknownError, Request, Response, Timeout
from gwms_async.chain import Call
from gwms_async.session import Session
from gwms_async.testing import GwmsEmulator
from gwms_async.timeouts import SharedTimeout
from gwms_async.transport.transport import Transport

from .helpers.emulated import client, spec


async def test_a_deadline_that_has_passed(gateway: GwmsEmulator) -> None:
    """Nothing is sent, neither by a new call nor by a further attempt."""
    transport = Transport(gateway.base_url, Timeout())
    request = Request("GET", "/webhooks", idempotent=True, call=Call(deadline=0.0))

    with pytest.raises(DeadlineExceededError, match=r"GET /webhooks: the deadline passed after 0 attempts"):
        await Session(transport, transport, SharedTimeout(1.0)).call(request)
    with pytest.raises(DeadlineExceededError):
        await transport(request)

    assert gateway.requests == []
    assert gateway.connections == 0


async def test_a_deadline_within_a_middleware_of_the_users_own(gateway: GwmsEmulator) -> None:
    """The answer was there, but the call had not come to its end: a create's outcome is unknown."""

    async def audit(request: Request, handler: Handler) -> Response:
        response = await handler(request)
        if request.method == "POST":
            await asyncio.Event().wait()
        return response

    async with client(gateway, middlewares=[audit], timeout=Timeout(total=0.5)) as gwms:
        with pytest.raises(OutcomeUnknownError):
            await gwms.webhooks.create(spec())
        report = await gwms.webhooks.register_many([spec(2)], deadline=1.5)

    assert report.counts == {OutcomeStatus.UNKNOWN: 1}
    assert len(gateway.webhooks) == 2


async def test_a_timeout_within_a_middleware_of_the_users_own(gateway: GwmsEmulator) -> None:
    """It comes out as it is, but for the call's deadline, whatever the middleware makes of that."""

    async def impatient(request: Request, handler: Handler) -> Response:
        if request.method == "GET":
            raise TimeoutError("mine")
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            raise TimeoutError from None
        return await handler(request)

    async with client(gateway, middlewares=[impatient], timeout=Timeout(total=0.5)) as gwms:
        with pytest.raises(TimeoutError, match="mine") as caught:
            await gwms.webhooks.get(1)
        with pytest.raises(DeadlineExceededError):
            await gwms.webhooks.delete(1)

    assert caught.type is TimeoutError


async def test_a_cancellation_that_nobody_asked_for(gateway: GwmsEmulator) -> None:
    """A middleware of the user's that waits for something cancelled fails its call, not its caller's task."""

    async def broken(request: Request, handler: Handler) -> Response:
        if request.method == "POST":
            future = asyncio.get_running_loop().create_future()
            future.cancel()
            await future
        return await handler(request)

    async with client(gateway, middlewares=[broken]) as gwms:
        with pytest.raises(OutcomeUnknownError, match="was cancelled"):
            await gwms.webhooks.create(spec())
        assert await gwms.webhooks.list() == []
