"""Answers for a client, made from the contract."""

from __future__ import annotations

import json
from typing import Any

from gwms_async.testing import RawBody

from .emulated import spec

ABSENT = object()
"""Marks a field to leave out."""

HOOK: dict[str, Any] = {"id": 1, "url": spec().url, "webhookType": "CREATE_ORDER", "active": True, "method": "POST"}
"""A webhook as the contract has it."""


def answer(data: object, **fields: object) -> RawBody:
    """Make an answer with data."""
    content = {"statusCode": 200, "message": "OK", "data": data, **fields}
    return RawBody(json.dumps({name: value for name, value in content.items() if value is not ABSENT}).encode())


def hook_with(**fields: object) -> dict[str, object]:
    """Return a webhook's data with some fields changed or left out."""
    return {name: value for name, value in {**HOOK, **fields}.items() if value is not ABSENT}
