"""The difference between the webhooks you want and those that exist; pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from attrs import frozen

from ..models import Webhook, WebhookSpec
from .snapshot import Snapshot, is_tombstone, preferred_first, unique


@frozen
class Plan:
    """What `apply` would change; `str(plan)` shows it line by line.

    Args:
        create: Specs that are missing.
        activate: Webhooks that exist and are inactive, but wanted active.
        deactivate: Webhooks that exist and are active, but wanted inactive.
        delete: Webhooks that are ours and not wanted, among them second copies of a wanted one.
        unchanged: Webhooks that are as wanted.
    """

    create: tuple[WebhookSpec, ...] = ()
    activate: tuple[Webhook, ...] = ()
    deactivate: tuple[Webhook, ...] = ()
    delete: tuple[Webhook, ...] = ()
    unchanged: tuple[Webhook, ...] = ()

    @property
    def changes(self) -> int:
        """How many webhooks would change."""
        return len(self.create) + len(self.activate) + len(self.deactivate) + len(self.delete)

    @property
    def wanted(self) -> tuple[WebhookSpec, ...]:
        """The specs of all webhooks that exist once it is applied."""
        return (
            *self.create,
            *(_as(webhook, active=True) for webhook in self.activate),
            *(_as(webhook, active=False) for webhook in self.deactivate),
            *(webhook.spec for webhook in self.unchanged),
        )

    def __str__(self) -> str:
        parts: dict[str, tuple[tuple[WebhookSpec | Webhook, ...], str]] = {
            "+": (self.create, "to create"),
            "↑": (self.activate, "to activate"),
            "↓": (self.deactivate, "to deactivate"),
            "-": (self.delete, "to delete"),
        }
        lines = [f"{sign} {_line(one)}" for sign, (ones, _) in parts.items() for one in ones]
        counts = ", ".join(f"{len(ones)} {what}" for ones, what in parts.values() if ones)
        return "\n".join([*lines, f"{counts or 'nothing to do'}, {len(self.unchanged)} unchanged"])


def make_plan(
    specs: Iterable[WebhookSpec], webhooks: Iterable[Webhook], prune: Callable[[Webhook], object] | None
) -> Plan:
    """Compare the webhooks you want with those that exist.

    Args:
        specs: The webhooks you want; one that comes twice counts once.
        webhooks: The webhooks that exist.
        prune: Returns whether a webhook is ours, so that it is deleted if not wanted. None: none is.

    Raises:
        ValueError: Something is not a spec, or a webhook is wanted both active and inactive.
    """
    webhooks = tuple(webhooks)
    snapshot, kept = Snapshot.of(0, webhooks), set[int]()
    create: list[WebhookSpec] = []
    activate: list[Webhook] = []
    deactivate: list[Webhook] = []
    unchanged: list[Webhook] = []
    for spec in unique(specs).values():
        copies = preferred_first(snapshot.copies(spec.identity), active=spec.active)
        if not copies:
            create.append(spec)
            continue
        kept.add(copies[0].id)
        if copies[0].active is spec.active:
            unchanged.append(copies[0])
        else:
            (activate if spec.active else deactivate).append(copies[0])
    delete = (
        webhook
        for webhook in webhooks
        if prune is not None and webhook.id not in kept and not is_tombstone(webhook) and prune(webhook)
    )
    return Plan(tuple(create), tuple(activate), tuple(deactivate), tuple(delete), tuple(unchanged))


def _as(webhook: Webhook, *, active: bool) -> WebhookSpec:
    return WebhookSpec(webhook.url, webhook.webhook_type, active, webhook.method)


def _line(one: WebhookSpec | Webhook) -> str:
    number = f"  (id {one.id})" if isinstance(one, Webhook) else ""
    state = "" if one.active else "  inactive"
    return f"{one.webhook_type}  {one.method} {one.url}{state}{number}"
