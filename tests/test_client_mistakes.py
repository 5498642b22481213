"""First mistakes with a client: each gets an error that says what to do, and shows no secret."""

from __future__ import annotations

import copy
import inspect
import pickle
import re
import traceback
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any, get_type_hints

import pytest
from yarl import URL

from gwms_async import (
    ConfigurationError,
    Credentials,
    GwmsClient,
    Handler,
    OutcomeUnknownError,
    Request,
    Response,
    RetryPolicy,
)
from gwms_async.client import ClientOptions
from gwms_async.testing import GwmsEmulator
from gwms_async.webhooks import Webhooks

from .helpers.emulated import client, spec

PASSWORD, KEY, PROXY = "hunter2-hunter2", "shop-key-4711", "s3cr!et"
CREDENTIALS = Credentials("shop", PASSWORD, KEY)
PARTS = {"username": "shop", "password": PASSWORD, "api_key": KEY}
VIA = f"http://shop:{PROXY}@127.0.0.1:3128"


def test_with() -> None:
    """The error names `async with`."""
    gwms: Any = GwmsClient(CREDENTIALS)
    with pytest.raises(TypeError, match=r"^use `async with GwmsClient\(\.\.\.\)`"), gwms:
        pass


@pytest.mark.parametrize("duplicate", [pickle.dumps, copy.deepcopy])
def test_a_client_for_another_process(duplicate: Callable[[object], object]) -> None:
    """The error says what to do instead; a deep copy would share half of the client."""

    async def unchanged(request: Request, handler: Handler) -> Response:
        return await handler(request)

    gwms = GwmsClient(CREDENTIALS, middlewares=[unchanged])
    # Python 3.14 adds notes about what was being pickled.
    with pytest.raises(TypeError, match=r"^a GwmsClient cannot be pickled or deep-copied: make one in each process\b"):
        duplicate(gwms)
    with pytest.raises(TypeError, match=r"cannot be pickled or copied: make a GwmsClient in each process\b"):
        duplicate(gwms.webhooks)


@pytest.mark.parametrize("given", [tuple(PARTS.values()), PARTS, KEY, None, Credentials])
def test_credentials_that_are_none(given: Any) -> None:
    """The error says what to pass, whatever was passed."""
    with pytest.raises(ConfigurationError) as caught:
        GwmsClient(given)

    assert str(caught.value) == (
        f"credentials must be Credentials(username=..., password=..., api_key=...); got {type(given).__name__}"
    )


@pytest.mark.parametrize("given", [3, None, False])
def test_a_number_of_retries(given: Any) -> None:
    """The error says how to write it."""
    with pytest.raises(ConfigurationError) as caught:
        GwmsClient(CREDENTIALS, retry=given)

    assert (
        str(caught.value) == f"retry must be RetryPolicy, e.g. RetryPolicy(max_attempts=3); got {type(given).__name__}"
    )


LIKE = SimpleNamespace(**PARTS)
MISTAKES: list[Callable[[], object]] = [
    lambda: GwmsClient(tuple(PARTS.values())),  # type: ignore[arg-type]
    lambda: GwmsClient(PARTS),  # type: ignore[arg-type]
    lambda: GwmsClient(KEY),  # type: ignore[arg-type]
    lambda: GwmsClient(*PARTS.values()),  # type: ignore[arg-type]
    lambda: GwmsClient(**PARTS),  # type: ignore[arg-type]
    lambda: GwmsClient(SimpleNamespace(**{**PARTS, "username": ""})),
    lambda: GwmsClient(LIKE, max_connections=0),
    lambda: GwmsClient(LIKE, timeout=0),
    lambda: GwmsClient(LIKE, retry=3),  # type: ignore[arg-type]
    lambda: GwmsClient(LIKE, session=3),  # type: ignore[arg-type]
    lambda: GwmsClient(LIKE, ssl="yes"),  # type: ignore[arg-type]
    lambda: GwmsClient(LIKE, proxy=VIA, trust_env=1),  # type: ignore[arg-type]
    lambda: GwmsClient(LIKE, proxy=VIA, middlewares=3),  # type: ignore[arg-type]
    lambda: GwmsClient(LIKE, proxy=VIA, token_store=3),  # type: ignore[arg-type]
    lambda: GwmsClient(LIKE, proxy=VIA, ssl="yes"),  # type: ignore[arg-type]
    lambda: GwmsClient(LIKE, proxy=VIA.replace("http", "socks5")),
    lambda: GwmsClient(LIKE, proxy=URL(VIA)),  # type: ignore[arg-type]
    lambda: GwmsClient(LIKE, base_url=f"https://shop:{PASSWORD}@gw.example"),
    lambda: GwmsClient(LIKE, base_url=URL(f"https://shop:{PASSWORD}@gw.example")),  # type: ignore[arg-type]
    lambda: GwmsClient.from_env(proxy=VIA, max_connections=0),
    lambda: GwmsClient.from_env(proxy=VIA, token_sotre=None),  # type: ignore[call-arg]
    lambda: GwmsClient(CREDENTIALS).for_eshop(f"{KEY} "),
]


