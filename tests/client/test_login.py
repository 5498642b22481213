"""Logins of a whole client against the emulator: one for all, whatever happens."""

from __future__ import annotations

import asyncio
import time

import pytest

from gwms_async import (
    AttemptTimeoutError,
    AuthenticationError,
    ConnectionFailedError,
    DecodeError,
    GwmsError,
    LoginError,
    MemoryTokenStore,
    OutcomeStatus,
    ServerError,
    Timeout,
    Token,
)
from gwms_async.testing import DropAfter, DropBefore, Fault, GwmsEmulator, Html, RevokeTokens, Stall, Status

from ..helpers.emulated import client, spec, specs, statuses, until
from ..helpers.virtual_io_loop import VirtualIoLoop, virtual_client


async def test_a_thousand_calls_over_a_revoked_token_make_one_login(gateway: GwmsEmulator) -> None:
    """All of them succeed after one login."""
    async with client(gateway) as gwms:
        await gwms.webhooks.list()
        gateway.revoke_tokens()
        before = gateway.logins

        await asyncio.gather(*(gwms.webhooks.list() for _ in range(1000)))

    assert gateway.logins - before == 1


async def test_the_first_caller_cancelled_harms_nobody(gateway: GwmsEmulator) -> None:
    """The login that the first of a thousand calls began goes on for the others."""
    async with client(gateway) as gwms:
        await gwms.webhooks.list()
        gateway.revoke_tokens()
        before, gateway.latency = gateway.logins, 0.05
        calls = [asyncio.create_task(gwms.webhooks.list()) for _ in range(1000)]
        await until(lambda: gateway.logins > before)
        calls[0].cancel()

        ends = await asyncio.gather(*calls, return_exceptions=True)

    assert isinstance(ends[0], asyncio.CancelledError)
    assert ends[1:] == [[]] * 999
    assert gateway.logins - before == 1


async def test_a_refused_login_reaches_all_who_wait(gateway: GwmsEmulator) -> None:
    """300 waiters and 20 later calls get an error each, of one login."""
    gateway.refuse_logins = True
    async with client(gateway) as gwms:
        errors = await asyncio.gather(*(gwms.webhooks.list() for _ in range(300)), return_exceptions=True)
        for _ in range(20):
            with pytest.raises(LoginError, match="no further login is tried for 60 s"):
                await gwms.webhooks.list()

    assert {type(error) for error in errors} == {LoginError}
    assert len({id(error) for error in errors}) == 300
    assert gateway.logins == 1
    assert gateway.count("list") == 0


async def test_a_wrong_key_is_held_against_the_key(gateway: GwmsEmulator) -> None:
    """30 calls with a wrong x-api-key make two logins at most, and a right key is not concerned."""
    async with client(gateway, api_key="wrong") as gwms:
        for _ in range(15):
            with pytest.raises(AuthenticationError, match="API key"):
                await gwms.webhooks.list()
        errors = await asyncio.gather(*(gwms.webhooks.list() for _ in range(15)), return_exceptions=True)
        assert await gwms.for_eshop(gateway.credentials.api_key).webhooks.list() == []

    assert {type(error) for error in errors} == {AuthenticationError}
    assert gateway.logins <= 2


async def test_thirty_calls_at_once_with_a_wrong_key(gateway: GwmsEmulator) -> None:
    """They too make two logins at most."""
    async with client(gateway, api_key="wrong") as gwms:
        errors = await asyncio.gather(*(gwms.webhooks.list() for _ in range(30)), return_exceptions=True)

    assert {type(error) for error in errors} == {AuthenticationError}
    assert gateway.logins <= 2


async def test_a_token_revoked_twice_in_a_row(gateway: GwmsEmulator) -> None:
    """A key that was accepted before is worth a second login."""
    async with client(gateway) as gwms:
        await gwms.webhooks.list()
        gateway.inject(RevokeTokens(), operation="create", times=2)

        hook = await gwms.webhooks.create(spec())

    assert hook.id == 1
    assert statuses(gateway, "create") == [401, 401, 200]
    assert gateway.logins == 3


async def test_a_login_that_is_down_for_a_moment(gateway: GwmsEmulator) -> None:
    """A login answered 503 twice costs none of 50 calls its success."""
    gateway.inject(Status(503), operation="login", times=2)
    async with client(gateway) as gwms:
        ends = await asyncio.gather(*(gwms.webhooks.list() for _ in range(50)))

    assert ends == [[]] * 50
    assert statuses(gateway, "login") == [503, 503, 200]


async def test_a_login_that_stays_down(gateway: GwmsEmulator) -> None:
    """It is no refusal: the callers get what the gateway said, and the next call tries again."""
    gateway.inject(Status(503), operation="login", times=5)
    async with client(gateway) as gwms:
        errors = await asyncio.gather(*(gwms.webhooks.list() for _ in range(50)), return_exceptions=True)
        assert {type(error) for error in errors} == {ServerError}
        assert gateway.logins == 5

        assert await gwms.webhooks.list() == []


LOST_LOGINS: list[tuple[Fault, type[GwmsError]]] = [
    (DropAfter(), ConnectionFailedError),
    (DropBefore(), ConnectionFailedError),
    (Status(503), ServerError),
    (Stall(5), AttemptTimeoutError),
]


