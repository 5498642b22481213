"""Ctrl-C while modules are imported."""

from __future__ import annotations

import signal
from collections.abc import Generator
from contextlib import contextmanager


@contextmanager
def whole_imports() -> Generator[None]:
    """Let Ctrl-C wait for the end of the block: it would leave half a module, of which the next import makes a mess."""
    pressed = list[int]()
    before = signal.signal(signal.SIGINT, lambda number, _: pressed.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if pressed:
        signal.raise_signal(signal.SIGINT)
