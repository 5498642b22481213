"""One login for all: the single flight, renewal ahead, cool-downs; driven by hand, without a client."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
from collections.abc import Callable
from email.utils import formatdate
from math import inf

import pytest
from attrs import define, field

from gwms_async import (
    AuthenticationError,
    ConfigurationError,
    Credentials,
    DecodeError,
    GwmsError,
    LoginError,
    MemoryTokenStore,
    Request,
    Response,
    ServerError,
    Token,
    TokenStore,
)
from gwms_async.auth.login import Key, Login
from gwms_async.chain import Call, CallAborted
from gwms_async.clock import Clock
from gwms_async.tokens import ActiveToken
from gwms_async.wire.envelope import open_envelope

EPOCH = 1_790_000_000.0


@define
class HandClock:
    """A clock that moves when it is told to."""

    now: float = 1000.0

    def __call__(self) -> float:
        """Tell the time."""
        return self.now


@define
class Gateway:
    """Answers logins; lets a test decide when and how."""

    clock: HandClock
    ttl: float | None = 3600.0
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
            data["expiresIn"] = self.wall + self.ttl
        body = json.dumps({"statusCode": 200, "message": "OK", "data": data}).encode()
        headers = {"date": formatdate(self.wall, usegmt=True)} if self.date else {}
        return open_envelope(200, "OK", headers, body)


@pytest.fixture
def clock() -> HandClock:
    """The clock of a test."""
    return HandClock()


@pytest.fixture
def gateway(clock: HandClock) -> Gateway:
    """The gateway of a test."""
    return Gateway(clock)


def make_login(gateway: Gateway, store: TokenStore | None = None) -> Login:
    """Make a login that talks to the fake gateway."""
    clock = gateway.clock
    credentials = Credentials("shop", "hunter2", "key")
    return Login(
        credentials, store or MemoryTokenStore(), "store-key", gateway, Clock(clock, lambda: EPOCH + clock.now)
    )


def refused_with(status: int) -> Callable[[], GwmsError]:
    """Make the error of a login that was answered so."""
    kind = ServerError if status >= 500 else AuthenticationError
    return lambda: kind(status=status, message="no", method="POST", path="/users/login")


def request_of(call: Call) -> Request:
    """Make a request of a call."""
    return Request("GET", "/webhooks", idempotent=True, call=call)


async def sent(login: Login, key: Key) -> Call:
    """Begin a call and give it its token."""
    call = Call()
    login.enter(call, key)
    await login.admit(call, key)
    return call


def token_of(call: Call) -> str:
    """Tell which token a call was sent with."""
    return lease_of(call).token.value


def lease_of(call: Call) -> ActiveToken:
    """Give the token that a call was sent with."""
    assert call.lease is not None
    return call.lease


async def failure_of(awaitable: object) -> GwmsError:
    """Await something that must end without access, and give its error."""
    with pytest.raises(CallAborted) as caught:
        await awaitable  # type: ignore[misc]
    assert isinstance(caught.value.error, GwmsError)
    return caught.value.error


async def test_concurrent_calls_share_one_login(gateway: Gateway) -> None:
    """A thousand calls without a token make one login."""
    login, key = make_login(gateway), Key("key")

    calls = await asyncio.gather(*(sent(login, key) for _ in range(1000)))

    assert {"token-1"} == {token_of(call) for call in calls}
    assert gateway.logins == 1


async def test_concurrent_refusals_share_one_login(gateway: Gateway) -> None:
    """A thousand calls that were sent with a revoked token make one login, also if the first one is cancelled."""
    login, key = make_login(gateway), Key("key")
    calls = [await sent(login, key) for _ in range(1000)]
    login.accepted(lease_of(calls[0]), key)
    gateway.gate.clear()

    tasks = [asyncio.create_task(login.refused(request_of(call), key)) for call in calls]
    await asyncio.sleep(0)
    tasks[0].cancel()
    gateway.gate.set()
    done = await asyncio.gather(*tasks, return_exceptions=True)

    assert isinstance(done[0], asyncio.CancelledError)
    assert {True} == set(done[1:])
    assert gateway.logins == 2


async def test_a_late_refusal_of_an_older_token_does_not_log_in(gateway: Gateway) -> None:
    """A 401 that comes when the token has been renewed already is mended by the newer token."""
    login, key = make_login(gateway), Key("key")
    early, late = await sent(login, key), await sent(login, key)
    login.accepted(lease_of(early), key)

    assert await login.refused(request_of(early), key)
    assert await login.refused(request_of(late), key)

    assert gateway.logins == 2


async def test_a_refused_login_reaches_all_and_is_not_repeated(gateway: Gateway, clock: HandClock) -> None:
    """All who wait get an error of their own, later calls get it at once, and the cool-down doubles."""
    login, key = make_login(gateway), Key("key")
    gateway.error = refused_with(401)

    errors = await asyncio.gather(*(failure_of(sent(login, key)) for _ in range(300)))
    errors += [await failure_of(sent(login, key)) for _ in range(20)]

    assert all(isinstance(error, LoginError) for error in errors)
    assert len(errors) == len({id(error) for error in errors})
    assert "the login of 'shop' was refused with 401: no (check username and password; no further login is tried " in (
        str(errors[0])
    )
    assert gateway.logins == 1

    clock.now += 60
    await failure_of(sent(login, key))
    clock.now += 119
    await failure_of(sent(login, key))

    assert gateway.logins == 2

    clock.now += 1
    gateway.error = None

    assert token_of(await sent(login, key)) == "token-3"


async def test_a_failed_login_has_no_cool_down(gateway: Gateway) -> None:
    """A login that fails for another reason reaches all who wait with that reason; the next call tries again."""
    login, key = make_login(gateway), Key("key")
    gateway.error = refused_with(503)

    errors = await asyncio.gather(*(failure_of(sent(login, key)) for _ in range(100)))

    assert {ServerError} == {type(error) for error in errors}
    assert gateway.logins == 1

    gateway.error = None

    assert token_of(await sent(login, key)) == "token-2"


async def test_a_failed_login_reaches_calls_that_were_waiting_for_a_slot(gateway: Gateway) -> None:
    """A call that began before a login failed does not start another one."""
    login, key = make_login(gateway), Key("key")
    waiting = Call()
    login.enter(waiting, key)
    gateway.error = refused_with(503)
    await failure_of(sent(login, key))

    assert isinstance(await failure_of(login.admit(waiting, key)), ServerError)
    assert gateway.logins == 1


async def test_a_late_refusal_after_a_failed_login_gets_its_error(gateway: Gateway) -> None:
    """A 401 of a token whose successor could not be had does not log in again."""
    login, key = make_login(gateway), Key("key")
    early, late = await sent(login, key), await sent(login, key)
    gateway.error = refused_with(503)

    assert isinstance(await failure_of(login.refused(request_of(early), key)), ServerError)
    assert isinstance(await failure_of(login.refused(request_of(late), key)), ServerError)
    assert gateway.logins == 2


async def test_a_wrong_key_costs_two_logins(gateway: Gateway, clock: HandClock) -> None:
    """A key that no token makes good is held to be wrong: further calls fail at once, for a while."""
    login, key = make_login(gateway), Key("key")
    first, second = await sent(login, key), await sent(login, key)

    assert await login.refused(request_of(first), key)

    await login.admit(first, key)
    error = await failure_of(login.refused(request_of(first), key))

    assert isinstance(error, AuthenticationError)
    assert "the x-api-key was refused" in str(error)
    assert isinstance(await failure_of(login.refused(request_of(second), key)), AuthenticationError)
    assert isinstance(await failure_of(sent(login, key)), AuthenticationError)
    assert gateway.logins == 2

    clock.now += 60
    again = await sent(login, key)
    await failure_of(login.refused(request_of(again), key))
    clock.now += 119

    assert isinstance(await failure_of(sent(login, key)), AuthenticationError)
    assert gateway.logins == 2


async def test_a_key_that_is_accepted_after_all_ends_its_cool_down(gateway: Gateway) -> None:
    """A call of the key that was on the wire already, and succeeds, lets its further calls pass."""
    login, key = make_login(gateway), Key("key")
    on_the_wire = await sent(login, key)
    bad = await sent(login, key)
    await login.refused(request_of(bad), key)
    await login.admit(bad, key)
    await failure_of(login.refused(request_of(bad), key))

    login.accepted(lease_of(on_the_wire), key)

    assert token_of(await sent(login, key)) == "token-2"


async def test_a_call_admitted_before_the_cool_down_is_stopped_at_its_slot(gateway: Gateway) -> None:
    """A call that waited for its slot while its key was found wrong is not sent."""
    login, key = make_login(gateway), Key("key")
    waiting = Call()
    login.enter(waiting, key)
    bad = await sent(login, key)
    await login.refused(request_of(bad), key)
    await login.admit(bad, key)
    await failure_of(login.refused(request_of(bad), key))

    assert isinstance(await failure_of(login.admit(waiting, key)), AuthenticationError)


async def test_a_token_that_is_refused_before_all_have_it(gateway: Gateway) -> None:
    """Those who waited for it as well wait for its successor."""
    login, key = make_login(gateway), Key("key")

    async def first() -> str:
        call = await sent(login, key)
        await login.refused(request_of(call), key)
        return token_of(await sent(login, key))

    async def second() -> str:
        return token_of(await sent(login, key))

    tokens = await asyncio.gather(first(), second())

    assert set(tokens) == {"token-2"}


async def test_a_token_revoked_twice_is_not_held_against_a_good_key(gateway: Gateway) -> None:
    """A key that was accepted before gets two new tokens; the third refusal in a row is held against it."""
    login, key = make_login(gateway), Key("key")
    call = await sent(login, key)
    login.accepted(lease_of(call), key)

    for number in (2, 3):
        assert await login.refused(request_of(call), key)
        await login.admit(call, key)
        assert f"token-{number}" == token_of(call)

    assert isinstance(await failure_of(login.refused(request_of(call), key)), AuthenticationError)
    assert gateway.logins == 3


async def test_a_call_is_sent_again_a_bounded_number_of_times(gateway: Gateway) -> None:
    """A call that meets one revoked token after the other ends with its 401, the key not being blamed."""
    login, key = make_login(gateway), Key("key")
    call = await sent(login, key)
    login.accepted(lease_of(call), key)
    for _ in range(2):
        assert await login.refused(request_of(call), key)
        await login.admit(call, key)
        login.accepted(lease_of(await sent(login, key)), key)

    assert not await login.refused(request_of(call), key)
    assert token_of(await sent(login, key)) == "token-3"


async def test_one_sibling_s_wrong_key_does_not_stop_the_other(gateway: Gateway) -> None:
    """Keys are judged each for itself."""
    login, good, bad = make_login(gateway), Key("good"), Key("bad")
    call = await sent(login, bad)
    await login.refused(request_of(call), bad)
    await login.admit(call, bad)
    await failure_of(login.refused(request_of(call), bad))

    assert token_of(await sent(login, good)) == "token-2"


async def test_a_request_that_was_never_authorized_is_not_mended() -> None:
    """A 401 that a middleware made up, before any token was given, is no reason to log in."""
    gateway = Gateway(HandClock())

    assert not await make_login(gateway).refused(request_of(Call()), Key("key"))
    assert gateway.logins == 0


async def test_nothing_is_mended_after_the_deadline(gateway: Gateway) -> None:
    """A call whose deadline has passed is not sent again."""
    login, key = make_login(gateway), Key("key")
    call = await sent(login, key)
    call.deadline = gateway.clock.now

    assert not await login.refused(request_of(call), key)
    assert gateway.logins == 1


async def test_renewal_ahead_holds_nobody_up(gateway: Gateway, clock: HandClock) -> None:
    """In the last fifth of a token's life one task renews it while calls go on with it; at the very end all wait."""
    gateway.ttl = 101.0
    login, key = make_login(gateway), Key("key")
    await sent(login, key)
    gateway.gate.clear()

    clock.now += 79
    assert token_of(await sent(login, key)) == "token-1"
    assert gateway.logins == 1

    clock.now += 2
    assert token_of(await sent(login, key)) == "token-1"
    assert token_of(await sent(login, key)) == "token-1"
    await asyncio.sleep(0)
    assert gateway.logins == 2

    clock.now += 15
    waiting = asyncio.create_task(sent(login, key))
    await asyncio.sleep(0)
    assert not waiting.done()

    gateway.gate.set()
    assert token_of(await waiting) == "token-2"
    assert gateway.logins == 2


