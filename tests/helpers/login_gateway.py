"""A gateway that answers logins by hand, and calls that go through a `Login` step by step."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from email.utils import formatdate

import pytest
from attrs import define, field

from gwms_async import (
    AuthenticationError,
    Credentials,
    GwmsError,
    MemoryTokenStore,
    Request,
    Response,
    ServerError,
    TokenStore,
)
from gwms_async.auth.guarded_store import GuardedStore
from gwms_async.auth.known_keys import ApiKey
from gwms_async.auth.login import Login
from gwms_async.auth.token_source import TokenSource
from gwms_async.chain import Call, CallAborted, Handler, TokenAwaited
from gwms_async.clock import Clock
from gwms_async.tokens import ActiveToken
from gwms_async.wire.envelope import open_envelope

EPOCH = 1_790_000_000.0


@define
class HandClock:
    """A clock that stands still until a test moves it."""

    now: float = 1000.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now


@define
class LoginGateway:
    """Answers logins; a test decides when and how."""

    clock: HandClock = field(factory=HandClock)
    ttl: float | None = 3600.0
    is_relative: bool = False
    skew: float = 0.0
    date: bool = True
    logins: int = 0
    error: Callable[[], GwmsError] | None = None
    gate: asyncio.Event = field(factory=asyncio.Event)

    def __attrs_post_init__(self) -> None:
        """Let logins pass at first."""
        self.gate.set()

    @property
    def wall(self) -> float:
        """The gateway's own unix time."""
        return EPOCH + self.clock.now + self.skew

    async def __call__(self, request: Request) -> Response:
        """Answer a login."""
        self.logins += 1
        number = self.logins
        await self.gate.wait()
        if self.error is not None:
            raise self.error()
        data: dict[str, object] = {"token": f"token-{number}"}
        if self.ttl is not None:
            data["expiresIn"] = self.ttl if self.is_relative else self.wall + self.ttl
        body = json.dumps({"statusCode": 200, "message": "OK", "data": data}).encode()
        headers = {"date": formatdate(self.wall, usegmt=True)} if self.date else {}
        return open_envelope(200, "OK", headers, body)


def make_source(
    gateway: Handler, clock: HandClock, store: TokenStore | None = None, credentials: Credentials | None = None
) -> TokenSource:
    """Make a source of tokens that logs in to the fake gateway."""
    return TokenSource(
        credentials or Credentials("shop", "hunter2", "key"),
        GuardedStore(store or MemoryTokenStore(), "store-key"),
        gateway,
        Clock(clock, lambda: EPOCH + clock.now),
    )


def make_login(gateway: LoginGateway, store: TokenStore | None = None) -> Login:
    """Make a login that talks to the fake gateway."""
    return Login(make_source(gateway, gateway.clock, store), Clock(gateway.clock))


def refused_with(status: int) -> Callable[[], GwmsError]:
    """Make the error of a login answered with a status."""
    kind = ServerError if status >= 500 else AuthenticationError
    return lambda: kind(status=status, message="no", method="POST", path="/users/login")


REFUSED = Response(401, "Unauthorized", {})
"""The gateway's own 401."""


def request_of(call: Call) -> Request:
    """Make a request of a call."""
    return Request("GET", "/webhooks", idempotent=True, call=call)


async def sent(login: Login, key: ApiKey) -> Call:
    """Begin a call and give it its token."""
    call = Call()
    login.begin(call, key)
    try:
        await login.acquire(call, key)
    except TokenAwaited:  # as `Relogin` does
        await login.successor(call, key)
        await login.acquire(call, key)
    return call


def token_of(call: Call) -> ActiveToken:
    """Return the token that a call was sent with."""
    assert call.token is not None
    return call.token


def text_of(call: Call) -> str:
    """Return the text of the token that a call was sent with."""
    return token_of(call).token.value


async def failure_of(awaitable: object) -> GwmsError:
    """Await something that must end in `CallAborted`, and return its error."""
    with pytest.raises(CallAborted) as caught:
        await awaitable  # type: ignore[misc]
    assert isinstance(caught.value.error, GwmsError)
    return caught.value.error
