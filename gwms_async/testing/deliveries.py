"""What is delivered to webhooks, by which rules, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from attrs import define, field, frozen
from attrs.validators import deep_iterable, ge, gt, instance_of, optional

from .disturbances import Disturbance
from .state import StoredWebhook
from .wire import repr_without_tokens


@frozen
class DeliveryPolicy:
    """How the emulator delivers. These rules are ours: how the gateway does it is not documented.

    Args:
        timeout: Seconds to wait for an answer.
        repeats: Seconds before each repeat of a delivery that was not answered 2xx; after the last one it is given up.
        deactivate_after: How many deliveries given up in a row deactivate a webhook; None: it stays active.
    """

    timeout: float = field(default=10.0, validator=gt(0))
    repeats: tuple[float, ...] = field(default=(1.0, 5.0), validator=deep_iterable(ge(0)))
    deactivate_after: int | None = field(default=None, validator=optional([instance_of(int), ge(1)]))


@frozen
class Delivery:
    """The news of an entity on its way to a webhook."""

    webhook: StoredWebhook
    entity_id: str
    body: bytes
    disturbance: Disturbance | None = None
    is_again: bool = False


@define
class DeliveryAttempt:
    """One attempt at a delivery.

    Args:
        webhook: The webhook as it was then.
        entity_id: The id of the entity.
        number: 1 for the first attempt, 2 for the first repeat.
        disturbance: The disturbance that hit it, if any.
        method: The HTTP method.
        url: Where it was sent; the webhook's URL if it was not.
        body: The body; None for a GET.
        at: When it began, in seconds on the event loop's clock.
        status: The HTTP status of the answer; None while there is none.
        problem: Why there is no answer. "undeliverable": the host is not this machine and has no route; "inactive":
            the webhook was deactivated or deleted meanwhile; "lost": see `Lose`.
        seconds: How long it took; None until it has ended.
        headers: The headers of the request; once it was answered, all of them.
        answer_headers: The headers of the answer; empty while there is none.
        answer_start: The first 4 KiB of the answer's body.
    """

    webhook: StoredWebhook
    entity_id: str
    number: int
    disturbance: Disturbance | None
    method: str
    url: str = field(repr=repr_without_tokens)
    body: bytes | None
    at: float
    status: int | None = None
    problem: Literal["timeout", "no answer", "undeliverable", "inactive", "lost"] | None = None
    seconds: float | None = None
    headers: Mapping[str, str] = field(factory=dict, repr=False)
    answer_headers: Mapping[str, str] = field(factory=dict, repr=False)
    answer_start: bytes = field(default=b"", repr=False)

    @property
    def is_success(self) -> bool:
        """Whether it was answered 2xx."""
        return self.status is not None and 200 <= self.status < 300

    @property
    def is_failure(self) -> bool:
        """Whether the receiver is to blame: the attempt was due and was not answered 2xx."""
        return not self.is_success and self.problem not in {"inactive", "lost"}
