"""The values of deliveries: what a policy takes, and which answers are good ones."""

from __future__ import annotations

from typing import Any

import pytest
from attrs import evolve

from gwms_async.testing import DeliveryAttempt, DeliveryPolicy, StoredWebhook

WEBHOOK = StoredWebhook(1, "key", "https://shop.example/", "UPDATE_ORDER", active=True, method="POST", registered_at="")


@pytest.mark.parametrize(
    "options",
    [
        {"timeout": 0},
        {"repeats": 1.0},
        {"repeats": ("1",)},
        {"repeats": (1.0, -1.0)},
        {"repeats": (float("nan"),)},
        {"deactivate_after": 0},
        {"deactivate_after": 1.5},
    ],
    ids=str,
)
def test_a_policy_that_cannot_be_followed(options: dict[str, Any]) -> None:
    """It is an error at once, and not a delivery that is never made."""
    with pytest.raises((ValueError, TypeError)):
        DeliveryPolicy(**options)


@pytest.mark.parametrize(
    ("status", "expected"), [(None, False), (199, False), (200, True), (204, True), (299, True), (300, False)]
)
def test_success_is_any_2xx(status: int | None, expected: bool) -> None:
    """An attempt without an answer, or with any other, has failed."""
    attempt = DeliveryAttempt(WEBHOOK, "A1", 1, None, "POST", WEBHOOK.url, b"{}", 0.0)

    assert evolve(attempt, status=status).is_success is expected
