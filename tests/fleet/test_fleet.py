"""Many e-shops without an engine."""

from __future__ import annotations

import asyncio
import pickle
import traceback
import weakref
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Any

import pytest
import pytest_asyncio

from gwms_async import (
    ApiError,
    AuthenticationError,
    BadRequestError,
    Cause,
    ConfigurationError,
    Credentials,
    DecodeError,
    GwmsClient,
    Handler,
    LoginError,
    OutcomeUnknownError,
    PlanRefusedError,
    Request,
    Response,
    RetryPolicy,
    ServerError,
    ThrottledError,
    TransportError,
    WebhookSpec,
    WebhookType,
)
from gwms_async.fleet import Eshop, EshopResult, Fleet, fleet
from gwms_async.testing import GwmsEmulator, Stall, Status

from ..helpers.accounts import Accounts, accounts, find_in
from ..helpers.emulated import QUICK, specs, until

Open = Callable[..., Fleet]


@pytest_asyncio.fixture
async def three() -> AsyncIterator[Accounts]:
    """Three accounts with four e-shops each, which want six webhooks each."""
    async with accounts(3, 4, events=6) as some:
        yield some


def fleet_of(some: Accounts, **options: Any) -> Fleet:
    """Open a fleet of accounts."""

    async def find(name: str) -> Eshop:
        return find_in(some.as_json(), name)

    return Fleet(find, **{"retry": QUICK, **options})


async def reconciled(some: Accounts, one: Fleet) -> dict[str, EshopResult]:
    """Reconcile all e-shops at once."""
    names = [name for names in some.names.values() for name in names]
    return {result.name: result for result in await asyncio.gather(*map(one.reconcile, names))}


async def test_first_and_second_time(three: Accounts) -> None:
    """All is created, then found, by one list for each e-shop; each account logs in once."""
    async with fleet_of(three) as one:
        first = await reconciled(three, one)
        before = sum(len(gateway.requests) for gateway in three.gateways)
        second = await reconciled(three, one)

    assert sum(len(gateway.requests) for gateway in three.gateways) == before + 3 * 4
    assert all(0 < result.seconds < 60 for result in first.values())

    assert {result.counts["created"] for result in first.values()} == {6}
    assert {tuple(result.counts.items()) for result in second.values()} == {(("existing", 6),)}
    assert not any(result.errors or result.retryable for result in [*first.values(), *second.values()])
    assert three.copies == {1: 3 * 4 * 6}
    assert [gateway.logins for gateway in three.gateways] == [1, 1, 1]


async def test_one_refused_account_leaves_the_others_alone(three: Accounts) -> None:
    """Its e-shops cost one login, and are not worth another attempt soon."""
    three.gateways[1].refuse_logins = True

    async with fleet_of(three) as one:
        results = await reconciled(three, one)

    refused = [results[name] for name in three.names["account-1"]]
    assert {(result.errors, result.retryable) for result in refused} == {(("all: LoginError",), False)}
    assert three.copies == {1: 2 * 4 * 6}
    assert [gateway.logins for gateway in three.gateways] == [1, 1, 1]


async def test_a_revoked_key(three: Accounts) -> None:
    """It is one e-shop's trouble; it may be the token's, so it is worth another attempt."""
    three.gateways[0].remove_eshop("the-api-key-0-2")

    async with fleet_of(three) as one:
        results = await reconciled(three, one)

    assert [result.name for result in results.values() if result.errors] == ["0/2"]
    assert results["0/2"].errors == ("all: AuthenticationError",)
    assert results["0/2"].retryable


async def test_errors_of_webhooks(gateway: GwmsEmulator, caplog: pytest.LogCaptureFixture) -> None:
    """Each says which event type it is about, and nothing of the webhook; the log has the first one's message."""
    gateway.inject(Status(400), operation="create", at=2, times=2)
    hooks = [WebhookSpec("https://shop.example/t0ken", event) for event in list(WebhookType)[:3]]

    async def find(name: str) -> Eshop:
        return Eshop(Credentials(*gateway.credentials), hooks)

    async with Fleet(find, base_url=gateway.base_url) as one:
        result = await one.reconcile("shop")

    assert result.counts == {"created": 1, "failed": 2}
    assert {*result.errors} < {f"{event}: BadRequestError" for event in WebhookType}
    (told,) = (message for message in caplog.messages if message.startswith("e-shop "))
    first, _, _ = result.errors[0].partition(":")
    assert told.startswith(f"e-shop 'shop', {first}: POST /webhooks failed with 400")
    assert not result.retryable
    assert "t0ken" not in repr(result)
    assert pickle.loads(pickle.dumps(result)) == result  # noqa: S301  # our own


