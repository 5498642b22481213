"""What this client wrote in the last minute; lists may not show it yet."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator

from attrs import define

from ..clock import Clock
from ..models import Identity, Webhook
from .snapshot import Snapshot

REMEMBERED = 60.0
"""Seconds for which a write is remembered."""


@define(eq=False)
class Write:
    """The last write of a webhook.

    Args:
        at: When, in monotonic seconds.
        webhook: How the gateway answered it; None: it was deleted.
        is_open: Whether a registration created it and no closing list has decided it yet.
        is_direct: Whether `Webhooks.create` created it.
    """

    at: float
    webhook: Webhook | None
    is_open: bool = False
    is_direct: bool = False


class Memory:
    """The writes of one e-shop's webhooks, by id, for 60 seconds each.

    Args:
        clock: Its time.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._writes: OrderedDict[int, Write] = OrderedDict()  # the oldest first; a plain dict is slow to pop these
        self._ids: dict[Identity, tuple[int, ...]] = {}
        self._unindexed: dict[int, Webhook] = {}

    def note_created(self, webhook: Webhook, *, by_registration: bool) -> None:
        """Remember a create."""
        self._note(webhook.id, webhook, is_open=by_registration, is_direct=not by_registration)

    def note_changed(self, webhook: Webhook) -> None:
        """Remember an update, activation or deactivation."""
        before = self._writes.get(webhook.id)
        is_open, is_direct = (False, False) if before is None else (before.is_open, before.is_direct)
        self._note(webhook.id, webhook, is_open=is_open, is_direct=is_direct)

    def note_deleted(self, webhook_id: int) -> None:
        """Remember that a webhook does not exist any longer."""
        self._note(webhook_id, None)

    def note_closed(self, webhook_id: int) -> None:
        """Remember that a closing list has decided a webhook."""
        write = self._writes.get(webhook_id)
        if write is not None:
            write.is_open = False

    def is_open(self, webhook_id: int) -> bool:
        """Return whether a registration created it and no closing list has decided it yet."""
        write = self._get(webhook_id)
        return write is not None and write.is_open

    def is_direct(self, webhook_id: int) -> bool:
        """Return whether `Webhooks.create` created it."""
        write = self._get(webhook_id)
        return write is not None and write.is_direct

    def is_deleted(self, webhook_id: int) -> bool:
        """Return whether this client deleted it, or found it deleted."""
        write = self._get(webhook_id)
        return write is not None and write.webhook is None

    def disputed(self, identity: Identity, snapshot: Snapshot) -> Iterator[int]:
        """Yield the ids of an identity about which a list disagrees with what this client wrote."""
        if not self._writes:
            return
        self._index()
        listed = snapshot.copies(identity)
        for webhook in listed:
            write = self._get(webhook.id)
            if write is not None and not _agree(write.webhook, webhook):
                yield webhook.id
        for number in self._ids.get(identity, ()):
            if self._get(number) is not None and all(webhook.id != number for webhook in listed):
                yield number

    def _get(self, webhook_id: int) -> Write | None:
        write = self._writes.get(webhook_id)
        return None if write is None or self._clock.monotonic() - write.at > REMEMBERED else write

    def _note(
        self, webhook_id: int, webhook: Webhook | None, *, is_open: bool = False, is_direct: bool = False
    ) -> None:
        if webhook_id in self._writes:
            self._forget(webhook_id)
        now = self._clock.monotonic()
        self._writes[webhook_id] = Write(now, webhook, is_open, is_direct)
        if webhook is not None:
            self._unindexed[webhook_id] = webhook
        while now - self._writes[oldest := next(iter(self._writes))].at > REMEMBERED:
            self._forget(oldest)

    def _index(self) -> None:
        # Not at once: most calls are not registrations, and identities are the most costly part of noting a write.
        for number, webhook in self._unindexed.items():
            self._ids[webhook.identity] = (*self._ids.get(webhook.identity, ()), number)
        self._unindexed.clear()

    def _forget(self, webhook_id: int) -> None:
        webhook = self._writes.pop(webhook_id).webhook
        if webhook is None or self._unindexed.pop(webhook_id, None) is not None:
            return
        identity = webhook.identity
        ids = tuple(number for number in self._ids[identity] if number != webhook_id)
        if ids:
            self._ids[identity] = ids
        else:
            del self._ids[identity]


def _agree(written: Webhook | None, listed: Webhook) -> bool:
    return written is not None and written.active is listed.active and written.identity == listed.identity
