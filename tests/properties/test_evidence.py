"""Many keys, tokens revoked and logins refused at random: good keys go on, and logins stay few."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from attrs import define, field
from hypothesis import given
from hypothesis import strategies as st

from gwms_async import AuthenticationError, Request, Response
from gwms_async.auth.known_keys import ApiKey
from gwms_async.auth.login import Login
from gwms_async.chain import Call, CallAborted, Middleware, compose
from gwms_async.clock import Clock
from gwms_async.middleware import Authorize, Relogin

from ..helpers.login_gateway import HandClock, make_source, request_of

KEYS = 6
GOOD = range(2)
"""These keys are never revoked; the others are, at random, or were never good."""


@define(eq=False)
class World:
    """A gateway with tokens and keys, and clients' calls to it.

    Args:
        mistyped: Keys that are wrong from the beginning.
    """

    mistyped: frozenset[int]
    clock: HandClock = field(factory=HandClock)
    keys: list[ApiKey] = field(init=False)
    login: Login = field(init=False)
    live_tokens: set[str] = field(factory=set)
    live_keys: set[str] = field(init=False)
    refuses: bool = False
    logins: list[tuple[float, bool]] = field(factory=list)
    tokens_revoked: int = 0
    keys_revoked: int = 0

    def __attrs_post_init__(self) -> None:
        """Make the keys and the login."""
        self.keys = [ApiKey(f"key-{number}") for number in range(KEYS)]
        self.live_keys = {key.value for number, key in enumerate(self.keys) if number not in self.mistyped}
        self.login = Login(make_source(self.log_in, self.clock), Clock(self.clock))

    async def log_in(self, request: Request) -> Response:
        """Answer a login; all tokens stay valid until they are revoked."""
        self.logins.append((self.clock.now, not self.refuses))
        await asyncio.sleep(0)
        if self.refuses:
            raise AuthenticationError(status=401, message="no", method="POST", path="/users/login")
        token = f"token-{len(self.logins)}"
        self.live_tokens.add(token)
        return Response(200, data={"token": token, "expiresIn": 10**8})

    async def answer(self, request: Request) -> Response:
        """Answer a call."""
        await asyncio.sleep(0)
        token = request.headers["authorization"].removeprefix("Bearer ")
        is_good = token in self.live_tokens and request.headers["x-api-key"] in self.live_keys
        return Response(200 if is_good else 401)

    async def call(self, number: int) -> None:
        """Make a call; it must succeed where key and token are good."""
        key, token = self.keys[number], self.login._token
        must_succeed = (
            number in GOOD
            and token is not None
            and token.token.value in self.live_tokens
            and not key.cooldown.is_on(self.clock.now)
        )
        before, call = len(self.logins), Call()
        middlewares: list[Middleware] = [Relogin(self.login, key), Authorize(self.login, key)]
        try:
            response = await compose(middlewares, self.answer)(request_of(call))
        except CallAborted:
            response = Response(401)
        assert response.status == 200 or not must_succeed
        assert call.replays <= 2
        if must_succeed:
            assert call.replays == 0
            assert call.token is not None
        assert len(self.logins) - before <= 2 * KEYS

    async def step(self, name: str, value: Any) -> None:
        """Carry out one step."""
        match name:
            case "call":
                await self.call(value)
            case "burst":
                await asyncio.gather(*(self.call(number) for number in value))
            case "wait":
                self.clock.now += value
            case "revoke tokens":
                self.tokens_revoked += bool(self.live_tokens)
                self.live_tokens.clear()
            case "refuse logins" | "accept logins":
                self.refuses = name == "refuse logins"
            case _:
                self.keys_revoked += self.keys[value].value in self.live_keys
                self.live_keys.discard(self.keys[value].value)

    def check_logins(self) -> None:
        """Check that refused logins keep their distance, and that something called for the others."""
        since, pause = -1e9, 60.0
        for at, succeeded in self.logins:
            assert at >= since + pause
            pause = 60.0 if succeeded or since < 0 else min(2 * pause, 900.0)
            since = -1e9 if succeeded else at
        # One to begin with, up to two for each revocation, and one a minute while no good key vouches for the token.
        minutes = (self.clock.now - 1000) // 60
        most = 2 + 2 * self.tokens_revoked + 2 * self.keys_revoked + minutes
        assert sum(succeeded for _, succeeded in self.logins) <= most


NUMBERS = st.integers(0, KEYS - 1)
STEPS = st.one_of(
    st.tuples(st.just("call"), NUMBERS),
    st.tuples(st.just("burst"), st.lists(NUMBERS, min_size=2, max_size=12)),
    st.tuples(st.just("wait"), st.sampled_from([1.0, 30.0, 61.0, 300.0, 1000.0])),
    st.tuples(st.just("revoke tokens"), st.none()),
    st.tuples(st.sampled_from(["refuse logins", "accept logins"]), st.none()),
    st.tuples(st.just("revoke key"), st.integers(len(GOOD), KEYS - 1)),
)


@given(st.frozensets(st.integers(len(GOOD), KEYS - 1)), st.lists(STEPS, max_size=60))
def test_good_keys_with_a_good_token_succeed(mistyped: frozenset[int], steps: list[tuple[str, Any]]) -> None:
    """At once, without a login of their own; whatever happens to the others, logins are bounded."""

    async def main() -> None:
        world = World(mistyped)
        for name, value in steps:
            await world.step(name, value)
        world.check_logins()

    asyncio.run(main())


@pytest.mark.parametrize("number", GOOD)
def test_a_good_key_recovers_from_anything(number: int) -> None:
    """A quarter of an hour after the last trouble its calls succeed, though it was held to be wrong meanwhile."""

    async def main() -> None:
        world = World(frozenset({4, 5}))
        for _ in range(5):
            await world.step("burst", [0, 1, 4, 5])
            await world.step("revoke tokens", None)
            await world.step("refuse logins", None)
            await world.step("burst", [0, 1, 4, 5])
            await world.step("wait", 30.0)
            await world.step("accept logins", None)
        await world.step("wait", 1000.0)

        await world.call(number)
        assert world.keys[number].accepted is world.login._token

    asyncio.run(main())
