"""Handlers, the webhooks for them, and subscribing on the emulator."""

from __future__ import annotations

import copy
import pickle
import traceback
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any, get_type_hints
from unittest.mock import AsyncMock

import pytest
from attrs import asdict

from gwms_async import (
    ConfigurationError,
    GwmsClient,
    HttpMethod,
    OutcomeStatus,
    PlanRefusedError,
    WebhookSpec,
    WebhookType,
)
from gwms_async.receiving import Delivery, Health, Receiver
from gwms_async.receiving.receiver import ReceiverOptions
from gwms_async.receiving.watch import Round
from gwms_async.testing import GwmsEmulator, Status

from ..helpers.deliveries import BASE, NEW_SECRET, ORDER, SECRET, Handled, path_of, post, receiver_of, without_token
from ..helpers.emulated import client, spec

S = OutcomeStatus
TYPES = list(WebhookType)


def urls_of(gateway: GwmsEmulator) -> set[str]:
    """List what the gateway holds."""
    return {webhook.url for webhook in gateway.webhooks}


async def test_forms_of_handlers() -> None:
    """Functions, methods, objects and partial functions, by event types or their names; each is returned as it was."""
    receiver, calls = Receiver(SECRET), list[str]()

    class Handlers:
        async def method(self, delivery: Delivery) -> None:
            calls.append("method")

        async def __call__(self, delivery: Delivery) -> None:
            calls.append("object")

    async def function(name: str, delivery: Delivery) -> str:
        calls.append(name)
        return "ignored"

    @receiver.on(WebhookType.CREATE_ORDER, "UPDATE_ORDER")
    async def decorated(delivery: Delivery) -> None:
        calls.append("function")

    handlers = Handlers()
    assert receiver.on(TYPES[1])(handlers) is handlers
    receiver.on(TYPES[2])(handlers.method)
    receiver.on(TYPES[3])(partial(function, "partial"))
    receiver.on(TYPES[4])(AsyncMock(side_effect=partial(function, "mock")))
    for event_type in (WebhookType.CREATE_ORDER, ORDER, *TYPES[1:5]):
        assert (await post(receiver, event_type=event_type)).status == 200
    await decorated(Handled)  # type: ignore[arg-type]  # it is what it was

    assert calls == ["function", "function", "object", "method", "partial", "mock", "function"]
    assert repr(receiver) == "<Receiver of 6 event types>"


async def nothing(delivery: Delivery) -> None:
    """Do nothing."""


def test_one_handler_per_event_type() -> None:
    """A second one is refused as a whole; the same event type twice in one list is no second."""
    receiver = Receiver(SECRET)
    receiver.on(ORDER, ORDER)(nothing)

    with pytest.raises(ConfigurationError, match=r"^UPDATE_ORDER already has a handler$"):
        receiver.on(*WebhookType)(nothing)
    assert [one.webhook_type for one in receiver.specs(BASE)] == [ORDER]


@pytest.mark.parametrize("handler", [lambda _: None, print, "text", None, Delivery])
def test_what_is_not_an_async_function(handler: Any) -> None:
    """It is refused at once, not with the first delivery."""
    with pytest.raises(
        ConfigurationError, match=r"^a handler must be an async function of one argument, the delivery; got "
    ):
        Receiver(SECRET).on(ORDER)(handler)


def test_a_handler_that_does_not_tell_what_it_takes() -> None:
    """It is accepted, as some mocks on some versions of Python are."""

    async def odd(_: Delivery) -> None: ...

    odd.__signature__ = "unknown"  # type: ignore[attr-defined]

    assert Receiver(SECRET).on(ORDER)(odd) is odd


@pytest.mark.parametrize("count", [0, 2])
def test_a_handler_that_cannot_take_a_delivery(count: int) -> None:
    """It is refused at once too."""

    async def none() -> None: ...

    async def two(_: Delivery, __: str) -> None: ...

    with pytest.raises(
        ConfigurationError, match=r"^a handler must be an async function of one argument, the delivery; got <function"
    ):
        Receiver(SECRET).on(ORDER)(two if count else none)  # type: ignore[type-var]


