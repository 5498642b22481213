"""Every operation through every fault: how it ends, what was sent, and what the gateway holds afterwards.

What is expected is read from the design's table of failures, here once more and on its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from email.utils import formatdate
from enum import Enum, auto
from typing import Any

import pytest
from attrs import evolve

from gwms_async import (
    ApiError,
    BadRequestError,
    ConflictError,
    DecodeError,
    ForbiddenError,
    GwmsClient,
    NotFoundError,
    OutcomeUnknownError,
    RedirectError,
    RetryPolicy,
    ServerError,
    ThrottledError,
    Timeout,
    TransportError,
    WebhookSpec,
    WebhookType,
)
from gwms_async.testing import (
    CutBody,
    CutHead,
    DropAfter,
    DropBefore,
    EnvelopeStatus,
    Fault,
    Garbage,
    GwmsEmulator,
    Html,
    NoEffect,
    OtherState,
    Paged,
    RawBody,
    Redirect,
    Reset,
    RevokeTokens,
    SlowBody,
    Stall,
    Status,
    WrongLength,
)

from ..helpers.emulated import client
from ..helpers.virtual_io_loop import with_virtual_gateway

ATTEMPTS = 3
POLICY = RetryPolicy(max_attempts=ATTEMPTS, base=0.001, cap=0.01)
TIMEOUT = Timeout(attempt=0.3, total=5.0)


class Seen(Enum):
    """A row of the table."""

    HARMLESS = auto()
    UNAUTHORIZED = auto()
    NOT_PROCESSED = auto()
    UNKNOWN = auto()
    UNREADABLE = auto()
    REFUSED = auto()


def date_of_retry() -> str:
    """Say in the other form that there is nothing to wait for."""
    return formatdate(0, usegmt=True)


FAULTS: dict[str, tuple[Fault, Seen, bool, type[Exception]]] = {
    #  name: fault, how it is read, whether the request is carried out, the error where nothing helps
    "drop-before": (DropBefore(), Seen.UNKNOWN, False, TransportError),
    "reset": (Reset(), Seen.UNKNOWN, False, TransportError),
    "drop-after": (DropAfter(), Seen.UNKNOWN, True, TransportError),
    "cut-head": (CutHead(), Seen.UNKNOWN, True, TransportError),
    "cut-body": (CutBody(), Seen.UNKNOWN, True, TransportError),
    "cut-body-not-done": (CutBody(carry_out=False), Seen.UNKNOWN, False, TransportError),
    "stall": (Stall(30), Seen.UNKNOWN, False, TransportError),
    "stall-done": (Stall(30, carry_out=True), Seen.UNKNOWN, True, TransportError),
    "slow-body": (SlowBody(0.01), Seen.HARMLESS, True, Exception),
    "too-slow-body": (SlowBody(30), Seen.UNKNOWN, True, TransportError),
    "length-too-large": (WrongLength(10), Seen.UNKNOWN, True, TransportError),
    "garbage": (Garbage(), Seen.UNKNOWN, True, TransportError),
    "html": (Html(), Seen.UNREADABLE, True, DecodeError),
    "not-json": (RawBody(b"\xff{"), Seen.UNREADABLE, True, DecodeError),
    "revoked": (RevokeTokens(), Seen.UNAUTHORIZED, False, Exception),
    "401": (Status(401), Seen.UNAUTHORIZED, False, Exception),
    "401-in-200": (EnvelopeStatus(401), Seen.UNAUTHORIZED, False, Exception),
    "408": (Status(408), Seen.UNKNOWN, False, ApiError),
    "408-done": (Status(408, carry_out=True), Seen.UNKNOWN, True, ApiError),
    "425": (Status(425), Seen.NOT_PROCESSED, False, ApiError),
    "429": (Status(429), Seen.NOT_PROCESSED, False, ThrottledError),
    "429-seconds": (Status(429, retry_after="0"), Seen.NOT_PROCESSED, False, ThrottledError),
    "429-date": (Status(429, retry_after=date_of_retry()), Seen.NOT_PROCESSED, False, ThrottledError),
    "429-in-200": (EnvelopeStatus(429), Seen.NOT_PROCESSED, False, ThrottledError),
    "500": (Status(500, carry_out=True), Seen.UNKNOWN, True, ServerError),
    "502": (Status(502), Seen.UNKNOWN, False, ServerError),
    "503": (Status(503), Seen.UNKNOWN, False, ServerError),
    "503-seconds": (Status(503, retry_after="0"), Seen.UNKNOWN, False, ServerError),
    "504": (Status(504, carry_out=True), Seen.UNKNOWN, True, ServerError),
    "503-in-200": (EnvelopeStatus(503), Seen.UNKNOWN, False, ServerError),
    "503-as-text-in-200": (RawBody(b'{"statusCode": "503"}', carry_out=False), Seen.UNKNOWN, False, ServerError),
    "500-with-object": (Status(500, message={"url": ["no", "no"]}), Seen.UNKNOWN, False, ServerError),
    "520": (Status(520), Seen.UNKNOWN, False, ServerError),
    "520-done": (Status(520, carry_out=True), Seen.UNKNOWN, True, ServerError),
    "522": (Status(522), Seen.UNKNOWN, False, ServerError),
    "524-done": (Status(524, carry_out=True), Seen.UNKNOWN, True, ServerError),
    "530": (Status(530), Seen.UNKNOWN, False, ServerError),
    "530-done": (Status(530, carry_out=True), Seen.UNKNOWN, True, ServerError),
    "599": (Status(599), Seen.UNKNOWN, False, ServerError),
    "599-done": (Status(599, carry_out=True), Seen.UNKNOWN, True, ServerError),
    "redirect": (Redirect("http://127.0.0.1:9/"), Seen.REFUSED, False, RedirectError),
    "303": (Redirect("http://127.0.0.1:9/", status=303), Seen.UNKNOWN, False, RedirectError),
    "400": (Status(400), Seen.REFUSED, False, BadRequestError),
    "403": (Status(403), Seen.REFUSED, False, ForbiddenError),
    "404": (Status(404), Seen.REFUSED, False, NotFoundError),
    "409": (Status(409), Seen.REFUSED, False, ConflictError),
    "418": (Status(418), Seen.REFUSED, False, ApiError),
    "422": (Status(422), Seen.REFUSED, False, BadRequestError),
    "422-with-list": (Status(422, message=["url is long", {"url": "no"}]), Seen.REFUSED, False, BadRequestError),
    "422-as-text-in-200": (RawBody(b'{"statusCode": "422"}', carry_out=False), Seen.REFUSED, False, BadRequestError),
    "501": (Status(501), Seen.REFUSED, False, ServerError),
    "505": (Status(505), Seen.REFUSED, False, ServerError),
    "511": (Status(511), Seen.REFUSED, False, ServerError),
    "no-effect": (NoEffect(), Seen.HARMLESS, False, Exception),
    "other-state": (OtherState(), Seen.HARMLESS, True, Exception),
    "paged": (Paged(0), Seen.UNREADABLE, True, DecodeError),
    "paged-data": (Paged(0, total="data"), Seen.UNREADABLE, True, DecodeError),
    "paged-link": (Paged(0, total="link"), Seen.UNREADABLE, True, DecodeError),
}
HITS = {
    NoEffect: {"update", "activate", "deactivate", "delete"},
    OtherState: {"create", "post", "post-again"},
    Paged: {"list"},
}
"""What some faults hit only."""
WORLDS: dict[str, dict[str, Any]] = {
    "kind": {},
    "lag": {"list_lag": 5.0},
    "replicas": {"list_lag": 1.0, "get_lag": 4.0},
    "unique": {"unique_urls": True},
}
SPEC = WebhookSpec("https://shop.example/new", WebhookType.CREATE_ORDER)
BODY = {"url": SPEC.url, "webhookType": "CREATE_ORDER", "active": True, "method": "POST"}
Act = Callable[[GwmsClient], Awaitable[Any]]
OPERATIONS: dict[str, tuple[str, bool, Act]] = {
    #  name: the emulator's name, whether it may be sent twice, the call
    "list": ("list", True, lambda gwms: gwms.webhooks.list()),
    "create": ("create", False, lambda gwms: gwms.webhooks.create(SPEC)),
    "get": ("get", True, lambda gwms: gwms.webhooks.get(1)),
    "update": ("update", True, lambda gwms: gwms.webhooks.update(1, SPEC)),
    "activate": ("activate", True, lambda gwms: gwms.webhooks.activate(1)),
    "deactivate": ("deactivate", True, lambda gwms: gwms.webhooks.deactivate(1)),
    "delete": ("delete", True, lambda gwms: gwms.webhooks.delete(1)),
    "post": ("create", False, lambda gwms: gwms.request("POST", "/webhooks", json=BODY)),
    "post-again": ("create", True, lambda gwms: gwms.request("POST", "/webhooks", json=BODY, idempotent=True)),
    "login": ("login", True, lambda gwms: gwms.webhooks.get(1)),
}


def sent(seen: Seen, times: int, *, idempotent: bool) -> int:
    """Tell how often the request goes out."""
    if seen is Seen.UNAUTHORIZED:
        return 2
    if seen is Seen.NOT_PROCESSED or (seen is Seen.UNKNOWN and idempotent):
        return min(times + 1, ATTEMPTS)
    return 1


def error_of(seen: Seen, times: int, error: type[Exception], *, idempotent: bool) -> type[Exception] | None:
    """Tell what the call ends with; None for a success."""
    if seen is Seen.HARMLESS or seen is Seen.UNAUTHORIZED:
        return None
    if seen in {Seen.UNKNOWN, Seen.UNREADABLE} and not idempotent:
        return OutcomeUnknownError
    return error if seen in {Seen.REFUSED, Seen.UNREADABLE} or times >= ATTEMPTS else None


def held(name: str, times: int, *, carried_out: bool, attempts: int) -> list[str]:
    """Tell which urls the gateway holds in the end: each attempt counts that was carried out, or not hit any more."""
    done = (min(times, attempts) if carried_out else 0) + max(0, attempts - times)
    old, new = "https://shop.example/old", SPEC.url
    if name in {"create", "post", "post-again"}:
        return [old, *[new] * done]
    if name == "update":
        return [new if done else old]
    return [] if name == "delete" and done else [old]


def repeats() -> set[str]:
    """Name the faults that differ from an earlier one by their status only: test_classify.py tells those apart."""
    seen = set()
    again = set()
    for name, (made, *row) in FAULTS.items():
        kind = repr((evolve(made, status=0) if isinstance(made, Status) else made, *row))
        if kind in seen:
            again.add(name)
        seen.add(kind)
    return again


REPEATS = repeats()


def faults_of(name: str, times: int) -> list[str]:
    """List what can be judged by the table alone: what ends in a cool-down has tests of its own."""
    return [
        fault
        for fault, (made, seen, _, error) in FAULTS.items()
        if name in HITS.get(type(made), OPERATIONS)
        and not (seen is Seen.UNAUTHORIZED and (times > 1 or name == "login"))
        and (name != "login" or error is TransportError)
    ]


@pytest.mark.parametrize(
    ("name", "fault"), [(name, fault) for name in OPERATIONS for fault in faults_of(name, 1) if fault not in REPEATS]
)
def test_a_fault(name: str, fault: str) -> None:
    """The call ends as the table says, was sent as often as that allows, and left behind what it had to."""
    check("kind", name, fault, 1)


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", OPERATIONS)
@pytest.mark.parametrize("times", [1, 100])
@pytest.mark.parametrize("world", WORLDS)
def test_every_fault(world: str, times: int, name: str) -> None:
    """The same in all worlds, and where nothing helps."""
    for fault in faults_of(name, times):
        check(world, name, fault, times)


def check(world: str, name: str, fault: str, times: int) -> None:
    """Let a fault hit an operation, and assert all of that; in virtual time."""
    operation, idempotent, act = OPERATIONS[name]
    made, seen, carried_out, error = FAULTS[fault]

    async def main(gateway: GwmsEmulator, kind: type[GwmsClient]) -> None:
        gateway.add_webhook("https://shop.example/old", "CREATE_ORDER", active=name != "activate")
        await asyncio.sleep(max(gateway.list_lag, gateway.get_lag))
        async with client(gateway, kind=kind, retry=POLICY, timeout=TIMEOUT) as gwms:
            if operation != "login":
                assert len(await gwms.webhooks.list()) == 1
            before = gateway.count(operation)
            gateway.inject(made, operation=operation, times=times)
            async with asyncio.timeout(10):
                (end,) = await asyncio.gather(act(gwms), return_exceptions=True)

        attempts = gateway.count(operation) - before
        urls = [hook.url for hook in gateway.webhooks]
        expected = error_of(seen, times, error, idempotent=idempotent)
        done = held(name, times, carried_out=carried_out, attempts=attempts)
        if world == "unique" and len(done) > 2:  # what comes again is answered 409, until a fault hides that too
            done, expected = done[:2], expected or ConflictError
        if expected is None:
            assert not isinstance(end, BaseException), (fault, end)
        else:
            assert isinstance(end, expected), (fault, end)
        assert attempts == sent(seen, times, idempotent=idempotent), fault
        assert urls == done, fault

    with_virtual_gateway(main, **WORLDS[world])


@pytest.mark.parametrize("name", ["activate", "deactivate", "update", "create"])
async def test_an_answer_shows_what_is_so(gateway: GwmsEmulator, name: str) -> None:
    """A change without effect, or in the other state, is answered as it is, and the operation returns that."""
    operation, _, act = OPERATIONS[name]
    gateway.add_webhook("https://shop.example/old", "CREATE_ORDER", active=name != "activate")
    gateway.inject(OtherState() if name == "create" else NoEffect(), operation=operation)
    async with client(gateway) as gwms:
        webhook = await act(gwms)

    row = gateway.webhooks[-1]
    assert (webhook.id, webhook.url, webhook.active) == (row.id, row.url, row.active)
    assert row.active is (name in {"deactivate", "update"})
