"""JSON data to models: strict on types, open on values; the fast converter and its detailed twin agree."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from cattrs import Converter

from gwms_async import HttpMethod, Webhook, WebhookType
from gwms_async.wire.converter import DETAILED, FAST, _warn_of_timestamp, mistakes

URL = "https://shop.example/h"
WEBHOOK = Webhook(7, URL, WebhookType.CREATE_ORDER, active=False, method=HttpMethod.GET)
DATA: dict[str, Any] = {"id": 7, "url": URL, "webhookType": "CREATE_ORDER", "active": False, "method": "GET"}
WRONG: dict[str, list[Any]] = {
    "id": ["7", 7.0, True, None, [7], {}],
    "url": [None, 5, True, [URL], b"https://shop.example/h"],
    "webhookType": [None, 5, ["CREATE_ORDER"], {}],
    "active": [None, 0, 1, "false", "", []],
    "method": [None, 5, {}, ["GET"]],
}


@pytest.fixture(autouse=True)
def _not_yet_warned() -> Iterator[None]:
    _warn_of_timestamp.cache_clear()
    yield
    _warn_of_timestamp.cache_clear()


@pytest.fixture(params=[FAST, DETAILED], ids=["fast", "detailed"])
def converter(request: pytest.FixtureRequest) -> Converter:
    """Each of the two converters."""
    assert isinstance(request.param, Converter)
    return request.param


def test_data_become_models(converter: Converter) -> None:
    """A webhook is read under the names of the JSON; plain texts become members."""
    webhook = converter.structure(DATA, Webhook)

    assert webhook == WEBHOOK
    assert webhook.webhook_type is WebhookType.CREATE_ORDER
    assert webhook.method is HttpMethod.GET


def test_unknown_fields_are_ignored(converter: Converter) -> None:
    """Also those that carry our own names."""
    assert converter.structure({**DATA, "webhook_type": 5, "registered_at": 5, "x": {}}, Webhook) == WEBHOOK


@pytest.mark.parametrize("event", WebhookType)
def test_every_listed_event_is_read_as_itself(converter: Converter, event: WebhookType) -> None:
    """By the name that it has on the wire."""
    assert event is converter.structure({**DATA, "webhookType": event.value}, Webhook).webhook_type


@pytest.mark.parametrize("text", ["NEW_EVENT", "", "\ud800", "CREATE_ORDER "])
def test_unknown_events_and_methods_are_kept(converter: Converter, text: str) -> None:
    """As unlisted values of the same text."""
    webhook = converter.structure({**DATA, "webhookType": text, "method": text}, Webhook)

    assert WebhookType.unlisted(text) == webhook.webhook_type == text
    assert HttpMethod.unlisted(text) == webhook.method == text
    assert (webhook.webhook_type.is_listed, webhook.method.is_listed) == (False, False)


@pytest.mark.parametrize(("field", "value"), [(field, value) for field, values in WRONG.items() for value in values])
def test_types_are_strict(converter: Converter, field: str, value: Any) -> None:
    """Nothing is converted to what it should have been."""
    with pytest.raises((ValueError, ExceptionGroup)):
        converter.structure({**DATA, field: value}, Webhook)


@pytest.mark.parametrize("field", DATA)
def test_required_fields_are_required(converter: Converter, field: str) -> None:
    """There are no defaults on the wire."""
    bad = {name: value for name, value in DATA.items() if name != field}

    with pytest.raises((KeyError, ExceptionGroup)):
        converter.structure(bad, Webhook)


def test_mistakes_say_what_is_wrong_where() -> None:
    """A line for each, with its path."""
    bad = [DATA, {**DATA, "id": "7", "active": None}, {**DATA, "url": 5}]

    assert mistakes((f"$[{index}]", data) for index, data in enumerate(bad)) == (
        "expected int @ $[1].id",
        "expected bool @ $[1].active",
        "expected str @ $[2].url",
    )


def test_only_the_twin_takes_the_time_to_explain() -> None:
    """The fast one stops at the first mistake."""
    assert (FAST.detailed_validation, DETAILED.detailed_validation) == (False, True)


def test_mistakes_of_missing_fields() -> None:
    """They are said to be missing."""
    data = {name: value for name, value in DATA.items() if name != "id"}

    assert mistakes([("$", data)]) == ("required field missing @ $.id",)


def test_no_more_is_looked_at_than_is_told() -> None:
    """After five mistakes the rest of a list stays as it is."""
    rows = iter([("$[0]", DATA), *((f"$[{index}]", {**DATA, "id": None}) for index in range(1, 100))])

    assert mistakes(rows) == tuple(f"expected int @ $[{index}].id" for index in range(1, 6))
    assert next(rows)[0] == "$[6]"


@pytest.mark.parametrize("data", [[], {}, 0, "a", None, [[]], {"id": []}])
def test_few_mistakes_are_told_of_one_webhook(data: Any) -> None:
    """Whatever stands there for it."""
    assert 1 <= len(mistakes([("$", data)])) <= 5


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2022-04-08T09:19:05.000Z", datetime(2022, 4, 8, 9, 19, 5, tzinfo=UTC)),
        ("2022-04-08T09:19:05Z", datetime(2022, 4, 8, 9, 19, 5, tzinfo=UTC)),
        ("2022-04-08T09:19:05.123456Z", datetime(2022, 4, 8, 9, 19, 5, 123456, tzinfo=UTC)),
        ("2022-04-08T11:19:05+02:00", datetime(2022, 4, 8, 11, 19, 5, tzinfo=timezone(timedelta(hours=2)))),
        ("2022-04-08T09:19:05", datetime(2022, 4, 8, 9, 19, 5, tzinfo=UTC)),
        ("2022-04-08 09:19:05", datetime(2022, 4, 8, 9, 19, 5, tzinfo=UTC)),
        ("2022-04-08", datetime(2022, 4, 8, tzinfo=UTC)),
    ],
)
def test_timestamps(converter: Converter, caplog: pytest.LogCaptureFixture, text: str, expected: datetime) -> None:
    """ISO 8601 in its common forms; UTC where it does not say."""
    webhook = converter.structure({**DATA, "registeredAt": text, "unregisteredAt": text}, Webhook)

    assert expected == webhook.registered_at == webhook.unregistered_at
    assert webhook.registered_at is not None
    assert expected.utcoffset() == webhook.registered_at.utcoffset()
    assert not caplog.records


@pytest.mark.parametrize("given", [{}, {"registeredAt": None, "unregisteredAt": None}])
def test_timestamps_may_be_absent(
    converter: Converter, caplog: pytest.LogCaptureFixture, given: dict[str, None]
) -> None:
    """Absent and null are None, and nothing to warn of."""
    assert converter.structure({**DATA, **given}, Webhook) == WEBHOOK
    assert not caplog.records


@pytest.mark.parametrize(
    "value", ["text", "", "08.04.2022", "2022-13-01", "9" * 5000, 1649409545, 1649409545.5, True, [], {}]
)
def test_other_timestamps_are_none_with_one_warning(
    converter: Converter, caplog: pytest.LogCaptureFixture, value: Any
) -> None:
    """A date is no reason to lose a webhook, nor to fill the log; the value is not repeated there."""
    data = [{**DATA, "registeredAt": value, "unregisteredAt": value}] * 3

    assert converter.structure(data, list[Webhook]) == [WEBHOOK] * 3
    assert [(record.name, record.levelno, record.getMessage()) for record in caplog.records] == [
        ("gwms_async", logging.WARNING, "the gateway sends timestamps that are not ISO 8601; they are read as None")
    ]
