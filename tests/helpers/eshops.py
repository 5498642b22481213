"""The database of the examples in the guide to the fleet: e-shops as JSON in a variable."""

from __future__ import annotations

import json
import os

from attrs import frozen


@frozen
class Row:
    """An e-shop."""

    username: str
    password: str
    api_key: str
    base_url: str


async def read(name: str) -> Row:
    """Return an e-shop."""
    return Row(**json.loads(os.environ["ESHOPS"])[name])


async def names_by_account() -> dict[str, list[str]]:
    """Return the names of all e-shops, here of one account."""
    return {"one": sorted(json.loads(os.environ["ESHOPS"]))}