async def test_prune(gateway: GwmsEmulator) -> None:
    """What it claims and nobody wants is deleted."""
    gateway.add_webhook("https://shop.example/old", "CREATE_ORDER")

    async def find(name: str) -> Eshop:
        return Eshop(Credentials(*gateway.credentials), specs(2), prune="https://shop.example/")

    async with Fleet(find, base_url=gateway.base_url) as one:
        result = await one.reconcile("shop")

    assert result.counts == {"created": 2, "deleted": 1}


async def test_copies_are_counted(gateway: GwmsEmulator) -> None:
    """They may come from a process that ran beside its successor."""
    (spec,) = specs(1)
    for _ in range(3):
        gateway.add_webhook(spec.url, spec.webhook_type)

    async def find(name: str) -> Eshop:
        return Eshop(Credentials(*gateway.credentials), [spec])

    async with Fleet(find, base_url=gateway.base_url) as one:
        assert (await one.reconcile("shop")).counts == {"existing": 1, "copies": 2}


@pytest.mark.parametrize("error", [KeyError("hunter2"), RuntimeError("hunter2"), ConfigurationError("hunter2")])
async def test_find_raises(error: Exception, caplog: pytest.LogCaptureFixture) -> None:
    """Its text goes nowhere, for it may contain a password; a database may be back in a minute."""

    async def find(name: str) -> Eshop:
        raise error

    async with Fleet(find) as one:
        result = await one.reconcile("shop")

    assert (result.errors, result.counts, result.retryable) == ((f"find: {type(error).__name__}",), {}, True)
    assert "hunter2" not in caplog.text + repr(result)


@pytest.mark.parametrize("error", [None, KeyError("hunter2")])
async def test_a_failed_eshop_is_forgotten(error: Exception | None) -> None:
    """At once, not when the garbage collector comes to the frames of its error: they have its credentials."""
    found: list[weakref.ref[Eshop]] = []

    async def find(name: str) -> Eshop:
        eshop = Eshop(Credentials("username", "hunter2", "key"), None)  # type: ignore[arg-type]
        found.append(weakref.ref(eshop))
        if error:
            raise error
        return eshop

    async with Fleet(find) as one:
        assert (await one.reconcile("shop")).errors

    assert found[0]() is None


async def test_find_is_cancelled_by_someone_else() -> None:
    """As by a pool of connections that shuts down: it is an error of the e-shop, like any other."""

    async def find(name: str) -> Eshop:
        raise asyncio.CancelledError

    async with Fleet(find) as one:
        result = await one.reconcile("shop")

    assert (result.errors, result.retryable) == (("find: CancelledError",), True)


async def test_a_closed_fleet(gateway: GwmsEmulator) -> None:
    """It opens no client that nobody would close."""

    async def find(name: str) -> Eshop:
        return Eshop(Credentials(*gateway.credentials), specs(1))

    async with Fleet(find, base_url=gateway.base_url) as one:
        pass

    assert (await one.reconcile("shop")).errors == ("all: RuntimeError",)
    assert gateway.logins == 0


async def test_a_fleet_that_is_closed_during_a_login(gateway: GwmsEmulator) -> None:
    """What it has not done may succeed elsewhere, in a few minutes."""
    gateway.inject(Stall(30), operation="login")

    async def find(name: str) -> Eshop:
        return Eshop(Credentials(*gateway.credentials), specs(1))

    one = Fleet(find, base_url=gateway.base_url)
    reconciling = asyncio.create_task(one.reconcile("shop"))
    await until(lambda: bool(gateway.requests))
    await one.close()

    result = await reconciling
    assert (result.errors, result.retryable) == (("all: ConfigurationError",), True)


@pytest.mark.parametrize("options", [{"timeout": -1}, {"base_url": "gwms.example"}, {"middlewares": [1]}])
def test_invalid_options_are_told_at_once(options: Any) -> None:
    """When the fleet is made, not once for each e-shop."""

    async def find(name: str) -> Eshop:
        raise AssertionError(name)

    with pytest.raises(ConfigurationError, match=next(iter(options))):
        Fleet(find, **options)


def test_find_must_be_async() -> None:
    """It would fail for each e-shop, as if the database had, and be tried again; its repr might show a secret."""

    def find(name: str, _: str) -> Eshop:
        raise AssertionError(name)

    for wrong in (partial(find, "hunter2"), find, None):
        with pytest.raises(ConfigurationError, match=r"^find must be an async function of one name; got ") as caught:
            Fleet(wrong)  # type: ignore[arg-type]
        assert "hunter2" not in str(caught.value)


