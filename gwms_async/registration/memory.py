"""What this client wrote in the last minute; lists may not show it yet."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator

from ..clock import Clock
from ..models import Identity, Webhook
from .snapshot import Snapshot

REMEMBERED = 60.0
"""Seconds for which a write is remembered."""
_READ_LAG = 6.0
"""Seconds for which `get` may not show a write yet: a gateway may read from replicas."""


class Memory:
    """The writes of one e-shop's webhooks, by id, for 60 seconds each.

    Args:
        clock: Its time.
    """

    # Plain values by id, for a bulk registration would make one more object of each write. Measured: benchmarks/README.

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._written: OrderedDict[int, float] = OrderedDict()  # monotonic seconds of the last write, oldest first
        self._webhooks: dict[int, Webhook] = {}  # as the gateway answered; deleted ones are not among them
        self._open: set[int] = set()
        self._direct: set[int] = set()
        self._ids: dict[Identity, tuple[int, ...]] = {}
        self._unindexed: set[int] = set()

    def note_created(self, webhook: Webhook, *, by_registration: bool) -> None:
        """Remember a create."""
        self.note_changed(webhook)
        (self._open if by_registration else self._direct).add(webhook.id)

    def note_changed(self, webhook: Webhook) -> None:
        """Remember an update, activation or deactivation."""
        self._note(webhook.id)
        self._webhooks[webhook.id] = webhook
        self._unindexed.add(webhook.id)

    def note_deleted(self, webhook_id: int) -> None:
        """Remember that a webhook does not exist any longer."""
        self._note(webhook_id)
        self._open.discard(webhook_id)
        self._direct.discard(webhook_id)

    def note_closed(self, webhook_id: int) -> None:
        """Remember that a closing list has decided a webhook."""
        self._open.discard(webhook_id)

    def is_open(self, webhook_id: int) -> bool:
        """Return whether a registration created it and no closing list has decided it yet."""
        self.forget()
        return webhook_id in self._open

    def is_direct(self, webhook_id: int) -> bool:
        """Return whether `Webhooks.create` created it."""
        self.forget()
        return webhook_id in self._direct

    def is_deleted(self, webhook_id: int) -> bool:
        """Return whether this client deleted it, or found it deleted."""
        self.forget()
        return webhook_id in self._written and webhook_id not in self._webhooks

    def is_doubtful(self, webhook_id: int, *, exists: bool) -> bool:
        """Return whether what `get` says contradicts a write of the last six seconds, for read replicas lag."""
        written_at = self._written.get(webhook_id)
        if written_at is None or self._clock.monotonic() - written_at >= _READ_LAG:
            return False
        return exists is not (webhook_id in self._webhooks)

    def disputed(self, identity: Identity, snapshot: Snapshot) -> Iterator[int]:
        """Yield the ids of an identity about which a list disagrees with what this client wrote."""
        self.forget()
        self._index()
        listed = snapshot.copies(identity)
        for webhook in listed:
            if webhook.id in self._written and not _agree(self._webhooks.get(webhook.id), webhook):
                yield webhook.id
        for number in self._ids.get(identity, ()):
            if all(webhook.id != number for webhook in listed):
                yield number

    def forget(self) -> None:
        """Drop the writes that are too old."""
        oldest_kept = self._clock.monotonic() - REMEMBERED
        while self._written:
            webhook_id = next(iter(self._written))
            if self._written[webhook_id] >= oldest_kept:
                return
            self._drop(webhook_id)
            self._open.discard(webhook_id)
            self._direct.discard(webhook_id)

    def _note(self, webhook_id: int) -> None:
        self.forget()
        if webhook_id in self._written:
            self._drop(webhook_id)
        self._written[webhook_id] = self._clock.monotonic()

    def _index(self) -> None:
        # Not at once: most calls are not registrations, and identities are the most costly part of noting a write.
        for number in self._unindexed:
            identity = self._webhooks[number].identity
            self._ids[identity] = (*self._ids.get(identity, ()), number)
        self._unindexed.clear()

    def _drop(self, webhook_id: int) -> None:
        del self._written[webhook_id]
        webhook = self._webhooks.pop(webhook_id, None)
        if webhook is None:
            return
        if webhook_id in self._unindexed:
            self._unindexed.remove(webhook_id)
            return
        ids = tuple(number for number in self._ids.pop(webhook.identity) if number != webhook_id)
        if ids:
            self._ids[webhook.identity] = ids


def _agree(written: Webhook | None, listed: Webhook) -> bool:
    return written is not None and written.active is listed.active and written.identity == listed.identity
