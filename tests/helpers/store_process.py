"""A service's process, as the tests of the token store start several of: run with the arguments of `main`."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from typing import Any, cast

import gwms_async
from gwms_async import Credentials, GwmsClient


class Telling:
    """A store that says when it begins to wait for the lock."""

    @asynccontextmanager
    async def lock(self, key: str) -> AsyncGenerator[None]:
        """Let one process at a time renew the token."""
        tell("locking")
        async with super().lock(key):  # type: ignore[misc]
            yield


def open_store(place: str, lease: float) -> AbstractAsyncContextManager[Any]:
    """Open the store in a directory, or in the Redis of a URL, whose locks run out after so many seconds."""
    if place.startswith("redis:"):
        from gwms_async.auth.stores import redis  # noqa: PLC0415  # an extra

        redis.LEASE = lease
        kind = type("TellingRedis", (Telling, gwms_async.RedisTokenStore), {})
        return cast("type[gwms_async.RedisTokenStore]", kind).connect(place)
    return nullcontext(type("TellingFiles", (Telling, gwms_async.FileTokenStore), {})(place))


def tell(line: str) -> None:
    """Write a line at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


async def main(base_url: str, place: str, calls: str, lease: str, *credentials: str) -> None:
    """Make concurrent calls once a line comes in; tell of each step, each warning, and of success."""
    async with (
        open_store(place, float(lease)) as store,
        GwmsClient(Credentials(*credentials), base_url=base_url, token_store=store) as gwms,
    ):
        tell("ready")
        await asyncio.to_thread(sys.stdin.readline)
        answers = await asyncio.gather(*(gwms.webhooks.list() for _ in range(int(calls))))
    tell(f"done: {len(answers)}")


if __name__ == "__main__":
    logging.basicConfig(stream=sys.stdout, level=logging.WARNING, format="%(message)s")
    asyncio.run(main(*sys.argv[1:]))
