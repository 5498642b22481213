"""What the state machine draws its steps from: webhooks that meet, faults, and how long the world goes on."""

from __future__ import annotations

from collections.abc import Iterable

from attrs import evolve
from hypothesis import strategies as st

from gwms_async import WebhookSpec, WebhookType
from gwms_async.models import Identity
from gwms_async.testing import (
    CutBody,
    CutHead,
    DropAfter,
    DropBefore,
    EnvelopeStatus,
    Html,
    NoEffect,
    OtherState,
    Paged,
    RawBody,
    Redirect,
    Reset,
    RevokeTokens,
    Stall,
    Status,
    normalized_url,
)

from .model_world import Customs

SPELLINGS = (
    ("https://shop.example/0", "HTTPS://Shop.Example:443/%30"),
    ("https://shop.example", "https://SHOP.example/", "https://shop.example:443"),
    ("https://bücher.example/%7ea/b?q=%2f", "https://xn--bcher-kva.example/~a/b?q=%2F"),
)
"""The ways to write one url."""
POOL = [
    WebhookSpec(urls[0], kind) for urls in SPELLINGS for kind in (WebhookType.CREATE_ORDER, WebhookType.UPDATE_RETURN)
]
PREFIXES = st.sampled_from(["https://shop.example/", "https://shop.example/", "https://BÜCHER.example/"])
"""What `plan` may delete."""
_wanted = st.sampled_from(SPELLINGS).flatmap(st.sampled_from)
_types = st.sampled_from([WebhookType.CREATE_ORDER, WebhookType.CREATE_ORDER, WebhookType.UPDATE_RETURN])
specs = st.builds(WebhookSpec, _wanted, _types, st.booleans())


def consistent(wanted: Iterable[WebhookSpec]) -> list[WebhookSpec]:
    """Let what comes again ask for the state that was asked for first."""
    first: dict[Identity, bool] = {}
    return [evolve(spec, active=first.setdefault(spec.identity, spec.active)) for spec in wanted]


many = st.lists(specs, max_size=8).map(consistent)
indices = st.integers(0, 30)
spans = st.integers(-40, -1) | st.sampled_from([0.0, 0.01, 0.3, 1.0, 2.0, 3.5, 7.0, 61.0])
"""How long the world goes on: turns of the loop if negative, else seconds."""
to_the_end = st.just(None)
CUSTOMS = st.builds(
    Customs,
    spelling=st.sampled_from([str, normalized_url]),
    list_lag=st.sampled_from([0.0, 0.0, 1.0, 5.0]),
    get_lag=st.sampled_from([0.0, 0.0, 2.0, 5.0]),
    unique_urls=st.sampled_from([False, False, True, 422]),
    tombstones=st.sampled_from([False, False, True]),
)

REFUSED = (400, 403, 409, 418, 422, 425, 429, 501)
UNKNOWN = (408, 500, 502, 503, 504, 520, 524, 599)
MISTAKES: tuple[list[object], dict[str, object]] = (
    ["url must be longer", {"webhookType": "no such event"}],
    {"url": ["no", "no"]},
)
"""Messages as validators send them."""
FAULTS = st.sampled_from(
    [
        DropBefore(),
        DropAfter(),
        CutHead(),
        CutHead(carry_out=False),
        CutBody(),
        CutBody(carry_out=False),
        Stall(3.0),
        Stall(3.0, carry_out=True),
        Reset(),
        RevokeTokens(),
        Html(),
        Html(carry_out=False),
        RawBody(b"null"),
        RawBody(b'{"statusCode": 200, "message": "OK"}'),
        RawBody(b'{"statusCode": "503", "message": ["busy"]}'),
        Redirect("https://elsewhere.example/"),
        Redirect("https://elsewhere.example/", status=303),
        *(Status(status) for status in REFUSED + UNKNOWN),
        *(Status(status, carry_out=True) for status in UNKNOWN),
        *(Status(status, retry_after=text) for status in (429, 503) for text in ("0", "2", "100")),
        *(Status(status, body=b"default backend - 404") for status in (403, 404, 410)),
        Status(422, message=MISTAKES[0]),
        Status(500, message=MISTAKES[1]),
        *(EnvelopeStatus(status) for status in (400, 429, 500, 503)),
    ]
)
LATE = st.sampled_from([DropAfter(commit_delay=delay) for delay in (0.4, 1.2, 2.4)])
HIT = st.sampled_from(
    ["list", "create", "create", "create", "get", "update", "activate", "deactivate", "delete", "login"]
)
PLAGUE = st.lists(st.tuples(LATE | LATE | FAULTS, st.integers(1, 6)), min_size=1, max_size=5)
"""What hits creates, and from which of them on."""
QUIRKS = st.sampled_from(
    [
        *((NoEffect(), operation) for operation in ("activate", "deactivate", "update", "delete")),
        *((NoEffect(echo=True), operation) for operation in ("activate", "deactivate")),
        (OtherState(), "create"),
        (OtherState(), "create"),
        *((Paged(1, total=total), "list") for total in ("envelope", "data", "link")),
    ]
)
"""What gateways do in their own way, and to which operation."""
