"""The nouns: enumerations that the gateway may extend, specs that are validated, webhooks that are not."""

from __future__ import annotations

import copy
import json
import pickle
from datetime import UTC, datetime
from typing import Any

import pytest
from attrs import evolve
from attrs.exceptions import FrozenInstanceError

from gwms_async import HttpMethod, Webhook, WebhookSpec, WebhookType
from gwms_async.models import Identity, OpenEnum
from gwms_async.registration.checks import unique_specs

URL = "https://shop.example/h"
EVENTS = [
    "CREATE_ORDER",
    "CREATE_PRODUCT",
    "CREATE_RECEIVING",
    "CREATE_RETURN",
    "CREATE_STOCK_MOVEMENT_COMPLETITION",
    "CREATE_STOCK_MOVEMENT_STOCK_CORRECTION",
    "CREATE_STOCK_MOVEMENT_ORDER",
    "CREATE_STOCK_MOVEMENT_RETURN",
    "CREATE_STOCK_MOVEMENT_RECEIVING",
    "CREATE_STOCK_MOVEMENT_QUALITY_HOLD",
    "CREATE_STOCK_MOVEMENT_QUALITY_RELEASE",
    "UPDATE_ORDER",
    "UPDATE_ORDER_STATUS",
    "UPDATE_PRODUCT",
    "UPDATE_RECEIVING",
    "UPDATE_RECEIVING_STATUS",
    "UPDATE_RETURN",
    "UPDATE_RETURN_STATUS",
]


def test_the_event_types_are_those_of_the_contract() -> None:
    """All of them, as they are spelt on the wire, under names of the same spelling."""
    assert list(WebhookType) == EVENTS
    assert list(WebhookType.__members__) == EVENTS
    assert list(HttpMethod) == ["GET", "POST"]


@pytest.mark.parametrize(
    ("enum", "typo", "closest"),
    [
        (WebhookType, "CREATE_ORDERS", "CREATE_ORDER"),
        (WebhookType, "create_orders", "CREATE_ORDER"),
        (WebhookType, "CREATE_STOCK_MOVEMENT_COMPLETION", "CREATE_STOCK_MOVEMENT_COMPLETITION"),
        (WebhookType, "UPDATE_RETURN_STATE", "UPDATE_RETURN_STATUS"),
        (HttpMethod, "PSOT", "POST"),
        (HttpMethod, "psot", "POST"),
    ],
)
def test_a_typo_names_the_closest(enum: type[OpenEnum], typo: str, closest: str) -> None:
    """The error says what was given, of which kind it should be, and first what was probably meant."""
    noun = "event type" if enum is WebhookType else "HTTP method"
    with pytest.raises(ValueError, match=f"^'{typo}' is not a known {noun}: did you mean {closest}( or|[?])"):
        enum(typo)


@pytest.mark.parametrize("member", [*WebhookType, *HttpMethod])
def test_letter_case_makes_no_difference(member: OpenEnum) -> None:
    """It is the member, in input and on the wire."""
    assert type(member)(member.lower()) is type(member)(member.title()) is member
    assert type(member).unlisted(member.lower()) is type(member).unlisted(member.title()) is member
    assert type(member).unlisted("new") == type(member).unlisted("New") == "NEW"


@pytest.mark.parametrize("value", ["", "ZZZ", 5, None, [], object])
def test_what_resembles_nothing_names_all(value: Any) -> None:
    """Where nothing comes close, the error lists the choice."""
    with pytest.raises(ValueError, match=r"is not a known HTTP method: choose from GET, POST$"):
        HttpMethod(value)


def test_an_unlisted_value_is_its_text() -> None:
    """A value that only the gateway knows reads, compares and hashes like its text."""
    made = WebhookType.unlisted("NEW_EVENT")

    assert isinstance(made, WebhookType)
    assert made == "NEW_EVENT"
    assert made == WebhookType.unlisted("NEW_EVENT")
    assert made != WebhookType.unlisted("OTHER_EVENT")
    assert {made, WebhookType.unlisted("NEW_EVENT"), "NEW_EVENT"} == {"NEW_EVENT"}
    assert (made.name, made.value, str(made), f"{made}") == ("NEW_EVENT",) * 4
    assert repr(made) == "<WebhookType.NEW_EVENT: 'NEW_EVENT'>"
    assert json.dumps([made]) == '["NEW_EVENT"]'
    assert repr(WebhookType.unlisted("A\x1b\ud800")) == r"<WebhookType.A\x1b\ud800: 'A\x1b\ud800'>"


def test_only_unlisted_values_are_not_listed() -> None:
    """The text of a listed value gives the member itself."""
    assert all(member.is_listed for member in WebhookType)
    assert not WebhookType.unlisted("NEW_EVENT").is_listed
    assert WebhookType.unlisted("CREATE_ORDER") is WebhookType.CREATE_ORDER


