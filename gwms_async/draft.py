"""Values of frozen classes, filled before they are frozen."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any


def drafts(kind: type) -> Callable[[], Any]:
    """Make what makes values of a frozen class that can still be written to.

    A frozen value takes three times as long to fill as any other, and each call makes several. All fields of a draft
    are set one by one, then it is frozen: ``draft.__class__ = kind``.

    Args:
        kind: A frozen class of attrs, with slots.
    """
    body = {"__slots__": (), "__setattr__": object.__setattr__, "__delattr__": object.__delattr__}
    return partial(object.__new__, type(f"_{kind.__name__}Draft", (kind,), body))