@pytest.mark.parametrize(("fault", "kind"), LOST_LOGINS, ids=str)
async def test_a_create_whose_login_fails(gateway: GwmsEmulator, fault: Fault, kind: type[GwmsError]) -> None:
    """It raises the error of the login: nothing was sent that could have been carried out."""
    gateway.inject(fault, operation="login", times=5)
    async with client(gateway, timeout=Timeout(attempt=0.1)) as gwms:
        with pytest.raises(kind, match="POST /users/login"):
            await gwms.webhooks.create(spec())

    assert (gateway.logins, gateway.count("create")) == (5, 0)


async def test_a_create_whose_token_is_revoked_and_whose_login_fails(gateway: GwmsEmulator) -> None:
    """It was answered 401, so it was not carried out either."""
    gateway.inject(RevokeTokens(), operation="create")
    gateway.inject(DropAfter(), operation="login", times=5, at=2)
    async with client(gateway) as gwms:
        with pytest.raises(ConnectionFailedError, match="POST /users/login"):
            await gwms.webhooks.create(spec())

    assert statuses(gateway, "create") == [401]


async def test_registering_when_the_token_is_revoked_and_the_login_fails(gateway: GwmsEmulator) -> None:
    """All have failed, none is unknown: that is reported at once, after the attempts of one login."""
    async with client(gateway) as gwms:
        gateway.inject(RevokeTokens(), operation="create")
        gateway.inject(DropAfter(), operation="login", times=99, at=2)
        report = await gwms.webhooks.register_many(specs(5))

    assert report.counts == {OutcomeStatus.FAILED: 5}
    assert {type(outcome.error) for outcome in report.outcomes} == {ConnectionFailedError}
    assert gateway.logins <= 6
    assert gateway.count("list") == 1


@pytest.mark.parametrize("offset", [-600.0, 600.0])
async def test_a_clock_that_is_off(offset: float) -> None:
    """Ten minutes of difference between the clocks make no further logins."""
    async with GwmsEmulator(clock=lambda: time.time() + offset, token_ttl=300) as gateway, client(gateway) as gwms:
        for _ in range(20):
            await gwms.webhooks.list()

        assert gateway.logins == 1


@pytest.mark.slow
async def test_tokens_that_live_three_seconds() -> None:
    """Under steady load they are renewed ahead: no 401 reaches the gateway, and logins stay few."""
    async with GwmsEmulator(token_ttl=3) as gateway, client(gateway) as gwms:
        end = time.monotonic() + 7

        async def load() -> None:
            while time.monotonic() < end:
                await gwms.webhooks.list()
                await asyncio.sleep(0.005)

        await asyncio.gather(*(load() for _ in range(5)))

        assert 401 not in statuses(gateway, "list")
        assert 3 <= gateway.logins <= 14
        assert len(set(gateway.tokens_issued)) == gateway.logins


async def test_a_stored_token_saves_the_login(gateway: GwmsEmulator) -> None:
    """A second client with the same store goes on with the first one's token."""
    store = MemoryTokenStore()
    for _ in range(2):
        async with client(gateway, token_store=store) as gwms:
            await gwms.webhooks.list()

    assert gateway.logins == 1


async def test_a_stored_token_that_is_no_longer_good(gateway: GwmsEmulator) -> None:
    """It costs a 401 and a login, and is replaced in the store."""
    store = MemoryTokenStore()
    async with client(gateway, token_store=store) as gwms:
        await gwms.webhooks.list()
    gateway.revoke_tokens()
    async with client(gateway, token_store=store) as gwms:
        await gwms.webhooks.list()
    async with client(gateway, token_store=store) as gwms:
        await gwms.webhooks.list()

    assert statuses(gateway, "list") == [200, 401, 200, 200]
    assert gateway.logins == 2


async def test_a_store_that_fails_costs_no_call(gateway: GwmsEmulator, caplog: pytest.LogCaptureFixture) -> None:
    """It costs a warning."""

    class Broken(MemoryTokenStore):
        async def load(self, key: str) -> Token | None:
            raise OSError("disk")

    async with client(gateway, token_store=Broken()) as gwms:
        assert await gwms.webhooks.list() == []

    assert "could not be read (OSError)" in caplog.text


async def test_calls_begun_while_the_first_login_runs_share_it(gateway: GwmsEmulator) -> None:
    """A cold start of 200 calls is one login."""
    async with client(gateway) as gwms:
        await asyncio.gather(*(gwms.webhooks.list() for _ in range(200)))

    assert gateway.logins == 1
    assert 401 not in statuses(gateway, "list")


def test_a_page_in_place_of_a_login_does_not_forget_refusals() -> None:
    """Refused, then answered with a page, then refused again: the second cool-down is the doubled one."""

    async def main() -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualIoLoop)
        async with GwmsEmulator() as gateway, client(gateway, kind=virtual_client(loop)) as gwms:
            gateway.refuse_logins = True
            with pytest.raises(LoginError, match="for 60 s"):
                await gwms.webhooks.list()
            await asyncio.sleep(61)
            gateway.inject(Html(), operation="login")
            with pytest.raises(DecodeError):
                await gwms.webhooks.list()
            with pytest.raises(LoginError, match="for 120 s"):
                await gwms.webhooks.list()

    with asyncio.Runner(loop_factory=VirtualIoLoop) as runner:
        runner.run(main())
