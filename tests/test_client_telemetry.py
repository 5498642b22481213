"""What telemetry is put around: each call and each attempt, and nothing at all where there is none."""

from __future__ import annotations

import inspect
from types import FunctionType
from typing import Any

from gwms_async import Handler, Request, Response
from gwms_async.middleware import Authorize, Backoff, Pace, Relogin
from gwms_async.session import Session
from gwms_async.testing import GwmsEmulator, Status
from gwms_async.transport.transport import Transport

from .helpers.emulated import client


def chain_of(handler: Any) -> list[Any]:
    """Return what `compose` put together, outermost first."""
    found = []
    while isinstance(handler, FunctionType):
        names = inspect.getclosurevars(handler).nonlocals
        found.append(names["middleware"])
        handler = names["inner"]
    return [*found, handler]


class Watching:
    """Telemetry that notes what it sees."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    async def call(self, request: Request, handler: Handler) -> Response:
        """Note a call."""
        self.seen.append(f"call {request}")
        return await handler(request)

    async def attempt(self, request: Request, handler: Handler) -> Response:
        """Note an attempt."""
        self.seen.append(f"attempt {request.call.attempts} {request} at {request.call.base_url}")
        return await handler(request)


async def test_without_telemetry_the_chain_is_as_it_was(gateway: GwmsEmulator) -> None:
    """Nothing is put around calls or attempts, nor around those of the login."""

    async def own(request: Request, handler: Handler) -> Response:
        return await handler(request)

    async with client(gateway, middlewares=[own]) as gwms:
        call = inspect.getclosurevars(gwms.webhooks._send).nonlocals["call"]
        login = gwms._login._source._call
        ends = [call, login]
        chains = [chain_of(end.__self__._chain) for end in ends]

    assert [end.__func__ for end in ends] == [Session.call] * 2
    assert [type(step) for step in chains[0][:4]] == [Relogin, Backoff, Pace, Authorize]
    checked_own, transport = chains[0][4:]
    assert inspect.getclosurevars(checked_own).nonlocals["middleware"] is own
    assert transport is gwms._transport
    assert [type(step) for step in chains[1]] == [Backoff, Transport]


async def test_telemetry_watches_calls_and_attempts(gateway: GwmsEmulator) -> None:
    """Those of a sibling and of the login too, also where the client takes its credentials from the environment."""
    telemetry = Watching()
    gateway.inject(Status(503), operation="list")
    gateway.add_eshop("other-key")
    async with client(gateway, telemetry=telemetry) as gwms:
        await gwms.for_eshop("other-key").webhooks.list()

    at = f"at {gateway.base_url}"
    assert telemetry.seen == [
        "call GET /webhooks",
        "call POST /users/login",
        f"attempt 0 POST /users/login {at}",
        f"attempt 0 GET /webhooks {at}",
        f"attempt 1 GET /webhooks {at}",
    ]
