"""The clock that a client uses; tests replace it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

from attrs import frozen


@frozen
class Clock:
    """How a client reads the time and waits.

    Args:
        monotonic: Seconds that never go back; for waits, deadlines and expiry.
        wall: Unix seconds; only where the gateway's own clock is not known.
        sleep: Waits for a number of seconds.
    """

    monotonic: Callable[[], float] = time.monotonic
    wall: Callable[[], float] = time.time
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep


SYSTEM_CLOCK = Clock()
"""The system's clocks."""
