"""Logins of a whole client against the emulator: one for all, whatever happens."""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Awaitable, Callable

import pytest

from gwms_async import (
    ApiError,
    AttemptTimeoutError,
    AuthenticationError,
    ConflictError,
    ConnectionFailedError,
    DecodeError,
    ForbiddenError,
    GwmsClient,
    GwmsError,
    LoginError,
    MemoryTokenStore,
    NotFoundError,
    OutcomeStatus,
    ServerError,
    Timeout,
    Token,
)
from gwms_async.testing import DropAfter, DropBefore, Fault, GwmsEmulator, Html, RevokeTokens, Stall, Status

from ..helpers.emulated import client, spec, specs, statuses, until
from ..helpers.virtual_io_loop import VirtualIoLoop, virtual_client, with_virtual_gateway


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


@pytest.mark.parametrize(("fault", "error"), LOST_LOGINS, ids=str)
def test_a_create_whose_login_fails(fault: Fault, error: type[GwmsError]) -> None:
    """It raises the error of the login: nothing was sent that could have been carried out."""

    async def main(gateway: GwmsEmulator, kind: type[GwmsClient]) -> None:
        gateway.inject(fault, operation="login", times=5)
        async with client(gateway, kind=kind, timeout=Timeout(attempt=0.3)) as gwms:
            with pytest.raises(error, match="POST /users/login"):
                await gwms.webhooks.create(spec())

        assert (gateway.logins, gateway.count("create")) == (5, 0)

    with_virtual_gateway(main)


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
def test_tokens_that_live_three_seconds() -> None:
    """Under steady load they are renewed ahead: no 401 reaches the gateway, and logins stay few."""

    async def main(gateway: GwmsEmulator, kind: type[GwmsClient]) -> None:
        loop = asyncio.get_running_loop()
        end = loop.time() + 7
        async with client(gateway, kind=kind) as gwms:

            async def load() -> None:
                while loop.time() < end:
                    await gwms.webhooks.list()
                    await asyncio.sleep(0.02)

            await asyncio.gather(*(load() for _ in range(5)))

        assert 401 not in statuses(gateway, "list")
        assert 3 <= gateway.logins <= 14
        assert len(set(gateway.tokens_issued)) == gateway.logins

    with_virtual_gateway(main, token_ttl=3)


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


@pytest.mark.parametrize("is_concurrent", [True, False])
async def test_forty_revoked_keys_among_calls_of_a_good_one(gateway: GwmsEmulator, is_concurrent: bool) -> None:
    """They cost four logins at most, and the good key not one failure."""
    keys = [f"revoked-{number}" for number in range(40)]
    for key in keys:
        gateway.add_eshop(key)
    async with client(gateway) as gwms:
        siblings = [gwms.for_eshop(key) for key in keys]
        await asyncio.gather(*(sibling.webhooks.list() for sibling in [gwms, *siblings]))
        for key in keys:
            gateway.remove_eshop(key)

        if is_concurrent:
            calls = [sibling.webhooks.list() for sibling in siblings for _ in range(3)]
            ends = await asyncio.gather(*calls, *(gwms.webhooks.list() for _ in range(40)), return_exceptions=True)
            assert {type(end) for end in ends[: len(calls)]} == {AuthenticationError}
            assert ends[len(calls) :] == [[]] * 40
        else:
            for sibling in siblings:
                with pytest.raises(AuthenticationError):
                    await sibling.webhooks.list()
                assert await gwms.webhooks.list() == []

    assert gateway.logins <= 4


async def test_one_mistyped_key_costs_the_others_nothing(gateway: GwmsEmulator) -> None:
    """They never wait, never log in again and keep their token."""
    async with client(gateway) as gwms:
        await gwms.webhooks.list()
        mistyped = gwms.for_eshop("mistyped")

        ends = await asyncio.gather(
            *(mistyped.webhooks.list() for _ in range(20)),
            *(gwms.webhooks.list() for _ in range(200)),
            return_exceptions=True,
        )

    assert {type(end) for end in ends[:20]} == {AuthenticationError}
    assert ends[20:] == [[]] * 200
    assert gateway.logins == 1


async def test_a_key_first_used_with_a_token_that_was_just_revoked(gateway: GwmsEmulator) -> None:
    """While another key's call logs in because of it, the new key is not held to be wrong."""
    async with client(gateway) as gwms:
        await gwms.webhooks.list()
        gateway.revoke_tokens()
        gateway.inject(Stall(0.05), operation="login")
        known = asyncio.create_task(gwms.webhooks.list())
        await until(lambda: gateway.logins == 2)
        gateway.add_eshop("new")

        assert await gwms.for_eshop("new").webhooks.list() == await known == []

    assert gateway.logins == 3  # the one that was stalled is sent again


