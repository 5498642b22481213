"""The emulator's webhooks and tokens, without a network or a clock."""

from __future__ import annotations

import base64
import hashlib
import hmac

from gwms_async.testing import StoredWebhook
from gwms_async.testing.state import Replica, TokenTable, WebhookTable, iso_timestamp
from gwms_async.testing.wire import NewWebhook

from ..helpers.plain_client import EPOCH, Clock

NEW = NewWebhook("https://shop.example/1", "CREATE_ORDER", active=True, method="POST")


def test_a_webhook_shows_unregistered_at_only_if_it_is_set() -> None:
    """The e-shop is never shown."""
    row = StoredWebhook(1, "key", "u", "CREATE_ORDER", active=True, method="GET", registered_at="r")
    content = {"id": 1, "url": "u", "webhookType": "CREATE_ORDER", "active": True, "method": "GET", "registeredAt": "r"}

    assert row.as_json() == content
    assert WebhookTable().switch(row, EPOCH, active=False).as_json() == {
        **content,
        "active": False,
        "unregisteredAt": iso_timestamp(EPOCH),
    }


def test_ids_are_not_used_again() -> None:
    """Not even that of the last webhook; an e-shop sees only its own webhooks."""
    table = WebhookTable()
    table.add("a", NEW, EPOCH)
    last = table.add("b", NEW, EPOCH)
    table.remove(last.id, EPOCH)

    assert table.add("a", NEW, EPOCH).id == 3
    assert [row.id for row in table.listed("a")] == [row.id for row in table.all()] == [1, 3]
    assert (table.listed("b"), table.find("b", 1), table.find("a", 2)) == ([], None, None)


def test_a_new_webhook_may_be_inactive() -> None:
    """It was never deactivated, so `unregistered_at` is not set."""
    new = NewWebhook("u", "CREATE_ORDER", active=False, method="GET")

    assert WebhookTable().add("a", new, EPOCH).unregistered_at is None


def row(webhook_id: int, url: str = "u") -> StoredWebhook:
    """Return a webhook."""
    return StoredWebhook(webhook_id, "key", url, "CREATE_ORDER", active=True, method="POST", registered_at="r")


def test_a_replica_lags() -> None:
    """It shows the webhooks as they were: before creates, changes and deletes of the last seconds."""
    clock = Clock(100.0)
    replica = Replica(clock)
    replica.put(1, row(1))
    replica.put(2, row(2))
    replica.lag = 5.0
    clock.now = 101.0
    replica.put(1, None)
    clock.now = 102.0
    replica.put(2, row(2, "v"))
    replica.put(3, row(3))
    clock.now = 103.0
    replica.put(3, row(3, "w"))
    replica.put(2, None)

    shown = []
    for now in (105.5, 106.0, 106.5, 107.0, 107.5, 108.0):
        clock.now = now
        shown.append([(one.id, one.url) for one in replica.rows()])
        assert [found for number in (1, 2, 3) if (found := replica.find(number))] == replica.rows()
    assert shown[0] == [(1, "u"), (2, "u")]
    assert shown[1] == shown[2] == [(2, "u")]
    assert shown[3] == shown[4] == [(2, "v"), (3, "u")]
    assert shown[5] == [(3, "w")]


def test_a_replica_can_catch_up() -> None:
    """A shorter lag, or none, shows changes sooner; `catch_up` shows them at once."""
    clock = Clock(0.0)
    replica = Replica(clock)
    replica.lag = 5.0
    replica.put(1, row(1))
    assert replica.rows() == []
    replica.lag = 0.0
    assert replica.rows() == [row(1)]

    replica.lag = 5.0
    replica.catch_up()
    assert replica.rows() == [row(1)]


def test_a_replica_shows_what_it_has_shown() -> None:
    """A longer lag is for the changes to come."""
    replica = Replica(Clock(0.0))
    replica.put(1, row(1))
    replica.put(2, row(2))
    replica.lag = 5.0
    replica.put(3, row(3))

    assert replica.rows() == [row(1), row(2)]


def test_a_replica_remembers_only_recent_changes() -> None:
    """Its memory is bounded by what changes during the lag."""
    clock = Clock(0.0)
    replica = Replica(clock)
    replica.lag = 5.0
    for number in range(1000):
        clock.now += 1
        replica.put(number % 10, row(number % 10))

    assert len(replica._changes) == 5


def test_tokens_are_signed() -> None:
    """With the key of the table; tokens differ even if issued at the same time."""
    table = TokenTable()
    first, second = (table.issue("ž", EPOCH + 0.5, EPOCH + 1.5) for _ in range(2))
    signed, _, signature = first.rpartition(".")
    digest = hmac.new(table._key, signed.encode(), hashlib.sha256).digest()

    assert base64.urlsafe_b64encode(digest).decode().rstrip("=") == signature
    assert table.issued == [first, second]
    assert first != second
    assert table.accepts(first, EPOCH + 1.4)
    assert not table.accepts(first, EPOCH + 1.5)
    assert not table.accepts("", EPOCH)
