"""What the emulator remembers of the requests that came."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import define

from .faults import Fault


@define
class Exchange:
    """One request, and what became of it.

    Args:
        operation: login, list, create, get, update, activate, deactivate, delete, or other.
        method: The HTTP method.
        path: What follows the base url.
        headers: Those of the request, their names in lower case.
        body: The bytes of the request.
        at: When it came, in seconds of the monotonic clock.
        status: The HTTP status of the answer; None as long as there is none.
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
