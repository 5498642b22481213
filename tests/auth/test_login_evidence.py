"""Evidence per key and token: who is to blame for a 401, and what it costs the others."""

from __future__ import annotations

import asyncio

import pytest

from gwms_async import AuthenticationError, LoginError, ServerError
from gwms_async.auth.known_keys import ApiKey
from gwms_async.auth.login import Login
from gwms_async.chain import Call, CallAborted

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


@pytest.fixture
def login(gateway: LoginGateway) -> Login:
    """The login of a test."""
    return make_login(gateway)


async def accepted(login: Login, key: ApiKey) -> str:
    """Make a call that the gateway accepts, and return the token it was sent with."""
    call = await sent(login, key)
    login.on_accepted(token_of(call), key)
    return text_of(call)


async def rejected(login: Login, key: ApiKey) -> AuthenticationError:
    """Make a call that is answered 401 whatever the token, up to the key's cooldown; return its error."""
    call = await sent(login, key)

    async def replay() -> None:
        while await login.on_unauthorized(request_of(call), REFUSED, key):
            await login.acquire(call, key)

    error = await failure_of(replay())
    assert isinstance(error, AuthenticationError)
    return error


async def test_a_mistyped_key_costs_no_login_while_the_login_vouches(
    gateway: LoginGateway, login: Login, clock: HandClock
) -> None:
    """For 60 s after a login with which another key was accepted, a new key's 401 is its own fault."""
    good, bad = ApiKey("good"), ApiKey("bad")
    await accepted(login, good)
    clock.now += 60

    error = await rejected(login, bad)

    assert "the API key was rejected" in str(error)
    assert isinstance(await failure_of(sent(login, bad)), AuthenticationError)
    assert await accepted(login, good) == "token-1"
    assert gateway.logins == 1


async def test_a_mistyped_key_on_an_old_token_costs_one_login(
    gateway: LoginGateway, login: Login, clock: HandClock
) -> None:
    """The others go on with their token until the new one is there, and wait for nothing."""
    good, bad = ApiKey("good"), ApiKey("bad")
    await accepted(login, good)
    clock.now += 61
    gateway.gate.clear()
    waiting = asyncio.create_task(rejected(login, bad))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert gateway.logins == 2

    assert await accepted(login, good) == "token-1"
    gateway.gate.set()
    await waiting

    assert await accepted(login, good) == "token-2"
    assert gateway.logins == 2


async def test_before_any_key_was_accepted_the_token_may_be_to_blame(gateway: LoginGateway, login: Login) -> None:
    """Nothing vouches for a key or a token yet: one login finds out."""
    await rejected(login, ApiKey("bad"))

    assert gateway.logins == 2


@pytest.mark.parametrize("is_good", [True, False])
async def test_a_new_key_rejected_during_a_login_waits_for_its_token(
    gateway: LoginGateway, login: Login, *, is_good: bool
) -> None:
    """The token is in doubt already: its successor shows whether the key is wrong, without a login of the key's own."""
    known, new = ApiKey("known"), ApiKey("new")
    await accepted(login, known)
    call, call_of_new = await sent(login, known), await sent(login, new)
    gateway.gate.clear()
    relogin = asyncio.create_task(login.on_unauthorized(request_of(call), REFUSED, known))
    await asyncio.sleep(0)

    waiting = asyncio.create_task(login.on_unauthorized(request_of(call_of_new), REFUSED, new))
    await asyncio.sleep(0)
    assert not waiting.done()
    gateway.gate.set()
    assert await relogin
    assert await waiting

    if is_good:
        assert await accepted(login, new) == "token-2"
    else:
        await login.acquire(call_of_new, new)
        error = await failure_of(login.on_unauthorized(request_of(call_of_new), REFUSED, new))
        assert isinstance(error, AuthenticationError)
        assert new.cooldown.seconds == 60
    assert gateway.logins == 2


