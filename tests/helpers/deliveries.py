"""What tests of receivers share."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from itertools import chain
from urllib.parse import urlsplit

from gwms_async import HttpMethod, WebhookType
from gwms_async.receiving import Answer, Delivery, Receiver
from gwms_async.redaction import redacted

SECRET = "0123456789abcdef0123456789abcdef"
NEW_SECRET = "fedcba9876543210fedcba9876543210"
BASE = "https://shop.example/gwms"
ORDER = WebhookType.UPDATE_ORDER
IDS = [
    *("A1", "", "A/1", "/A1", "A1/", "A//1", "A%2F1", "100%", "50%25", "%zz", "Ä", "žluťoučký kůň", "A B", "A+B"),
    *("A&B=C", "A;B", "A#B", "A?B", "..", "."),
]
"""Twenty ids as they may be."""


class Handled(list[Delivery]):
    """A handler that keeps what it gets."""

    async def __call__(self, delivery: Delivery) -> None:
        """Keep a delivery."""
        self.append(delivery)


def receiver_of(handler: Callable[[Delivery], Awaitable[object]], *types: WebhookType) -> Receiver:
    """Make a receiver with one handler, by default of all event types."""
    receiver = Receiver(SECRET)
    receiver.on(*types or WebhookType)(handler)
    return receiver


def path_of(receiver: Receiver, event_type: WebhookType = ORDER, method: HttpMethod = HttpMethod.POST) -> str:
    """Return the path that a receiver has registered for an event type."""
    (spec,) = (spec for spec in receiver.specs(BASE, method=method) if spec.webhook_type is event_type)
    return urlsplit(spec.url).path


def without_token(text: str) -> str:
    """Return a text as all texts must be, which must contain a token."""
    hidden = redacted(text)
    assert hidden != text
    return hidden


def wrong_paths(path: str) -> list[str]:
    """Return paths that are nearly one that is registered, an unknown name among them."""
    start, token = path.rsplit("/", 1)
    other = "A" if token[-1] != "A" else "B"
    return [
        *(f"{start}/{token[:-1]}", f"{start}/{token[:-1]}{other}", f"{start}/{token.swapcase()}", start, f"{start}/"),
        *(f"/gwms/NO_EVENT/{token}", f"/gwms/cz.UPDATE_ORDER/{token}", f"/gwms/{token}", f"/gwms/update_order/{token}"),
        *("/gwms/UPDATE_PRODUCT/" + token, "/", "/gwms"),
    ]


def reader(*parts: bytes) -> Callable[[], Awaitable[bytes]]:
    """Return what reads a body that comes in parts."""
    rest = chain(parts, [b""])

    async def read() -> bytes:
        return next(rest)

    return read


async def post(receiver: Receiver, body: bytes = b"{}", event_type: WebhookType = ORDER) -> Answer:
    """Deliver by POST."""
    return await receiver.take("POST", path_of(receiver, event_type), reader(body))


def statuses(answers: Iterable[Answer]) -> list[int]:
    """List the statuses of answers."""
    return [answer.status for answer in answers]
