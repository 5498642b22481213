"""The entities that the form proposes."""

from __future__ import annotations

import pytest

from gwms_async.testing.entities import EntityTable
from gwms_async.testing.page.samples import sample
from gwms_async.testing.wire import WEBHOOK_TYPES


@pytest.mark.parametrize("event", sorted(WEBHOOK_TYPES))
def test_a_sample_can_be_emitted(event: str) -> None:
    """It has the id that its event type needs."""
    assert EntityTable().put("key", event, sample(event), None)[0]