async def test_a_renewal_that_fails_leaves_the_old_token_in_use(
    gateway: Gateway, clock: HandClock, caplog: pytest.LogCaptureFixture
) -> None:
    """While the old token works, a failed renewal is a warning, and is tried again later, not at each call."""
    gateway.ttl = 101.0
    login, key = make_login(gateway), Key("key")
    await sent(login, key)
    gateway.error = refused_with(503)

    clock.now += 96
    for _ in range(20):
        assert token_of(await sent(login, key)) == "token-1"
    assert gateway.logins == 2
    assert [record.getMessage().split(" after")[0] for record in caplog.records] == [
        "renewing the token failed; calls go on with the old one: POST /users/login failed with 503"
    ]

    clock.now += 4
    assert isinstance(await failure_of(sent(login, key)), ServerError)


async def test_a_refused_renewal_leaves_the_old_token_in_use(gateway: Gateway, clock: HandClock) -> None:
    """While the old token works, refused credentials are no reason to stop; nor to log in at each call."""
    gateway.ttl = 1001.0
    login, key = make_login(gateway), Key("key")
    await sent(login, key)
    gateway.error = refused_with(401)

    clock.now += 900
    for _ in range(5):
        assert token_of(await sent(login, key)) == "token-1"
        await asyncio.sleep(0)
    clock.now += 51
    assert token_of(await sent(login, key)) == "token-1"
    clock.now += 30
    assert token_of(await sent(login, key)) == "token-1"
    assert gateway.logins <= 3

    clock.now += 60
    assert isinstance(await failure_of(sent(login, key)), LoginError)


