"""The state of the emulated gateway: its webhooks and its tokens. No I/O, no clock."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
from datetime import UTC, datetime
from typing import NamedTuple

from attrs import evolve, frozen

from .wire import NewWebhook


class EmulatorCredentials(NamedTuple):
    """The credentials that the emulator accepts.

    Args:
        username: The account's name.
        password: Its password.
        api_key: The API key of its first e-shop.
    """

    username: str = "emulated-account"
    password: str = "emulated-password-5b71c0"  # noqa: S105  # it guards an emulator
    api_key: str = "emulated-eshop-key-e94d2a"


@frozen
class StoredWebhook:
    """A webhook as the gateway stores it.

    Args:
        id: Counts up from 1 across all e-shops.
        eshop: The API key of its e-shop.
        url: Where events are delivered.
        webhook_type: The event type, as the gateway spells it.
        active: Whether events are delivered.
        method: POST or GET.
        registered_at: When it was created, ISO 8601 in UTC with milliseconds.
        unregistered_at: When it was deactivated, in the same form; None while it is active.
    """

    id: int
    eshop: str
    url: str
    webhook_type: str
    active: bool
    method: str
    registered_at: str
    unregistered_at: str | None = None

    def as_json(self) -> dict[str, object]:
        """Return the webhook as the API shows it; `unregisteredAt` only if it is set."""
        content: dict[str, object] = {
            "id": self.id,
            "url": self.url,
            "webhookType": self.webhook_type,
            "active": self.active,
            "method": self.method,
            "registeredAt": self.registered_at,
        }
        if self.unregistered_at is not None:
            content["unregisteredAt"] = self.unregistered_at
        return content


class WebhookTable:
    """All webhooks of an account; each e-shop sees only its own."""

    def __init__(self) -> None:
        self._rows: dict[int, StoredWebhook] = {}
        self._last_id = 0

    def all(self) -> list[StoredWebhook]:
        """Return the webhooks of all e-shops, ordered by id."""
        return list(self._rows.values())

    def of(self, eshop: str) -> list[StoredWebhook]:
        """Return the webhooks of one e-shop, ordered by id."""
        return [row for row in self._rows.values() if row.eshop == eshop]

    def find(self, eshop: str, webhook_id: int) -> StoredWebhook | None:
        """Return a webhook, or None if the e-shop does not have it."""
        row = self._rows.get(webhook_id)
        return row if row is not None and row.eshop == eshop else None

    def add(self, eshop: str, new: NewWebhook, now: float) -> StoredWebhook:
        """Create a webhook; an equal one may already exist.

        Args:
            eshop: The API key of its e-shop.
            new: Its fields.
            now: Unix seconds.
        """
        self._last_id += 1
        row = StoredWebhook(self._last_id, eshop, new.url, new.webhook_type, new.active, new.method, iso_timestamp(now))
        self._rows[row.id] = row
        return row

    def replace(self, row: StoredWebhook, new: NewWebhook, now: float) -> StoredWebhook:
        """Replace the fields of a webhook; `unregistered_at` changes only with `active`.

        Args:
            row: The webhook as it is.
            new: Its new fields.
            now: Unix seconds.
        """
        row = evolve(row, url=new.url, webhook_type=new.webhook_type, method=new.method)
        self._rows[row.id] = row
        return row if row.active is new.active else self.switch(row, now, active=new.active)

    def switch(self, row: StoredWebhook, now: float, *, active: bool) -> StoredWebhook:
        """Activate or deactivate a webhook; doing so again changes nothing.

        Args:
            row: The webhook as it is.
            now: Unix seconds.
            active: The new state.
        """
        since = None if active else row.unregistered_at or iso_timestamp(now)
        self._rows[row.id] = row = evolve(row, active=active, unregistered_at=since)
        return row

    def remove(self, webhook_id: int) -> None:
        """Delete a webhook; its id is not used again.

        Raises:
            KeyError: There is no webhook with this id.
        """
        del self._rows[webhook_id]


class TokenTable:
    """The tokens issued, and when each expires."""

    def __init__(self) -> None:
        self.issued: list[str] = []
        self._expiries: dict[str, float] = {}
        self._key = secrets.token_bytes(32)

    def issue(self, username: str, now: float, expiry: float) -> str:
        """Create a token: a JWT signed with HS256.

        Args:
            username: The account it is issued to.
            now: Unix seconds.
            expiry: Unix seconds at which it expires; its `exp` is truncated to whole seconds.
        """
        claims = {"sub": username, "iat": int(now), "exp": int(expiry), "jti": secrets.token_hex(16)}
        signed = f"{_base64_json({'alg': 'HS256', 'typ': 'JWT'})}.{_base64_json(claims)}"
        signature = hmac.new(self._key, signed.encode(), hashlib.sha256).digest()
        token = f"{signed}.{_base64(signature)}"
        self.issued.append(token)
        self._expiries[token] = expiry
        return token

    def accepts(self, token: str, now: float) -> bool:
        """Return whether a token was issued here and is valid at this Unix time."""
        expiry = self._expiries.get(token)
        return expiry is not None and now < expiry

    def revoke(self) -> None:
        """Invalidate all tokens issued so far."""
        self._expiries.clear()


def iso_timestamp(timestamp: float) -> str:
    """Return a Unix time in ISO 8601, UTC, with milliseconds and a Z."""
    return datetime.fromtimestamp(timestamp, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _base64(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def _base64_json(content: dict[str, object]) -> str:
    return _base64(json.dumps(content, separators=(",", ":")).encode())
