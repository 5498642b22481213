"""Each attempt carries the current token and the e-shop's key; the transport is a local function."""

from __future__ import annotations

import asyncio

import pytest

from gwms_async import AuthenticationError, ConnectionFailedError, Request, Response, TransportError
from gwms_async.auth.known_keys import ApiKey
from gwms_async.chain import Call, TokenAwaited
from gwms_async.errors import Cause
from gwms_async.middleware import Authorize

from ..helpers.login_gateway import REFUSED, LoginGateway, failure_of, make_login, request_of, token_of


async def test_an_attempt_carries_token_and_key() -> None:
    """In the two headers of the contract, which are listed as secrets."""
    seen = list[Request]()

    async def handler(request: Request) -> Response:
        seen.append(request)
        return Response(200)

    call = Call()

    await Authorize(make_login(LoginGateway()), ApiKey("the-key"))(request_of(call), handler)

    (request,) = seen
    assert dict(request.headers) == {"authorization": "Bearer token-1", "x-api-key": "the-key"}
    assert request.secrets == ("token-1", "the-key")
    assert request.call is call
    assert token_of(call).token.value == "token-1"


async def test_the_headers_are_made_once_per_token() -> None:
    """Attempts with one token share them; a new token gets new ones."""
    gateway = LoginGateway()
    login, key, seen = make_login(gateway), ApiKey("key"), list[object]()

    async def handler(request: Request) -> Response:
        seen.append(request.headers)
        return Response(200)

    authorize, call = Authorize(login, key), Call()
    await authorize(request_of(call), handler)
    await authorize(request_of(Call()), handler)
    assert seen[0] is seen[1]

    await login.on_unauthorized(request_of(call), REFUSED, key)
    await authorize(request_of(Call()), handler)

    assert seen[2] == {"authorization": "Bearer token-2", "x-api-key": "key"}


@pytest.mark.parametrize(
    ("response", "is_accepted"),
    [
        (Response(200), True),
        (Response(404), True),
        (Response(422), True),
        (Response(200, readable=False), False),
        (Response(401), False),
        (Response(403), False),
        (Response(429), False),
        (Response(503), False),
    ],
    ids=lambda value: str(getattr(value, "status", value)),
)
async def test_what_says_that_the_key_is_good(response: Response, is_accepted: bool) -> None:
    """An answer from behind the gateway's checks does; one that a proxy may give does not."""

    async def handler(request: Request) -> Response:
        return response

    key, call = ApiKey("key"), Call()

    assert await Authorize(make_login(LoginGateway()), key)(request_of(call), handler) is response

    assert (key.accepted is call.token) == is_accepted


@pytest.mark.parametrize("is_answered", [True, False])
async def test_an_attempt_that_ended_is_not_on_the_wire(is_answered: bool) -> None:
    """Whether by an answer or by an error of the transport."""

    async def handler(request: Request) -> Response:
        request.call.on_wire = True
        if not is_answered:
            raise ConnectionFailedError("reset", cause=Cause.UNKNOWN)
        return Response(200)

    call = Call()
    authorize = Authorize(make_login(LoginGateway()), ApiKey("key"))

    if is_answered:
        await authorize(request_of(call), handler)
    else:
        with pytest.raises(TransportError):
            await authorize(request_of(call), handler)

    assert not call.on_wire


async def test_an_attempt_cut_short_stays_on_the_wire() -> None:
    """Any other exception leaves open whether it was carried out."""

    async def handler(request: Request) -> Response:
        request.call.on_wire = True
        raise TimeoutError

    call = Call()

    with pytest.raises(TimeoutError):
        await Authorize(make_login(LoginGateway()), ApiKey("key"))(request_of(call), handler)

    assert call.on_wire


async def test_a_success_ends_the_cooldown_of_its_key() -> None:
    """A call that was on the wire when its key was rejected shows that the key is good, with no other token either."""
    login, key = make_login(LoginGateway()), ApiKey("key")
    authorize = Authorize(login, key)

    async def handler(request: Request) -> Response:
        key.cooldown.begin(1000.0, AuthenticationError(status=401, message="no", method="GET", path="/"))
        return Response(200)

    for _ in range(2):
        await authorize(request_of(Call()), handler)
        assert key.cooldown.error is None


async def test_a_late_success_says_nothing_new_about_a_token() -> None:
    """It was sent before the token was revoked: further calls of the key still wait for the next token."""
    gateway = LoginGateway()
    login, key = make_login(gateway), ApiKey("key")
    authorize, relogins = Authorize(login, key), list[asyncio.Task[bool]]()

    async def accept(request: Request) -> Response:
        return Response(200)

    async def accept_late(request: Request) -> Response:
        relogins.append(asyncio.create_task(login.on_unauthorized(request_of(revoked), REFUSED, key)))
        await asyncio.sleep(0)
        return Response(200)

    revoked = Call()
    await authorize(request_of(revoked), accept)
    gateway.gate.clear()
    await authorize(request_of(Call()), accept_late)

    with pytest.raises(TokenAwaited):
        await login.acquire(Call(), key)
    gateway.gate.set()
    assert await relogins[0]


async def test_a_key_is_rejected_again_without_a_login_where_others_succeed() -> None:
    """Successes since its first rejection, with the same token as before, show that the token is good."""
    gateway = LoginGateway()
    login, good, bad = make_login(gateway), ApiKey("good"), ApiKey("bad")

    async def accept(_: Request) -> Response:
        return Response(200)

    async def refuse() -> None:
        call = Call()
        login.begin(call, bad)
        await login.acquire(call, bad)
        assert isinstance(await failure_of(login.on_unauthorized(request_of(call), REFUSED, bad)), AuthenticationError)

    authorize = Authorize(login, good)
    await authorize(request_of(Call()), accept)
    gateway.clock.now += 1
    await refuse()
    gateway.clock.now += 1
    await authorize(request_of(Call()), accept)
    gateway.clock.now += 60
    await refuse()

    assert gateway.logins == 1
