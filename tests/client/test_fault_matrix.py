"""Every operation through every fault: how it ends, what was sent, and what the gateway holds afterwards.

What is expected is read from the design's table of failures, here once more and on its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from email.utils import formatdate
from enum import Enum, auto
from itertools import product
from typing import Any

import pytest

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
    "408": (Status(408), Seen.NOT_PROCESSED, False, ApiError),
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
    "redirect": (Redirect("http://127.0.0.1:9/"), Seen.REFUSED, False, RedirectError),
    "400": (Status(400), Seen.REFUSED, False, BadRequestError),
    "403": (Status(403), Seen.REFUSED, False, ForbiddenError),
    "404": (Status(404), Seen.REFUSED, False, NotFoundError),
    "409": (Status(409), Seen.REFUSED, False, ConflictError),
    "418": (Status(418), Seen.REFUSED, False, ApiError),
    "422": (Status(422), Seen.REFUSED, False, BadRequestError),
    "501": (Status(501), Seen.REFUSED, False, ServerError),
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


def cases(times: int) -> Iterator[tuple[str, str, int]]:
    """List what can be judged by the table alone: what ends in a cool-down has tests of its own."""
    for name, (fault, (_, seen, _, error)) in product(OPERATIONS, FAULTS.items()):
        is_refused = seen is Seen.UNAUTHORIZED and (times > 1 or name == "login")
        if not is_refused and (name != "login" or error is TransportError):
            yield name, fault, times


@pytest.mark.parametrize(
    ("name", "fault", "times"), [*cases(1), *(pytest.param(*case, marks=pytest.mark.slow) for case in cases(100))]
)
async def test_a_fault(gateway: GwmsEmulator, name: str, fault: str, times: int) -> None:
    """The call ends as the table says, was sent as often as that allows, and left behind what it had to."""
    operation, idempotent, act = OPERATIONS[name]
    made, seen, carried_out, error = FAULTS[fault]
    gateway.add_webhook("https://shop.example/old", "CREATE_ORDER", active=name != "activate")
    async with client(gateway, retry=POLICY, timeout=TIMEOUT) as gwms:
        if operation != "login":
            await gwms.webhooks.list()
        before = gateway.count(operation)
        gateway.inject(made, operation=operation, times=times)
        async with asyncio.timeout(10):
            (end,) = await asyncio.gather(act(gwms), return_exceptions=True)

    attempts = gateway.count(operation) - before
    expected = error_of(seen, times, error, idempotent=idempotent)
    if expected is None:
        assert not isinstance(end, BaseException), repr(end)
    else:
        assert isinstance(end, expected), repr(end)
    assert attempts == sent(seen, times, idempotent=idempotent)
    urls = [hook.url for hook in gateway.webhooks]
    assert urls == held(name, times, carried_out=carried_out, attempts=attempts)
