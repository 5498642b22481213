"""Which cases of a test run by default, where each takes long and all show the same."""

from __future__ import annotations

from collections.abc import Iterable

import pytest


def first(count: int, cases: Iterable[object]) -> list[object]:
    """Mark all but the first cases as slow."""
    marks = pytest.mark.slow
    return [case if place < count else pytest.param(case, marks=marks) for place, case in enumerate(cases)]
