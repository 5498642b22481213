"""The record of the requests that the emulator received."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import define, field

from .faults import Fault
from .wire import repr_without_tokens

KEPT = 4096
"""How many bytes are kept of the body of an answer."""


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
        seconds: How long it took; None until it has ended.
        answer_headers: The headers of the answer, also of one that a fault has lost; empty while there is none.
        answer_start: The first 4 KiB of the answer's body.
    """

    operation: str
    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes = field(repr=repr_without_tokens)
    at: float
    status: int | None = None
    fault: Fault | None = None
    seconds: float | None = None
    answer_headers: Mapping[str, str] = field(factory=dict, repr=False)
    answer_start: bytes = field(default=b"", repr=False)
