"""The record of the requests that the emulator received."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from attrs import define, field

from .faults import Fault
from .wire import repr_without_tokens


@define
class Exchange:
    """One request and its answer.

    Args:
        operation: login, list, create, get, update, activate, deactivate, delete, entity, or other.
        method: The HTTP method.
        path: The path below the base URL.
        headers: The request's headers, names in lower case.
        body: The request's body.
        at: When it arrived, in seconds on the event loop's clock.
        status: The HTTP status of the answer; None while there is no answer.
        fault: The fault that hit it, if any.
    """

    operation: str
    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes = field(repr=repr_without_tokens)
    at: float
    status: int | None = None
    fault: Fault | None = None


class Journal:
    """The latest exchanges, and the number of all requests by operation.

    Args:
        size: How many exchanges are kept.
    """

    def __init__(self, size: int) -> None:
        self.exchanges: list[Exchange] = []
        self.counts: Counter[str] = Counter()
        self._size = size

    def add(self, exchange: Exchange) -> None:
        """Record an exchange; the oldest one beyond the size is dropped."""
        self.counts[exchange.operation] += 1
        self.exchanges.append(exchange)
        if len(self.exchanges) > self._size:
            del self.exchanges[0]
