"""The entities: by which of their fields they are known, and where they are found."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from gwms_async.testing.entities import EntityTable
from gwms_async.testing.wire import Route


@pytest.mark.parametrize(
    ("event", "entity", "entity_id", "paths"),
    [
        ("UPDATE_ORDER_STATUS", {"eshopOrderId": "A1", "id": 5}, "A1", ["orders/A1"]),
        ("CREATE_PRODUCT", {"sku": "S1", "guid": "G1"}, "S1", ["products/S1", "products/guid/G1"]),
        ("UPDATE_PRODUCT", {"sku": None, "guid": "G1"}, "G1", ["products/guid/G1"]),
        ("UPDATE_RECEIVING", {"eshopReceivingId": "V/1"}, "V/1", ["receivings/V%2F1"]),
        ("CREATE_RETURN", {"eshopOrderId": "A1", "eshopReturnId": "R1"}, "R1", ["returns/R1"]),
        ("CREATE_STOCK_MOVEMENT_ORDER", {"id": 7, "sku": "S1"}, "7", []),
    ],
)
def test_an_entity_is_known_by_its_kind(
    event: str, entity: Mapping[str, object], entity_id: str, paths: list[str]
) -> None:
    """It has the id of its kind, and is found at the paths that v2 documents."""
    table = EntityTable()
    assert table.put("key", event, entity, None)[0] == entity_id

    for path in paths:
        assert table.find("key", path) == entity
        assert Route.find("GET", f"/{path}") == Route("entity", path, ("GET",))
    everywhere = [f"{place}/{text}" for place in ("orders", "products") for text in ("A1", "S1", "G1", "7")]
    assert [path for path in everywhere if table.find("key", path)] == [path for path in paths if path in everywhere]


def test_an_id_can_be_given() -> None:
    """An entity without an id is found by the one that is given; its own fields come first."""
    table = EntityTable()

    assert table.put("key", "UPDATE_ORDER", {"status": "packed"}, "A1")[0] == "A1"
    assert table.find("key", "orders/A1") == {"status": "packed"}
    assert table.put("key", "UPDATE_ORDER", {"eshopOrderId": "A2"}, "")[0] == ""
    assert table.find("key", "orders/A2") == {"eshopOrderId": "A2"}


def test_an_id_that_is_a_number() -> None:
    """It is given as in an entity."""
    number: Any = 7

    assert EntityTable().put("key", "UPDATE_ORDER", {}, number)[0] == "7"


def test_an_entity_is_kept_as_it_was() -> None:
    """Neither later changes of what was emitted nor of what was found reach it."""
    table, entity = EntityTable(), {"eshopOrderId": "A1", "products": ["x"]}
    table.put("key", "UPDATE_ORDER", entity, None)
    entity["products"] = []
    found = table.find("key", "orders/A1")
    assert isinstance(found, dict)
    found.clear()

    assert table.find("key", "orders/A1") == {"eshopOrderId": "A1", "products": ["x"]}
