"""The events at an emulator, in order: API calls and delivery attempts, for its page to follow."""

from __future__ import annotations

import secrets
from collections import Counter

from attrs import define

from .deliveries import Delivery, DeliveryAttempt, Disturbance
from .faults import Fault
from .journal import Exchange


@define(eq=False)
class Row:
    """One API call, or one attempt at a delivery.

    Args:
        id: Counts up from 1.
        record: What it is about; its answer comes later.
        delivery: What is attempted; None for an API call.
        changed: The number of its latest change; all changes of a feed are counted together.
        text: What a filter searches, made when it is first needed; empty after a change.
    """

    id: int
    record: Exchange | DeliveryAttempt
    delivery: Delivery | None
    changed: int
    text: str = ""

    @property
    def hit(self) -> Fault | Disturbance | None:
        """The fault or the disturbance that hit it."""
        record = self.record
        return record.fault if isinstance(record, Exchange) else record.disturbance


class Feed:
    """The latest rows by their ids, as many as its size, oldest first, and the number of the latest change."""

    def __init__(self, size: int) -> None:
        self.run = secrets.token_hex(4)  # change numbers of another run mean nothing here
        self.last = 0
        self.figures: Counter[str] = Counter()
        self._last_id = 0
        self.rows: dict[int, Row] = {}
        self._size = size

    def add(self, record: Exchange | DeliveryAttempt, delivery: Delivery | None = None) -> Row:
        """Add a row; the oldest one beyond the size is dropped."""
        self.last += 1
        self._last_id += 1
        row = self.rows[self._last_id] = Row(self._last_id, record, delivery, self.last)
        if len(self.rows) > self._size:
            del self.rows[next(iter(self.rows))]
        self.figures["calls" if delivery is None else "deliveries"] += 1
        self.figures["faults"] += row.hit is not None
        return row

    def note(self, row: Row) -> None:
        """Note that a row was answered, or never will be."""
        self.last += 1
        row.changed, row.text = self.last, ""
        self.figures["failed"] += isinstance(row.record, DeliveryAttempt) and row.record.is_failure