@pytest.mark.parametrize("number", range(len(MISTAKES)))
def test_no_mistake_shows_a_secret(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the error nor a local of a frame of ours, which crash reporters keep."""
    for name, value in PARTS.items():
        monkeypatch.setenv(f"GWMS_{name.upper()}", value)

    with pytest.raises((ConfigurationError, TypeError)) as caught:
        MISTAKES[number]()

    frames = [frame for frame, _ in traceback.walk_tb(caught.tb) if frame.f_code.co_filename != __file__]
    texts = [str(caught.value), repr(caught.value), *(repr(frame.f_locals) for frame in frames)]
    assert caught.value.__context__ is None
    assert not [secret for secret in (PASSWORD, KEY, PROXY, "shop:") for text in texts if secret in text]


def test_the_environment_takes_the_options_of_the_constructor() -> None:
    """All of them, of the same types: type checkers find a typo."""
    options = get_type_hints(GwmsClient.__init__)
    del options["credentials"], options["return"]

    assert get_type_hints(ClientOptions) == options


async def test_after_closing(gateway: GwmsEmulator) -> None:
    """The client and its siblings, older or newer, refuse calls, also within another `async with`."""
    gwms = client(gateway)
    older = gwms.for_eshop("older-key")
    async with gwms:
        await gwms.webhooks.list()
    sent = len(gateway.requests)

    async with gwms:
        for eshop in (gwms, older, gwms.for_eshop("newer-key")):
            with pytest.raises(ConfigurationError, match=r"^the client is closed: make a new one$"):
                await eshop.webhooks.list()
    assert len(gateway.requests) == sent


async def test_a_forgotten_await(gateway: GwmsEmulator) -> None:
    """Python warns of it, and names the operation."""
    async with client(gateway) as gwms:
        with pytest.warns(RuntimeWarning, match=r"register_many' was never awaited$"):
            gwms.webhooks.register_many([spec()])  # type: ignore[unused-coroutine]

    assert gateway.requests == []


async def test_a_middleware_that_forgets_its_response(gateway: GwmsEmulator) -> None:
    """The error names it; a create that it sent may have been carried out."""

    async def forgetful(request: Request, handler: Handler) -> Response:  # type: ignore[return]
        await handler(request)

    async with client(gateway, middlewares=[forgetful]) as gwms:
        with pytest.raises(
            ConfigurationError, match=r"^GET /webhooks: the middleware .*forgetful must .*got NoneType$"
        ):
            await gwms.webhooks.register(spec())
        with pytest.raises(OutcomeUnknownError, match="got NoneType"):
            await gwms.webhooks.create(spec())

    assert len(gateway.webhooks) == 1


async def test_a_middleware_that_is_not_async(gateway: GwmsEmulator) -> None:
    """The error names it too; one that passes on what the handler returns works."""

    def passing(request: Request, handler: Handler) -> Awaitable[Response]:
        return handler(request)

    def silent(_: Request, __: Handler) -> Awaitable[Response]:
        return None  # type: ignore[return-value]

    async with client(gateway, middlewares=[passing]) as gwms:
        await gwms.webhooks.list()
    async with client(gateway, middlewares=[silent]) as gwms:
        with pytest.raises(ConfigurationError, match=r"^GET /webhooks: the middleware .*silent must .*got NoneType$"):
            await gwms.webhooks.list()

    assert gateway.count("list") == 1


async def test_what_just_works(gateway: GwmsEmulator) -> None:
    """Seconds for time limits, a webhook for its id, a prefix for what may be deleted."""
    async with client(gateway, timeout=5, retry=RetryPolicy(max_attempts=1)) as gwms:
        hook = await gwms.webhooks.register(spec())

        assert await gwms.webhooks.get(hook) == hook
        assert (await gwms.webhooks.plan([], prune="https://shop.example/")).delete == (hook,)


@pytest.mark.parametrize("kind", [GwmsClient, Webhooks])
def test_help_shows_types_that_people_know(kind: type) -> None:
    """No alias of our own."""
    public = {name: thing for name, thing in inspect.getmembers(kind, inspect.isroutine) if name[0] != "_"}
    texts = [f"{name}{inspect.signature(thing)}" for name, thing in public.items()]

    assert len(texts) > 3
    assert not [text for text in texts if re.search(r"\b_", text)]
    assert kind is GwmsClient or "list(self) -> 'builtins.list[Webhook]'" in texts
