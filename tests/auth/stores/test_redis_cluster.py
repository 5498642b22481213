"""The token store in a cluster of Redis."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import pytest

pytest.importorskip("redis", reason="the store in Redis is an extra")

from redis.asyncio.cluster import ClusterNode, RedisCluster

from gwms_async import RedisTokenStore, Token

from ...helpers.redis_server import REDIS, redis_cluster

KEYS = [f"{number:064x}" for number in range(30)]


def free_ports(count: int) -> list[int]:
    """Find ports that are free, and differ."""
    listening = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports: list[int] = [one.getsockname()[1] for one in listening]
    for one in listening:
        one.close()
    return ports


@pytest.mark.slow
@pytest.mark.skipif(REDIS is None, reason="redis-server is not installed")
async def test_many_accounts_that_are_the_first_to_use_it(tmp_path: Path) -> None:
    """Each gets its lock, although the client has yet to ask where the nodes are."""

    async def save(store: RedisTokenStore, key: str) -> Token | None:
        async with store.lock(key):
            await store.save(key, Token(key))
        return await store.load(key)

    with redis_cluster(tmp_path, free_ports(3)) as nodes:
        client = RedisCluster(startup_nodes=[ClusterNode("127.0.0.1", node.port) for node in nodes])
        store = RedisTokenStore(client)
        try:
            assert await asyncio.gather(*(save(store, key) for key in KEYS)) == [Token(key) for key in KEYS]
        finally:
            await client.aclose()