async def in_virtual_time(work: Callable[[GwmsEmulator, GwmsClient], Awaitable[None]]) -> None:
    """Run a test with an emulator and a client that go by the time of a virtual loop."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualIoLoop)
    async with GwmsEmulator() as gateway, client(gateway, kind=virtual_client(loop)) as gwms:
        await work(gateway, gwms)


def test_refused_logins_and_a_mistyped_key() -> None:
    """The good key's calls go on; the mistyped one gets the login's error at once, and nothing is sent for it."""

    async def work(gateway: GwmsEmulator, gwms: GwmsClient) -> None:
        await gwms.webhooks.list()
        await asyncio.sleep(61)  # the login no longer vouches for its token
        gateway.refuse_logins = True
        mistyped = gwms.for_eshop("mistyped")
        for _ in range(10):
            with pytest.raises(LoginError):
                await mistyped.webhooks.list()
            assert await gwms.webhooks.list() == []
        assert gateway.logins == 2
        assert statuses(gateway, "list").count(401) == 1

    with asyncio.Runner(loop_factory=VirtualIoLoop) as runner:
        runner.run(in_virtual_time(work))


def test_keys_that_are_used_once_are_forgotten() -> None:
    """A minute later nothing is left of them, but for those that somebody holds."""

    async def work(gateway: GwmsEmulator, gwms: GwmsClient) -> None:
        eshops, held = gwms._eshops, gwms.for_eshop("held")
        for number in range(500):
            gateway.add_eshop(f"eshop-{number}")
            await gwms.for_eshop(f"eshop-{number}").webhooks.list()
        assert len(eshops.objects()) == 502
        await asyncio.sleep(61)
        gc.collect()
        assert {id(known) for known in eshops.objects()} == {id(gwms._backend), id(held._backend)}

    with asyncio.Runner(loop_factory=VirtualIoLoop) as runner:
        runner.run(in_virtual_time(work))


def test_what_is_known_of_a_key_outlives_its_sibling() -> None:
    """A rejected key is still rejected when it is asked for again, until its cool-down is over."""

    async def work(gateway: GwmsEmulator, gwms: GwmsClient) -> None:
        await gwms.webhooks.list()
        for _ in range(3):
            with pytest.raises(AuthenticationError):
                await gwms.for_eshop("mistyped").webhooks.list()
            gc.collect()
            await asyncio.sleep(19)
        assert statuses(gateway, "list") == [200, 401]
        await asyncio.sleep(4)
        with pytest.raises(AuthenticationError):
            await gwms.for_eshop("mistyped").webhooks.list()
        assert statuses(gateway, "list")[:3] == [200, 401, 401]

    with asyncio.Runner(loop_factory=VirtualIoLoop) as runner:
        runner.run(in_virtual_time(work))


async def test_siblings_of_one_key_share_what_is_known(gateway: GwmsEmulator) -> None:
    """Also while only one of them is held."""
    async with client(gateway) as gwms:
        one, other = gwms.for_eshop("other"), gwms.for_eshop("other")

        assert one._backend is other._backend
        assert gwms.for_eshop(gateway.credentials.api_key)._backend is gwms._backend


async def test_a_403_is_not_answered_by_a_login(gateway: GwmsEmulator) -> None:
    """Its error says how to get a new token."""
    async with client(gateway) as gwms:
        await gwms.webhooks.list()
        gateway.inject(Status(403), operation="list")

        with pytest.raises(ForbiddenError, match="`gwms login` gets a new token"):
            await gwms.webhooks.list()

    assert gateway.logins == 1


async def test_a_401_of_a_proxy_is_not_blamed_on_the_key_alone(gateway: GwmsEmulator) -> None:
    """A proxy may want a password of its own: what it says is told, also to the calls that fail at once for a while."""
    page = b"<html><body><h1>401 Unauthorized</h1>You need a valid user and password</body></html>"
    gateway.inject(Status(401, body=page, headers={"WWW-Authenticate": "Basic"}), operation="list", times=9)
    async with client(gateway) as gwms:
        for _ in range(2):
            with pytest.raises(AuthenticationError, match=r"You need a valid user .*perhaps sent by a proxy") as caught:
                await gwms.webhooks.list()
            assert "was rejected" not in str(caught.value)

    assert gateway.logins == 2
    assert gateway.count("list") == 2


@pytest.mark.parametrize(("status", "kind"), [(404, NotFoundError), (409, ConflictError)])
async def test_a_login_that_is_not_found_is_not_blamed_on_the_call(
    gateway: GwmsEmulator, status: int, kind: type[ApiError]
) -> None:
    """The webhook that was asked for may well exist, and the key is not to blame: the address is."""
    gateway.inject(Status(status), operation="login")
    async with client(gateway) as gwms:
        with pytest.raises(ApiError, match=rf"POST /users/login failed with {status} .*check base_url") as caught:
            await gwms.webhooks.get(1)

    assert not isinstance(caught.value, kind)
    assert "key" not in str(caught.value)
