"""The writes of this client in the last minute, which lists may not show yet."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Iterable
from math import inf

from attrs import define

from ..clock import Clock
from ..models import Identity, Webhook, WebhookSpec, same_identity
from .snapshot import contradicts_itself
from .spellings import put_last

REMEMBERED = 60.0
"""Seconds for which a write is remembered."""
READ_LAG = 6.0
"""Seconds after a write in which `get` may not show it yet: a gateway may read from replicas."""
CLEAR_AFTER = 9.0
"""Seconds until lists and `get` show what became of a lost write: it may be carried out 3 s later, and they may lag."""


@define(eq=False, repr=False)
class _Write:
    """The last write of a webhook.

    Args:
        at: When it was, in monotonic seconds.
        left: The webhook as the write left it, or an equal spec; None if it was deleted, or only an uncertain write is
            known.
        is_open: Whether a registration created it and no closing list has decided it yet.
        is_direct: Whether `Webhooks.create` created it.
        is_uncertain: Whether a later write may or may not have been carried out.
        identity: The identity of `left`; None until it is indexed.
        sought: The identity that an uncertain update may have given it.
    """

    at: float
    left: Webhook | WebhookSpec | None = None
    is_open: bool = False
    is_direct: bool = False
    is_uncertain: bool = False
    identity: Identity | None = None
    sought: Identity | None = None

    @property
    def may_exist(self) -> bool:
        """Whether it was not deleted, as far as is known."""
        return self.left is not None or self.is_uncertain

    def has_identity_of(self, webhook: Webhook) -> bool:
        """Return whether a webhook has the identity that was written."""
        return self.left is not None and same_identity(self.left, webhook)

    def agrees_with(self, webhook: Webhook) -> bool:
        """Return whether a webhook is as it was written."""
        if self.is_uncertain or self.left is None:
            return False
        return self.left.active is webhook.active and self.has_identity_of(webhook)


_NEVER = _Write(-inf, is_uncertain=True)  # of a webhook that was not written lately


class Memory:
    """The writes of one e-shop's webhooks, by id, for 60 seconds each, and for longer while no list shows the webhook.

    ================  ====================================================  ===========================================
    kept              written by                                            read by
    ================  ====================================================  ===========================================
    `_writes`         all notes but `note_other_identity`, each in place    all questions
                      of the last write; `note_uncertain`, `note_closed`:
                      into it; `note_unlisted`: only where there is none
    - `left`          as above; None: `note_deleted`                        `is_deleted`, `wrote`, `contradicts_write`,
    - `is_uncertain`  `note_uncertain`                                      `disputed`
    - `is_open`       `note_registered`; `note_closed` ends it              `is_open`; `note_changed` preserves it
    - `is_direct`     `note_created`                                        `is_direct`; `note_changed` preserves it
    - `identity`      `_index`                                              `_drop`, to take the write out of `_ids`;
    - `sought`        `note_uncertain`                                      `note_uncertain`, to replace it there
    `_ids`            all that write an `identity`, or `sought`             `disputed`, `wrote_no_other`
    `_unindexed`      all that write `left`                                 `_index`, before `_ids` is read
    `_unlisted`       `note_unlisted`; `note_listed`, `note_deleted` and    `forget`, to keep what no list shows
                      `note_other_identity` take out of it
    ================  ====================================================  ===========================================
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._writes: OrderedDict[int, _Write] = OrderedDict()  # the oldest first
        self._ids: dict[Identity, tuple[int, ...]] = {}
        self._unindexed: dict[int, Webhook | WebhookSpec] = {}
        self._unlisted: dict[int, None] = {}  # the oldest first

    def note_unlisted(self, webhook: Webhook) -> None:
        """Remember, until a list shows it, a webhook that `get` shows and no list does."""
        if self._last(webhook.id) is _NEVER:
            self._note(webhook.id, webhook)
        put_last(self._unlisted, webhook.id, None)

    def note_listed(self, webhooks: Iterable[Webhook]) -> None:
        """Let what a list shows as it was written be forgotten after 60 seconds, like other writes."""
        if not self._unlisted:
            return
        for webhook in webhooks:
            if webhook.id in self._unlisted and self._writes[webhook.id].has_identity_of(webhook):
                del self._unlisted[webhook.id]

    def note_created(self, webhook: Webhook) -> None:
        """Remember what `Webhooks.create` created."""
        self._note(webhook.id, webhook, is_direct=True)

    def note_registered(self, webhook: Webhook, spec: WebhookSpec) -> None:
        """Remember what a registration created for a spec."""
        is_as_asked = webhook.active is spec.active and same_identity(webhook, spec)
        # The spec has its identity already: to compute another is costly.
        self._note(webhook.id, spec if is_as_asked else webhook, is_open=True)

    def note_other_identity(self, webhook_id: int) -> None:
        """Let a webhook that `get` shows with another identity be forgotten after 60 seconds, like other writes."""
        self._unlisted.pop(webhook_id, None)

    def note_changed(self, webhook: Webhook) -> None:
        """Remember an update, activation or deactivation."""
        before = self._last(webhook.id)
        self._note(webhook.id, webhook, is_open=before.is_open, is_direct=before.is_direct)

    def note_deleted(self, webhook_id: int) -> None:
        """Remember that a webhook no longer exists."""
        self._note(webhook_id, None)
        self._unlisted.pop(webhook_id, None)

    def note_uncertain(self, webhook_id: int, spec: WebhookSpec | None = None) -> None:
        """Remember a write that may or may not have been carried out; for 60 seconds, lists are checked by `get`.

        `spec` is what an update asked for.
        """
        write = self._last(webhook_id)
        if write is _NEVER:
            write = self._note(webhook_id, None)
        write.at, write.is_uncertain = self._clock.monotonic(), True
        self._writes.move_to_end(webhook_id)
        if spec is not None:
            before, write.sought = write.sought, spec.identity
            if before != write.identity:  # else the index still needs it
                self._unlink(webhook_id, before)
            self._link(webhook_id, write.sought)

    def note_closed(self, webhook_id: int) -> None:
        """Remember that a closing list has decided a webhook."""
        if webhook_id in self._writes:
            self._writes[webhook_id].is_open = False

    def is_open(self, webhook_id: int) -> bool:
        """Return whether a registration created it and no closing list has decided it yet."""
        return self._last(webhook_id).is_open

    def is_direct(self, webhook_id: int) -> bool:
        """Return whether `Webhooks.create` created it."""
        return self._last(webhook_id).is_direct

    def is_deleted(self, webhook_id: int) -> bool:
        """Return whether this client deleted it, or found it deleted."""
        return not self._last(webhook_id).may_exist

    def wrote(self, webhook_id: int) -> bool:
        """Return whether this client wrote a webhook lately, and left it there for certain."""
        write = self._last(webhook_id)
        return write.left is not None and not write.is_uncertain

    def contradicts_write(self, webhook_id: int, found: Webhook | None) -> bool:
        """Return whether what `get` found contradicts a recent write: it may not show that yet."""
        write = self._last(webhook_id)
        if self._clock.monotonic() - write.at >= (CLEAR_AFTER if write.is_uncertain else READ_LAG):
            return False
        return write.may_exist if found is None else not write.agrees_with(found)

    def wrote_no_other(self, identity: Identity, webhook_id: int) -> bool:
        """Return whether this client wrote no webhook of an identity lately, other than the given one."""
        self._index()
        return self._ids.get(identity) in (None, (webhook_id,))

    def disputed(self, identity: Identity, listed: Collection[Webhook]) -> list[int]:
        """Return the ids about which a list disagrees with what this client wrote, or with itself.

        `listed` are all copies of the identity in that list.
        """
        self.forget()
        self._index()
        wrong = [copy.id for copy in listed if self._is_disputed(copy)]
        written = self._ids.get(identity, ())
        return wrong + [webhook_id for webhook_id in written if all(copy.id != webhook_id for copy in listed)]

    def forget(self) -> None:
        """Drop the writes that are older than 60 seconds, except for webhooks that no list shows."""
        now = self._clock.monotonic()
        while self._writes:
            webhook_id = next(iter(self._writes))
            write = self._writes[webhook_id]
            if write.at >= now - REMEMBERED:
                return
            if webhook_id in self._unlisted:
                write.at = now - READ_LAG  # `get` has long shown it
                self._writes.move_to_end(webhook_id)
            else:
                self._drop(webhook_id)

    def _is_disputed(self, listed: Webhook) -> bool:
        write = self._writes.get(listed.id)
        return contradicts_itself(listed) if write is None else not write.agrees_with(listed)

    def _last(self, webhook_id: int) -> _Write:
        self.forget()
        return self._writes.get(webhook_id, _NEVER)

    def _note(
        self, webhook_id: int, left: Webhook | WebhookSpec | None, *, is_open: bool = False, is_direct: bool = False
    ) -> _Write:
        """Remember a write for 60 seconds, in place of the last one of the same webhook."""
        self.forget()
        if webhook_id in self._writes:
            self._drop(webhook_id)
        write = self._writes[webhook_id] = _Write(self._clock.monotonic(), left, is_open, is_direct)
        if left is not None:
            self._unindexed[webhook_id] = left
        return write

    def _index(self) -> None:
        # On demand: most calls are not registrations, and the identity is the most costly part of noting a write.
        for webhook_id, left in self._unindexed.items():
            identity = self._writes[webhook_id].identity = left.identity
            self._link(webhook_id, identity)
        self._unindexed.clear()

    def _drop(self, webhook_id: int) -> None:
        write = self._writes.pop(webhook_id)
        self._unindexed.pop(webhook_id, None)
        self._unlink(webhook_id, write.identity)
        self._unlink(webhook_id, write.sought)

    def _link(self, webhook_id: int, identity: Identity) -> None:
        ids = self._ids.get(identity, ())
        if webhook_id not in ids:
            self._ids[identity] = (*ids, webhook_id)

    def _unlink(self, webhook_id: int, identity: Identity | None) -> None:
        if identity is not None and (left := tuple(each for each in self._ids.pop(identity, ()) if each != webhook_id)):
            self._ids[identity] = left