def test_wrong_event_types() -> None:
    """The error names the closest; none at all would never be called."""
    with pytest.raises(ValueError, match=r"did you mean UPDATE_ORDER"):
        Receiver(SECRET).on("UPDATE_ORDRE")
    with pytest.raises(ConfigurationError, match=r"^name event types, e\.g\. @receiver\.on"):
        Receiver(SECRET).on()(nothing)
    for one in (nothing, WebhookType):  # the brackets, the star were forgotten
        with pytest.raises(
            ConfigurationError, match=r"^name event types, e\.g\. @receiver\.on\(\*WebhookType\); got \(<"
        ):
            Receiver(SECRET).on(one)  # type: ignore[arg-type]


async def test_an_event_type_that_is_not_listed() -> None:
    """The gateway may be ahead of this version."""
    new, handled = WebhookType.unlisted("NEW_EVENT"), Handled()
    receiver = receiver_of(handled, new)

    assert (await post(receiver, event_type=new)).status == 200
    assert handled[0].event_type == new


@pytest.mark.parametrize(
    "make",
    [
        lambda: Receiver("x" * 31),
        lambda: Receiver(SECRET, "x" * 31),
        lambda: Receiver(SECRET, b"x" * 40),  # type: ignore[arg-type]
        lambda: Receiver(SECRET + "\ud800"),
        lambda: Receiver(SECRET, max_body=0),
        lambda: Receiver(SECRET, max_body=64 * 1024 * 1024 + 1),
        lambda: Receiver(SECRET, max_body=True),
        lambda: Receiver(SECRET, limit=0),
        lambda: Receiver(SECRET, limit=float("nan")),
        lambda: Receiver(SECRET, limit="10"),  # type: ignore[arg-type]
    ],
)
def test_wrong_arguments(make: Callable[[], Receiver]) -> None:
    """The error shows no secret, nor does any frame of ours."""
    with pytest.raises(ConfigurationError, match=r"^(secret|max_body|limit) must ") as caught:
        make()

    shown = "".join(traceback.TracebackException.from_exception(caught.value, capture_locals=True).format())
    for hidden in (SECRET, "x" * 31):
        assert hidden not in shown.replace(f'"{hidden}"', "")  # but the line of this file


def test_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """The second variable may be missing or empty."""
    for name in ("GWMS_WEBHOOK_SECRET", "GWMS_WEBHOOK_SECRET_OLD"):
        monkeypatch.setenv(name, "")
    with pytest.raises(ConfigurationError, match=r"^set GWMS_WEBHOOK_SECRET in the environment$"):
        Receiver.from_env()

    monkeypatch.setenv("GWMS_WEBHOOK_SECRET", NEW_SECRET)
    monkeypatch.setenv("GWMS_WEBHOOK_SECRET_OLD", "short")
    with pytest.raises(ConfigurationError, match=r"^GWMS_WEBHOOK_SECRET_OLD must have at least 32 bytes$"):
        Receiver.from_env()

    monkeypatch.setenv("GWMS_WEBHOOK_SECRET_OLD", "")
    one = Receiver.from_env(limit=5)
    monkeypatch.setenv("GWMS_WEBHOOK_SECRET_OLD", SECRET)
    two = Receiver.from_env()
    for receiver in (one, two):
        receiver.on(ORDER)(nothing)

    assert one.specs(BASE) == two.specs(BASE)
    assert one.specs(BASE) != receiver_of(nothing, ORDER).specs(BASE)


def test_the_environment_takes_the_options_of_the_constructor() -> None:
    """All of them, of the same types: type checkers find a typo."""
    options = get_type_hints(Receiver.__init__)
    del options["secret"], options["older_secrets"], options["return"]

    assert get_type_hints(ReceiverOptions) == options


def test_no_secret_is_shown_or_copied() -> None:
    """Not by a repr, and a receiver cannot be pickled."""
    receiver = receiver_of(nothing)

    assert SECRET not in repr(vars(receiver)) + repr(vars(receiver._urls))
    for duplicate in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match=r"^a Receiver cannot be pickled$"):
            duplicate(receiver)


def test_specs() -> None:
    """One per event type with a handler; names in any case of the method's."""
    receiver = receiver_of(nothing, ORDER, WebhookType.CREATE_ORDER)
    one, other = receiver.specs(BASE, eshop="cz", method="GET")

    assert without_token(one.url) == f"{BASE}/cz.UPDATE_ORDER/gw1-***/"
    assert (one.webhook_type, one.method, one.active) == (ORDER, HttpMethod.GET, True)
    assert other.webhook_type is WebhookType.CREATE_ORDER
    assert one.url not in f"{one!r} {one.identity!r}"


