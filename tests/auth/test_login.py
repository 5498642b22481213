"""One login for all: single flight, refresh windows, blame for a 401; driven by hand, without a client."""

from __future__ import annotations

import asyncio

import pytest

from gwms_async import AuthenticationError, ConfigurationError, LoginError, MemoryTokenStore, ServerError, Token
from gwms_async.auth.known_keys import ApiKey
from gwms_async.chain import Call, Request

from ..helpers.login_gateway import (
    REFUSED,
    HandClock,
    LoginGateway,
    failure_of,
    make_login,
    refused_with,
    request_of,
    sent,
    text_of,
    token_of,
)


@pytest.fixture
def clock() -> HandClock:
    """The clock of a test."""
    return HandClock()


@pytest.fixture
def gateway(clock: HandClock) -> LoginGateway:
    """The gateway of a test."""
    return LoginGateway(clock)


async def test_concurrent_calls_share_one_login(gateway: LoginGateway) -> None:
    """A thousand calls without a token make one login."""
    login, key = make_login(gateway), ApiKey("key")

    calls = await asyncio.gather(*(sent(login, key) for _ in range(1000)))

    assert {"token-1"} == {text_of(call) for call in calls}
    assert gateway.logins == 1


async def test_concurrent_refusals_share_one_login(gateway: LoginGateway) -> None:
    """A thousand calls that were sent with a revoked token make one login, also if the first one is cancelled."""
    login, key = make_login(gateway), ApiKey("key")
    calls = [await sent(login, key) for _ in range(1000)]
    login.on_accepted(token_of(calls[0]), key)
    gateway.gate.clear()

    tasks = [asyncio.create_task(login.on_unauthorized(request_of(call), REFUSED, key)) for call in calls]
    await asyncio.sleep(0)
    tasks[0].cancel()
    gateway.gate.set()
    done = await asyncio.gather(*tasks, return_exceptions=True)

    assert isinstance(done[0], asyncio.CancelledError)
    assert {True} == set(done[1:])
    assert gateway.logins == 2


async def test_a_late_refusal_of_an_older_token_does_not_log_in(gateway: LoginGateway) -> None:
    """A 401 that comes when the token has been renewed already is mended by the newer token."""
    login, key = make_login(gateway), ApiKey("key")
    early, late = await sent(login, key), await sent(login, key)
    login.on_accepted(token_of(early), key)

    assert await login.on_unauthorized(request_of(early), REFUSED, key)
    assert await login.on_unauthorized(request_of(late), REFUSED, key)

    assert gateway.logins == 2