async def test_middlewares_from_an_iterator(three: Accounts) -> None:
    """Each client has them."""
    seen: list[str] = []

    async def middleware(request: Request, call: Handler) -> Response:
        seen.append(request.path)
        return await call(request)

    async with fleet_of(three, middlewares=iter([middleware])) as one:
        await one.reconcile("0/0")
        before = len(seen)
        await one.reconcile("1/0")

    assert len(seen) > before > 0


@pytest.mark.parametrize("end", ["", "/"])
async def test_the_fleets_base_url_named_by_an_eshop(gateway: GwmsEmulator, end: str) -> None:
    """It makes no other client: the account logs in once."""

    async def find(name: str) -> Eshop:
        return Eshop(Credentials(*gateway.credentials), specs(1), base_url={"b": gateway.base_url + end}.get(name))

    async with Fleet(find, base_url=gateway.base_url) as one:
        for name in ("a", "b"):
            assert not (await one.reconcile(name)).errors

    assert gateway.logins == 1


@pytest.mark.parametrize(
    "eshop",
    [None, Eshop(Credentials("a", "b", "c"), specs(1), base_url="http://shop.example"), Eshop(None, [])],  # type: ignore[arg-type]
)
async def test_find_returns_nonsense(eshop: Any) -> None:
    """It is an error of the e-shop, which trying again would not heal; it says what is no `Eshop`."""

    async def find(name: str) -> Eshop:
        return eshop  # type: ignore[no-any-return]

    async with Fleet(find) as one:
        result = await one.reconcile("shop")

    assert not result.retryable
    if eshop is None:
        assert result.errors == ("find returned NoneType: AttributeError",)
    else:
        assert result.errors in {("all: AttributeError",), ("all: ConfigurationError",)}


async def test_a_cancelled_reconcile() -> None:
    """It ends."""

    async def find(name: str) -> Eshop:
        return await asyncio.Event().wait()  # type: ignore[return-value]

    async with Fleet(find) as one:
        task = asyncio.create_task(one.reconcile("shop"))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_a_cancelled_reconcile_shows_no_password(gateway: GwmsEmulator) -> None:
    """Nor does a crash reporter find it in the locals of a traceback."""

    async def find(name: str) -> Eshop:
        return Eshop(Credentials(*gateway.credentials), specs(1))

    gateway.latency = 5
    async with Fleet(find, base_url=gateway.base_url) as one:
        task = asyncio.create_task(one.reconcile("shop"))
        await until(lambda: bool(gateway.requests))
        task.cancel()
        with pytest.raises(asyncio.CancelledError) as caught:
            await task
    formatted = traceback.TracebackException.from_exception(caught.value, capture_locals=True).format()
    text = "".join(formatted)

    assert "_reconcile" in text
    assert gateway.credentials.password not in text


async def test_a_changed_password_makes_a_new_client(gateway: GwmsEmulator) -> None:
    """The account is served again at once, not when a cooldown ends."""
    username, password, key = gateway.credentials
    passwords = iter(["wrong", password])

    async def find(name: str) -> Eshop:
        return Eshop(Credentials(username, next(passwords), key), specs(1))

    async with Fleet(find, base_url=gateway.base_url) as one:
        assert (await one.reconcile("shop")).errors == ("all: LoginError",)
        assert not (await one.reconcile("shop")).errors


