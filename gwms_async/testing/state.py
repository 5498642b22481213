"""The state of the emulated gateway: its webhooks, what lists show of them, and its tokens. No I/O."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from time import monotonic
from typing import NamedTuple

from attrs import evolve, field, frozen

from .wire import NewWebhook, repr_without_tokens


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
    url: str = field(repr=repr_without_tokens)
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


class Replica:
    """The webhooks as they were `lag` seconds ago, by the event loop's clock."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._lag = 0.0
        self._clock = clock
        self._rows: dict[int, StoredWebhook] = {}
        # When each change of the last `lag` seconds was made, to which id, and what was there before.
        self._changes: deque[tuple[float, int, StoredWebhook | None]] = deque()

    @property
    def lag(self) -> float:
        """Seconds until it shows a change; setting it hides nothing that is shown already."""
        return self._lag

    @lag.setter
    def lag(self, seconds: float) -> None:
        self._forget_shown()
        self._lag = seconds

    def put(self, webhook_id: int, row: StoredWebhook | None) -> None:
        """Show a webhook, or with None no longer show it, once the lag is over."""
        self._forget_shown()
        self._changes.append((self._clock(), webhook_id, self._rows.pop(webhook_id, None)))
        if row is not None:
            self._rows[webhook_id] = row

    def find(self, webhook_id: int) -> StoredWebhook | None:
        """Return what it shows of one webhook now."""
        row, since = self._rows.get(webhook_id), self._clock() - self._lag
        for at, changed_id, before in reversed(self._changes):
            if at <= since:
                break
            if changed_id == webhook_id:
                row = before
        return row

    def rows(self) -> list[StoredWebhook]:
        """Return what it shows of all webhooks now, ordered by id."""
        rows, since = dict(self._rows), self._clock() - self._lag
        for at, webhook_id, before in reversed(self._changes):
            if at <= since:
                break
            rows.pop(webhook_id, None)
            if before is not None:
                rows[webhook_id] = before
        return [rows[webhook_id] for webhook_id in sorted(rows)]

    def catch_up(self) -> None:
        """Show all changes made so far at once."""
        self._changes.clear()

    def _forget_shown(self) -> None:
        since = self._clock() - self._lag
        while self._changes and self._changes[0][0] <= since:
            self._changes.popleft()


class WebhookTable:
    """All webhooks of an account; each e-shop sees only its own. `version` counts their changes.

    See `GwmsEmulator` for `spelling` and `tombstones`; `clock` is the event loop's, and `now` is in Unix seconds.
    """

    def __init__(
        self, spelling: Callable[[str], str] = str, *, tombstones: bool = False, clock: Callable[[], float] = monotonic
    ) -> None:
        self.listing, self.reads = Replica(clock), Replica(clock)
        self.version = 0
        self._spelling = spelling
        self._tombstones = tombstones
        self._rows: dict[int, StoredWebhook] = {}
        self._last_id = 0

    def all(self) -> list[StoredWebhook]:
        """Return the webhooks of all e-shops, ordered by id."""
        return list(self._rows.values())

    def listed(self, eshop: str) -> list[StoredWebhook]:
        """Return what a list shows to one e-shop, ordered by id."""
        return [row for row in self.listing.rows() if row.eshop == eshop]

    def subscribed(self, eshop: str, webhook_type: str) -> list[StoredWebhook]:
        """Return the active webhooks of one e-shop for an event type, ordered by id."""
        rows = self._rows.values()
        return [row for row in rows if row.active and (row.eshop, row.webhook_type) == (eshop, webhook_type)]

    def find(self, eshop: str, webhook_id: int) -> StoredWebhook | None:
        """Return a webhook, or None if the e-shop does not have it."""
        row = self._rows.get(webhook_id)
        return row if row is not None and row.eshop == eshop else None

    def read(self, eshop: str, webhook_id: int) -> StoredWebhook | None:
        """Return what a read by id shows of a webhook, or None if it does not show it to the e-shop."""
        row = self.reads.find(webhook_id)
        return row if row is not None and row.eshop == eshop else None

    def catch_up(self) -> None:
        """Show all changes made so far at once."""
        self.listing.catch_up()
        self.reads.catch_up()

    def has_equal(self, eshop: str, new: NewWebhook, except_id: int = 0) -> bool:
        """Return whether the e-shop has another webhook with the same URL as stored, event type and method."""
        identity = self._spelling(new.url), new.webhook_type, new.method
        return any(
            (row.url, row.webhook_type, row.method) == identity
            for row in self._rows.values()
            if row.eshop == eshop and row.id != except_id
        )

    def add(self, eshop: str, new: NewWebhook, now: float) -> StoredWebhook:
        """Create a webhook; an equal one may already exist."""
        self._last_id += 1
        url, registered_at = self._spelling(new.url), iso_timestamp(now)
        row = StoredWebhook(self._last_id, eshop, url, new.webhook_type, new.active, new.method, registered_at)
        return self._put(row)

    def replace(self, row: StoredWebhook, new: NewWebhook, now: float) -> StoredWebhook:
        """Replace the fields of a webhook; `unregistered_at` changes only with `active`."""
        row = evolve(row, url=self._spelling(new.url), webhook_type=new.webhook_type, method=new.method)
        return self._put(row if row.active is new.active else switched(row, now, active=new.active))

    def switch(self, row: StoredWebhook, now: float, *, active: bool) -> StoredWebhook:
        """Activate or deactivate a webhook; doing so again changes nothing."""
        return self._put(switched(row, now, active=active))

    def remove(self, webhook_id: int, now: float) -> None:
        """Delete a webhook; its id is not used again. `KeyError`: there is no webhook with this id."""
        row = self._rows.pop(webhook_id)
        self.version += 1
        self.listing.put(webhook_id, switched(row, now, active=False) if self._tombstones else None)
        self.reads.put(webhook_id, None)

    def _put(self, row: StoredWebhook) -> StoredWebhook:
        self.version += 1
        self._rows[row.id] = row
        self.listing.put(row.id, row)
        self.reads.put(row.id, row)
        return row


class TokenTable:
    """The tokens issued, and when each expires."""

    def __init__(self) -> None:
        self.issued: list[str] = []
        self._expiries: dict[str, float] = {}
        self._key = secrets.token_bytes(32)

    def issue(self, username: str, now: float, expiry: float) -> str:
        """Create a token: a JWT signed with HS256. Times are in Unix seconds; its `exp` is truncated to whole ones."""
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


def switched(row: StoredWebhook, now: float, *, active: bool) -> StoredWebhook:
    """Return a webhook as it is once it is active, or inactive; `now` is in Unix seconds."""
    since = None if active else row.unregistered_at or iso_timestamp(now)
    return evolve(row, active=active, unregistered_at=since)


def _base64(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def _base64_json(content: dict[str, object]) -> str:
    return _base64(json.dumps(content, separators=(",", ":")).encode())
