"""The wrapper around aiohttp's session, where a whole client does not come by."""

from __future__ import annotations

import asyncio

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from gwms_async import (
    AttemptTimeoutError,
    ConfigurationError,
    Credentials,
    DeadlineExceededError,
    GwmsClient,
    Handler,
    OutcomeStatus,
    OutcomeUnknownError,
    Request,
    Response,
    Timeout,
)
from gwms_async.chain import Call
from gwms_async.session import Session
from gwms_async.testing import GwmsEmulator, Stall
from gwms_async.timeouts import SharedTimeout
from gwms_async.transport.transport import Transport

from .helpers.emulated import client, spec, until


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


async def test_what_a_borrowed_session_s_own_code_raises(gateway: GwmsEmulator) -> None:
    """It may come after sending: a create's outcome is unknown."""

    async def complain(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
        response = await handler(request)
        if request.url.path.endswith("/webhooks"):
            response.release()
            raise ValueError("mine")
        return response

    async with (
        aiohttp.ClientSession(middlewares=[complain]) as session,
        client(gateway, session=session) as gwms,
    ):
        with pytest.raises(OutcomeUnknownError, match="mine"):
            await gwms.webhooks.create(spec())

    assert len(gateway.webhooks) == 1


async def test_closing_with_a_borrowed_session(gateway: GwmsEmulator) -> None:
    """What is on the wire keeps its limits, and what waits for a slot is not sent."""
    gateway.inject(Stall(60), operation="get")
    async with aiohttp.ClientSession() as session:
        gwms = client(gateway, session=session, max_connections=1, timeout=Timeout(attempt=0.2, total=0.3))
        await gwms.webhooks.list()
        stalled = asyncio.create_task(gwms.webhooks.get(1))
        await until(lambda: gateway.count("get"))
        waiting = asyncio.create_task(gwms.webhooks.create(spec()))
        await asyncio.sleep(0)
        await gwms.close()

        ends = await asyncio.gather(stalled, waiting, return_exceptions=True)

    assert isinstance(ends[0], AttemptTimeoutError | ConfigurationError | DeadlineExceededError)
    assert isinstance(ends[1], ConfigurationError | DeadlineExceededError)
    assert gateway.count("create") == 0


def test_a_base_url_that_aiohttp_cannot_use() -> None:
    """It is told of when the client is made, before anything is sent."""
    with pytest.raises(ConfigurationError, match="base_url cannot be used: Invalid IPv6 URL"):
        GwmsClient(Credentials("u", "p", "k"), base_url="https://shop[::1]")


async def test_a_base_url_without_a_path(gateway: GwmsEmulator) -> None:
    """Paths are appended with one slash."""
    seen: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        """Note the path; log anybody in."""
        seen.append(request.raw_path)
        return web.json_response({"statusCode": 200, "message": "OK", "data": {"token": "t"}})

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    async with (
        TestServer(app) as server,
        GwmsClient(Credentials("u", "p", "k"), base_url=f"http://127.0.0.1:{server.port}/") as gwms,
    ):
        await gwms.request("GET", "/orders")
        await gwms.request("GET", "/orders/a.b")

    assert seen == ["/users/login", "/orders", "/orders/a.b"]


async def test_the_type_of_what_a_borrowed_session_sends(gateway: GwmsEmulator) -> None:
    """It is ours, whatever the session sends by itself."""
    headers = {"content-type": "text/plain"}
    async with (
        aiohttp.ClientSession(headers=headers, skip_auto_headers=["content-type"]) as session,
        client(gateway, session=session) as gwms,
    ):
        await gwms.webhooks.create(spec())

    assert {request.headers["content-type"] for request in gateway.requests} == {"application/json"}