async def test_after_refused_renewals_the_old_token_is_used_to_its_end(gateway: Gateway, clock: HandClock) -> None:
    """While the cool-down lasts, calls do not wait for a login that is not tried."""
    login, key = make_login(gateway), Key("key")
    old = token_of(await sent(login, key))
    gateway.error = refused_with(401)
    for now in (4485.0, 4545.0):  # inside of the window of renewal, the second after the first cool-down
        clock.now = now
        await sent(login, key)
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    clock.now = 4590.0

    assert token_of(await sent(login, key)) == old
    assert gateway.logins == 3


async def test_a_refused_token_joins_the_renewal_under_way(gateway: Gateway, clock: HandClock) -> None:
    """A 401 that comes during a renewal ahead waits for its token."""
    gateway.ttl = 101.0
    login, key = make_login(gateway), Key("key")
    call = await sent(login, key)
    gateway.gate.clear()
    clock.now += 85
    await sent(login, key)

    refused = asyncio.create_task(login.refused(request_of(call), key))
    await asyncio.sleep(0)
    gateway.gate.set()

    assert await refused
    assert gateway.logins == 2


@pytest.mark.parametrize("skew", [-600.0, 0.0, 600.0])
async def test_a_wrong_gateway_clock_does_no_harm(gateway: Gateway, skew: float) -> None:
    """Expiry is taken against the gateway's own date: a clock ten minutes off costs no login."""
    gateway.skew, gateway.ttl = skew, 300.0
    login, key = make_login(gateway), Key("key")

    for _ in range(20):
        await sent(login, key)

    assert gateway.logins == 1


