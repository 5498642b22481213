"""401: one login, then the request again; the chain below is a local function."""

from __future__ import annotations

import asyncio

import pytest

from gwms_async import AuthenticationError, Request, Response
from gwms_async.auth.known_keys import ApiKey
from gwms_async.auth.login import Login
from gwms_async.chain import Call, CallAborted, Handler, compose
from gwms_async.middleware import Authorize, Pace, Relogin
from gwms_async.middleware.rate import Rate

from ..helpers import virtual_loop
from ..helpers.login_gateway import LoginGateway, make_login, refused_with, request_of, text_of


def answering(login: Login, key: ApiKey, *statuses: int) -> tuple[Handler, list[str]]:
    """Make a handler that answers one status after another, and a list of the tokens it has seen."""
    left, seen = list(statuses), list[str]()

    async def handler(request: Request) -> Response:
        await login.acquire(request.call, key)
        seen.append(text_of(request.call))
        return Response(left.pop(0))

    return handler, seen


@pytest.mark.parametrize("status", [200, 403, 404, 429, 500])
async def test_other_answers_pass(status: int) -> None:
    """Only a 401 leads to a login; a 403 never does."""
    gateway = LoginGateway()
    login, key = make_login(gateway), ApiKey("key")
    handler, seen = answering(login, key, status)

    response = await Relogin(login, key)(request_of(Call()), handler)

    assert response.status == status
    assert seen == ["token-1"]
    assert gateway.logins == 1


async def test_a_401_is_answered_by_a_login() -> None:
    """The same request goes down again and finds a new token."""
    gateway = LoginGateway()
    login, key = make_login(gateway), ApiKey("key")
    handler, seen = answering(login, key, 401, 200)
    request = request_of(Call())

    response = await Relogin(login, key)(request, handler)

    assert response.status == 200
    assert seen == ["token-1", "token-2"]
    assert request.call.replays == 1


async def test_the_401_comes_back_where_nothing_can_be_done() -> None:
    """Here no token was ever given to the call."""

    async def handler(request: Request) -> Response:
        return Response(401)

    gateway = LoginGateway()

    response = await Relogin(make_login(gateway), ApiKey("key"))(request_of(Call()), handler)

    assert response.status == 401
    assert gateway.logins == 0


async def test_a_failed_login_ends_the_call() -> None:
    """Its error is carried past the chain."""
    gateway = LoginGateway()
    login, key = make_login(gateway), ApiKey("key")
    handler, seen = answering(login, key, 401)
    request = request_of(Call())
    await login.acquire(request.call, key)
    gateway.error = refused_with(503)

    with pytest.raises(CallAborted):
        await Relogin(login, key)(request, handler)

    assert seen == ["token-1"]


async def test_a_key_that_cools_down_sends_nothing() -> None:
    """Not even the first time: the handler is not called."""
    login, key = make_login(LoginGateway()), ApiKey("key")
    key.cooldown.begin(1000.0, AuthenticationError(status=401, message="no", method="GET", path="/"))
    handler, seen = answering(login, key)

    with pytest.raises(CallAborted):
        await Relogin(login, key)(request_of(Call()), handler)

    assert seen == []


def test_a_key_that_waits_for_a_login_occupies_no_slot() -> None:
    """The login is slow, and the key has more calls than there are slots; another key's call goes on."""

    async def main() -> None:
        gateway, good, revoked, is_revoked = LoginGateway(), ApiKey("good"), ApiKey("revoked"), False
        login, pace = make_login(gateway), Pace(1, Rate())

        async def answer(request: Request) -> Response:
            return Response(401 if is_revoked and request.headers["x-api-key"] == "revoked" else 200)

        async def status_of(key: ApiKey) -> int:
            chain = compose([Relogin(login, key), pace, Authorize(login, key)], answer)
            return (await chain(request_of(Call()))).status

        assert [await status_of(good), await status_of(revoked)] == [200, 200]
        is_revoked = True
        gateway.gate.clear()
        waiting = [asyncio.create_task(status_of(revoked)) for _ in range(3)]
        async with asyncio.timeout(1.0):
            await asyncio.sleep(0.1)
            assert await status_of(good) == 200

        gateway.gate.set()
        ends = await asyncio.gather(*waiting, return_exceptions=True)
        assert {type(end) for end in ends} == {CallAborted}
        assert gateway.logins == 3

    virtual_loop.run(main())
