"""The client as a whole: how it is made, what it owns, how it ends."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from attrs import evolve

from gwms_async import (
    PRODUCTION,
    ConfigurationError,
    Credentials,
    DeadlineExceededError,
    GwmsClient,
    GwmsError,
    Handler,
    MemoryTokenStore,
    OutcomeUnknownError,
    Request,
    Response,
    ThrottledError,
    Timeout,
    TransportError,
)
from gwms_async.testing import DropAfter, GwmsEmulator, Stall, Status
from gwms_async.tokens import store_key

from .helpers.emulated import QUICK, client, python, spec, until
from .helpers.virtual_io_loop import with_virtual_gateway

CREDENTIALS = Credentials("user", "password", "key")


async def test_entering_does_no_io(gateway: GwmsEmulator) -> None:
    """It connects and logs in when the first call needs it."""
    async with client(gateway):
        pass

    assert gateway.requests == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"base_url": "http://gw.example/v21"}, "https"),
        ({"base_url": "ftp://gw.example"}, "base_url"),
        ({"base_url": "gw.example"}, "base_url"),
        ({"max_connections": 0}, "max_connections"),
        ({"max_connections": True}, "max_connections"),
        ({"max_connections": 1.5}, "max_connections"),
        ({"timeout": 0}, "timeout must be a Timeout or a number of seconds above 0; got 0"),
        ({"timeout": "30"}, "timeout must be"),
        ({"timeout": True}, "timeout must be"),
        ({"timeout": None}, "timeout must be"),
        ({"retry": 3}, "retry must be RetryPolicy, e.g"),
        ({"session": "secret"}, "session must be ClientSession or None; got str"),
        ({"session": aiohttp.ClientSession}, "session must be ClientSession or None; got type"),
        ({"ssl": "ca.pem"}, r"ssl must be SSLContext .* or None, e\.g\. ssl\.create_default_context\(.*; got str"),
        ({"trust_env": "no"}, "trust_env must be bool; got str"),
        ({"token_store": "file"}, "token_store must be an object with load, save and lock; got str"),
        ({"token_store": MemoryTokenStore}, "token_store must be .*; got the class MemoryTokenStore"),
        ({"telemetry": print}, "telemetry must be an object with call and attempt; got builtin_function_or_method"),
        ({"middlewares": print}, "middlewares must be a list of functions"),
        ({"middlewares": "print"}, "middlewares must be"),
        ({"middlewares": [None]}, "middlewares must be"),
    ],
)
def test_unfit_arguments(options: dict[str, Any], message: str) -> None:
    """They are refused when the client is made, outside any event loop too."""
    with pytest.raises(ConfigurationError, match=message):
        GwmsClient(CREDENTIALS, **options)


def test_a_client_may_be_made_outside_an_event_loop() -> None:
    """It belongs to the loop of its first call; its repr tells where it goes."""
    gwms = GwmsClient(CREDENTIALS)

    assert repr(gwms) == f"<GwmsClient {PRODUCTION}>"
    asyncio.run(gwms.close())


def test_a_second_event_loop() -> None:
    """It gets a clear error, not a hang."""
    gwms = GwmsClient(CREDENTIALS, base_url="http://127.0.0.1:9/v21", retry=evolve(QUICK, max_attempts=1))

    async def call() -> None:
        await gwms.webhooks.list()

    with asyncio.Runner() as first, asyncio.Runner() as second:
        with pytest.raises(TransportError):
            first.run(call())
        with pytest.raises(ConfigurationError, match="another event loop"):
            second.run(call())
        first.run(gwms.close())


def test_the_end_of_a_block_in_a_second_event_loop() -> None:
    """The block's own error is raised, and not hidden by one about closing."""
    gwms = GwmsClient(CREDENTIALS, base_url="http://127.0.0.1:9/v21", retry=evolve(QUICK, max_attempts=1))

    async def enter(error: Exception | None) -> None:
        async with gwms:
            if error is not None:
                raise error

    with asyncio.Runner() as first, asyncio.Runner() as second:
        with pytest.raises(TransportError):
            first.run(gwms.webhooks.list())
        with pytest.raises(KeyError, match="the first one"):
            second.run(enter(KeyError("the first one")))
        with pytest.raises(ConfigurationError, match="close it there"):
            second.run(enter(None))
        first.run(enter(None))


