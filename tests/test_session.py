"""One call through the chain: its deadline, and its end."""

from __future__ import annotations

import asyncio
import gc
from math import inf
from weakref import ref

import pytest

from gwms_async import (
    ApiError,
    AttemptTimeoutError,
    AuthenticationError,
    BadRequestError,
    Cause,
    ConnectionFailedError,
    DeadlineExceededError,
    GwmsClient,
    GwmsError,
    Handler,
    LoginError,
    OutcomeStatus,
    OutcomeUnknownError,
    Request,
    Response,
    Timeout,
)
from gwms_async.chain import Call, CallAborted
from gwms_async.clock import Clock
from gwms_async.session import Session
from gwms_async.testing import GwmsEmulator
from gwms_async.timeouts import SharedTimeout
from gwms_async.transport.transport import Transport

from .helpers.emulated import client, spec
from .helpers.virtual_io_loop import with_virtual_gateway


async def test_a_deadline_that_has_passed(gateway: GwmsEmulator) -> None:
    """Nothing is sent, neither by a new call nor by a further attempt."""
    transport = Transport(gateway.base_url, Timeout())
    request = Request("GET", "/webhooks", idempotent=True, call=Call(deadline=0.0))

    with pytest.raises(
        DeadlineExceededError, match=r"^GET /webhooks: .* passed after 0 attempts \(check timeout= and deadline=\)$"
    ):
        await Session(transport, transport, SharedTimeout(1.0)).call(request)
    with pytest.raises(DeadlineExceededError):
        await transport(request)

    assert gateway.requests == []
    assert gateway.connections == 0


RESET = ConnectionFailedError("reset", cause=Cause.UNKNOWN)


async def create(chain: Handler) -> Response:
    """Run a call that must not be sent twice through a chain of ours."""
    session = Session(Transport("http://127.0.0.1:9", Timeout()), chain, SharedTimeout(1.0))
    return await session.call(Request("POST", "/webhooks", idempotent=False))


@pytest.mark.parametrize(
    "error",
    [RESET, AttemptTimeoutError("late", cause=Cause.UNKNOWN), LoginError("rejected", status=401), LookupError("mine")],
    ids=lambda error: type(error).__name__,
)
async def test_an_error_carried_past_the_chain_is_not_judged(error: Exception) -> None:
    """It is about a login or a key; of the request itself nothing was sent."""

    async def abort(request: Request) -> Response:
        raise CallAborted(error)

    with pytest.raises(type(error)) as caught:
        await create(abort)

    assert caught.type is type(error)
    assert str(caught.value) == str(error)
    assert hasattr(caught.value, "__notes__") is isinstance(error, GwmsError)  # any other may be shared by many calls


async def test_what_was_not_sent_is_noted(gateway: GwmsEmulator) -> None:
    """The error may be that of an earlier call; each has the note of its own call only."""
    gateway.remove_eshop(gateway.credentials.api_key)
    async with client(gateway) as gwms:
        with pytest.raises(AuthenticationError, match="GET /webhooks failed with 401") as first:
            await gwms.webhooks.list()
        for _ in range(2):
            with pytest.raises(AuthenticationError, match="GET /webhooks failed with 401") as later:
                await gwms.webhooks.create(spec())

            assert later.value.__notes__ == ["POST /webhooks was not sent"]

    assert not hasattr(first.value, "__notes__")


async def test_an_error_of_the_request_itself_is_judged() -> None:
    """The same error then means that the outcome is unknown."""

    async def fail(request: Request) -> Response:
        raise RESET

    with pytest.raises(OutcomeUnknownError, match="reset"):
        await create(fail)


def test_a_deadline_within_a_middleware_of_the_users_own() -> None:
    """The answer was there, but the call had not come to its end: a create's outcome is unknown."""

    async def audit(request: Request, handler: Handler) -> Response:
        response = await handler(request)
        if request.method == "POST":
            await asyncio.Event().wait()
        return response

    async def main(gateway: GwmsEmulator, kind: type[GwmsClient]) -> None:
        async with client(gateway, kind=kind, middlewares=[audit], timeout=Timeout(total=0.5)) as gwms:
            with pytest.raises(OutcomeUnknownError):
                await gwms.webhooks.create(spec())
            report = await gwms.webhooks.register_many([spec(2)], deadline=1.5)

        assert report.counts == {OutcomeStatus.UNKNOWN: 1}
        assert len(gateway.webhooks) == 2

    with_virtual_gateway(main)