async def test_a_new_key_that_meets_two_revoked_tokens_is_not_blamed(gateway: LoginGateway, login: Login) -> None:
    """Its call ends with the second 401, for it was sent again once; the next one is sent."""
    known, new = ApiKey("known"), ApiKey("new")
    await accepted(login, known)
    call = await sent(login, new)
    for _ in range(2):
        gateway.gate.clear()
        relogin = asyncio.create_task(login.on_unauthorized(request_of(await sent(login, known)), REFUSED, known))
        await asyncio.sleep(0)
        again = asyncio.create_task(login.on_unauthorized(request_of(call), REFUSED, new))
        await asyncio.sleep(0)
        gateway.gate.set()
        assert await relogin
        if await again:
            await login.acquire(call, new)
            await accepted(login, known)

    assert not await again
    assert await accepted(login, new) == "token-3"
    assert gateway.logins == 3


async def test_one_login_because_of_a_401_serves_all_new_keys(
    gateway: LoginGateway, login: Login, clock: HandClock
) -> None:
    """For a minute the next mistyped keys are rejected without a login of their own."""
    for number in range(40):
        await rejected(login, ApiKey(f"bad-{number}"))

    assert gateway.logins == 2

    clock.now += 61
    await rejected(login, ApiKey("bad-later"))

    assert gateway.logins == 3


@pytest.mark.parametrize("is_concurrent", [True, False])
async def test_forty_revoked_keys_among_calls_of_a_good_one(
    gateway: LoginGateway, login: Login, clock: HandClock, is_concurrent: bool
) -> None:
    """They were all accepted before; in a quarter of an hour they make four logins at most."""
    good, keys = ApiKey("good"), [ApiKey(f"revoked-{number}") for number in range(40)]
    for key in (good, *keys):
        await accepted(login, key)
    clock.now += 600

    for _ in range(4):
        if is_concurrent:
            await asyncio.gather(*(rejected(login, key) for key in keys), accepted(login, good))
        for key in keys:
            if not is_concurrent:
                await rejected(login, key)
            await accepted(login, good)
        clock.now += keys[0].cooldown.seconds

    assert gateway.logins <= 4


async def test_a_refused_login_does_not_stop_the_keys_for_which_the_token_works(
    gateway: LoginGateway, login: Login, clock: HandClock
) -> None:
    """The mistyped key gets the login's error at once, sends nothing, and asks for no login before its cooldown."""
    good, bad = ApiKey("good"), ApiKey("bad")
    await accepted(login, good)
    clock.now += 61
    call = await sent(login, bad)
    gateway.error = refused_with(401)

    assert isinstance(await failure_of(login.on_unauthorized(request_of(call), REFUSED, bad)), LoginError)
    for _ in range(20):
        assert isinstance(await failure_of(sent(login, bad)), LoginError)
        assert await accepted(login, good) == "token-1"
    assert gateway.logins == 2

    clock.now += 60
    assert isinstance(await failure_of(sent(login, bad)), LoginError)
    assert await accepted(login, good) == "token-1"
    assert gateway.logins == 3


async def test_a_call_that_needs_a_login_ends_as_it_begins(gateway: LoginGateway, login: Login) -> None:
    """It does not queue for a slot only to get its error there; calls of other keys begin."""
    good, bad, call = ApiKey("good"), ApiKey("bad"), Call()
    await accepted(login, good)
    await accepted(login, bad)
    gateway.error = refused_with(401)
    await failure_of(login.on_unauthorized(request_of(await sent(login, bad)), REFUSED, bad))

    with pytest.raises(CallAborted):
        login.begin(call, bad)
    login.begin(call, good)

    assert gateway.logins == 2


async def test_keys_that_first_meet_a_401_while_logins_cool_down(gateway: LoginGateway, login: Login) -> None:
    """Each of them gets the login's error after its one 401, without a login."""
    keys = [ApiKey(f"key-{number}") for number in range(5)]
    for key in keys:
        await accepted(login, key)
    calls = [await sent(login, key) for key in keys]
    gateway.error = refused_with(401)

    for key, call in zip(keys, calls, strict=True):
        assert isinstance(await failure_of(login.on_unauthorized(request_of(call), REFUSED, key)), LoginError)
        assert isinstance(await failure_of(sent(login, key)), LoginError)

    assert gateway.logins == 2