@pytest.mark.parametrize("operation", ["login", "list"])
def test_closing_in_a_second_event_loop(gwms_emulator: GwmsEmulator, operation: str) -> None:
    """It changes nothing and says why: calls in the first one would hang."""
    gwms_emulator.inject(Stall(0.2), operation=operation)
    gwms = client(gwms_emulator)

    async def main() -> str:
        registering = asyncio.create_task(gwms.webhooks.register_many([spec()]))
        await until(lambda: gwms_emulator.count(operation))
        with pytest.raises(ConfigurationError, match="another event loop: close it there"):
            await asyncio.to_thread(asyncio.run, gwms.close())
        async with gwms:
            return str(await registering)

    assert asyncio.run(main()) == "1 webhook: 1 created"


def test_closing_after_its_event_loop_has_stopped(gwms_emulator: GwmsEmulator) -> None:
    """A login that is left there will never end: the error does not wait for it."""
    gwms_emulator.inject(Stall(60), operation="login")
    gwms = client(gwms_emulator)

    async def begin() -> asyncio.Task[object]:
        registering = asyncio.create_task(gwms.webhooks.register(spec()))
        await until(lambda: gwms_emulator.logins)
        return registering

    with asyncio.Runner() as runner:
        registering = runner.run(begin())
        with pytest.raises(ConfigurationError, match="another event loop: close it there"):
            asyncio.run(asyncio.wait_for(gwms.close(), 5))
        registering.cancel()
        runner.run(gwms.close())


@pytest.mark.parametrize("where", ["login", "list", "pause"])
def test_closing_after_its_event_loop_is_closed(where: str) -> None:
    """What waits there will never end, and can no longer be cancelled; Python complains of that only when it exits."""
    code = """
        import asyncio, os, sys
        from gwms_async import Credentials, GwmsClient, WebhookSpec, WebhookType
        from gwms_async.testing import Stall, Status
        from gwms_async.testing.threaded import emulator_in_thread

        where, statuses = sys.argv[1], []

        async def note(request, handler):
            response = await handler(request)
            statuses.append(response.status)
            return response

        with emulator_in_thread() as emulator:
            gwms = GwmsClient(Credentials(*emulator.credentials), base_url=emulator.base_url, middlewares=[note])
            if where == "pause":
                emulator.inject(Status(429, headers={"Retry-After": "20"}), operation="list")
            else:
                emulator.inject(Stall(60), operation=where)

            async def begin():
                spec = WebhookSpec("https://shop.example/1", WebhookType.CREATE_ORDER)
                registering = asyncio.create_task(gwms.webhooks.register(spec))
                while not (429 in statuses if where == "pause" else emulator.count(where)):
                    await asyncio.sleep(0.01)
                return registering

            loop = asyncio.new_event_loop()
            registering = loop.run_until_complete(begin())
            loop.close()
            for _ in range(2):
                asyncio.run(asyncio.wait_for(gwms.close(), 5))
            print(gwms, flush=True)
            os._exit(0)
    """
    assert python(code, where).startswith("<GwmsClient http://127.0.0.1")


async def test_a_closed_client(gateway: GwmsEmulator) -> None:
    """It refuses calls; closing twice is fine; its connections are gone."""
    gwms = client(gateway)
    await gwms.webhooks.list()
    await gwms.close()
    await gwms.close()

    with pytest.raises(ConfigurationError, match="closed"):
        await gwms.webhooks.list()
    await until(lambda: gateway.connections == 0)


def test_the_repr_of_a_client_that_was_not_made() -> None:
    """Crash reporters show it."""
    assert repr(GwmsClient.__new__(GwmsClient)) == "<GwmsClient (not configured)>"