async def test_few_clients_stay_open(three: Accounts, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those not used for the longest time are closed, but none that is in use."""
    monkeypatch.setattr(fleet, "_MAX_CLIENTS", 1)
    closed: list[str] = []

    class Client(GwmsClient):
        async def close(self) -> None:
            closed.append(self._base_url)
            await super().close()

    monkeypatch.setattr(fleet, "GwmsClient", Client)
    first, second, third = (gateway.base_url for gateway in three.gateways)
    for gateway in three.gateways:
        gateway.latency = 0.02
    async with fleet_of(three) as one:
        await one.reconcile("0/0")
        await one.reconcile("1/0")
        assert closed == [first]
        await asyncio.gather(one.reconcile("1/1"), one.reconcile("2/0"))
        assert closed[1:] in ([second], [third])
        await one.reconcile({second: "2/2", third: "1/2"}[closed[1]])
        assert len(closed) == 2

    assert sorted(closed) == sorted([first, second, third])


async def test_no_client_is_closed_while_it_is_in_use(three: Accounts, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever else has ended, of its account or of others."""
    monkeypatch.setattr(fleet, "_MAX_CLIENTS", 0)
    has_begun, go = asyncio.Event(), asyncio.Event()

    async def hold(request: Request, call_next: Handler) -> Response:
        if request.headers["x-api-key"] == "the-api-key-0-0":
            has_begun.set()
            await go.wait()
        return await call_next(request)

    async with fleet_of(three, middlewares=[hold]) as one:
        slow = asyncio.create_task(one.reconcile("0/0"))
        await has_begun.wait()
        for name in ("1/0", "0/1"):
            assert (await one.reconcile(name)).errors == ()
        go.set()

        assert (await slow).errors == ()


async def test_clients_closed_while_others_end(three: Accounts, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is closed once, whoever else wants that, and out of reach of those who come meanwhile."""
    closed: list[str] = []
    go = asyncio.Event()

    class Client(GwmsClient):
        async def close(self) -> None:
            closed.append(self._base_url)
            await go.wait()
            await super().close()

    monkeypatch.setattr(fleet, "GwmsClient", Client)
    async with fleet_of(three) as one:
        await asyncio.gather(one.reconcile("0/0"), one.reconcile("1/0"))
        monkeypatch.setattr(fleet, "_MAX_CLIENTS", 0)
        tasks = [asyncio.create_task(one.reconcile(name)) for name in ("2/0", "2/1")]
        async with asyncio.timeout(5):
            while len(closed) < 2:  # noqa: ASYNC110  # both wait for a client to close
                await asyncio.sleep(0.01)
        tasks += [asyncio.create_task(one.reconcile(name)) for name in ("0/1", "1/1")]
        go.set()
        results = await asyncio.gather(*tasks)

    assert [result.errors for result in results] == [()] * 4
    first, second, third = (gateway.base_url for gateway in three.gateways)
    assert sorted(closed) == sorted([first, first, second, second, third])


async def test_many_accounts_at_once(gateway: GwmsEmulator) -> None:
    """For each that ends, accounts are compared a few times, not each with each."""
    gateway.refuse_logins = True
    compared = 0

    class Username(str):
        __slots__ = ()
        __hash__ = str.__hash__

        def __eq__(self, other: object) -> bool:
            nonlocal compared
            compared += 1
            return str.__eq__(self, other)

    async def find(name: str) -> Eshop:
        return Eshop(Credentials(Username(name), "password", "key"), specs(1))

    async with Fleet(find, base_url=gateway.base_url) as one:
        results = await asyncio.gather(*(one.reconcile(str(number)) for number in range(150)))

    assert {result.errors for result in results} == {("all: LoginError",)}
    assert compared < 20 * 150


async def test_a_client_that_fails_to_close(three: Accounts, monkeypatch: pytest.MonkeyPatch) -> None:
    """It replaces no result."""
    monkeypatch.setattr(fleet, "_MAX_CLIENTS", 0)

    class Client(GwmsClient):
        async def close(self) -> None:
            await super().close()
            raise OSError("hunter2")

    monkeypatch.setattr(fleet, "GwmsClient", Client)
    async with fleet_of(three) as one:
        result = await one.reconcile("0/0")

    assert (result.errors, result.counts) == ((), {"created": 6})


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (LoginError("", status=401), False),
        (AuthenticationError(status=401, message="", method="", path="", attempts=1), True),
        (BadRequestError(status=400, message="", method="", path="", attempts=1), False),
        (ThrottledError(status=429, message="", method="", path="", attempts=1), True),
        (ApiError(status=408, message="", method="", path="", attempts=1), True),
        (ApiError(status=409, message="", method="", path="", attempts=1), False),
        (ApiError(status=425, message="", method="", path="", attempts=1), True),
        (ServerError(status=500, message="", method="", path="", attempts=1), True),
        (ServerError(status=503, message="", method="", path="", attempts=1), True),
        (TransportError("", cause=Cause.MISCONFIGURED), False),
        (TransportError("", cause=Cause.NEVER_SENT), True),
        (OutcomeUnknownError(""), True),
        (DecodeError(""), True),
        (PlanRefusedError(""), False),
        (ConfigurationError(""), False),
        (TypeError(), False),
        (OSError(), True),
    ],
)
def test_what_is_worth_another_attempt(error: Exception, *, expected: bool) -> None:
    """What the gateway refused is not, unless it was too busy."""
    assert fleet.is_retryable(error) is expected


async def test_an_outage_ends_within_the_retry_policy(three: Accounts) -> None:
    """Its error is worth another attempt."""
    three.gateways[0].inject(Status(503), operation="list", times=100)

    async with fleet_of(three, retry=RetryPolicy(max_attempts=2, base=0.001)) as one:
        result = await one.reconcile("0/0")

    assert (result.errors, result.retryable) == (("all: ServerError",), True)
