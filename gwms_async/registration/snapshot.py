"""One list of webhooks, by identity, and which copy to prefer; pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Self

from attrs import frozen

from ..models import Identity, Webhook, WebhookSpec, check_url


@frozen(eq=False, repr=False)
class Snapshot:
    """One list of the gateway's webhooks.

    Args:
        began: The tick at which the list began.
        copies: The webhooks of each identity, by id.
    """

    began: int
    _copies: Mapping[Identity, tuple[Webhook, ...]]

    @classmethod
    def of(cls, began: int, webhooks: Iterable[Webhook]) -> Self:
        """Index a list."""
        copies: dict[Identity, tuple[Webhook, ...]] = {}
        for webhook in sorted(webhooks, key=lambda webhook: webhook.id):
            copies[webhook.identity] = (*copies.get(webhook.identity, ()), webhook)
        return cls(began, copies)

    def __iter__(self) -> Iterator[Webhook]:
        return (webhook for copies in self._copies.values() for webhook in copies)

    def copies(self, identity: Identity) -> tuple[Webhook, ...]:
        """Return all webhooks of one identity, lowest id first."""
        return self._copies.get(identity, ())


def is_tombstone(webhook: Webhook) -> bool:
    """Return whether it may be only the trace of a deleted webhook."""
    return not webhook.active and webhook.unregistered_at is not None


def preferred_first(copies: Iterable[Webhook], *, active: bool) -> list[Webhook]:
    """Sort the copies of one webhook, the one to adopt first.

    The lowest id wins, but not over one that is in the desired state already: activating a second copy would double
    every delivery.
    """
    return sorted(copies, key=lambda webhook: (is_tombstone(webhook), webhook.active != active, webhook.id))


def copy_to_keep(copies: Iterable[Webhook]) -> Webhook:
    """Return the copy that stays: the same one in every process that looks."""
    return min(copies, key=lambda webhook: (is_tombstone(webhook), webhook.id))


def unique(specs: Iterable[WebhookSpec]) -> dict[Identity, WebhookSpec]:
    """Return the specs by identity, each once.

    Raises:
        ValueError: Something is not a spec, its url cannot be registered, or a webhook is wanted both active and
            inactive.
    """
    found: dict[Identity, WebhookSpec] = {}
    for spec in specs:
        if not isinstance(spec, WebhookSpec):
            raise ValueError(f"expected a WebhookSpec, got {spec!r}")
        check_url(spec.url)
        if found.setdefault(spec.identity, spec).active != spec.active:
            raise ValueError(f"the same webhook is wanted both active and inactive: {spec}")
    return found
