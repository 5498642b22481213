"""The emulator's webhooks and tokens, without a network or a clock."""

from __future__ import annotations

import base64
import hashlib
import hmac

from gwms_async.testing import StoredWebhook
from gwms_async.testing.state import TokenTable, WebhookTable, iso_timestamp
from gwms_async.testing.wire import NewWebhook

from ..helpers.plain_client import EPOCH

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
    table.remove(last.id)

    assert table.add("a", NEW, EPOCH).id == 3
    assert [row.id for row in table.of("a")] == [row.id for row in table.all()] == [1, 3]
    assert (table.of("b"), table.find("b", 1), table.find("a", 2)) == ([], None, None)


def test_a_new_webhook_may_be_inactive() -> None:
    """It was never deactivated, so `unregistered_at` is not set."""
    new = NewWebhook("u", "CREATE_ORDER", active=False, method="GET")

    assert WebhookTable().add("a", new, EPOCH).unregistered_at is None


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
