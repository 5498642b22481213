"""The record of the requests that the emulator received."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import define

from .faults import Fault


@define
class Exchange:
    """One request and its answer.

    Args:
        operation: login, list, create, get, update, activate, deactivate, delete, or other.
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
    body: bytes
    at: float
    status: int | None = None
    fault: Fault | None = None
