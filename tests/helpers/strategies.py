"""What hypothesis draws its examples from."""

from __future__ import annotations

from datetime import timedelta, timezone
from typing import Any

from hypothesis import strategies as st

from gwms_async import HttpMethod, Webhook, WebhookSpec, WebhookType

anything = st.text(st.characters(codec=None, exclude_categories=()), max_size=40)
"""Any text that a str can hold, lone surrogates too."""

urls = st.text(st.characters(exclude_categories=("Cc", "Cs", "Zs")), max_size=40).map("https://shop.example/".__add__)
"""Any that can be registered."""

types = st.sampled_from(WebhookType)
methods = st.sampled_from(HttpMethod)
specs = st.builds(WebhookSpec, urls, types | anything.map(WebhookType.unlisted), st.booleans(), methods)

few_specs = st.builds(
    WebhookSpec,
    st.sampled_from(["https://shop.example/a", "https://shop.example/a/", "https://shop.example/A"]),
    st.sampled_from([WebhookType.CREATE_ORDER, WebhookType.UPDATE_ORDER]),
    st.booleans(),
    methods,
)
"""So few that the same one comes often."""

_zones = st.integers(-86_399, 86_399).map(lambda seconds: timezone(timedelta(seconds=seconds)))
moments = st.none() | st.datetimes(timezones=_zones)
webhooks = st.builds(
    Webhook,
    st.integers(),
    anything,
    types | anything.map(WebhookType.unlisted),
    st.booleans(),
    methods | anything.map(HttpMethod.unlisted),
    moments,
    moments,
)

_numbers = st.integers() | st.floats() | st.integers(-(10**400), 10**400)
scalars = st.none() | st.booleans() | _numbers | anything
_names = st.sampled_from(["statusCode", "message", "data", "token", "expiresIn", "exp"]) | st.sampled_from(
    ["id", "url", "webhookType", "active", "method", "registeredAt", "unregisteredAt"]
)


def _nested(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.lists(inner, max_size=4) | st.dictionaries(_names | anything, inner, max_size=6)


trees = st.recursive(scalars, _nested, max_leaves=25)
"""Any JSON tree, also of numbers that only Python's JSON knows; the names of the contract come often."""


def as_data(webhook: Webhook) -> dict[str, Any]:
    """Return a webhook as the gateway writes it; dates that are not known are left out."""
    dates = {"registeredAt": webhook.registered_at, "unregisteredAt": webhook.unregistered_at}
    return {
        "id": webhook.id,
        "url": webhook.url,
        "webhookType": webhook.webhook_type.value,
        "active": webhook.active,
        "method": webhook.method.value,
        **{name: date.isoformat() for name, date in dates.items() if date is not None},
    }


near_webhooks = st.builds(
    lambda webhook, changes, left_out: {
        name: value for name, value in {**as_data(webhook), **changes}.items() if name not in left_out
    },
    webhooks,
    st.dictionaries(_names, trees, max_size=2),
    st.sets(_names, max_size=2),
)
"""A webhook as it stands on the wire, a little wrong."""

envelopes = st.fixed_dictionaries(
    {},
    optional={
        "statusCode": st.integers(0, 1000) | scalars,
        "message": anything | scalars,
        "data": near_webhooks | st.lists(near_webhooks | trees, max_size=3) | trees,
    },
)
"""An answer's JSON, more or less as it should be."""

_parts = (
    st.sampled_from(
        ["Wed, ", "21 ", "Oct ", "2015 ", "07:28:00 ", "GMT", "+0000", "-9999", "+99999999", "EST", "-", ":"]
    )
    | st.sampled_from(["99:99:99", "Feb 30 ", "00 ", "99999 ", "120", "-1", "1e9", "inf", "nan", "1_0", "٣", " "])
    | st.sampled_from([",", "(", '"', "\x00", "."])
)
header_values = st.lists(_parts, max_size=9).map("".join) | anything | st.integers().map(str) | st.floats().map(str)
"""Numbers, dates, their ruins, and anything else."""

printable = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=40)
statuses = st.integers(100, 599)
