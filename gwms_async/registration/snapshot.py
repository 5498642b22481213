"""One list of webhooks, by identity, and which copy to prefer; pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property
from operator import attrgetter
from typing import Self, TypeGuard

from attrs import frozen

from ..models import Identity, Webhook, WebhookSpec, same_identity
from .reasons import contradictory

_PAGE_SIZES = frozenset({10, 15, 20, 25, 30, 50, 100, 200, 250, 500, 1000})  # the usual ones


@frozen(eq=False, repr=False)
class Snapshot:
    """One list of the gateway's webhooks.

    Args:
        began_at: When the list was requested, in monotonic seconds.
        first: The webhook of each identity with the lowest id.
        further: The others, lowest id first; nearly always none.
        by_id: All webhooks by id, the lowest first.
    """

    began_at: float
    _first: Mapping[Identity, Webhook]
    _further: Mapping[Identity, list[Webhook]]
    _by_id: dict[int, Webhook]

    @classmethod
    def of(cls, began_at: float, webhooks: Iterable[Webhook]) -> Self:
        """Index a list.

        Raises:
            GwmsError: It shows two webhooks under one id.
        """
        first: dict[Identity, Webhook] = {}
        further: dict[Identity, list[Webhook]] = {}
        webhooks = tuple(webhooks)
        by_id = {webhook.id: webhook for webhook in sorted(webhooks, key=attrgetter("id"))}
        if len(by_id) < len(webhooks):
            _check_repeated(webhooks, by_id)
        for webhook in by_id.values():
            identity = webhook.identity
            if first.setdefault(identity, webhook) is not webhook:
                further.setdefault(identity, []).append(webhook)
        return cls(began_at, first, further, by_id)

    @cached_property
    def ids(self) -> frozenset[int]:
        """The ids of all webhooks."""
        return frozenset(self._by_id)

    def copies(self, identity: Identity) -> tuple[Webhook, ...]:
        """Return all webhooks of one identity, lowest id first."""
        first = self._first.get(identity)
        return () if first is None else (first, *self._further.get(identity, ()))

    def get(self, webhook_id: int) -> Webhook | None:
        """Return one webhook; None if it is not listed."""
        return self._by_id.get(webhook_id)

    def later_than(self, webhook: Webhook) -> str | None:
        """Say that it shows webhooks with higher ids; None if it does not."""
        highest_id = next(reversed(self._by_id), webhook.id)
        return f"later ones, up to {highest_id}," if highest_id > webhook.id else None

    def why_incomplete(self, webhook: Webhook) -> str | None:
        """Say why it seems incomplete, given a webhook that exists and is missing; None if lists may just lag."""
        count = len(self._by_id)
        if later := self.later_than(webhook):
            return later
        if count in _PAGE_SIZES:
            return f"exactly {count} others"
        if count and not webhook.active and all(other.active for other in self._by_id.values()):
            return "active ones only"
        return None


def _check_repeated(webhooks: Iterable[Webhook], by_id: Mapping[int, Webhook]) -> None:
    """Raise `GwmsError` where a list that shows an id more than once contradicts itself."""
    for webhook in webhooks:
        if not same_identity(webhook, by_id[webhook.id]):
            raise contradictory(webhook, by_id[webhook.id])


def is_tombstone(webhook: Webhook) -> bool:
    """Return whether it may be a tombstone: what a gateway still lists of a deleted webhook."""
    return not webhook.active and webhook.unregistered_at is not None


def counts_for(spec: WebhookSpec, webhook: Webhook) -> bool:
    """Return whether a webhook may be the one of a spec: no tombstone, unless inactive is how the spec wants it."""
    return not (spec.active and is_tombstone(webhook))


def is_there(found: Webhook | None, wanted: Webhook | WebhookSpec) -> TypeGuard[Webhook]:
    """Return whether what was found is the webhook that was wanted, and not a tombstone."""
    return found is not None and same_identity(found, wanted) and not is_tombstone(found)


def contradicts_itself(webhook: Webhook) -> bool:
    """Return whether a webhook is shown as active, and yet as unregistered since it was registered."""
    registered_at, unregistered_at = webhook.registered_at, webhook.unregistered_at
    is_over = unregistered_at is not None and (registered_at is None or registered_at <= unregistered_at)
    return is_over and webhook.active


def preferred_first(copies: Iterable[Webhook], *, active: bool) -> list[Webhook]:
    """Sort the copies of one webhook, the one to adopt first.

    The lowest id wins, but not over one that is in the desired state already: activating a second copy would double
    every delivery.
    """
    return sorted(copies, key=lambda webhook: (is_tombstone(webhook), webhook.active != active, webhook.id))