async def test_without_a_date_local_time_counts(gateway: Gateway, clock: HandClock) -> None:
    """A gateway that sends no date is believed to share our clock."""
    gateway.date, gateway.ttl = False, 100.0
    login, key = make_login(gateway), Key("key")

    call = await sent(login, key)

    assert call.lease is not None
    assert clock.now + 100 == pytest.approx(call.lease.expires_at, abs=1e-3)


async def test_without_an_expiry_the_token_is_used_until_a_401(gateway: Gateway, clock: HandClock) -> None:
    """A token of unknown life is not renewed ahead."""
    gateway.ttl = None
    login, key = make_login(gateway), Key("key")
    call = await sent(login, key)
    clock.now += 1e6

    assert token_of(await sent(login, key)) == "token-1"
    assert call.lease is not None
    assert inf == call.lease.expires_at


async def test_the_jwt_s_own_expiry_counts_where_the_answer_has_none(clock: HandClock) -> None:
    """The `exp` of the token stands in for a missing `expiresIn`."""
    payload = base64.urlsafe_b64encode(json.dumps({"exp": EPOCH + clock.now + 50}).encode()).decode().rstrip("=")

    async def answer(request: Request) -> Response:
        return Response(200, data={"token": f"x.{payload}.y"})

    login = Login(
        Credentials("shop", "hunter2", "key"), MemoryTokenStore(), "k", answer, Clock(clock, lambda: EPOCH + clock.now)
    )

    lease = (await sent(login, Key("key"))).lease

    assert lease is not None
    assert clock.now + 50 == pytest.approx(lease.expires_at, abs=1e-3)


