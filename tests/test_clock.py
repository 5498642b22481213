"""The time that a client goes by."""

from __future__ import annotations

import asyncio
import time

from gwms_async.clock import SYSTEM_CLOCK, Clock


async def test_the_system_clock_is_the_machine_s() -> None:
    """It reads the machine's clocks, and sleeps on the event loop."""
    before = time.monotonic(), time.time()

    await SYSTEM_CLOCK.sleep(0)

    assert before[0] <= SYSTEM_CLOCK.monotonic() <= time.monotonic()
    assert before[1] <= SYSTEM_CLOCK.wall() <= time.time()


def test_each_part_can_be_replaced() -> None:
    """What is not replaced stays the machine's."""
    clock = Clock(monotonic=lambda: 5.0)

    assert clock.monotonic() == 5.0
    assert clock.sleep is asyncio.sleep
