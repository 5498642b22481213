"""Fixtures that all tests share."""

from __future__ import annotations

import asyncio
import gc
import os
import re
import signal
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import pytest_asyncio
from hypothesis import settings

from gwms_async.testing import GwmsEmulator

from .helpers.emulated import CONTRACT_SEED, until
from .helpers.redis_server import REDIS, RedisServer, redis_server

pytest_plugins = ["gwms_async.testing.pytest_plugin", "pytester"]

# The same examples each time; more of them with --hypothesis-profile=many.
settings.register_profile("few", database=None, derandomize=True, deadline=timedelta(seconds=5), max_examples=40)
settings.register_profile("many", settings.get_profile("few"), max_examples=400)
settings.load_profile("few")
# What a developer has set for other programs, e.g. a proxy, must not decide what the tests see.
_DECISIVE = re.compile(
    r"(gwms|otel)_(?!chromium).*|.*_proxy|columns|lines|(force|no)_color|python(asynciodebug|devmode|warndefaultencoding)"
)
for name in [*os.environ]:
    if _DECISIVE.fullmatch(name.lower()):
        del os.environ[name]
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as in the background jobs of a shell
    signal.signal(signal.SIGINT, signal.default_int_handler)
if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:  # as under nohup
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


def pytest_report_header() -> str:
    """Tell where chance begins."""
    return f"seed of the cases made from the contract: {CONTRACT_SEED}"


def pytest_xdist_auto_num_workers() -> int:
    """Run one test more than there are cores: some only wait."""
    return 1 + (os.cpu_count() or 1)


def pytest_collection() -> None:
    """Collect no garbage while tests are collected: next to nothing of it can go."""
    gc.disable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Look after all tests that have an event loop, from before their own fixtures until after these."""
    for item in items:
        if isinstance(item, pytest.Function) and pytest_asyncio.is_async_test(item):
            item.fixturenames.insert(0, "leaves_nothing_behind")


def pytest_collection_finish() -> None:
    """Leave the thousands of tests out of each garbage collection."""
    gc.collect()
    gc.freeze()
    gc.enable()


@pytest_asyncio.fixture
async def leaves_nothing_behind() -> AsyncIterator[None]:
    """Fail where a test leaves a task; one that it leaves a socket open for is warned of, and warnings are errors."""
    yield
    left = asyncio.all_tasks() - {asyncio.current_task()}
    assert not left
    gc.collect(1)


@pytest_asyncio.fixture
async def gateway() -> AsyncIterator[GwmsEmulator]:
    """A gateway in its usual state, to which no connection is left open."""
    async with GwmsEmulator() as emulator:
        yield emulator
        await until(lambda: not emulator.connections)


@pytest.fixture(scope="session")
def one_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """Run a Redis that tests share: see `redis`."""
    if REDIS is None:
        pytest.skip("redis-server is not installed")
    with redis_server(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture
def redis(one_redis: RedisServer) -> RedisServer:
    """Give an empty Redis, which the test must leave running."""
    one_redis.command("FLUSHALL")
    return one_redis


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the tokens of a command line where no other test finds them."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
