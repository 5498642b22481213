"""Values that are filled before they are frozen."""

from __future__ import annotations

from typing import Any

import attrs
import pytest
from attrs.exceptions import FrozenInstanceError

from gwms_async import OutcomeStatus, Webhook
from gwms_async.chain import Call
from gwms_async.draft import drafts
from gwms_async.registration.item import Item
from gwms_async.wire.converter import FAST
from gwms_async.wire.envelope import open_envelope
from gwms_async.wire.requests import create_request, get_request

from .helpers.emulated import spec
from .helpers.fake_gateway import FakeGateway

WIRE = {"id": 1, "url": "https://shop.example/h", "webhookType": "CREATE_ORDER", "active": True, "method": "POST"}


@pytest.mark.parametrize(
    "made",
    [
        get_request(1, Call()),
        create_request(spec(), Call()).with_headers({"x": "y"}, ()),
        open_envelope(200, "OK", {}, b"{}"),
        FAST.structure(WIRE, Webhook),
    ],
    ids=lambda made: type(made).__name__,
)
def test_a_filled_draft_is_complete_and_frozen(made: Any) -> None:
    """Every field of its class is there, and none can be changed."""
    for field in attrs.fields(type(made)):
        assert hasattr(made, field.name)
        with pytest.raises(FrozenInstanceError):
            setattr(made, field.name, None)


async def test_an_outcome_is_complete_and_frozen() -> None:
    """It is filled in the same way."""
    outcome = Item(spec(), FakeGateway().coordinator(), None).end(OutcomeStatus.FAILED)

    assert attrs.evolve(outcome) == outcome
    with pytest.raises(FrozenInstanceError):
        outcome.attempts = 1  # type: ignore[misc]


def test_a_draft_can_be_written_to() -> None:
    """Until its class is that of the frozen ones."""
    draft = drafts(Webhook)()
    draft.id = 1
    draft.id = 2
    del draft.id

    assert isinstance(draft, Webhook)
    assert not hasattr(draft, "id")
