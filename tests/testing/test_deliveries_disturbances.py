"""Disturbances: what a server gets of each, and that no change is missed."""

from __future__ import annotations

import asyncio
from itertools import product

import pytest

from gwms_async.testing import (
    CutPayload,
    DeliveryAttempt,
    Disturbance,
    Enveloped,
    GwmsEmulator,
    Impatient,
    Lose,
    NotJson,
    OtherMethod,
    Quoted,
    Reorder,
    Repeat,
)
from gwms_async.testing.deliveries import disturbed

from ..helpers.virtual_io_loop import VirtualIoLoop
from ..helpers.webhook_server import WebhookServer, webhook_server

ALL = [
    Repeat(3),
    Reorder(),
    Lose(),
    Impatient(1),
    CutPayload(),
    OtherMethod(),
    Enveloped(),
    Quoted(),
    NotJson(),
]
IDS = ["A1", "A/2", "A3", "A4"]


async def think(_: str) -> None:
    """Take longer than the impatient wait."""
    await asyncio.sleep(2)


def handled_under(*disturbances: Disturbance, method: str = "POST") -> tuple[WebhookServer, list[DeliveryAttempt]]:
    """Emit changes, the first of them under disturbances, one each, to a server that takes its time."""

    async def main() -> tuple[WebhookServer, list[DeliveryAttempt]]:
        async with webhook_server() as server, GwmsEmulator() as gateway:
            server.react = think
            gateway.add_webhook(server.url("/x/"), "UPDATE_ORDER", method=method)
            for number, disturbance in enumerate(disturbances, 1):
                gateway.disturb(disturbance, event="UPDATE_ORDER", at=number)
            for entity_id in IDS:
                gateway.emit("UPDATE_ORDER", {"eshopOrderId": entity_id})
            await gateway.delivered(100)
            return server, gateway.deliveries

    with asyncio.Runner(loop_factory=VirtualIoLoop) as runner:
        return runner.run(main())


@pytest.mark.parametrize(
    ("disturbance", "attempts", "handled"),
    [
        (Repeat(3), [200, 200, 200], ["A1", "A1", "A1", "A/2", "A3", "A4"]),
        (Reorder(), [200], ["A/2", "A1", "A3", "A4"]),
        (Lose(), ["lost"], ["A/2", "A3", "A4"]),
        (Impatient(1), ["timeout", 200], IDS),
        (Impatient(3), [200], IDS),
        (CutPayload(), ["no answer", 200], IDS),
        (OtherMethod(), [200], IDS),
        (Enveloped(), [200], IDS),
        (Quoted(), [200], IDS),
        (NotJson(), [400, 200], IDS),
    ],
    ids=str,
)
def test_a_post_under_a_disturbance(disturbance: Disturbance, attempts: list[object], handled: list[str]) -> None:
    """What a server makes of it; the journal names the disturbance on the attempts that it hit."""
    server, journal = handled_under(disturbance)
    first = [attempt for attempt in journal if attempt.entity_id == "A1"]

    assert server.handled == handled
    assert [attempt.problem or attempt.status for attempt in first] == attempts
    assert {attempt.disturbance for attempt in first if attempt.number == 1} == {disturbance}
    assert {attempt.disturbance for attempt in journal if attempt not in first or attempt.number > 1} <= {None}


@pytest.mark.parametrize("disturbance", ALL, ids=str)
def test_a_get_under_a_disturbance(disturbance: Disturbance) -> None:
    """The same, but it has no body that could be cut or changed."""
    server, journal = handled_under(disturbance, method="GET")

    assert set(server.handled) | ({"A1"} if disturbance == Lose() else set()) == set(IDS)
    kinds = {attempt.method for attempt in journal if attempt.entity_id == "A1"}
    assert kinds == {"POST" if disturbance == OtherMethod() else "GET"}


def test_what_is_left_to_reorder_is_delivered_in_the_end() -> None:
    """Where no other delivery follows, `delivered` lets it go; several wait for the same one."""

    async def main() -> list[str]:
        async with webhook_server() as server, GwmsEmulator() as gateway:
            gateway.add_webhook(server.url("/"), "UPDATE_ORDER")
            gateway.disturb(Reorder(), times=2)
            gateway.disturb(Reorder(), at=4)
            for entity_id in IDS:
                gateway.emit("UPDATE_ORDER", {"eshopOrderId": entity_id})
            await asyncio.sleep(100)
            assert server.handled == ["A3", "A1", "A/2"]
            await gateway.delivered()
            return server.handled

    with asyncio.Runner(loop_factory=VirtualIoLoop) as runner:
        assert runner.run(main()) == ["A3", "A1", "A/2", "A4"]


def test_contents() -> None:
    """What goes out instead, to the byte."""
    method, suffix, body = message = ("POST", "a/b%20%C5%BE", b"{}")

    assert disturbed(OtherMethod(), *message) == ("GET", suffix, body)
    assert disturbed(OtherMethod(), "GET", "", b"") == ("POST", "", b"")
    assert disturbed(Enveloped(), *message) == (method, suffix, b'{"statusCode": 200, "message": "OK", "data": {}}')
    assert disturbed(Quoted(), *message) == (method, "a%2Fb%20%C5%BE", body)
    assert disturbed(NotJson(), *message) == (method, suffix, b"<p>Please stand by</p>")
    assert all(disturbed(same, *message) == message for same in (None, Lose(), CutPayload()))


def test_numbers_that_make_no_sense() -> None:
    """They are errors."""
    with pytest.raises(ValueError, match="'n' must be >= 1"):
        Repeat(0)
    with pytest.raises(TypeError, match="must be <class 'int'>"):
        Repeat(1.5)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="'seconds' must be > 0"):
        Impatient(0)


@pytest.mark.slow
@pytest.mark.parametrize("method", ["POST", "GET"])
def test_no_pair_of_disturbances_loses_a_change(method: str) -> None:
    """Each change is handled at least once, but for those that are lost on purpose."""
    for pair in product(ALL, repeat=2):
        server, _ = handled_under(*pair, method=method)
        lost = {entity_id for entity_id, disturbance in zip(IDS, pair, strict=False) if disturbance == Lose()}

        assert set(server.handled) == set(IDS) - lost, pair
