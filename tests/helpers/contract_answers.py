"""Answers to try on a client, made of what the contract says."""

from __future__ import annotations

import json
from typing import Any

from gwms_async.testing import RawBody

from .emulated import spec

ABSENT = object()
"""Stands for what is not there."""

HOOK: dict[str, Any] = {"id": 1, "url": spec().url, "webhookType": "CREATE_ORDER", "active": True, "method": "POST"}
"""A webhook as the contract says."""


def answer(data: object, **fields: object) -> RawBody:
    """Make an answer that holds data."""
    content = {"statusCode": 200, "message": "OK", "data": data, **fields}
    return RawBody(json.dumps({name: value for name, value in content.items() if value is not ABSENT}).encode())


def hook_with(**fields: object) -> dict[str, object]:
    """Make a webhook's data of other fields, or without some."""
    return {name: value for name, value in {**HOOK, **fields}.items() if value is not ABSENT}
