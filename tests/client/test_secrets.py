"""Password, key and token show up nowhere: not in a repr, a log, an error, a pickle, or the locals of a traceback."""

from __future__ import annotations

import asyncio
import logging
import pickle
import traceback
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from gwms_async import Credentials, GwmsClient, Handler, MemoryTokenStore, Request, Response, Timeout
from gwms_async.testing import (
    CutBody,
    CutHead,
    DropBefore,
    EnvelopeStatus,
    Fault,
    GwmsEmulator,
    Html,
    RawBody,
    Redirect,
    Stall,
    Status,
)

from ..helpers.emulated import client, spec, until


def secrets(gateway: GwmsEmulator) -> list[str]:
    """List all that must not be seen."""
    return [gateway.credentials.password, gateway.credentials.api_key, *gateway.tokens_issued]


def shown(error: BaseException | None) -> str:
    """Put together all that a crash reporter could keep of an error."""
    assert error is not None
    formatted = "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())
    return "\n".join([formatted, str(error), repr(error), repr(vars(error)), repr(pickle.dumps(error))])


async def failure(call: Awaitable[Any]) -> BaseException | None:
    """Give the error that a call ends with."""
    try:
        await call
    except BaseException as error:  # noqa: BLE001  # cancellation too
        return error
    return None


def faults(gateway: GwmsEmulator) -> list[Fault]:
    """Make faults, among them answers of a gateway that repeats what it was sent."""
    told = f"{gateway.credentials.api_key} and {gateway.tokens_issued[-1]}"
    page = f"<p>{told}</p>".encode()
    return [
        Status(400, message=told),
        Status(403, body=page),
        Status(503, message=told),
        Status(599, body=page),
        RawBody(page),
        RawBody(f'{{"data": "{told}"}}'.encode()),
        RawBody(f'{{"data": {{"id": "{told}"}}}}'.encode()),
        Redirect("https://elsewhere.example"),
        EnvelopeStatus(404),
        Html(),
        DropBefore(),
        CutHead(),
        CutBody(),
        Stall(5),
        Status(401, message=told),
    ]


CALLS: list[Callable[[GwmsClient], Awaitable[Any]]] = [
    lambda gwms: gwms.webhooks.list(),
    lambda gwms: gwms.webhooks.get(1),
    lambda gwms: gwms.webhooks.create(spec()),
    lambda gwms: gwms.request("POST", "/x", json=[1]),
    lambda gwms: gwms.webhooks.register(spec()),
]


@pytest.mark.parametrize("number", [*range(13), pytest.param(13, marks=pytest.mark.slow), 14])
async def test_errors_of_calls(gateway: GwmsEmulator, caplog: pytest.LogCaptureFixture, number: int) -> None:
    """Whatever goes wrong, and even if the gateway echoes what it was sent."""
    caplog.set_level(logging.DEBUG)
    async with client(gateway, timeout=Timeout(attempt=0.3, total=2.0)) as gwms:
        await gwms.webhooks.list()
        gateway.inject(faults(gateway)[number], times=10_000)
        errors = [await failure(call(gwms)) for call in CALLS]

    texts = [shown(error) for error in errors if error is not None]
    assert len(texts) >= len(CALLS) - 1  # the data of `request` may be anything
    check(gateway, [*texts, caplog.text, *(repr(vars(record)) for record in caplog.records)])


def check(gateway: GwmsEmulator, texts: list[str]) -> None:
    """See that no text holds a secret."""
    for secret in secrets(gateway):
        assert not [text for text in texts if secret in text]


@pytest.mark.parametrize("status", [401, 400, 500])
async def test_errors_of_logins(gateway: GwmsEmulator, status: int, caplog: pytest.LogCaptureFixture) -> None:
    """Also if the gateway's refusal repeats the password."""
    caplog.set_level(logging.DEBUG)
    gateway.inject(Status(status, message=f"{gateway.credentials.password} is wrong"), operation="login", times=99)
    async with client(gateway) as gwms:
        texts = [shown(await failure(call(gwms))) for call in CALLS]

    check(gateway, [*texts, caplog.text])


async def test_a_login_without_a_usable_token(gateway: GwmsEmulator) -> None:
    """Nothing of such an answer is shown."""
    gateway.inject(RawBody(b'{"data": {"token": "not for\\nheaders"}}'), operation="login", times=99)
    async with client(gateway) as gwms:
        text = shown(await failure(gwms.webhooks.list()))

    assert "not for" not in text
    check(gateway, [text])


async def test_a_cancelled_call(gateway: GwmsEmulator) -> None:
    """The traceback of its cancellation has no frame that holds headers."""
    gateway.latency = 5
    async with client(gateway, token_store=MemoryTokenStore()) as gwms:
        gateway.latency = 0
        await gwms.webhooks.list()
        gateway.latency = 5
        calls = [asyncio.ensure_future(call(gwms)) for call in CALLS]
        await until(lambda: len(gateway.requests) == 2 + len(CALLS))
        for call in calls:
            call.cancel()
        texts = [shown(await failure(call)) for call in calls]

    check(gateway, texts)


async def test_a_failing_middleware_of_the_users_own(gateway: GwmsEmulator) -> None:
    """What our own frames hold is not shown with its error either."""

    async def fail(request: Request, handler: Handler) -> Response:
        raise LookupError(request.method)

    async with client(gateway, middlewares=[fail]) as gwms:
        error = await failure(gwms.webhooks.list())

    assert isinstance(error, LookupError)
    check(gateway, [shown(error)])


async def test_a_report(gateway: GwmsEmulator) -> None:
    """Nor do outcomes, or the group of their errors."""
    async with client(gateway) as gwms:
        await gwms.webhooks.list()
        gateway.inject(
            Status(400, message=f"{gateway.credentials.api_key} {gateway.tokens_issued[-1]}"),
            operation="create",
            times=3,
        )
        report = await gwms.webhooks.register_many([spec(1), spec(2), spec(3)])
        with pytest.raises(ExceptionGroup) as caught:
            report.raise_for_failures()
        texts = [str(report), repr(report), repr(caught.value), *map(str, caught.value.exceptions)]
        texts += [shown(error) for error in caught.value.exceptions]

    check(gateway, texts)


async def test_reprs(gateway: GwmsEmulator) -> None:
    """No object that a user holds shows one."""
    seen: list[object] = []

    async def watch(request: Request, handler: Handler) -> Response:
        response = await handler(request)
        seen.extend([request, response])
        return response

    store = MemoryTokenStore()
    async with client(gateway, middlewares=[watch], token_store=store) as gwms:
        await gwms.webhooks.list()
        seen += [gwms, gwms.webhooks, store, *store._tokens.values(), Credentials(*gateway.credentials)]
        seen += [*vars(gwms).values()]

    check(gateway, [text for one in seen for text in (repr(one), str(one))])
