"""The event loop that commands run on."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Coroutine
from contextlib import closing
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from .interrupts import whole_imports
from .logs import shown_logs
from .output import Exit, handle_errors

Work = Coroutine[Any, Any, int | None]
"""The work of a command; its result is an exit code."""
_TERMINATED = 143
STOP: signal.Signals = getattr(signal, "SIGBREAK", signal.SIGTERM)  # Ctrl-Break on Windows
"""The signal that ends commands, besides that of Ctrl-C."""


def run(command: Work) -> int | None:
    """Run a command, on uvloop where it is installed; errors, Ctrl-C, SIGTERM and Ctrl-Break end it with one line.

    Returns:
        Its exit code; 143 instead of 130 after SIGTERM.
    """
    with closing(command), shown_logs(), asyncio.Runner(loop_factory=_loop_factory()) as runner:
        return runner.run(_stoppable(handle_errors(command)))


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    with whole_imports():
        return import_module("uvloop").new_event_loop if find_spec("uvloop") else None


async def _stoppable(command: Work) -> int | None:
    loop, task, signals = asyncio.get_running_loop(), asyncio.ensure_future(command), list[int]()

    def stop(number: int, _: object) -> None:
        signals.append(number)
        loop.call_soon_threadsafe(task.cancel)

    before = signal.signal(STOP, stop)
    try:
        code = await task
    finally:
        signal.signal(STOP, before)
    return _TERMINATED if code == Exit.INTERRUPTED and signal.SIGTERM in signals else code