def test_specs_of_nothing() -> None:
    """The modules with the handlers were not imported: `subscribe` would delete everything."""
    with pytest.raises(ConfigurationError, match=r"^nothing has a handler yet: import"):
        Receiver(SECRET).specs(BASE)


@pytest.mark.parametrize("options", [{"base": "http://shop.example"}, {"base": BASE, "eshop": "A key"}])
async def test_wrong_places(gateway: GwmsEmulator, options: dict[str, str]) -> None:
    """They are refused before anything is sent."""
    receiver = receiver_of(nothing)
    base, eshop = options["base"], options.get("eshop", "")

    async with client(gateway) as gwms:
        with pytest.raises(ConfigurationError):
            await receiver.subscribe(gwms, base, eshop=eshop)
        with pytest.raises(ConfigurationError):
            receiver.owns(base, eshop=eshop)
        with pytest.raises(ConfigurationError):
            async with receiver.watch(gwms, base, eshop=eshop):
                pass
        with pytest.raises(ConfigurationError, match=r"^every must be a number from 1 to 86,400; got 0$"):
            async with receiver.watch(gwms, BASE, every=0):
                pass
        with pytest.raises(ConfigurationError, match=r"^on_lapse must be an async function; got <built-in"):
            async with receiver.watch(gwms, BASE, on_lapse=print):  # type: ignore[arg-type]  # as users may
                pass
        with pytest.raises(ConfigurationError, match=r"^gwms must be a GwmsClient; got Webhooks$"):
            async with receiver.watch(gwms.webhooks, BASE):  # type: ignore[arg-type]  # as users may
                pass
        with pytest.raises(ConfigurationError, match=r"^gwms must be a GwmsClient; got type$"):
            await receiver.subscribe(GwmsClient, BASE)  # type: ignore[arg-type]  # as users may
    assert gateway.requests == []


async def test_subscribing(gateway: GwmsEmulator) -> None:
    """It creates what is missing; the second time it changes nothing; foreign webhooks are left alone."""
    receiver = receiver_of(nothing)
    foreign = [f"{BASE}/UPDATE_ORDER/by-hand", "https://other.example/", receiver.specs(BASE, eshop="cz")[0].url]
    for url in foreign:
        gateway.add_webhook(url, "CREATE_ORDER")
    async with client(gateway) as gwms:
        assert (await receiver.subscribe(gwms, BASE)).counts == {S.CREATED: 18}
        assert (await receiver.subscribe(gwms, BASE)).counts == {S.EXISTING: 18}

    assert urls_of(gateway) == {*foreign, *(one.url for one in receiver.specs(BASE))}
    assert gateway.count("delete") == 0


async def test_two_eshops(gateway: GwmsEmulator) -> None:
    """Each label is on its own, on one base and in one account."""
    receiver = receiver_of(nothing, *TYPES[:3])
    gateway.add_eshop("other")
    async with client(gateway) as gwms:
        await receiver.subscribe(gwms, BASE, eshop="cz")
        await receiver.subscribe(gwms.for_eshop("other"), BASE, eshop="sk")
        await receiver.subscribe(gwms, BASE, eshop="sk")  # by mistake, yet nothing is deleted

    assert len(gateway.webhooks) == 9
    assert gateway.count("delete") == 0


@pytest.mark.parametrize("method", HttpMethod)
async def test_replacing_everything(gateway: GwmsEmulator, method: HttpMethod) -> None:
    """A rotated secret or another method: all are replaced without force, and nothing goes before its successor."""
    old = receiver_of(nothing)
    new = Receiver(NEW_SECRET if method is HttpMethod.POST else SECRET, SECRET)
    new.on(*WebhookType)(nothing)
    async with client(gateway) as gwms:
        await old.subscribe(gwms, BASE)
        plan = await gwms.webhooks.plan(new.specs(BASE, method=method), prune=new.owns(BASE))
        assert not plan.needs_force
        assert (plan.changes, plan.lost) == (36, ())
        report = await new.subscribe(gwms, BASE, method=method)

    assert report.counts == {S.CREATED: 18, S.DELETED: 18}
    changes = [one.operation for one in gateway.requests if one.operation in {"create", "delete"}]
    assert changes == ["create"] * 36 + ["delete"] * 18
    assert urls_of(gateway) == {one.url for one in new.specs(BASE, method=method)}