def test_a_timeout_within_a_middleware_of_the_users_own() -> None:
    """It comes out as it is, but for the call's deadline, whatever the middleware makes of that."""

    async def impatient(request: Request, handler: Handler) -> Response:
        if request.method == "GET":
            raise TimeoutError("mine")
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            raise TimeoutError from None
        return await handler(request)

    async def main(gateway: GwmsEmulator, kind: type[GwmsClient]) -> None:
        async with client(gateway, kind=kind, middlewares=[impatient], timeout=Timeout(total=0.5)) as gwms:
            with pytest.raises(TimeoutError, match="mine") as caught:
                await gwms.webhooks.get(1)
            with pytest.raises(DeadlineExceededError):
                await gwms.webhooks.delete(1)

        assert caught.type is TimeoutError

    with_virtual_gateway(main)


@pytest.mark.parametrize("is_sent", [False, True])
async def test_a_cancellation_that_nobody_asked_for(gateway: GwmsEmulator, is_sent: bool) -> None:
    """A middleware of the user's that waits for something cancelled fails its call, not its caller's task."""

    async def broken(request: Request, handler: Handler) -> Response:
        if request.method != "POST":
            return await handler(request)
        if is_sent:
            await handler(request)
        future: asyncio.Future[Response] = asyncio.get_running_loop().create_future()
        future.cancel()
        return await future

    async with client(gateway, middlewares=[broken]) as gwms:
        with pytest.raises(OutcomeUnknownError if is_sent else ConnectionFailedError, match="was cancelled") as caught:
            await gwms.webhooks.create(spec())
        if isinstance(caught.value, ConnectionFailedError):
            assert (caught.value.path, caught.value.attempts) == ("/webhooks", 0)
        assert len(await gwms.webhooks.list()) == is_sent


async def test_an_error_is_gone_once_it_is_caught() -> None:
    """It and the frames that it came through do not wait for the garbage collector: these may hold a long list."""

    async def refused(_: Request) -> Response:
        return Response(400)

    gc.disable()
    try:
        with pytest.raises(BadRequestError) as caught:
            await create(refused)
        error = ref(caught.value)
        del caught
        assert error() is None
    finally:
        gc.enable()


async def test_nothing_begins_after_the_deadline() -> None:
    """No login, e.g.: the chain is not even entered."""

    async def fail(_: Request) -> Response:
        raise AssertionError

    session = Session(Transport("http://127.0.0.1:9", Timeout()), fail, SharedTimeout(1.0))

    with pytest.raises(DeadlineExceededError):
        await session.call(Request("GET", "/webhooks", idempotent=True, call=Call(deadline=0.0)))


@pytest.mark.parametrize(("own", "expected"), [(5.0, 1005.0), (inf, 1030.0), (50.0, 1030.0)])
async def test_the_deadline_of_a_call(own: float, expected: float) -> None:
    """Its own, or the client's limit: whichever comes first. No wait goes beyond it."""

    async def answer(request: Request) -> Response:
        assert request.call.deadline == expected
        return Response(200)

    session = Session(
        Transport("http://127.0.0.1:9", Timeout()), answer, SharedTimeout(30.0), Clock(monotonic=lambda: 1000.0)
    )

    await session.call(Request("GET", "/webhooks", idempotent=True, call=Call(deadline=1000.0 + own)))


@pytest.mark.parametrize("status", [404, 410])
async def test_gone_after_an_unknown_outcome(status: int) -> None:
    """It is the success of a DELETE whose first answer was lost; for any other method it stays an error."""

    async def lost_and_gone(request: Request) -> Response:
        request.call.outcome_unknown = True
        return Response(status, data={"hint": "it is gone"})

    session = Session(Transport("http://127.0.0.1:9", Timeout()), lost_and_gone, SharedTimeout(1.0))

    response = await session.call(Request("DELETE", "/webhooks/7", idempotent=True))
    assert (response.status, response.data) == (200, None)
    with pytest.raises(ApiError):
        await session.call(Request("GET", "/webhooks/7", idempotent=True))