async def test_a_refused_login_reaches_all_and_is_not_repeated(gateway: LoginGateway, clock: HandClock) -> None:
    """All who wait get an error of their own, later calls get it at once, and the cooldown doubles."""
    login, key = make_login(gateway), ApiKey("key")
    gateway.error = refused_with(401)

    errors = await asyncio.gather(*(failure_of(sent(login, key)) for _ in range(300)))
    errors += [await failure_of(sent(login, key)) for _ in range(20)]

    assert all(isinstance(error, LoginError) for error in errors)
    assert len(errors) == len({id(error) for error in errors})
    assert "the login was rejected with 401: no (check username, password and base_url; no further login is tried " in (
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

    assert text_of(await sent(login, key)) == "token-3"


async def test_a_failed_login_has_no_cooldown(gateway: LoginGateway) -> None:
    """A login that fails for another reason reaches all who wait with that reason; the next call tries again."""
    login, key = make_login(gateway), ApiKey("key")
    gateway.error = refused_with(503)

    errors = await asyncio.gather(*(failure_of(sent(login, key)) for _ in range(100)))

    assert {ServerError} == {type(error) for error in errors}
    assert gateway.logins == 1

    gateway.error = None

    assert text_of(await sent(login, key)) == "token-2"


async def test_a_failed_login_reaches_calls_that_were_waiting_for_a_slot(gateway: LoginGateway) -> None:
    """A call that began before a login failed does not start another one."""
    login, key = make_login(gateway), ApiKey("key")
    waiting = Call()
    login.begin(waiting, key)
    gateway.error = refused_with(503)
    await failure_of(sent(login, key))

    assert isinstance(await failure_of(login.acquire(waiting, key)), ServerError)
    assert gateway.logins == 1


async def test_a_late_refusal_after_a_failed_login_gets_its_error(gateway: LoginGateway) -> None:
    """A 401 of a token whose successor could not be had does not log in again."""
    login, key = make_login(gateway), ApiKey("key")
    early, late = await sent(login, key), await sent(login, key)
    gateway.error = refused_with(503)

    assert isinstance(await failure_of(login.on_unauthorized(request_of(early), REFUSED, key)), ServerError)
    assert isinstance(await failure_of(login.on_unauthorized(request_of(late), REFUSED, key)), ServerError)
    assert gateway.logins == 2


async def test_a_wrong_key_costs_two_logins(gateway: LoginGateway, clock: HandClock) -> None:
    """A key that no token makes good is held to be wrong: further calls fail at once, for a while."""
    login, key = make_login(gateway), ApiKey("key")
    first, second = await sent(login, key), await sent(login, key)

    assert await login.on_unauthorized(request_of(first), REFUSED, key)

    await login.acquire(first, key)
    error = await failure_of(login.on_unauthorized(request_of(first), REFUSED, key))

    assert isinstance(error, AuthenticationError)
    assert "the API key was rejected" in str(error)
    assert isinstance(await failure_of(login.on_unauthorized(request_of(second), REFUSED, key)), AuthenticationError)
    assert isinstance(await failure_of(sent(login, key)), AuthenticationError)
    assert gateway.logins == 2

    clock.now += 60
    again = await sent(login, key)
    await failure_of(login.on_unauthorized(request_of(again), REFUSED, key))
    clock.now += 119

    assert isinstance(await failure_of(sent(login, key)), AuthenticationError)
    assert gateway.logins == 2


async def test_a_key_that_is_accepted_after_all_ends_its_cooldown(gateway: LoginGateway) -> None:
    """A call of the key that was on the wire already, and succeeds, lets its further calls pass."""
    login, key = make_login(gateway), ApiKey("key")
    on_the_wire = await sent(login, key)
    bad = await sent(login, key)
    await login.on_unauthorized(request_of(bad), REFUSED, key)
    await login.acquire(bad, key)
    await failure_of(login.on_unauthorized(request_of(bad), REFUSED, key))

    login.on_accepted(token_of(on_the_wire), key)

    assert text_of(await sent(login, key)) == "token-2"


async def test_a_call_admitted_before_the_cooldown_is_stopped_at_its_slot(gateway: LoginGateway) -> None:
    """A call that waited for its slot while its key was found wrong is not sent."""
    login, key = make_login(gateway), ApiKey("key")
    waiting = Call()
    login.begin(waiting, key)
    bad = await sent(login, key)
    await login.on_unauthorized(request_of(bad), REFUSED, key)
    await login.acquire(bad, key)
    await failure_of(login.on_unauthorized(request_of(bad), REFUSED, key))

    assert isinstance(await failure_of(login.acquire(waiting, key)), AuthenticationError)


async def test_a_token_that_is_refused_before_all_have_it(gateway: LoginGateway) -> None:
    """Those who waited for it as well wait for its successor."""
    login, key = make_login(gateway), ApiKey("key")

    async def first() -> str:
        call = await sent(login, key)
        await login.on_unauthorized(request_of(call), REFUSED, key)
        return text_of(await sent(login, key))

    async def second() -> str:
        return text_of(await sent(login, key))

    tokens = await asyncio.gather(first(), second())

    assert set(tokens) == {"token-2"}


async def test_a_token_revoked_twice_is_not_held_against_a_good_key(gateway: LoginGateway) -> None:
    """A key that was accepted before gets two new tokens; the third refusal in a row is held against it."""
    login, key = make_login(gateway), ApiKey("key")
    call = await sent(login, key)
    login.on_accepted(token_of(call), key)

    for number in (2, 3):
        assert await login.on_unauthorized(request_of(call), REFUSED, key)
        await login.acquire(call, key)
        assert f"token-{number}" == text_of(call)

    assert isinstance(await failure_of(login.on_unauthorized(request_of(call), REFUSED, key)), AuthenticationError)
    assert gateway.logins == 3


async def test_logins_because_of_a_revoked_key_are_not_held_against_a_good_one(gateway: LoginGateway) -> None:
    """Nobody was accepted with the newest token: it may have been revoked as well, which takes a login to find out."""
    login, good, revoked = make_login(gateway), ApiKey("good"), ApiKey("revoked")
    for key in (good, revoked):
        call = await sent(login, key)
        login.on_accepted(token_of(call), key)
    for _ in range(2):
        assert await login.on_unauthorized(request_of(call), REFUSED, revoked)
        await login.acquire(call, revoked)

    call = await sent(login, good)
    assert text_of(call) == "token-3"
    assert await login.on_unauthorized(request_of(call), REFUSED, good)
    await login.acquire(call, good)
    assert text_of(call) == "token-4"


async def test_a_call_is_sent_again_a_bounded_number_of_times(gateway: LoginGateway) -> None:
    """A call that meets one revoked token after the other ends with its 401, the key not being blamed."""
    login, key = make_login(gateway), ApiKey("key")
    call = await sent(login, key)
    login.on_accepted(token_of(call), key)
    for _ in range(2):
        assert await login.on_unauthorized(request_of(call), REFUSED, key)
        await login.acquire(call, key)
        login.on_accepted(token_of(await sent(login, key)), key)

    assert not await login.on_unauthorized(request_of(call), REFUSED, key)
    assert text_of(await sent(login, key)) == "token-3"


async def test_an_operation_that_is_refused_with_a_good_key_and_token(gateway: LoginGateway, clock: HandClock) -> None:
    """It costs two logins a minute, however often it is called; a 401 for another operation still leads to a login."""
    login, key = make_login(gateway), ApiKey("key")

    async def denied() -> int:
        """Make a call that is refused whatever the token, while others are accepted; return how many logins it cost."""
        before, call = gateway.logins, await sent(login, key)
        login.on_accepted(token_of(call), key)
        while await login.on_unauthorized(Request("POST", "/webhooks", idempotent=False, call=call), REFUSED, key):
            await login.acquire(call, key)
            login.on_accepted(token_of(call), key)
        return gateway.logins - before

    assert [await denied() for _ in range(5)] == [3, 0, 0, 0, 0]  # one of them is the first of all
    call = await sent(login, key)
    assert await login.on_unauthorized(request_of(call), REFUSED, key)
    assert [await denied() for _ in range(3)] == [2, 0, 0]
    clock.now += 61
    assert [await denied() for _ in range(3)] == [2, 0, 0]


async def test_one_sibling_s_wrong_key_does_not_stop_the_other(gateway: LoginGateway) -> None:
    """Keys are judged each for itself."""
    login, good, bad = make_login(gateway), ApiKey("good"), ApiKey("bad")
    call = await sent(login, bad)
    await login.on_unauthorized(request_of(call), REFUSED, bad)
    await login.acquire(call, bad)
    await failure_of(login.on_unauthorized(request_of(call), REFUSED, bad))

    assert text_of(await sent(login, good)) == "token-2"


async def test_a_request_that_was_never_authorized_is_not_mended() -> None:
    """A 401 that a middleware made up, before any token was given, is no reason to log in."""
    gateway = LoginGateway()

    assert not await make_login(gateway).on_unauthorized(request_of(Call()), REFUSED, ApiKey("key"))
    assert gateway.logins == 0


async def test_nothing_is_mended_after_the_deadline(gateway: LoginGateway) -> None:
    """A call whose deadline has passed is not sent again."""
    login, key = make_login(gateway), ApiKey("key")
    call = await sent(login, key)
    call.deadline = gateway.clock.now

    assert not await login.on_unauthorized(request_of(call), REFUSED, key)
    assert gateway.logins == 1


async def test_renewal_ahead_holds_nobody_up(gateway: LoginGateway, clock: HandClock) -> None:
    """In the last fifth of a token's life one task renews it while calls go on with it; at the very end all wait."""
    gateway.ttl = 101.0
    login, key = make_login(gateway), ApiKey("key")
    await sent(login, key)
    gateway.gate.clear()

    clock.now += 79
    assert text_of(await sent(login, key)) == "token-1"
    assert gateway.logins == 1

    clock.now += 2
    assert text_of(await sent(login, key)) == "token-1"
    assert text_of(await sent(login, key)) == "token-1"
    await asyncio.sleep(0)
    assert gateway.logins == 2

    clock.now += 15
    waiting = asyncio.create_task(sent(login, key))
    await asyncio.sleep(0)
    assert not waiting.done()

    gateway.gate.set()
    assert text_of(await waiting) == "token-2"
    assert gateway.logins == 2
    assert not token_of(waiting.result()).after_401  # so that a 401 with it is not held against a key


async def test_a_renewal_that_fails_leaves_the_old_token_in_use(
    gateway: LoginGateway, clock: HandClock, caplog: pytest.LogCaptureFixture
) -> None:
    """While the old token works, a failed renewal is a warning, and is tried again later, not at each call."""
    gateway.ttl = 101.0
    login, key = make_login(gateway), ApiKey("key")
    await sent(login, key)
    gateway.error = refused_with(503)

    clock.now += 96
    for _ in range(20):
        assert text_of(await sent(login, key)) == "token-1"
    assert gateway.logins == 2
    assert [record.getMessage().split(" after")[0] for record in caplog.records] == [
        "token renewal failed; calls continue with the current token: POST /users/login failed with 503"
    ]

    clock.now += 4
    assert isinstance(await failure_of(sent(login, key)), ServerError)


async def test_a_refused_renewal_leaves_the_old_token_in_use(gateway: LoginGateway, clock: HandClock) -> None:
    """While the old token works, refused credentials are no reason to stop; nor to log in at each call."""
    gateway.ttl = 1001.0
    login, key = make_login(gateway), ApiKey("key")
    await sent(login, key)
    gateway.error = refused_with(401)

    clock.now += 900
    for _ in range(5):
        assert text_of(await sent(login, key)) == "token-1"
        await asyncio.sleep(0)
    clock.now += 51
    assert text_of(await sent(login, key)) == "token-1"
    clock.now += 30
    assert text_of(await sent(login, key)) == "token-1"
    assert gateway.logins <= 3

    clock.now += 60
    assert isinstance(await failure_of(sent(login, key)), LoginError)


async def test_after_refused_renewals_the_old_token_is_used_to_its_end(gateway: LoginGateway, clock: HandClock) -> None:
    """While the cooldown lasts, calls do not wait for a login that is not tried."""
    login, key = make_login(gateway), ApiKey("key")
    old = text_of(await sent(login, key))
    gateway.error = refused_with(401)
    for now in (4485.0, 4545.0):  # inside of the window of renewal, the second after the first cooldown
        clock.now = now
        await sent(login, key)
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    clock.now = 4590.0

    assert text_of(await sent(login, key)) == old
    assert gateway.logins == 3


async def test_a_refused_token_joins_the_renewal_under_way(gateway: LoginGateway, clock: HandClock) -> None:
    """A 401 that comes during a renewal ahead waits for its token."""
    gateway.ttl = 101.0
    login, key = make_login(gateway), ApiKey("key")
    call = await sent(login, key)
    gateway.gate.clear()
    clock.now += 85
    await sent(login, key)

    refused = asyncio.create_task(login.on_unauthorized(request_of(call), REFUSED, key))
    await asyncio.sleep(0)
    gateway.gate.set()

    assert await refused
    assert gateway.logins == 2


async def test_a_login_that_ends_in_no_exception(gateway: LoginGateway) -> None:
    """All that wait for it get what ended it, e.g. what pytest raises in a store; it is not repeated by them."""

    class Failed(BaseException):
        pass

    class Store(MemoryTokenStore):
        loads = 0

        async def load(self, key: str) -> Token | None:
            self.loads += 1
            if self.loads < 5:
                raise Failed
            return None

    store = Store()
    login, key = make_login(gateway, store), ApiKey("key")
    ends = await asyncio.gather(*(sent(login, key) for _ in range(3)), return_exceptions=True)

    assert [type(end) for end in ends] == [Failed] * 3
    assert (store.loads, gateway.logins) == (1, 0)


async def test_closing_ends_the_login_under_way(gateway: LoginGateway) -> None:
    """Calls that wait for a login when the client is closed get an error, not a cancellation."""
    login = make_login(gateway)
    gateway.gate.clear()
    waiting = asyncio.create_task(failure_of(sent(login, ApiKey("key"))))
    await asyncio.sleep(0)
    await asyncio.sleep(0)

    (task,) = login.stop()
    assert login.stop() == {task}
    assert task.cancelling() == 1  # a second cancellation would keep the store from being unlocked
    await asyncio.wait([task])

    assert isinstance(await waiting, ConfigurationError)
    assert not login.stop()
    assert isinstance(await failure_of(sent(login, ApiKey("key"))), ConfigurationError)


async def test_calls_that_come_together_try_one_renewal(gateway: LoginGateway, clock: HandClock) -> None:
    """A gateway that fails gets one login from the calls of one moment, not one from each."""
    login, key = make_login(gateway), ApiKey("key")
    await sent(login, key)
    gateway.error = refused_with(503)
    clock.now += 3500

    for _ in range(20):
        await sent(login, key)
    for _ in range(100):
        await asyncio.sleep(0)

    assert gateway.logins == 2


async def test_nothing_is_sent_after_the_old_token_s_end_while_logins_cool_down(
    gateway: LoginGateway, clock: HandClock
) -> None:
    """Refused credentials are not tried again by each call, also where there was a token."""
    gateway.ttl = 101.0
    login, key = make_login(gateway), ApiKey("key")
    await sent(login, key)
    gateway.error = refused_with(401)
    clock.now += 96
    await sent(login, key)

    clock.now += 10
    for _ in range(5):
        assert isinstance(await failure_of(sent(login, key)), LoginError)

    assert gateway.logins == 2


async def test_a_token_that_expires_while_it_is_stored(gateway: LoginGateway, clock: HandClock) -> None:
    """It is sent all the same: the next login would bring another one that is too old."""

    class SlowStore(MemoryTokenStore):
        async def save(self, key: str, token: Token) -> None:
            await super().save(key, token)
            clock.now += 10

    gateway.ttl = 5.0
    login, key = make_login(gateway, SlowStore()), ApiKey("key")

    async with asyncio.timeout(10):
        assert text_of(await sent(login, key)) == "token-1"

    assert gateway.logins == 1


async def test_an_earlier_end_of_a_login_is_no_failure_of_a_later_one(gateway: LoginGateway, clock: HandClock) -> None:
    """A call that began before a login, or before a renewal that failed, may still need a token after it."""
    gateway.ttl = 101.0
    login, key, early, later = make_login(gateway), ApiKey("key"), Call(), Call()
    login.begin(early, key)
    await sent(login, key)
    clock.now += 102

    await login.acquire(early, key)
    assert text_of(early) == "token-2"

    clock.now += 96
    login.begin(later, key)
    gateway.error = refused_with(503)
    assert text_of(await sent(login, key)) == "token-2"
    clock.now += 3
    gateway.error = None

    await login.acquire(later, key)
    assert text_of(later) == "token-4"
