"""`register_many` cut short at each step that the event loop takes, from the first to the last.

Real sockets and the emulator, on a virtual clock: the seconds that a registration waits take no time here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from itertools import count
from typing import Any

import pytest

from gwms_async import ConfigurationError, GwmsClient, Report, Timeout
from gwms_async.testing import DropAfter, DropBefore, GwmsEmulator, RevokeTokens, Stall, Status

from ..helpers.emulated import client, held, specs, until
from ..helpers.virtual_io_loop import VirtualIoLoop, virtual_client

GRACE = 5.0
WANTED = specs(4)
TIMEOUT = Timeout(attempt=10.0)
Registration = asyncio.Task[Report]
End = Callable[[Registration, GwmsClient], Coroutine[Any, Any, None]]


class SteppingLoop(VirtualIoLoop):
    """Does something, once, before a certain one of the steps to come."""

    _steps_left = 0
    _act: Callable[[], object] | None = None

    def before_step(self, number: int, act: Callable[[], object]) -> None:
        """Plan what to do."""
        self._steps_left, self._act = number, act

    def forget(self) -> None:
        """Plan nothing any more."""
        self._act = None

    def _run_once(self) -> None:
        if self._act is not None:
            if self._steps_left == 0:
                self._act()
                self._act = None
            self._steps_left -= 1
        super()._run_once()


def calm(gateway: GwmsEmulator) -> None:
    """Let nothing go wrong; one webhook is to be adopted, and activated."""
    gateway.add_webhook(WANTED[0].url, WANTED[0].webhook_type, active=False)


def troubled(gateway: GwmsEmulator) -> None:
    """Let each create fail in another way, one of them carried out late."""
    gateway.inject(DropAfter(commit_delay=0.5), operation="create")
    gateway.inject(RevokeTokens(), operation="create", at=2)
    gateway.inject(DropBefore(), operation="create", at=3)
    gateway.inject(Stall(30, carry_out=True), operation="create", at=4)
    gateway.inject(Status(429, retry_after="1"), operation="create", at=5)


async def cancel(task: Registration, gwms: GwmsClient) -> None:
    """Cancel the registration; it ends soon, and may be run again at once."""
    began = asyncio.get_running_loop().time()
    if task.cancel():  # it has not ended in this very step
        with pytest.raises(asyncio.CancelledError):
            await task
    assert asyncio.get_running_loop().time() <= began + GRACE
    (await gwms.webhooks.register_many(WANTED)).raise_for_failures()


async def close(task: Registration, gwms: GwmsClient) -> None:
    """Close the client; the registration ends in a report, or in an error that says why."""
    await gwms.close()
    (end,) = await asyncio.gather(task, return_exceptions=True)
    assert isinstance(end, Report | ConfigurationError)


async def cut_short(step: int, prepare: Callable[[GwmsEmulator], None], end: End) -> bool:
    """Register, end that before a step, register again; False if it came to its end before that step."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, SteppingLoop)
    ends: list[asyncio.Task[None]] = []
    async with GwmsEmulator() as gateway:
        prepare(gateway)
        async with client(gateway, kind=virtual_client(loop), timeout=TIMEOUT) as gwms:
            task = asyncio.create_task(gwms.webhooks.register_many(WANTED, concurrency=3))

            def begin_to_end() -> None:
                if not task.done():
                    ends.append(loop.create_task(end(task, gwms)))

            loop.before_step(step, begin_to_end)
            await asyncio.wait([task])
            loop.forget()
            await asyncio.gather(*ends)
        await until(lambda: not gateway.connections)
        # A new client knows nothing of a create that may be carried out late.
        await asyncio.sleep(1.0)
        async with client(gateway, kind=virtual_client(loop), timeout=TIMEOUT) as gwms:
            (await gwms.webhooks.register_many(WANTED)).raise_for_failures()
        assert sorted(held(gateway).values()) == [1] * len(WANTED)
    assert asyncio.all_tasks() == {asyncio.current_task()}
    return bool(ends)


@pytest.mark.parametrize("end", [cancel, close])
@pytest.mark.parametrize("prepare", [calm, troubled])
def test_cut_short_at_each_step(prepare: Callable[[GwmsEmulator], None], end: End) -> None:
    """It ends soon and leaves nothing behind; registered again, each webhook is there once."""
    for step in count():
        with asyncio.Runner(loop_factory=SteppingLoop) as runner:
            if not runner.run(cut_short(step, prepare, end)):
                break
    assert step > 10