def test_an_unlisted_value_does_not_extend_the_enumeration() -> None:
    """Reading a new event does not make its name valid for specs, nor change the list."""
    WebhookType.unlisted("NEW_EVENT")

    assert list(WebhookType) == EVENTS
    with pytest.raises(ValueError, match="NEW_EVENT"):
        WebhookType("NEW_EVENT")


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("value", [WebhookType.unlisted("NEW_EVENT"), WebhookType.CREATE_ORDER, HttpMethod.GET])
def test_values_can_be_pickled(value: OpenEnum, protocol: int) -> None:
    """Listed or not, a value comes back equal and of its type; a listed one as itself."""
    again = pickle.loads(pickle.dumps(value, protocol))  # noqa: S301  # our own

    assert value == again
    assert type(value) is type(again)
    assert value.is_listed is (value is again)


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy])
def test_values_can_be_copied(duplicate: Any) -> None:
    """Listed or not, a copy is equal and of the same type."""
    for value in (WebhookType.unlisted("NEW_EVENT"), WebhookType.CREATE_ORDER):
        assert value == duplicate(value)
        assert type(duplicate(value)) is WebhookType


def test_a_spec_asks_for_an_active_webhook_by_post() -> None:
    """Url and event are enough."""
    spec = WebhookSpec(URL, WebhookType.CREATE_ORDER)

    assert spec.active is True
    assert spec.method is HttpMethod.POST


def test_plain_strings_become_members() -> None:
    """A spec of plain names is the spec of the members."""
    spec = WebhookSpec(URL, "CREATE_ORDER", method="GET")

    assert spec.webhook_type is WebhookType.CREATE_ORDER
    assert spec.method is HttpMethod.GET
    assert spec == WebhookSpec(URL, WebhookType.CREATE_ORDER, method=HttpMethod.GET)
    assert spec == WebhookSpec(URL, "create_order", method="get")


def test_a_spec_may_ask_for_an_unlisted_event() -> None:
    """Who means it says so."""
    made = WebhookType.unlisted("NEW_EVENT")

    assert made is WebhookSpec(URL, made).webhook_type


@pytest.mark.parametrize(
    ("bad", "complaint"),
    [
        ({"url": None}, "url must be a string; got None"),
        ({"url": 5}, "url must be a string; got 5"),
        ({"url": URL.encode()}, "url must be a string; got b'"),
        ({"webhook_type": "DELETE_ORDER"}, "'DELETE_ORDER' is not a known event type"),
        ({"webhook_type": None}, "None is not a known event type"),
        ({"webhook_type": HttpMethod.GET}, "is not a known event type"),
        ({"active": None}, "active must be True or False; got None"),
        ({"active": 1}, "active must be True or False; got 1"),
        ({"active": "false"}, "active must be True or False; got 'false'"),
        ({"method": "PUT"}, "'PUT' is not a known HTTP method"),
        ({"method": None}, "None is not a known HTTP method"),
    ],
)
def test_a_spec_refuses_what_the_contract_does_not_allow(bad: dict[str, Any], complaint: str) -> None:
    """At once, naming what is wrong; also where a good spec is changed."""
    good = {"url": URL, "webhook_type": "CREATE_ORDER", "active": True, "method": "POST"}

    with pytest.raises(ValueError, match=complaint):
        WebhookSpec(**{**good, **bad})
    with pytest.raises(ValueError, match=complaint):
        evolve(WebhookSpec(**good), **bad)  # type: ignore[arg-type]


def test_specs_are_values() -> None:
    """They compare and hash by content, and cannot be changed."""
    spec = WebhookSpec(URL, "CREATE_ORDER")

    assert {spec} == {WebhookSpec(URL, "CREATE_ORDER")}
    with pytest.raises(FrozenInstanceError):
        spec.url = "https://elsewhere.example"  # type: ignore[misc]


def test_identity_leaves_out_whether_it_is_active() -> None:
    """Url, event and method make a subscription; a spec and its webhook have the same."""
    spec = WebhookSpec(URL, "CREATE_ORDER", active=False)
    webhook = Webhook(1, URL, WebhookType.CREATE_ORDER, active=True, method=HttpMethod.POST)

    assert Identity(URL, WebhookType.CREATE_ORDER, HttpMethod.POST) == spec.identity
    assert spec.identity == webhook.identity
    assert len({spec.identity, evolve(spec, method="GET").identity, evolve(spec, url=URL + "/").identity}) == 3


def test_the_spec_of_a_webhook_asks_for_it() -> None:
    """As it is, whether active or not."""
    when = datetime(2026, 1, 1, tzinfo=UTC)
    webhook = Webhook(
        1, URL, WebhookType.unlisted("NEW_EVENT"), active=False, method=HttpMethod.GET, registered_at=when
    )

    assert WebhookSpec(URL, WebhookType.unlisted("NEW_EVENT"), active=False, method="GET") == webhook.spec


@pytest.mark.parametrize("url", ["", " https//api.example/x"])
def test_a_webhook_may_have_a_url_that_a_spec_may_not(url: str) -> None:
    """What the gateway holds is not judged; only asking for it is refused."""
    webhook = Webhook(1, url, WebhookType.CREATE_ORDER, active=True, method=HttpMethod.POST)

    assert url == webhook.identity.url
    with pytest.raises(ValueError, match="url must"):
        unique_specs([webhook.spec])
