"""The difference between the webhooks you want and those that exist; pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from inspect import isawaitable

from attrs import evolve, frozen

from ..models import Webhook, WebhookSpec, canonical_url
from ..redaction import displayed, escaped, redacted
from .checks import check_function
from .snapshot import Snapshot, is_tombstone, preferred_first

_MIN_CLAIMED, _MAX_SHARE = 10, 0.3  # with this many claimed webhooks or more, `apply` refuses to delete a larger share
_PREFIX = re.compile(r"https?://[^\s/?#]+/(\S*/)?", re.IGNORECASE)


@frozen
class Plan:
    """The changes that `apply` would make; `str(plan)` shows them line by line.

    Args:
        create: Specs that are missing.
        activate: Webhooks that exist and are inactive, but wanted active.
        deactivate: Webhooks that exist and are active, but wanted inactive.
        delete: Webhooks that `prune` claims and that are not wanted, including second copies of wanted ones; never
            those of an unlisted event type, nor inactive ones with `unregistered_at`, which may be deleted already.
        unchanged: Webhooks that are as wanted.
        claimed: How many webhooks `prune` claims, including those that stay; without those that are never deleted.
    """

    create: tuple[WebhookSpec, ...] = ()
    activate: tuple[Webhook, ...] = ()
    deactivate: tuple[Webhook, ...] = ()
    delete: tuple[Webhook, ...] = ()
    unchanged: tuple[Webhook, ...] = ()
    claimed: int = 0

    @property
    def changes(self) -> int:
        """How many webhooks would change."""
        return len(self.create) + len(self.activate) + len(self.deactivate) + len(self.delete)

    @property
    def needs_force(self) -> bool:
        """Whether `apply` refuses it without ``force=True``: it deletes over 30 % of 10 or more claimed webhooks.

        Webhooks that are replaced do not count, see `lost`.
        """
        return deletes_too_many(len(self.lost), self.claimed)

    @property
    def lost(self) -> tuple[Webhook, ...]:
        """The webhooks to delete, except those that a wanted one replaces: only its URL's token or method differs."""
        successors = {_replacement_key(spec) for spec in self.wanted} - {None} if self.delete else set()
        return tuple(webhook for webhook in self.delete if _replacement_key(webhook) not in successors)

    @property
    def wanted(self) -> tuple[WebhookSpec, ...]:
        """The specs of all webhooks that exist once it is applied."""
        return (
            *self.create,
            *(evolve(webhook.spec, active=True) for webhook in self.activate),
            *(evolve(webhook.spec, active=False) for webhook in self.deactivate),
            *(webhook.spec for webhook in self.unchanged),
        )

    def __str__(self) -> str:
        parts: tuple[tuple[str, Sequence[WebhookSpec | Webhook], str, str], ...] = (
            ("+", self.create, "to create", ""),
            ("~", self.activate, "to activate", "inactive -> active"),
            ("~", self.deactivate, "to deactivate", "active -> inactive"),
            ("-", self.delete, "to delete", ""),
        )
        lines = [f"{sign} {_line(one, change)}" for sign, ones, _, change in parts for one in ones]
        counts = ", ".join(f"{sign} {len(ones)} {what}" for sign, ones, what, _ in parts if ones)
        lines.append(f"{counts or 'nothing to do'}, {len(self.unchanged)} unchanged")
        if self.needs_force:
            share = f"{len(self.lost)} of the {self.claimed} webhooks that `prune` claims"
            lines.append(f"`apply` refuses this by default: it deletes {share}")
        return "\n".join(lines)


def deletes_too_many(deletes: int, claimed: int) -> bool:
    """Return whether so many of the claimed webhooks would be deleted that it is probably a mistake."""
    claimed = max(claimed, deletes)
    return claimed >= _MIN_CLAIMED and deletes > _MAX_SHARE * claimed


def claimed_by(prune: str | Callable[[Webhook], object] | None) -> Callable[[Webhook], object]:
    """Return a function that says whether a webhook may be deleted.

    Args:
        prune: Such a function, or the prefix of the URLs that may be deleted; None for no webhook.

    Raises:
        ValueError: It is neither a function nor an absolute URL that ends with a slash.
    """
    if prune is None:
        return lambda _: False
    if callable(prune):
        check_function("prune", prune)
        return partial(_claim_of, prune)
    if not isinstance(prune, str) or not _PREFIX.fullmatch(prune):
        # Without the slash "https://shop.example" would claim https://shop.example.org/ as well.
        example = "a URL that ends with a slash, e.g. https://shop.example/, or a function of a Webhook"
        raise ValueError(f"prune must be {example}; got {redacted(repr(prune))}")
    prefix = canonical_url(prune)
    return lambda webhook: webhook.identity.url.startswith(prefix)


def make_plan(wanted: Iterable[WebhookSpec], webhooks: Iterable[Webhook], claims: Callable[[Webhook], object]) -> Plan:
    """Compare the webhooks you want with those that exist.

    Args:
        wanted: The webhooks you want, each once, as `unique_specs` returns them.
        webhooks: The webhooks that exist.
        claims: Returns whether a webhook may be deleted if it is not wanted.
    """
    webhooks = tuple(webhooks)
    snapshot, kept = Snapshot.of(0.0, webhooks), set[int]()
    webhooks = tuple({webhook.id: webhook for webhook in webhooks}.values())  # a list may show one twice
    create: list[WebhookSpec] = []
    activate: list[Webhook] = []
    deactivate: list[Webhook] = []
    unchanged: list[Webhook] = []
    for spec in wanted:
        copies = preferred_first(snapshot.copies(spec.identity), active=spec.active)
        if not copies:
            create.append(spec)
            continue
        kept.add(copies[0].id)
        if copies[0].active is spec.active:
            unchanged.append(copies[0])
        else:
            (activate if spec.active else deactivate).append(copies[0])
    # The gateway may be newer than this version, which must not delete event types that it does not know.
    known = (webhook for webhook in webhooks if webhook.webhook_type.is_listed and not is_tombstone(webhook))
    claimed = [webhook for webhook in known if claims(webhook)]
    delete = tuple(webhook for webhook in claimed if webhook.id not in kept)
    return Plan(tuple(create), tuple(activate), tuple(deactivate), delete, tuple(unchanged), len(claimed))


def _claim_of(prune: Callable[[Webhook], object], webhook: Webhook) -> object:
    """Return what `prune` says about a webhook; reject a coroutine, which would count as true."""
    answer = prune(webhook)
    if isawaitable(answer):
        raise ValueError(f"prune must answer at once; {prune!r} returned {type(answer).__name__}, to be awaited")
    return answer


def _replacement_key(one: WebhookSpec | Webhook) -> tuple[str, str] | None:
    """Return what a webhook shares with its replacements: URL without token, event type; None if there is no token."""
    url, event_type, _ = one.identity
    tokenless = redacted(url)
    return None if tokenless == url else (tokenless.removesuffix("/"), event_type)


def _line(one: WebhookSpec | Webhook, change: str) -> str:
    state = change or ("" if one.active else "inactive")
    number = f"(id {one.id})" if isinstance(one, Webhook) else ""
    return escaped("  ".join(filter(None, (one.webhook_type, f"{one.method} {displayed(one.url)}", state, number))))
