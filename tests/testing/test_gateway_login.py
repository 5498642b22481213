"""Logins and tokens of the emulator as an independent client sees them."""

from __future__ import annotations

import base64
import hashlib
import json
from email.utils import parsedate_to_datetime
from typing import Any, Literal

import pytest

from gwms_async.testing import GwmsEmulator

from ..helpers.plain_client import EPOCH, Clock, logged_in, plain

BAD_TOKEN = (401, "The token is missing or no longer valid")
BAD_LOGIN = (401, "Wrong username or password")


def claims_of(token: str) -> tuple[Any, Any]:
    """Read the first two parts of a JWT."""
    head, claims, _ = (base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)) for part in token.split("."))
    return json.loads(head), json.loads(claims)


async def test_a_login_gives_a_token_and_its_absolute_expiry() -> None:
    """`expiresIn` is a unix timestamp on the gateway's own clock, as is the `exp` of the JWT, and `Date`."""
    async with GwmsEmulator(token_ttl=90, clock=lambda: EPOCH + 0.75) as gateway, plain(gateway) as client:
        reply = await client.log_in()
        head, claims = claims_of(reply.data["token"])

        assert reply.data.keys() == {"token", "expiresIn", "user"}
        assert reply.data["user"].keys() == {"id", "name", "surname", "email"}
        assert reply.data["expiresIn"] == claims["exp"] == EPOCH + 90
        assert claims["iat"] == EPOCH
        assert claims["sub"] == gateway.credentials.username
        assert head == {"alg": "HS256", "typ": "JWT"}
        assert len(base64.urlsafe_b64decode(reply.data["token"].split(".")[2] + "=")) == hashlib.sha256().digest_size
        assert parsedate_to_datetime(reply.headers["Date"]).timestamp() == EPOCH


@pytest.mark.parametrize(
    ("form", "value"),
    [
        ("unix", EPOCH + 90),
        ("seconds", 90),
        ("milliseconds", (EPOCH + 90) * 1000),
        ("text", "1790000090"),
        (None, None),
    ],
)
async def test_the_expiry_has_several_forms(
    form: Literal["unix", "seconds", "milliseconds", "text"] | None, value: object
) -> None:
    """`expires_in` sets the form of the field; the token itself has a unix time in any case."""
    emulator = GwmsEmulator(token_ttl=90, clock=lambda: EPOCH, expires_in=form)
    async with emulator as gateway, plain(gateway) as client:
        data = (await client.log_in()).data

    assert data.get("expiresIn") == value
    assert ("expiresIn" in data) is (form is not None)
    assert claims_of(data["token"])[1]["exp"] == EPOCH + 90


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"expires_in": "unixtime"}, "expires_in must be one of 'unix', 'seconds', 'milliseconds', 'text', None, not"),
        ({"token_ttl": float("inf")}, "token_ttl must be a finite number of seconds, not inf"),
        ({"token_ttl": float("nan")}, "token_ttl must be a finite number of seconds, not nan"),
    ],
)
def test_an_expiry_that_cannot_be_sent(options: dict[str, Any], problem: str) -> None:
    """It is an error where the emulator is made, and not a login that fails."""
    with pytest.raises(ValueError, match=problem):
        GwmsEmulator(**options)


async def test_a_token_lives_as_long_as_it_says() -> None:
    """A token is accepted until it expires, then refused."""
    clock = Clock()
    async with GwmsEmulator(token_ttl=60, clock=clock) as gateway, logged_in(gateway) as client:
        clock.now += 59.9
        assert (await client.send("GET", "/webhooks")).status == 200

        clock.now += 0.1
        assert (await client.send("GET", "/webhooks")).problem == BAD_TOKEN

        await client.log_in()
        assert (await client.send("GET", "/webhooks")).status == 200


async def test_several_tokens_are_valid_at_a_time(gateway: GwmsEmulator) -> None:
    """A login keeps earlier tokens valid; revoking ends all of them, but not later ones."""
    async with logged_in(gateway) as first, logged_in(gateway) as second:
        tokens = [str(client.authorization).removeprefix("Bearer ") for client in (first, second)]
        assert gateway.tokens_issued == tokens
        assert len(set(tokens)) == 2
        for client in (first, second):
            assert (await client.send("GET", "/webhooks")).status == 200

        gateway.revoke_tokens()
        for client in (first, second):
            assert (await client.send("GET", "/webhooks")).problem == BAD_TOKEN

        await first.log_in()
        assert (await first.send("GET", "/webhooks")).status == 200


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (b"", (400, "body must be valid JSON")),
        ([], (400, "body must be a JSON object")),
        ({"password": "x"}, (400, "username is required")),
        ({"username": "x"}, (400, "password is required")),
        ({"username": 5, "password": "x"}, (400, "username must be a string")),
        ({"username": "x", "password": None}, (400, "password must be a string")),
        ({"username": "emulated-account", "password": "x"}, BAD_LOGIN),
        ({"username": "x", "password": "emulated-password-5b71c0"}, BAD_LOGIN),
    ],
)
async def test_a_login_is_refused(gateway: GwmsEmulator, body: object, problem: tuple[int, str]) -> None:
    """Wrong credentials are answered 401, an invalid body 400 with the field's name; neither issues a token."""
    async with plain(gateway) as client:
        assert (await client.send("POST", "/users/login", body)).problem == problem

    assert gateway.tokens_issued == []
    assert gateway.logins == 1


async def test_logins_are_refused_on_demand(gateway: GwmsEmulator) -> None:
    """While `refuse_logins` is set, correct credentials are refused; tokens issued before stay valid."""
    username, password, _ = gateway.credentials
    right = {"username": username, "password": password}
    async with logged_in(gateway) as client:
        assert not gateway.refuse_logins
        gateway.refuse_logins = True

        assert gateway.refuse_logins
        assert (await client.send("POST", "/users/login", right)).problem == BAD_LOGIN
        assert (await client.send("GET", "/webhooks")).status == 200

        gateway.refuse_logins = False
        assert (await client.send("POST", "/users/login", right)).status == 200