async def test_losing_handlers(gateway: GwmsEmulator) -> None:
    """What lost its handler counts, beside any number of replacements."""
    old, new = receiver_of(nothing), Receiver(NEW_SECRET, SECRET)
    new.on(*TYPES[6:])(nothing)
    async with client(gateway) as gwms:
        await old.subscribe(gwms, BASE)
        with pytest.raises(PlanRefusedError, match=r"^the plan would delete 6 of the 18 webhooks"):
            await new.subscribe(gwms, BASE)
        assert gateway.count("create") == 18
        plan = await gwms.webhooks.plan(new.specs(BASE), prune=new.owns(BASE))
        assert str(plan).endswith("it deletes 6 of the 18 webhooks that `prune` claims")
        new.on(TYPES[5])(nothing)
        assert (await new.subscribe(gwms, BASE)).counts == {S.CREATED: 13, S.DELETED: 18}

    assert len(gateway.webhooks) == 13


async def test_losing_handlers_on_purpose(gateway: GwmsEmulator) -> None:
    """With force it is done."""
    old, new = receiver_of(nothing), receiver_of(nothing, ORDER)
    async with client(gateway) as gwms:
        await old.subscribe(gwms, BASE)
        assert (await new.subscribe(gwms, BASE, force=True)).counts == {S.EXISTING: 1, S.DELETED: 17}


async def test_a_successor_that_cannot_be_registered(gateway: GwmsEmulator) -> None:
    """What it was to replace stays."""
    old, new = receiver_of(nothing, ORDER), Receiver(NEW_SECRET, SECRET)
    new.on(ORDER)(nothing)
    async with client(gateway) as gwms:
        await old.subscribe(gwms, BASE)
        gateway.inject(Status(403), operation="create")
        report = await new.subscribe(gwms, BASE)

    assert report.counts == {S.FAILED: 1, S.NOT_STARTED: 1}
    assert urls_of(gateway) == {one.url for one in old.specs(BASE)}


async def test_urls_without_tokens_are_never_replaced(gateway: GwmsEmulator) -> None:
    """Two webhooks made by hand may differ in their method and a slash: deleting one of them counts."""
    for number in range(10):
        gateway.add_webhook(spec(number).url, "CREATE_ORDER", method="GET")
    wanted = [WebhookSpec(spec(number).url, WebhookType.CREATE_ORDER) for number in range(10)]
    async with client(gateway) as gwms:
        plan = await gwms.webhooks.plan(wanted, prune="https://shop.example/")

    assert plan.needs_force
    assert len(plan.lost) == 10


async def test_texts_show_no_token(gateway: GwmsEmulator) -> None:
    """Neither plans nor reports nor the errors of both, though the gateway repeats what it was sent."""
    receiver = receiver_of(nothing, ORDER)
    (wanted,) = receiver.specs(BASE)
    token = path_of(receiver).rpartition("/")[2]
    async with client(gateway) as gwms:
        plan = await gwms.webhooks.plan([wanted])
        gateway.inject(Status(403, message=f"{wanted.url} is not welcome"), operation="create")
        report = await gwms.webhooks.apply(plan)
    with pytest.raises(ExceptionGroup) as caught:
        report.raise_for_failures()

    (error,) = caught.value.exceptions
    formatted = "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())
    texts = [str(plan), repr(plan), str(report), repr(report), str(error), repr(error), repr(vars(error)), formatted]
    for text in texts:
        assert token not in text
    assert "/UPDATE_ORDER/gw1-*** is not welcome" in str(error)
    assert f"+ UPDATE_ORDER  POST {BASE}/UPDATE_ORDER/gw1-***" in str(plan)


def test_health_as_a_dict() -> None:
    """For a response: `attrs.asdict` makes one of it, rounds included."""
    at = datetime(2026, 11, 25, tzinfo=UTC)
    health = Health(1, {"UPDATE_ORDER": at}, {"": Round(at, None)})

    assert asdict(health) == {
        "in_flight": 1,
        "deliveries": {"UPDATE_ORDER": at},
        "rounds": {"": {"at": at, "error": None}},
    }


def test_health_at_first() -> None:
    """Nothing has come, and nobody watches."""
    assert Receiver(SECRET).health() == Health(0, {}, {})