async def test_a_timeout_in_seconds(gateway: GwmsEmulator) -> None:
    """It limits a whole call."""
    gateway.inject(Stall(60), operation="list")
    async with client(gateway, timeout=0.2) as gwms:
        with pytest.raises(DeadlineExceededError):
            await gwms.webhooks.list()


async def test_closing_while_calls_run(gateway: GwmsEmulator) -> None:
    """They end with an error, whether they wait for a login, a list or an answer."""
    gateway.inject(Stall(5), operation="login")
    gwms = client(gateway, retry=evolve(QUICK, max_attempts=1))
    calls = [asyncio.create_task(gwms.webhooks.list()), asyncio.create_task(gwms.webhooks.register(spec()))]
    await until(lambda: gateway.logins)

    await gwms.close()

    ends = await asyncio.gather(*calls, return_exceptions=True)
    assert all(isinstance(end, GwmsError) for end in ends), ends


async def test_from_env(gateway: GwmsEmulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """Credentials and address come from the environment; what is missing is named."""
    names = ("GWMS_USERNAME", "GWMS_PASSWORD", "GWMS_API_KEY")
    with pytest.raises(ConfigurationError, match=r"set GWMS_USERNAME, GWMS_PASSWORD, GWMS_API_KEY in the environment"):
        GwmsClient.from_env()
    for name, value in zip(names, gateway.credentials, strict=True):
        monkeypatch.setenv(name, value)
    async with GwmsClient.from_env() as gwms:
        assert repr(gwms) == f"<GwmsClient {PRODUCTION}>"
    monkeypatch.setenv("GWMS_BASE_URL", gateway.base_url)

    async with GwmsClient.from_env(max_connections=2) as gwms:
        assert await gwms.webhooks.list() == []


async def test_siblings_for_other_eshops(gateway: GwmsEmulator) -> None:
    """They see their own webhooks and share the login; closing one does not end the client."""
    gateway.add_eshop("other-key")
    async with client(gateway) as gwms:
        other = gwms.for_eshop("other-key")
        await other.webhooks.create(spec())
        async with other:
            assert len(await other.webhooks.list()) == 1
        assert await gwms.webhooks.list() == []
        again, same = gwms.for_eshop("other-key"), gwms.for_eshop(gateway.credentials.api_key)
        hooks = await asyncio.gather(*(eshop.webhooks.register(spec(2)) for eshop in (other, again, gwms, same)))
        with pytest.raises(ConfigurationError, match="api_key"):
            gwms.for_eshop("")

    assert len({hook.id for hook in hooks}) == 2
    assert gateway.logins == 1
    assert gateway.count("create") == 3


async def test_a_borrowed_session_is_not_closed(gateway: GwmsEmulator) -> None:
    """It stays with its owner."""
    async with aiohttp.ClientSession() as session:
        async with client(gateway, session=session) as gwms:
            assert await gwms.webhooks.list() == []

        assert not session.closed
        async with session.get(gateway.base_url) as answer:
            assert answer.status == 401


def test_slots_limit_what_is_on_the_wire() -> None:
    """Never more connections than `max_connections`; the wait for one costs no attempt its time."""

    async def main(gateway: GwmsEmulator, kind: type[GwmsClient]) -> None:
        gateway.latency = 0.05
        async with client(gateway, kind=kind, max_connections=4, timeout=Timeout(attempt=0.3)) as gwms:
            await asyncio.gather(*(gwms.webhooks.list() for _ in range(40)))
            assert gateway.connections <= 4

        assert gateway.count("list") == 40

    with_virtual_gateway(main)


async def test_own_middlewares(gateway: GwmsEmulator) -> None:
    """They run once per attempt, innermost: they see what goes out, and every answer."""
    seen: list[tuple[bool, int]] = []

    async def watch(request: Request, handler: Handler) -> Response:
        response = await handler(evolve(request, headers={**request.headers, "x-trace": "17"}))
        seen.append(("authorization" in request.headers, response.status))
        return response

    gateway.inject(Status(503), operation="list")
    async with client(gateway, middlewares=[watch]) as gwms:
        await gwms.webhooks.list()

    assert seen == [(True, 503), (True, 200)]
    assert gateway.requests[-1].headers["x-trace"] == "17"
    assert "x-trace" not in gateway.requests[0].headers


def test_a_middleware_that_fails() -> None:
    """Its own exception reaches the caller; in bulk it counts as a lost answer, which is looked for."""

    async def fail(request: Request, handler: Handler) -> Response:
        response = await handler(request)
        if request.method == "POST":
            raise LookupError("mine")
        return response

    async def main(gateway: GwmsEmulator, kind: type[GwmsClient]) -> None:
        async with client(gateway, kind=kind, middlewares=[fail]) as gwms:
            with pytest.raises(LookupError, match="mine"):
                await gwms.webhooks.create(spec())
            report = await gwms.webhooks.register_many([spec(2)])

        assert not report.failures
        assert len(gateway.webhooks) == 2

    with_virtual_gateway(main)


async def test_a_time_limit_of_the_users_own(gateway: GwmsEmulator) -> None:
    """A `TimeoutError` that is not ours is not taken for the call's deadline."""

    async def limit(request: Request, handler: Handler) -> Response:
        raise TimeoutError("mine")

    async with client(gateway, middlewares=[limit]) as gwms:
        with pytest.raises(TimeoutError, match="mine"):
            await gwms.webhooks.list()


async def test_what_is_logged(gateway: GwmsEmulator, caplog: pytest.LogCaptureFixture) -> None:
    """DEBUG an attempt and a retry, INFO a login; the fields in `extra` share a prefix."""
    caplog.set_level(logging.DEBUG, "gwms_async")
    gateway.inject(Status(503), operation="list")
    gateway.inject(DropAfter(), operation="create")
    async with client(gateway) as gwms:
        await gwms.webhooks.list()
        with pytest.raises(OutcomeUnknownError):
            await gwms.webhooks.create(spec())

    usual = {*vars(logging.makeLogRecord({})), "message", "asctime", "taskName"}
    records = [record for record in caplog.records if record.name == "gwms_async"]
    extra = [{name: value for name, value in vars(record).items() if name not in usual} for record in records]
    account = store_key(gateway.base_url, gateway.credentials.username)[:8]
    for fields in extra:
        for name in ("gwms_seconds", "gwms_wait", "gwms_expires_in"):
            fields.pop(name, None)
    assert [record.levelname for record in records] == ["DEBUG", "INFO", *["DEBUG"] * 4]
    assert extra == [
        {"gwms_operation": "login", "gwms_attempt": 1, "gwms_status": 200},
        {"gwms_account": account},
        {"gwms_operation": "list", "gwms_attempt": 1, "gwms_status": 503},
        {"gwms_operation": "list", "gwms_attempt": 1, "gwms_reason": "503 Service Unavailable"},
        {"gwms_operation": "list", "gwms_attempt": 2, "gwms_status": 200},
        {"gwms_operation": "create", "gwms_attempt": 1},
    ]


async def test_a_429_on_login(gateway: GwmsEmulator) -> None:
    """The login obeys it like any request."""
    gateway.inject(Status(429, retry_after="0"), operation="login")
    gateway.inject(Status(429, retry_after="7200"), operation="login", at=2)
    async with client(gateway) as gwms:
        with pytest.raises(ThrottledError) as caught:
            await gwms.webhooks.list()

    assert caught.value.path == "/users/login"
    assert caught.value.retry_after == 7200


async def test_a_borrowed_session_that_is_closed(gateway: GwmsEmulator) -> None:
    """It is told at once, before the login and after it."""
    session = aiohttp.ClientSession()
    async with client(gateway, session=session) as gwms:
        await gwms.webhooks.list()
        await session.close()
        for call in (gwms.webhooks.list(), gwms.webhooks.create(spec())):
            with pytest.raises(ConfigurationError, match="Session is closed"):
                await call
    async with client(gateway, session=session) as gwms:
        with pytest.raises(ConfigurationError, match="Session is closed"):
            await gwms.webhooks.list()

    assert gateway.logins == 1


@pytest.mark.parametrize("rounds", [1, 2])
async def test_closing_that_is_cancelled(gateway: GwmsEmulator, rounds: int) -> None:
    """As anyio's scopes do, at every await: the session is closed all the same, and no task is left."""
    gateway.inject(Stall(5), operation="login")
    before = asyncio.all_tasks()
    gwms = client(gateway, retry=evolve(QUICK, max_attempts=1))
    call = asyncio.create_task(gwms.webhooks.list())
    await until(lambda: gateway.logins)
    closing = asyncio.create_task(gwms.close())
    await asyncio.sleep(0)
    for _ in range(rounds):
        closing.cancel()
        await asyncio.sleep(0)

    with pytest.raises(asyncio.CancelledError):
        await closing
    with pytest.raises(ConfigurationError, match="closed"):
        await call
    assert gwms._transport._session is not None
    assert gwms._transport._session.closed
    await until(lambda: asyncio.all_tasks() == before and not gateway.connections)


class SlowStore(MemoryTokenStore):
    """Takes a while to unlock."""

    def __init__(self) -> None:
        super().__init__()
        self.unlocking, self.may_unlock, self.unlocked = False, asyncio.Event(), False

    @asynccontextmanager
    async def lock(self, key: str) -> AsyncGenerator[None]:
        """Unlock only when allowed to."""
        try:
            yield
        finally:
            self.unlocking = True
            await self.may_unlock.wait()
            self.unlocked = True


async def test_closing_twice_at_once(gateway: GwmsEmulator) -> None:
    """Both wait for the login to end, which unlocks its store; all calls are refused from the first moment."""
    gateway.inject(Stall(5), operation="login")
    store = SlowStore()
    gwms = client(gateway, token_store=store)
    call = asyncio.create_task(gwms.webhooks.list())
    await until(lambda: gateway.logins)
    closing = [asyncio.create_task(gwms.close()) for _ in range(2)]
    await until(lambda: store.unlocking)

    with pytest.raises(ConfigurationError, match="the client is closed"):
        await gwms.for_eshop("other-key").webhooks.list()
    assert not any(task.done() for task in closing)
    store.may_unlock.set()
    await asyncio.gather(*closing)

    assert store.unlocked
    with pytest.raises(ConfigurationError, match="closed"):
        await call


async def test_closing_while_a_call_is_to_log_in_next(gateway: GwmsEmulator) -> None:
    """It starts no login, whose task would outlive the client."""
    store = SlowStore()
    store.may_unlock.set()
    before = asyncio.all_tasks()
    gwms = client(gateway, token_store=store, max_connections=1)
    gateway.inject(Stall(5), operation="list")
    stalled = asyncio.create_task(gwms.webhooks.list())
    await until(lambda: gateway.count("list"))
    gwms._login._token = None
    waiting = asyncio.create_task(gwms.webhooks.get(1))
    await asyncio.sleep(0)
    store.may_unlock.clear()
    await gwms.close()

    ends = await asyncio.gather(stalled, waiting, return_exceptions=True)
    assert all(isinstance(end, ConfigurationError) for end in ends), ends
    assert asyncio.all_tasks() == before


async def test_new_siblings_while_closing(gateway: GwmsEmulator) -> None:
    """They are made, and refuse calls."""
    gateway.inject(Stall(5), operation="list", times=3)
    gwms = client(gateway, retry=evolve(QUICK, max_attempts=1))
    eshops = [gwms]
    for number in range(2):
        gateway.add_eshop(f"key-{number}")
        eshops.append(gwms.for_eshop(f"key-{number}"))
    calls = [asyncio.create_task(eshop.webhooks.register(spec())) for eshop in eshops]
    await until(lambda: gateway.count("list") == 3)
    closing = asyncio.create_task(gwms.close())
    while not closing.done():
        eshops.append(gwms.for_eshop(f"late-{len(eshops)}"))
        await asyncio.sleep(0)
    await closing

    ends = await asyncio.gather(*calls, return_exceptions=True)
    assert all(isinstance(end, ConfigurationError) for end in ends), ends
    with pytest.raises(ConfigurationError, match="closed"):
        await eshops[-1].webhooks.list()
