"""What is read from a delivery: the id by the event type, an envelope opened, and nothing else assumed."""

from __future__ import annotations

import json
import pickle
import sys
from datetime import UTC, datetime
from typing import Any

import cattrs
import pytest
from attrs import frozen
from hypothesis import given

from gwms_async import HttpMethod, WebhookType
from gwms_async.receiving import Delivery
from gwms_async.receiving.delivery import entity_kind, entity_with, id_in, parsed

from ..helpers.strategies import trees, types

RETURN = {"eshopReturnId": "R1", "eshopOrderId": "A1", "sku": "S1", "id": 5}
MOVEMENT = {"count": 2, "id": 17, "sku": "S1", "type": "return"}
DELIVERY = Delivery(
    WebhookType.UPDATE_ORDER,
    "cz",
    HttpMethod.POST,
    "A1",
    {"eshopOrderId": "A1", "recipientName": "Jan Novák"},
    b'{"recipientName": "Jan Nov\xc3\xa1k"}',
    "/gwms/cz.UPDATE_ORDER/gw1-***",
    datetime(2026, 11, 25, tzinfo=UTC),
)


def test_the_largest_ids() -> None:
    """They stay what they are, whatever parses JSON elsewhere."""
    assert id_in(parsed(b'{"id": 18446744073709551617}'), WebhookType.CREATE_STOCK_MOVEMENT_RETURN) == str(2**64 + 1)


@pytest.mark.parametrize("event_type", WebhookType)
def test_an_entity_with_an_id(event_type: WebhookType) -> None:
    """The id is read from where it was put."""
    assert id_in(entity_with("A1", event_type), event_type) == "A1"


@pytest.mark.parametrize(
    ("event_type", "data", "expected"),
    [
        ("CREATE_ORDER", {"id": 5, "eshopOrderId": "A1"}, "A1"),
        ("UPDATE_ORDER_STATUS", {"eshopOrderId": 123456}, "123456"),
        ("UPDATE_RETURN", RETURN, "R1"),
        ("UPDATE_RETURN_STATUS", RETURN, "R1"),
        ("CREATE_RECEIVING", {"eshopReceivingId": "E1"}, "E1"),
        ("UPDATE_PRODUCT", {"guid": "G1", "sku": "S1", "id": 5}, "S1"),
        ("UPDATE_PRODUCT", {"guid": "G1", "sku": None}, "G1"),
        ("CREATE_PRODUCT", {"guid": "G1", "sku": ""}, "G1"),
        ("CREATE_STOCK_MOVEMENT_ORDER", {**MOVEMENT, "eshopOrderId": "A1"}, "17"),
        ("CREATE_STOCK_MOVEMENT_RETURN", MOVEMENT, "17"),
        ("CREATE_STOCK_MOVEMENT_QUALITY_HOLD", {"sku": "S1"}, ""),
        ("UPDATE_ORDER", {"id": 5}, ""),
        ("UPDATE_ORDER", {"eshopOrderId": True}, ""),
        ("UPDATE_ORDER", {"eshopOrderId": ["A1"]}, ""),
        ("UPDATE_ORDER", {"eshopOrderId": "\ud800A1"}, "?A1"),
        ("UPDATE_ORDER", [{"eshopOrderId": "A1"}], ""),
        ("UPDATE_ORDER", "A1", ""),
        ("UPDATE_ORDER", None, ""),
        ("NEW_EVENT", {"id": 5}, ""),
        ("NEW", {"id": 5}, ""),
        ("DELETE_ORDER", {"eshopOrderId": "A1"}, "A1"),
    ],
)
def test_ids(event_type: str, data: Any, expected: str) -> None:
    """Each kind of entity has its own field; that of another kind does not count."""
    assert id_in(data, WebhookType.unlisted(event_type)) == expected


def test_every_event_type_has_a_kind() -> None:
    """One of five; an event type of one word is a kind of its own."""
    assert {entity_kind(one) for one in WebhookType} == {"ORDER", "PRODUCT", "RECEIVING", "RETURN", "STOCK"}
    assert [entity_kind(WebhookType.unlisted(name)) for name in ("NEW", "NEW_")] == ["NEW", "NEW_"]


@given(types, trees)
def test_any_data(event_type: WebhookType, data: Any) -> None:
    """An id is a text that can be written as UTF-8."""
    id_in(data, event_type).encode()


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{"a": 1}', {"a": 1}),
        (b'\xef\xbb\xbf{"a": 1}', {"a": 1}),
        ('{"a": "ž"}'.encode("utf-16"), {"a": "ž"}),
        (b'{"a": 1, "a": 2}', {"a": 2}),
        (b"[1, 2]", [1, 2]),
        (b'"\\ud800"', "\ud800"),
        (b"null", None),
        (b' {"statusCode": 200, "message": "OK", "data": {"a": 1}} ', {"a": 1}),
        (b'{"statusCode": 200, "message": "OK", "data": null}', None),
        (b'{"statusCode": 200, "data": {"a": 1}}', {"statusCode": 200, "data": {"a": 1}}),
        (b'{"message": "OK", "data": {"a": 1}}', {"message": "OK", "data": {"a": 1}}),
        (b'{"statusCode": 200, "message": "OK"}', {"statusCode": 200, "message": "OK"}),
        (b"[" * 200 + b"]" * 200, json.loads("[" * 200 + "]" * 200)),
    ],
)
def test_bodies(body: bytes, expected: Any) -> None:
    """Any JSON is taken, as Python reads it; an envelope is opened."""
    assert parsed(body) == expected


def test_numbers_that_only_python_reads() -> None:
    """A weight that is not a number is no reason to lose an order."""
    assert str(parsed(b'{"a": NaN}')) == "{'a': nan}"


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b" ", b"{", b"<html>", b"eshopOrderId=A1", b"\xff\xff", b'{"a": "\xe9"}', b"{} {}", b"\x1f\x8b\x08"),
        *(b"[" * 1_000_000, b'{"a":' * 500_000, b"9" * (sys.get_int_max_str_digits() + 1)),
    ],
)
def test_no_json(body: bytes) -> None:
    """It is an error, also what is nested so deeply that it cannot be read."""
    with pytest.raises((ValueError, RecursionError)):
        parsed(body)


def test_personal_data_is_not_shown() -> None:
    """Not in a repr, which ends in logs; the id may be."""
    assert "Nov" not in repr(DELIVERY)
    assert "'A1'" in repr(DELIVERY)


def test_deliveries_are_values() -> None:
    """They can be handed to a queue, and compared."""
    assert pickle.loads(pickle.dumps(DELIVERY)) == DELIVERY  # noqa: S301  # our own


def test_own_classes() -> None:
    """`data` is what cattrs structures."""

    @frozen
    class Order:
        eshopOrderId: str  # noqa: N815  # theirs

    assert cattrs.structure(DELIVERY.data, Order) == Order("A1")
