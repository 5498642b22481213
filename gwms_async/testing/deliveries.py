"""Deliveries to webhooks: their content, their disturbances, and their attempts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal
from urllib.parse import quote, unquote

from attrs import define, field, frozen
from attrs.validators import deep_iterable, ge, gt, instance_of, optional

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
class Disturbance:
    """The base of all disturbances. Each hits the first attempt at a delivery; repeats go out as usual."""


@frozen
class Repeat(Disturbance):
    """Make the delivery `n` times in all, although it is answered."""

    n: int = field(validator=[instance_of(int), ge(1)])


@frozen
class Reorder(Disturbance):
    """Make the delivery after the next one to the same webhook, or, if none comes, once `delivered` is awaited."""


@frozen
class Lose(Disturbance):
    """Never make the delivery."""


@frozen
class Impatient(Disturbance):
    """Hang up if there is no answer after some seconds, and repeat the delivery."""

    seconds: float = field(validator=gt(0))


@frozen
class CutPayload(Disturbance):
    """Hang up after half of a POST's body, and repeat the delivery."""


@frozen
class OtherMethod(Disturbance):
    """Send a GET where the webhook asks for POST, and the reverse."""


@frozen
class Enveloped(Disturbance):
    """Send a POST's entity in an envelope, as the API's answers have it."""


@frozen
class Quoted(Disturbance):
    """Percent-encode all that can be in the id of a GET, slashes too."""


@frozen
class NotJson(Disturbance):
    """Send a POST whose body is not JSON."""


@frozen
class Delivery:
    """An entity on its way to a webhook."""

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


def disturbed(disturbance: Disturbance | None, method: str, suffix: str, body: bytes) -> tuple[str, str, bytes]:
    """Return what goes out instead: the method, what a GET appends to the webhook's path, and what a POST sends."""
    match disturbance:
        case OtherMethod():
            method = "GET" if method == "POST" else "POST"
        case Enveloped():
            body = b'{"statusCode": 200, "message": "OK", "data": %b}' % body
        case Quoted():
            suffix = quote(unquote(suffix), safe="")
        case NotJson():
            body = b"<p>Please stand by</p>"
    return method, suffix, body
