"""The event loop that commands run on."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Coroutine, Generator
from contextlib import closing, contextmanager
from importlib import import_module
from importlib.util import find_spec
from types import FrameType
from typing import Any

from .logs import shown_logs
from .output import Exit, handle_errors

Work = Coroutine[Any, Any, int | None]
"""The work of a command; its result is an exit code."""
_TERMINATED = 143
_HANG_UP = getattr(signal, "SIGHUP", None)  # the terminal was closed; Windows has no such signal
STOP_SIGNALS = [one for one in (getattr(signal, "SIGBREAK", signal.SIGTERM), _HANG_UP) if one]  # Ctrl-Break on Windows
"""The signals that end commands, besides Ctrl-C's."""
_Stop = Callable[[int, FrameType | None], object] | signal.Handlers


def run(command: Work) -> int | None:
    """Run a command, on uvloop where it is installed; errors, Ctrl-C and `STOP_SIGNALS` end it with one line.

    Returns:
        Its exit code; 143 instead of 130 after SIGTERM.
    """
    with closing(command), shown_logs(), asyncio.Runner(loop_factory=_loop_factory()) as runner:
        return runner.run(_stoppable(handle_errors(command)))


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    return import_module("uvloop").new_event_loop if find_spec("uvloop") else None


@contextmanager
def stopping(handler: _Stop) -> Generator[None]:
    """Handle `STOP_SIGNALS` within the block, except those that are ignored, e.g. under nohup."""
    before = {one: signal.signal(one, handler) for one in STOP_SIGNALS if signal.getsignal(one) != signal.SIG_IGN}
    try:
        yield
    finally:
        for one, handled in before.items():
            signal.signal(one, handled)


async def _stoppable(command: Work) -> int | None:
    loop, task, signals = asyncio.get_running_loop(), asyncio.ensure_future(command), list[int]()

    def stop(number: int, _: object) -> None:
        if number != _HANG_UP or number not in signals:  # a shell that ends with its terminal repeats it
            loop.call_soon_threadsafe(task.cancel)
        signals.append(number)

    with stopping(stop):
        code = await task
    return _TERMINATED if code == Exit.INTERRUPTED and signal.SIGTERM in signals else code
