"""The watchdog: keep webhooks registered and active, and report their lapses."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from attrs import frozen

from ..clock import Clock
from ..models import WebhookSpec, WebhookType
from ..redaction import redacted
from ..registration.report import Outcome, OutcomeStatus
from ..timeouts import is_cancelled

if TYPE_CHECKING:
    from ..client import GwmsClient

_logger = logging.getLogger("gwms_async")
_FIRST_PAUSE = 1.0  # seconds, so that the server is listening
_AFTER_FAILURE = 60.0
_JITTER = 0.1
_NO_LAPSE = frozenset({OutcomeStatus.EXISTING, OutcomeStatus.NOT_STARTED})


@frozen
class Lapse:
    """A webhook that was inactive or missing. Events of that time are lost: read again what has changed since.

    Args:
        event_type: The event type.
        eshop: The label of the e-shop; "" for none.
        seen_active_at: When this watch last saw it active; None if it never did.
        found_at: When it was found inactive or missing.
    """

    event_type: WebhookType
    eshop: str
    seen_active_at: datetime | None
    found_at: datetime


@frozen
class Round:
    """When a round of a watch ended, and what went wrong, if anything did."""

    at: datetime
    error: str | None


OnLapse = Callable[[list[Lapse]], Awaitable[object]]


class Watch:
    """Looks after the webhooks of one e-shop: creates what is missing, activates what is inactive, deletes nothing."""

    def __init__(
        self, gwms: GwmsClient, specs: Sequence[WebhookSpec], eshop: str, on_lapse: OnLapse | None, clock: Clock
    ) -> None:
        self._gwms, self._specs, self._eshop = gwms, specs, eshop
        self._on_lapse, self._clock = on_lapse, clock
        self._seen: dict[WebhookType, datetime] = {}
        self._lapses: dict[WebhookType, Lapse] = {}  # not reported yet

    async def run(self, every: float, rounds: dict[str, Round]) -> None:
        """Check every `every` seconds, or sooner after a failure, until cancelled; keep the last round in `rounds`."""
        pause = _FIRST_PAUSE
        while True:
            await self._clock.sleep(pause)
            try:
                error = await self._check()
            except (Exception, asyncio.CancelledError) as caught:  # noqa: BLE001  # the app goes on
                error = redacted(f"{type(caught).__name__}: {caught}")
            if is_cancelled():
                return
            if error:
                _logger.warning("a round of watch failed and is tried again: %s", error)
            rounds[self._eshop] = Round(self._now(), error)
            pause = min(every, _AFTER_FAILURE) if error else every
            pause *= random.uniform(1 - _JITTER, 1 + _JITTER)  # noqa: S311  # so that replicas do not check all at once

    async def _check(self) -> str | None:
        """Check once, and report the lapses that are over, which are kept until reported; return what went wrong."""
        report = await self._gwms.webhooks.register_many(self._specs)
        for outcome in report.outcomes:
            self._note(outcome)
        failures = {outcome.spec.webhook_type for outcome in report.failures}
        over = [lapse for event_type, lapse in self._lapses.items() if event_type not in failures]
        if over and self._on_lapse is not None:
            await self._on_lapse(list(over))  # the function may change its list
        for lapse in over:
            del self._lapses[lapse.event_type]
        return str(report) if failures else None

    def _note(self, outcome: Outcome) -> None:
        event_type, now = outcome.spec.webhook_type, self._now()
        seen_at = self._seen.get(event_type)
        is_inactive = outcome.webhook is not None and not outcome.webhook.active  # it could not be activated
        was_inactive = is_inactive or outcome.status is OutcomeStatus.UPDATED
        if (was_inactive or (seen_at and outcome.status not in _NO_LAPSE)) and event_type not in self._lapses:
            self._lapses[event_type] = Lapse(event_type, self._eshop, seen_at, now)
            since = seen_at or "it was deactivated"
            _logger.warning("the webhook on %s was inactive or gone: its events since %s are lost", event_type, since)
        if not outcome.is_failure:
            self._seen[event_type] = now

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock.wall(), UTC)
