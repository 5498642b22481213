"""The delivery that a handler gets."""

from __future__ import annotations

import json
from datetime import datetime
from functools import lru_cache
from typing import Any
from urllib.parse import unquote_to_bytes

from attrs import field, frozen

from ..models import HttpMethod, WebhookType
from ..settings import is_integer
from ..wire.parsing import parse_with_json

_ID_FIELDS = {  # by the second word of the event type
    "ORDER": ("eshopOrderId",),
    "PRODUCT": ("sku", "guid"),
    "RECEIVING": ("eshopReceivingId",),
    "RETURN": ("eshopReturnId",),  # a return has an `eshopOrderId` too
    "STOCK": ("id",),
}
_ENVELOPE = {"statusCode", "message", "data"}


@frozen(slots=False)  # slots make it slower to create. Measured: benchmarks/README
class Delivery:
    """A delivery: a hint that an entity has changed, to be read again.

    Args:
        event_type: The event type.
        eshop: The label in the URL; "" for none.
        method: The HTTP method of the delivery.
        entity_id: Its `eshopOrderId`, `eshopReceivingId`, `eshopReturnId`, `sku` (else `guid`) or, for a stock
            movement, `id`; "" if it is absent.
        data: The entity as the gateway sent it, usually a dict; None for GET, which brings only the id.
        body: The bytes that `data` was read from.
        raw_path: The path of the request as it came, without the token.
        received_at: When it was received, in UTC.
    """

    event_type: WebhookType
    eshop: str
    method: HttpMethod
    entity_id: str
    data: Any = field(repr=False)  # personal data
    body: bytes = field(repr=False)
    raw_path: str
    received_at: datetime


def parsed(body: bytes) -> Any:
    """Return the entity in a body, out of its envelope if it has one.

    Raises:
        ValueError, RecursionError: It is not readable as JSON.
    """
    try:
        content = parse_with_json(body)  # orjson makes floats of the largest integers, and an id may be one
    except ValueError:
        content = json.loads(body)  # UTF-16 too, and with a byte order mark
    return content["data"] if isinstance(content, dict) and content.keys() >= _ENVELOPE else content


def id_in_path(tail: str) -> str:
    """Return the id in what follows the token in a raw path; "" if there is none."""
    tail = tail.removeprefix("/")
    if "%" not in tail and tail.isascii():
        return tail
    return unquote_to_bytes(tail.encode("utf-8", "surrogateescape")).decode("utf-8", "replace")


@lru_cache
def entity_kind(event_type: WebhookType) -> str:
    """Return the kind of entity that an event type is about: its second word, or its only one."""
    return event_type.partition("_")[2].partition("_")[0] or event_type.value


def entity_with(entity_id: str, event_type: WebhookType) -> dict[str, str]:
    """Return an entity with nothing but an id, of the kind that a listed event type is about."""
    return {_ID_FIELDS[entity_kind(event_type)][0]: entity_id}


def id_in(data: Any, event_type: WebhookType) -> str:
    """Return the id of an entity; "" if it is absent."""
    if isinstance(data, dict):
        for name in _ID_FIELDS.get(entity_kind(event_type), ()):
            value = data.get(name)
            if value and isinstance(value, str):
                # JSON may contain half a character.
                return value if value.isascii() else value.encode("utf-8", "replace").decode()
            if is_integer(value):
                return str(value)
    return ""
