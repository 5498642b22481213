"""What the state machine draws its steps from: webhooks that meet, faults, and how long the world goes on."""

from __future__ import annotations

from attrs import evolve
from hypothesis import strategies as st

from gwms_async import WebhookSpec, WebhookType
from gwms_async.testing import (
    CutBody,
    CutHead,
    DropAfter,
    DropBefore,
    EnvelopeStatus,
    Html,
    RawBody,
    Redirect,
    Reset,
    RevokeTokens,
    Stall,
    Status,
)

POOL = [
    WebhookSpec(f"https://shop.example/{number}", kind)
    for number in range(2)
    for kind in (WebhookType.CREATE_ORDER, WebhookType.UPDATE_RETURN)
]
specs = st.builds(lambda spec, active: evolve(spec, active=active), st.sampled_from(POOL), st.booleans())
many = st.lists(st.tuples(st.sampled_from(POOL), st.booleans()), max_size=8).map(
    # What comes again asks for the same state.
    lambda pairs: [evolve(spec, active=dict(reversed(pairs))[spec]) for spec, _ in pairs]
)
indices = st.integers(0, 30)
spans = st.integers(-40, -1) | st.sampled_from([0.0, 0.01, 0.3, 1.0, 2.0, 3.5, 7.0, 61.0])
"""How long the world goes on: turns of the loop if negative, else seconds."""
to_the_end = st.just(None)

REFUSED = (400, 403, 408, 409, 418, 422, 425, 429, 501)
UNKNOWN = (500, 502, 503, 504, 507, 520, 524)
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
        Redirect("https://elsewhere.example/"),
        *(Status(status) for status in REFUSED + UNKNOWN),
        *(Status(status, carry_out=True) for status in UNKNOWN),
        *(Status(status, retry_after=text) for status in (429, 503) for text in ("0", "2", "100")),
        *(EnvelopeStatus(status) for status in (400, 429, 500, 503)),
    ]
)
LATE = st.sampled_from([DropAfter(commit_delay=delay) for delay in (0.4, 1.2, 2.4)])
HIT = st.sampled_from(["list", "create", "create", "create", "activate", "deactivate", "delete", "login"])
PLAGUE = st.lists(st.tuples(LATE | LATE | FAULTS, st.integers(1, 6)), min_size=1, max_size=5)
"""What hits creates, and from which of them on."""