async def test_a_failed_login_concerns_the_calls_of_all_keys_that_began_before(
    gateway: LoginGateway, login: Login
) -> None:
    """Their 401 of the same token does not lead to another login; a call that begins later tries one."""
    keys = [ApiKey(f"key-{number}") for number in range(5)]
    for key in keys:
        await accepted(login, key)
    calls = [await sent(login, key) for key in keys]
    gateway.error = refused_with(503)

    for key, call in zip(keys, calls, strict=True):
        assert isinstance(await failure_of(login.on_unauthorized(request_of(call), REFUSED, key)), ServerError)
    assert gateway.logins == 2

    gateway.error = None
    assert text_of(await sent(login, keys[0])) == "token-3"


async def test_a_suspect_token_binds_a_call_that_was_handed_it(gateway: LoginGateway, login: Login) -> None:
    """One call finds the new token refused while the other still waits for its slot: that one waits for the next."""
    key = ApiKey("key")
    await accepted(login, key)
    first, second = await sent(login, key), await sent(login, key)
    assert await asyncio.gather(
        *(login.on_unauthorized(request_of(call), REFUSED, key) for call in (first, second))
    ) == [
        True,
        True,
    ]
    await login.acquire(first, key)
    assert text_of(first) == "token-2"

    assert await login.on_unauthorized(request_of(first), REFUSED, key)
    await login.acquire(second, key)

    assert text_of(second) == "token-3"


async def test_a_new_token_does_not_end_the_cooldown_of_a_key(
    gateway: LoginGateway, login: Login, clock: HandClock
) -> None:
    """Else each login would set all rejected keys free."""
    good, bad = ApiKey("good"), ApiKey("bad")
    await accepted(login, good)
    await rejected(login, bad)

    assert await login.on_unauthorized(request_of(await sent(login, good)), REFUSED, good)
    assert await accepted(login, good) == "token-2"

    assert isinstance(await failure_of(sent(login, bad)), AuthenticationError)


async def test_a_rejected_key_stays_rejected_without_a_login_while_others_are_accepted(
    gateway: LoginGateway, login: Login, clock: HandClock
) -> None:
    """Acceptances since its rejection show that the token works."""
    good, bad = ApiKey("good"), ApiKey("bad")
    await accepted(login, good)
    for seconds in (60, 120, 240):
        await rejected(login, bad)
        assert bad.cooldown.seconds == seconds
        clock.now += 1
        await accepted(login, good)
        clock.now += seconds

    assert gateway.logins == 1


async def test_a_rejected_key_alone_with_a_dead_token_finds_out(
    gateway: LoginGateway, login: Login, clock: HandClock
) -> None:
    """Where nobody shows that the token works, one login after the cooldown does: the key may be good after all."""
    key = ApiKey("key")
    await rejected(login, key)
    clock.now += 61
    call = await sent(login, key)
    assert text_of(call) == "token-2"

    assert await login.on_unauthorized(request_of(call), REFUSED, key)

    assert await accepted(login, key) == "token-3"
    assert gateway.logins == 3


async def test_an_acceptance_before_the_rejection_shows_nothing_though_the_clock_stood_still(
    gateway: LoginGateway, login: Login, clock: HandClock
) -> None:
    """On Windows, clocks advance every 16 ms only: the order of events does not go by their times."""
    good, key = ApiKey("good"), ApiKey("key")
    await accepted(login, good)
    await rejected(login, key)
    clock.now += 61

    assert await login.on_unauthorized(request_of(await sent(login, key)), REFUSED, key)

    assert await accepted(login, key) == "token-2"


async def test_a_401_long_after_the_login_it_led_to(gateway: LoginGateway, login: Login, clock: HandClock) -> None:
    """A replay that waited for its slot for minutes is still held against the key: no login per call."""
    key = ApiKey("key")
    call = await sent(login, key)
    assert await login.on_unauthorized(request_of(call), REFUSED, key)
    clock.now += 300
    await login.acquire(call, key)

    assert isinstance(await failure_of(login.on_unauthorized(request_of(call), REFUSED, key)), AuthenticationError)
    assert gateway.logins == 2


async def test_a_late_success_with_an_older_token_does_not_count_against_the_key(
    gateway: LoginGateway, login: Login
) -> None:
    """What is known of a key is the newest token with which it was accepted."""
    key = ApiKey("key")
    late = await sent(login, key)
    for number in (2, 3):
        assert await login.on_unauthorized(request_of(await sent(login, key)), REFUSED, key)
        assert await accepted(login, key) == f"token-{number}"

    login.on_accepted(token_of(late), key)

    assert key.accepted is not None
    assert key.accepted.token.value == "token-3"
    assert await login.on_unauthorized(request_of(await sent(login, key)), REFUSED, key)


