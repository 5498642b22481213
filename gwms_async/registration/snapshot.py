"""What the gateway holds, by identity; pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Self

from attrs import frozen

from ..models import Identity, Webhook, WebhookSpec


@frozen(eq=False, repr=False)
class Snapshot:
    """One list of the gateway's webhooks.

    Args:
        began: The tick at which the list was asked for.
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
        """All webhooks of one identity, lowest id first."""
        return self._copies.get(identity, ())


def is_tombstone(webhook: Webhook) -> bool:
    """Tell whether it may be no more than the gateway's memory of a webhook."""
    return not webhook.active and webhook.unregistered_at is not None


def preferred_first(copies: Iterable[Webhook], *, active: bool) -> list[Webhook]:
    """Order the webhooks of one identity by how fit they are to be adopted.

    The lowest id wins, but not over one that is as it shall be while the lower one is not: to activate a second copy
    would double every delivery.
    """
    return sorted(copies, key=lambda webhook: (is_tombstone(webhook), webhook.active != active, webhook.id))


def copy_to_keep(copies: Iterable[Webhook]) -> Webhook:
    """Choose the one webhook of an identity that stays; the same one in every process that looks."""
    return min(copies, key=lambda webhook: (is_tombstone(webhook), webhook.id))


def unique(specs: Iterable[WebhookSpec]) -> dict[Identity, WebhookSpec]:
    """Leave out what is asked for twice.

    Raises:
        ValueError: Something is no spec, or a webhook is asked for both active and inactive.
    """
    found: dict[Identity, WebhookSpec] = {}
    for spec in specs:
        if not isinstance(spec, WebhookSpec):
            raise ValueError(f"a WebhookSpec is needed, got {spec!r}")
        if found.setdefault(spec.identity, spec).active != spec.active:
            raise ValueError(f"the same webhook is asked for both active and inactive: {spec}")
    return found
