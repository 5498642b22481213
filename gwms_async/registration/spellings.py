"""The specs that the gateway stores with another identity than they ask for: creating them again would add a copy."""

from __future__ import annotations

from typing import TypeVar

from ..models import Identity, Webhook, WebhookSpec, same_identity

K = TypeVar("K")
V = TypeVar("V")

_MAX_KEPT = 1000


class Spellings:
    """How the gateway stores specs that it changes; each is kept until its next create, the last thousand at most."""

    def __init__(self) -> None:
        # Both by the identity that was asked for.
        self._stored_as: dict[Identity, Webhook] = {}
        self._seen_changed: dict[Identity, int] = {}

    def note_created(self, webhook: Webhook, spec: WebhookSpec) -> None:
        """Remember what the create of a spec returned, if that has another identity."""
        self._stored_as.pop(spec.identity, None)
        if not same_identity(webhook, spec):
            put_last(self._stored_as, spec.identity, webhook)

    def note_changed(self, webhook: Webhook, spec: WebhookSpec) -> None:
        """Remember that what was created for a spec has another identity by now.

        The first time, somebody may have changed it. When it happens to a second webhook, that is probably how the
        gateway stores the spec.
        """
        if self._seen_changed.get(spec.identity, webhook.id) != webhook.id:
            put_last(self._stored_as, spec.identity, webhook)
        put_last(self._seen_changed, spec.identity, webhook.id)

    def stored_for(self, spec: WebhookSpec) -> Webhook | None:
        """Return what the gateway stored, with another identity, when a registration last created a spec."""
        return self._stored_as.get(spec.identity)


def put_last(kept: dict[K, V], key: K, value: V) -> None:
    """Put an entry last, and drop the first one if there are more than a thousand."""
    kept.pop(key, None)
    kept[key] = value
    if len(kept) > _MAX_KEPT:
        del kept[next(iter(kept))]
