"""401: one login, then the request again; the chain below is a local function."""

from __future__ import annotations

import pytest

from gwms_async import AuthenticationError, Request, Response
from gwms_async.auth.known_keys import ApiKey
from gwms_async.auth.login import Login
from gwms_async.chain import Call, CallAborted, Handler
from gwms_async.middleware import Relogin

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