async def test_a_failed_login_for_one_key_does_not_move_the_refresh_of_a_young_token(
    gateway: LoginGateway, login: Login, clock: HandClock, caplog: pytest.LogCaptureFixture
) -> None:
    """The others renew it when it is time; and nothing is logged, for the call itself raises."""
    good, bad = ApiKey("good"), ApiKey("bad")
    await accepted(login, good)
    clock.now += 61
    call = await sent(login, bad)
    before = token_of(call).refresh_at
    gateway.error = refused_with(503)

    await failure_of(login.on_unauthorized(request_of(call), REFUSED, bad))

    assert token_of(call).refresh_at == before
    assert caplog.messages == []


async def test_a_call_begun_while_its_key_was_suspicious_of_no_token(gateway: LoginGateway, login: Login) -> None:
    """An unauthorized call of an older token goes on with the current one, whatever other keys think of it."""
    key, other = ApiKey("key"), ApiKey("other")
    call = Call()
    login.begin(call, key)
    await login.acquire(call, key)
    await accepted(login, other)
    assert await login.on_unauthorized(request_of(await sent(login, other)), REFUSED, other)

    assert await login.on_unauthorized(request_of(call), REFUSED, key)

    assert text_of(await sent(login, key)) == "token-2"
    assert gateway.logins == 2


async def test_a_rejected_key_ends_a_call_as_it_begins(login: Login) -> None:
    """It does not queue for a slot only to get its error there."""
    good, bad = ApiKey("good"), ApiKey("bad")
    await accepted(login, good)
    await rejected(login, bad)

    with pytest.raises(CallAborted):
        login.begin(Call(), bad)


async def test_a_key_that_is_accepted_with_a_renewed_token(login: Login, clock: HandClock) -> None:
    """That token takes the place of the earlier one, although no 401 led to its login."""
    key = ApiKey("key")
    await accepted(login, key)
    clock.now += 3600

    call = await sent(login, key)
    login.on_accepted(token_of(call), key)

    assert text_of(call) == "token-2"
    assert key.accepted is call.token


async def test_a_first_success_clears_a_token_of_suspicion(gateway: LoginGateway, login: Login) -> None:
    """A call of the key that was on the wire shows that its token works: further calls use it, though logins fail."""
    key = ApiKey("key")
    refused, on_the_wire = await sent(login, key), await sent(login, key)
    gateway.error = refused_with(401)
    assert isinstance(await failure_of(login.on_unauthorized(request_of(refused), REFUSED, key)), LoginError)

    login.on_accepted(token_of(on_the_wire), key)

    assert await accepted(login, key) == "token-1"


async def test_a_late_401_of_an_older_token_does_not_clear_the_current_one(gateway: LoginGateway, login: Login) -> None:
    """The key goes on to suspect that one: nothing is sent with it while logins cool down."""
    key = ApiKey("key")
    await accepted(login, key)
    first, late = await sent(login, key), await sent(login, key)
    assert await login.on_unauthorized(request_of(first), REFUSED, key)
    assert await accepted(login, key) == "token-2"
    gateway.error = refused_with(401)
    assert isinstance(
        await failure_of(login.on_unauthorized(request_of(await sent(login, key)), REFUSED, key)), LoginError
    )

    assert isinstance(await failure_of(login.on_unauthorized(request_of(late), REFUSED, key)), LoginError)
    assert isinstance(await failure_of(sent(login, key)), LoginError)


async def test_a_token_from_a_renewal_is_not_held_against_a_key(
    gateway: LoginGateway, login: Login, clock: HandClock
) -> None:
    """However many logins others have caused by their 401s since the key was last accepted."""
    key, other = ApiKey("key"), ApiKey("other")
    await accepted(login, key)
    for _ in range(2):
        await accepted(login, other)
        assert await login.on_unauthorized(request_of(await sent(login, other)), REFUSED, other)
    clock.now += 3600
    call = await sent(login, key)
    assert text_of(call) == "token-4"

    assert await login.on_unauthorized(request_of(call), REFUSED, key)

    assert await accepted(login, key) == "token-5"
