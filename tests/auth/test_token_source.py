"""Where tokens come from: the store or a login, and how long they live."""

from __future__ import annotations

import base64
import json
import logging
from math import inf

import pytest

from gwms_async import (
    ApiError,
    DecodeError,
    LoginError,
    MemoryTokenStore,
    Request,
    Response,
    ServerError,
    Token,
    TokenStore,
)
from gwms_async.auth.known_keys import ApiKey
from gwms_async.auth.login import Login
from gwms_async.chain import Call, CallAborted
from gwms_async.clock import Clock
from gwms_async.tokens import ActiveToken
from gwms_async.wire.envelope import api_error

from ..helpers.login_gateway import (
    EPOCH,
    REFUSED,
    HandClock,
    LoginGateway,
    failure_of,
    make_login,
    make_source,
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


async def obtained(
    gateway: LoginGateway,
    store: TokenStore | None = None,
) -> ActiveToken:
    """Obtain one token from a new source."""
    return await make_source(gateway, gateway.clock, store).obtain(None, after_401=False)


@pytest.mark.parametrize("skew", [-600.0, 0.0, 600.0])
async def test_a_wrong_gateway_clock_does_no_harm(gateway: LoginGateway, skew: float) -> None:
    """Expiry is taken against the gateway's own date: a clock ten minutes off costs no login."""
    gateway.skew, gateway.ttl = skew, 300.0
    login, key = make_login(gateway), ApiKey("key")

    for _ in range(20):
        await sent(login, key)

    assert gateway.logins == 1


async def test_without_a_date_local_time_counts(gateway: LoginGateway, clock: HandClock) -> None:
    """A gateway that sends no date is assumed to share our clock."""
    gateway.date, gateway.ttl = False, 100.0

    token = await obtained(gateway)

    assert clock.now + 100 == pytest.approx(token.expires_at, abs=1e-3)


@pytest.mark.parametrize(("skew", "date"), [(0.0, True), (600.5, True), (-600.5, True), (600.0, False)])
async def test_seconds_from_now_need_no_clock(gateway: LoginGateway, clock: HandClock, skew: float, date: bool) -> None:
    """A relative `expiresIn` counts from the answer, whatever the gateway's clock and date say."""
    gateway.is_relative, gateway.ttl, gateway.skew, gateway.date = True, 100.0, skew, date

    token = await obtained(gateway)

    assert token.expires_at == clock.now + 100
    assert token.token.expires_at == pytest.approx(EPOCH + clock.now + 100 + skew * date, abs=1.0)


async def test_a_date_may_be_a_second_late(gateway: LoginGateway, clock: HandClock) -> None:
    """A unix time is compared with a date of whole seconds: the token is not used beyond its end."""
    gateway.skew, gateway.ttl = 0.999, 100.0

    token = await obtained(gateway)

    assert clock.now + 99 <= token.expires_at <= clock.now + 100


async def test_without_an_expiry_the_token_is_used_until_a_401(gateway: LoginGateway) -> None:
    """A token of unknown life is not renewed ahead."""
    gateway.ttl = None

    token = await obtained(gateway)

    assert (token.refresh_at, token.refresh_by, token.expires_at) == (inf, inf, inf)


async def test_the_jwt_s_own_expiry_counts_where_the_answer_has_none(clock: HandClock) -> None:
    """The `exp` of the token stands in for a missing `expiresIn`."""
    payload = base64.urlsafe_b64encode(json.dumps({"exp": EPOCH + clock.now + 50}).encode()).decode().rstrip("=")

    async def answer(request: Request) -> Response:
        return Response(200, data={"token": f"x.{payload}.y"})

    token = await make_source(answer, clock).obtain(None, after_401=False)

    assert clock.now + 50 == pytest.approx(token.expires_at, abs=1e-3)


@pytest.mark.parametrize("readable", [False, True])
async def test_an_answer_without_a_token_is_an_error(clock: HandClock, readable: bool) -> None:
    """A login starts a cooldown, because each further one might create another token; an HTML page does not."""

    async def answer(request: Request) -> Response:
        return Response(200, readable=readable, data={"token": 5} if readable else None)

    source = make_source(answer, clock)

    with pytest.raises(DecodeError):
        await source.obtain(None, after_401=False)
    assert source.cooldown.is_on(clock.now + 59) is readable


@pytest.mark.parametrize("status", [400, 401, 403, 422])
async def test_a_refused_login_starts_the_cooldown(gateway: LoginGateway, clock: HandClock, status: int) -> None:
    """The error says for how long; the next login that succeeds ends it."""
    source = make_source(gateway, clock)
    gateway.error = refused_with(status)

    with pytest.raises(LoginError, match=f"rejected with {status}: no .*no further login is tried for 60 s") as caught:
        await source.obtain(None, after_401=False)

    assert caught.value.status == status
    assert source.cooldown.is_on(clock.now + 59)
    with pytest.raises(CallAborted):
        source.cooldown.check(clock.now)

    gateway.error = None
    await source.obtain(None, after_401=False)

    assert not source.cooldown.is_on(clock.now)


async def test_a_refused_login_that_asks_for_a_longer_pause(clock: HandClock) -> None:
    """For example 403 with Retry-After, from a gateway that forbids too many logins."""

    async def answer(request: Request) -> Response:
        raise api_error(request, Response(403, headers={"retry-after": "300"}), 0.0)

    source = make_source(answer, clock)
    with pytest.raises(LoginError, match="no further login is tried for 300 s"):
        await source.obtain(None, after_401=False)

    assert source.cooldown.is_on(clock.now + 299)
    assert not source.cooldown.is_on(clock.now + 300)


@pytest.mark.parametrize("status", [429, 503])
async def test_no_login_is_sent_while_the_gateway_asks_to_wait(clock: HandClock, status: int) -> None:
    """Until then calls get the error at once, instead of sending a login each."""
    logins = []

    async def answer(request: Request) -> Response:
        logins.append(request)
        raise api_error(request, Response(status, headers={"retry-after": "300"}), 0.0)

    login, key = Login(make_source(answer, clock), Clock(clock)), ApiKey("key")

    for _ in range(3):
        error = await failure_of(sent(login, key))
        assert isinstance(error, ApiError)
        assert (error.status, error.retry_after) == (status, 300.0)
    assert len(logins) == 1

    clock.now += 300
    await failure_of(sent(login, key))
    assert len(logins) == 2


async def test_a_failed_login_starts_no_cooldown(gateway: LoginGateway, clock: HandClock) -> None:
    """Only a refusal does."""
    source = make_source(gateway, clock)
    gateway.error = refused_with(503)

    with pytest.raises(ServerError):
        await source.obtain(None, after_401=False)

    assert not source.cooldown.is_on(clock.now)


async def test_a_token_knows_where_it_comes_from(gateway: LoginGateway, clock: HandClock) -> None:
    """Whether from the store, from a login, or from one because of a 401; those are counted."""
    source = make_source(gateway, clock)

    plain = await source.obtain(None, after_401=False)
    renewed = await source.obtain(plain, after_401=True)
    stored = await source.obtain(None, after_401=True)

    assert [(token.relogins, token.after_401, token.from_store) for token in (plain, renewed, stored)] == [
        (0, False, False),
        (1, True, False),
        (1, False, True),
    ]
    assert stored.token == renewed.token


async def test_a_stored_token_saves_the_login(gateway: LoginGateway) -> None:
    """Two clients of one account with one store log in once; the stored expiry is on the gateway's clock."""
    store = MemoryTokenStore()
    gateway.skew = 600.0
    first, second = make_login(gateway, store), make_login(gateway, store)

    await sent(first, ApiKey("key"))
    call = await sent(second, ApiKey("key"))

    assert text_of(call) == "token-1"
    assert gateway.logins == 1
    stored = await store.load("store-key")
    assert stored is not None
    assert stored.expires_at == pytest.approx(gateway.wall + 3600, abs=1.5)


async def test_a_refused_stored_token_does_not_count_as_a_login(gateway: LoginGateway) -> None:
    """A stale token out of the store costs a call none of its chances."""
    store = MemoryTokenStore()
    await store.save("store-key", Token("stale"))
    login, key = make_login(gateway, store), ApiKey("key")
    call = await sent(login, key)
    assert text_of(call) == "stale"

    assert await login.on_unauthorized(request_of(call), REFUSED, key)
    await login.acquire(call, key)

    assert call.replays == 0
    assert gateway.logins == 1


async def test_a_refused_token_is_not_taken_from_the_store_again(gateway: LoginGateway) -> None:
    """Under the lock the store is read again; a token that differs from the refused one is used."""
    store = MemoryTokenStore()
    login, key = make_login(gateway, store), ApiKey("key")
    call = await sent(login, key)
    await store.save("store-key", Token("of-another-process"))

    assert await login.on_unauthorized(request_of(call), REFUSED, key)

    assert text_of(await sent(login, key)) == "of-another-process"
    assert gateway.logins == 1


async def test_an_expired_stored_token_is_not_used(gateway: LoginGateway) -> None:
    """A stored token whose time has passed is not sent."""
    store = MemoryTokenStore()
    await store.save("store-key", Token("old", expires_at=gateway.wall - 1))

    assert (await obtained(gateway, store=store)).token.value == "token-1"


async def test_a_login_is_logged_without_its_secrets(gateway: LoginGateway, caplog: pytest.LogCaptureFixture) -> None:
    """The log tells that a login happened, and for which account, without its username: often a mail address."""
    with caplog.at_level(logging.DEBUG, logger="gwms_async"):
        await obtained(gateway)

    assert [record.getMessage() for record in caplog.records] == ["logged in"]
    assert caplog.records[0].__dict__["gwms_account"] == "store-ke"
    assert not [text for text in ("hunter2", "token-1", "'shop'") if text in str(vars(caplog.records[0]))]


async def test_a_store_that_gives_one_refused_token_after_the_other(gateway: LoginGateway) -> None:
    """It is not asked for ever: the third time there is a login."""
    stale = iter(range(1000))

    class Stale(MemoryTokenStore):
        async def load(self, key: str) -> Token | None:
            return Token(f"stale-{next(stale)}")

    login, key, call = make_login(gateway, Stale()), ApiKey("key"), Call()
    login.begin(call, key)
    seen = []
    for _ in range(4):
        await login.acquire(call, key)
        seen.append(text_of(call))
        if not seen[-1].startswith("stale"):
            break
        assert await login.on_unauthorized(request_of(call), REFUSED, key)

    assert seen == ["stale-0", "stale-1", "token-1"]


async def test_a_store_whose_tokens_were_accepted_is_always_asked(gateway: LoginGateway) -> None:
    """However often tokens are revoked, one process logs in, and the others take its token."""
    store, key = MemoryTokenStore(), ApiKey("key")
    await store.save("store-key", Token("of-another-0"))
    login = make_login(gateway, store)
    for number in range(1, 6):
        call = await sent(login, key)
        login.on_accepted(token_of(call), key)
        await store.save("store-key", Token(f"of-another-{number}"))
        assert await login.on_unauthorized(request_of(call), REFUSED, key)
        await login.acquire(call, key)
        assert text_of(call) == f"of-another-{number}"

    assert gateway.logins == 0


async def test_a_store_is_asked_again_after_a_login(gateway: LoginGateway) -> None:
    """What it offered before the login is forgotten: a token of another process saves a login again."""
    store = MemoryTokenStore()
    source = make_source(gateway, gateway.clock, store)
    token: ActiveToken | None = None
    for text in ("a", "b", None, "c", "d"):
        if text:
            await store.save("store-key", Token(text))
        token = await source.obtain(token, after_401=True)
        assert token.token.value == (text or "token-1")

    assert gateway.logins == 1


async def test_renewals_always_look_into_the_store(gateway: LoginGateway) -> None:
    """Where another process renews the shared token each time, this one never logs in."""
    store = MemoryTokenStore()
    source = make_source(gateway, gateway.clock, store)
    token: ActiveToken | None = None
    for number in range(5):
        await store.save("store-key", Token(f"of-another-{number}"))
        token = await source.obtain(token, after_401=False)

    assert gateway.logins == 0


async def test_the_expiry_in_the_store_is_on_the_gateway_s_clock(gateway: LoginGateway, clock: HandClock) -> None:
    """The clock skew seen at a login applies to stored tokens as well."""
    store = MemoryTokenStore()
    gateway.skew = 600.0
    source = make_source(gateway, clock, store)
    first = await source.obtain(None, after_401=False)
    await store.save("store-key", Token("of-another", expires_at=gateway.wall + 100))

    second = await source.obtain(first, after_401=False)

    assert second.from_store
    assert second.expires_at == pytest.approx(clock.now + 100, abs=1.5)


@pytest.mark.parametrize("status", [404, 405, 409, 410])
async def test_a_wrong_address_is_named_as_the_cause(clock: HandClock, status: int) -> None:
    """Instead of the usual hint for that status, which would be about a webhook."""

    async def answer(request: Request) -> Response:
        raise api_error(request, Response(status, message="no such page"), 0.0)

    with pytest.raises(
        ApiError, match=r"no such page \(not from a login endpoint: check base_url and the proxies on the way\)"
    ):
        await make_source(answer, clock).obtain(None, after_401=False)
