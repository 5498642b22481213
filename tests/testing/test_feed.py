"""What happens at an emulator, in order."""

from __future__ import annotations

from gwms_async.testing import DeliveryAttempt, Exchange, GwmsEmulator, Lose, Status, StoredWebhook
from gwms_async.testing.deliveries import Delivery
from gwms_async.testing.feed import Feed

from ..helpers.plain_client import logged_in

HOOK = StoredWebhook(1, "key", "https://shop.example/", "UPDATE_ORDER", active=True, method="POST", registered_at="")


def call(**fields: object) -> Exchange:
    """Return an API call."""
    return Exchange("list", "GET", "/webhooks", {}, b"", 0.0, **fields)  # type: ignore[arg-type]


def test_rows_are_numbered_and_bounded() -> None:
    """Ids and numbers of changes are never used again; the oldest rows go."""
    feed = Feed(2)
    first, second, third = (feed.add(call()) for _ in range(3))
    feed.note(second)

    assert list(feed.rows.values()) == [second, third]
    assert (feed.rows.get(first.id), feed.rows.get(third.id), len(feed.rows)) == (None, third, 2)
    assert [row.id for row in (first, second, third)] == [1, 2, 3]
    assert [row.changed for row in (first, second, third)] == [1, 4, 3]
    assert feed.last == 4
    assert feed.run != Feed(2).run


def test_figures() -> None:
    """Calls, deliveries, those that failed (not what was never sent), and what was hit by a fault or a disturbance."""
    feed = Feed(10)
    feed.add(call(fault=Status(503)))
    feed.note(feed.add(call(status=500)))
    outcomes = [(200, None), (500, None), (None, "timeout"), (None, "lost"), (None, "inactive")]
    for status, problem in outcomes:
        disturbance = Lose() if problem == "lost" else None
        attempt = DeliveryAttempt(HOOK, "A1", 1, disturbance, "POST", HOOK.url, b"", 0.0, status, problem)  # type: ignore[arg-type]
        feed.note(feed.add(attempt, Delivery(HOOK, "A1", b"")))

    assert feed.figures == {"calls": 2, "deliveries": 5, "faults": 2, "failed": 2}


async def test_the_emulator_fills_it(gateway: GwmsEmulator) -> None:
    """With API calls and attempts, once when they begin and again when they have ended."""
    async with logged_in(gateway) as client:
        await client.create()
    gateway.emit("CREATE_ORDER", {"eshopOrderId": "A1"})
    gateway.delivery_policy = type(gateway.delivery_policy)(repeats=())
    await gateway.delivered()

    login, create, attempt = gateway.feed.rows.values()
    assert (login.record, create.record) == tuple(gateway.requests)
    assert attempt.record is gateway.deliveries[0]
    assert attempt.delivery is not None
    assert attempt.record.seconds is not None
    assert gateway.feed.last == 6