async def test_an_answer_without_a_token_is_an_error(clock: HandClock) -> None:
    """A login that is answered nonsense fails, and the next call tries again."""

    async def answer(request: Request) -> Response:
        return Response(200, data={"token": 5})

    login = Login(Credentials("shop", "hunter2", "key"), MemoryTokenStore(), "k", answer, Clock(clock))

    assert isinstance(await failure_of(sent(login, Key("key"))), DecodeError)


async def test_a_stored_token_saves_the_login(gateway: Gateway) -> None:
    """Two clients of one account with one store log in once; the stored expiry is on the gateway's clock."""
    store = MemoryTokenStore()
    gateway.skew = 600.0
    first, second = make_login(gateway, store), make_login(gateway, store)

    await sent(first, Key("key"))
    call = await sent(second, Key("key"))

    assert token_of(call) == "token-1"
    assert gateway.logins == 1
    stored = await store.load("store-key")
    assert stored is not None
    assert stored.expires_at == pytest.approx(gateway.wall + 3600, abs=1.5)


async def test_a_refused_stored_token_does_not_count_as_a_login(gateway: Gateway) -> None:
    """A stale token out of the store costs a call none of its chances."""
    store = MemoryTokenStore()
    await store.save("store-key", Token("stale"))
    login, key = make_login(gateway, store), Key("key")
    call = await sent(login, key)
    assert token_of(call) == "stale"

    assert await login.refused(request_of(call), key)
    await login.admit(call, key)

    assert call.replays == 0
    assert gateway.logins == 1


async def test_a_refused_token_is_not_taken_from_the_store_again(gateway: Gateway) -> None:
    """Under the lock the store is read again; a token that differs from the refused one is used."""
    store = MemoryTokenStore()
    login, key = make_login(gateway, store), Key("key")
    call = await sent(login, key)
    await store.save("store-key", Token("of-another-process"))

    assert await login.refused(request_of(call), key)

    assert token_of(await sent(login, key)) == "of-another-process"
    assert gateway.logins == 1


async def test_an_expired_stored_token_is_not_used(gateway: Gateway) -> None:
    """A stored token whose time has passed is not sent."""
    store = MemoryTokenStore()
    await store.save("store-key", Token("old", expires_at=gateway.wall - 1))

    assert token_of(await sent(make_login(gateway, store), Key("key"))) == "token-1"


async def test_closing_ends_the_login_under_way(gateway: Gateway) -> None:
    """Calls that wait for a login when the client is closed get an error, not a cancellation."""
    login = make_login(gateway)
    gateway.gate.clear()
    waiting = asyncio.create_task(failure_of(sent(login, Key("key"))))
    await asyncio.sleep(0)
    await asyncio.sleep(0)

    await login.close()
    await login.close()

    assert isinstance(await waiting, ConfigurationError)


async def test_a_login_is_logged_without_its_secrets(gateway: Gateway, caplog: pytest.LogCaptureFixture) -> None:
    """The log tells that a login happened, and for whom."""
    with caplog.at_level(logging.DEBUG, logger="gwms_async"):
        await sent(make_login(gateway), Key("key"))

    assert [record.getMessage() for record in caplog.records] == ["logged in"]
    assert caplog.records[0].__dict__["username"] == "shop"
    assert not any("hunter2" in str(vars(record)) or "token-1" in str(vars(record)) for record in caplog.records)


async def test_a_store_that_gives_one_refused_token_after_the_other(gateway: Gateway) -> None:
    """It is not asked for ever: the third time there is a login."""
    stale = iter(range(1000))

    class Stale(MemoryTokenStore):
        async def load(self, key: str) -> Token | None:
            return Token(f"stale-{next(stale)}")

    login, key, call = make_login(gateway, Stale()), Key("key"), Call()
    login.enter(call, key)
    seen = []
    for _ in range(4):
        await login.admit(call, key)
        seen.append(token_of(call))
        if not seen[-1].startswith("stale"):
            break
        assert await login.refused(request_of(call), key)

    assert seen == ["stale-0", "stale-1", "token-1"]
