"""The tasks of a worker's process: ``docket worker --tasks tests.helpers.fleet_worker:tasks``.

Its environment says which accounts there are (``ACCOUNTS``, see `Accounts.as_json`), and where tokens are (``TOKENS``).
"""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from gwms_async import RedisTokenStore
from gwms_async.fleet import Eshop, Fleet, make_tasks

from .accounts import find_in


async def find(name: str) -> Eshop:
    """Find an e-shop; for one of them the database fails, and says too much."""
    if name.endswith("/unlucky"):
        raise ConnectionError("no connection to postgres://user:hunter2@db.example")
    return find_in(os.environ["ACCOUNTS"], name)


@asynccontextmanager
async def open_fleet() -> AsyncGenerator[Fleet]:
    """Open the fleet of this process."""
    async with RedisTokenStore.connect(os.environ["TOKENS"]) as store, Fleet(find, token_store=store) as fleet:
        yield fleet


tasks = make_tasks(open_fleet)
