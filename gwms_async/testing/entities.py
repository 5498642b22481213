"""The orders, products, receivings and returns that events are about. No I/O."""

from __future__ import annotations

import json
from collections.abc import Mapping
from difflib import get_close_matches
from urllib.parse import unquote

from .wire import WEBHOOK_TYPES

# By the second word of the event type: the fields with an entity's ids, and for each the path that leads to it.
_PLACES: Mapping[str, Mapping[str, str]] = {
    "ORDER": {"eshopOrderId": "orders"},
    "PRODUCT": {"sku": "products", "guid": "products/guid"},
    "RECEIVING": {"eshopReceivingId": "receivings"},
    "RETURN": {"eshopReturnId": "returns"},
    "STOCK": {"id": ""},  # no path is documented
}


class EntityTable:
    """The entities as they were last emitted; each e-shop sees only its own."""

    def __init__(self) -> None:
        self._rows: dict[tuple[str, str], bytes] = {}

    def put(self, eshop: str, event: str, entity: Mapping[str, object], entity_id: str | None) -> tuple[str, bytes]:
        """Keep the entity of an event, and return its id and its JSON.

        Raises:
            ValueError: The event type does not exist (the closest is named), or the entity has no id.
            TypeError: The entity is not a mapping, or cannot be written as JSON.
        """
        check_event(event)
        if not isinstance(entity, Mapping):
            raise TypeError(f"an entity must be a mapping, e.g. a dict; got {entity!r}")
        places = _PLACES[event.split("_")[1]]
        found = {path: entity.get(field) for field, path in places.items()}
        ids = {path: str(one) for path, one in found.items() if isinstance(one, str | int) and one != ""}
        if entity_id is not None:
            ids.setdefault(next(iter(places.values())), str(entity_id))
        if not ids:
            raise ValueError(f"the entity of {event} needs {' or '.join(places)}")
        body = json.dumps(entity).encode()
        self._rows |= {(eshop, f"{path}/{own_id}"): body for path, own_id in ids.items()}
        return next(iter(ids.values())) if entity_id is None else str(entity_id), body

    def find(self, eshop: str, path: str) -> object:
        """Return the entity at a path, as written in the request, or None if the e-shop does not have it."""
        body = self._rows.get((eshop, unquote(path)))
        return None if body is None else json.loads(body)


def check_event(event: str) -> None:
    """Raise `ValueError` with the closest event type unless this one exists, so that a typo does not go unnoticed."""
    if event not in WEBHOOK_TYPES:
        closest = get_close_matches(event.upper(), sorted(WEBHOOK_TYPES), 1, 0)[0]
        raise ValueError(f"{event!r} is not a known event type; did you mean {closest}?")
