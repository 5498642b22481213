"""Which fault hits which request, and which disturbance which delivery."""

from __future__ import annotations

from typing import Generic, TypeVar

from attrs import define

from .wire import OPERATIONS

T = TypeVar("T")


@define
class _Entry(Generic[T]):
    fault: T
    operation: str | None
    skip: int
    left: int

    def matches(self, operation: str) -> bool:
        return operation != "login" if self.operation is None else operation == self.operation


class Script(Generic[T]):
    """Decides which fault hits which request, or which disturbance which delivery, by event types."""

    def __init__(self) -> None:
        self._entries: list[_Entry[T]] = []

    @property
    def left(self) -> int:
        """How many hits are still due."""
        return sum(entry.left for entry in self._entries)

    def left_of(self, fault: T) -> int:
        """Return how many hits of one fault are still due."""
        return sum(entry.left for entry in self._entries if entry.fault == fault)

    def remove(self, fault: T) -> None:
        """Drop the hits of one fault that are still due."""
        self._entries = [entry for entry in self._entries if entry.fault != fault]

    def add(self, fault: T, operation: str | None, times: int, at: int) -> None:
        """Add a fault, as `GwmsEmulator.inject` describes it; `ValueError`: a number is below 1."""
        if not (isinstance(times, int) and isinstance(at, int)):  # a fraction would never be used up
            raise TypeError(f"times and at must be integers, not {times!r} and {at!r}")
        if times < 1 or at < 1:
            raise ValueError(f"times and at must be 1 or more, not {times} and {at}")
        self._entries.append(_Entry(fault, operation, at - 1, times))

    def next(self, operation: str) -> T | None:
        """Return the fault that hits the request that has just arrived, if any; the one added first wins."""
        hit: T | None = None
        for entry in filter(lambda entry: entry.matches(operation), self._entries):
            if entry.skip:
                entry.skip -= 1
            elif hit is None:
                hit = entry.fault
                entry.left -= 1
        self._entries = [entry for entry in self._entries if entry.left]
        return hit


def check_operation(operation: str) -> None:
    """Raise `ValueError` unless an operation of this name exists, so that a typo does not go unnoticed."""
    if operation not in OPERATIONS:
        raise ValueError(f"operation must be one of {', '.join(sorted(OPERATIONS))}, not {operation!r}")
