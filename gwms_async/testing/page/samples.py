"""A sample entity for each event type, as the page proposes it. The gateway's entities may have other fields."""

from __future__ import annotations

from collections.abc import Mapping

_ITEMS = [{"sku": "SHIRT-M-BLUE", "quantity": 2}]
_SAMPLES: Mapping[str, Mapping[str, object]] = {
    "ORDER": {"eshopOrderId": "A1001", "status": "packed", "items": _ITEMS},
    "PRODUCT": {"sku": "SHIRT-M-BLUE", "name": "Shirt, blue, size M", "ean": "8590000000017"},
    "RECEIVING": {"eshopReceivingId": "R2001", "status": "received", "items": _ITEMS},
    "RETURN": {"eshopReturnId": "RT3001", "eshopOrderId": "A1001", "status": "received", "items": _ITEMS},
    "STOCK": {"id": "4001", "sku": "SHIRT-M-BLUE", "quantity": -2, "warehouse": "PRG1"},
}


def sample(event: str) -> Mapping[str, object]:
    """Return a sample of what an event type is about."""
    return _SAMPLES[event.split("_")[1]]
