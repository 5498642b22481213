"""What this client wrote in the last minute; lists may not show it yet."""

from __future__ import annotations

from collections import OrderedDict

from ..clock import Clock
from ..models import Identity, Webhook, WebhookSpec, same_identity
from .snapshot import Snapshot, is_dubious

REMEMBERED = 60.0
"""Seconds for which a write is remembered."""
READ_LAG = 6.0
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
        self._identities: dict[int, Identity] = {}  # of those in `_ids`
        self._unindexed: set[int] = set()
        self._uncertain: set[int] = set()

    def note_created(self, webhook: Webhook) -> None:
        """Remember what `Webhooks.create` created."""
        self.note_changed(webhook)
        self._direct.add(webhook.id)

    def note_registered(self, webhook: Webhook, spec: WebhookSpec) -> None:
        """Remember what a registration created for a spec."""
        self._note(webhook)
        self._direct.discard(webhook.id)  # ids may be given again
        self._open.add(webhook.id)
        self._index(webhook.id, spec.identity if same_identity(webhook, spec) else webhook.identity)

    def note_changed(self, webhook: Webhook) -> None:
        """Remember an update, activation or deactivation."""
        self._note(webhook)
        self._unindexed.add(webhook.id)

    def note_deleted(self, webhook_id: int) -> None:
        """Remember that a webhook does not exist any longer."""
        self._start(webhook_id)
        self._open.discard(webhook_id)
        self._direct.discard(webhook_id)

    def note_uncertain(self, webhook_id: int) -> None:
        """Remember a write that may or may not have been carried out: until 60 seconds later, only `get` tells."""
        known = self._webhooks.get(webhook_id)
        if known is None:
            self._start(webhook_id)
        else:
            self.note_changed(known)
        self._uncertain.add(webhook_id)

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
        return webhook_id in self._written and webhook_id not in self._webhooks and webhook_id not in self._uncertain

    def is_doubtful(self, webhook_id: int, found: Webhook | None) -> bool:
        """Return whether what `get` says contradicts a write of the last six seconds, for read replicas lag."""
        written_at = self._written.get(webhook_id)
        if written_at is None or self._clock.monotonic() - written_at >= READ_LAG:
            return False
        written = self._webhooks.get(webhook_id)
        if found is None or written is None:
            return found is not written
        return webhook_id in self._uncertain or not _agree(written, found)

    def disputed(self, identity: Identity, snapshot: Snapshot) -> list[int]:
        """Return the ids of an identity about which a list disagrees with what this client wrote, or with itself."""
        self.forget()
        self._index_all()
        listed, written = snapshot.copies(identity), self._ids.get(identity, ())
        wrong = [webhook.id for webhook in listed if self._is_disputed(webhook)]
        return wrong + [number for number in written if all(webhook.id != number for webhook in listed)]

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

    def _is_disputed(self, listed: Webhook) -> bool:
        if listed.id not in self._written:
            return is_dubious(listed)
        return listed.id in self._uncertain or not _agree(self._webhooks.get(listed.id), listed)

    def _note(self, webhook: Webhook) -> None:
        self._start(webhook.id)
        self._webhooks[webhook.id] = webhook

    def _start(self, webhook_id: int) -> None:
        """Begin the 60 seconds of a write; what was known of the webhook before is dropped."""
        self.forget()
        if webhook_id in self._written:
            self._drop(webhook_id)
        self._written[webhook_id] = self._clock.monotonic()

    def _index_all(self) -> None:
        # Not at once: most calls are not registrations, and identities are the most costly part of noting a write.
        for number in self._unindexed:
            self._index(number, self._webhooks[number].identity)
        self._unindexed.clear()

    def _index(self, webhook_id: int, identity: Identity) -> None:
        self._identities[webhook_id] = identity
        self._ids[identity] = (*self._ids.get(identity, ()), webhook_id)

    def _drop(self, webhook_id: int) -> None:
        del self._written[webhook_id]
        self._webhooks.pop(webhook_id, None)
        self._unindexed.discard(webhook_id)
        self._uncertain.discard(webhook_id)
        identity = self._identities.pop(webhook_id, None)
        if identity is None:
            return
        ids = tuple(number for number in self._ids.pop(identity) if number != webhook_id)
        if ids:
            self._ids[identity] = ids


def _agree(written: Webhook | None, listed: Webhook) -> bool:
    return written is not None and written.active is listed.active and same_identity(written, listed)
