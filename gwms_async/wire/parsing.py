"""Parse JSON, with orjson if the extra `speed` is installed, and read its numbers."""

from __future__ import annotations

import json
from contextlib import suppress
from math import isfinite
from typing import Any

_MAX_FOR_ORJSON = 80 * 1024  # bytes, some 500 webhooks: up to there, orjson takes at most 2 MiB more memory than `json`
_read_json = json.JSONDecoder().decode


def parse_with_json(body: bytes) -> Any:
    """Parse JSON in UTF-8; raise `ValueError` if it is not valid, and `RecursionError` if it is nested too deeply."""
    # `json.loads` without its detection of the encoding. Measured: benchmarks/README.
    # Without "strict", Python 3.14 takes five times the memory before it says that something is not UTF-8.
    return _read_json(body.decode(errors="strict"))


def parse_with_orjson(body: bytes) -> Any:
    """Parse JSON in the same way with orjson, which reads integers beyond 64 bits as floats."""
    if len(body) <= _MAX_FOR_ORJSON:
        try:
            return orjson.loads(body)
        except ValueError:
            pass  # `json` accepts some of what orjson rejects, e.g. NaN
    return parse_with_json(body)


def finite_number(value: object) -> float | None:
    """Return a finite number as a float; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value) if isfinite(value) else None
    except OverflowError:
        return None


parse = parse_with_json
with suppress(ImportError):
    import orjson

    parse = parse_with_orjson
