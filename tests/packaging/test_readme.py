"""The README's examples, run against the emulator as they stand there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gwms_async.testing import GwmsEmulator

from ..helpers.documents import README
from ..helpers.emulated import client
from ..helpers.redis_server import RedisServer


async def test_plan_and_apply(gateway: GwmsEmulator, capsys: pytest.CaptureFixture[str]) -> None:
    """The first time it creates and deletes, the second time it does nothing."""
    names = README.example("gwms.webhooks.plan")
    gateway.add_webhook("https://shop.example/gwms/old", "CREATE_ORDER")
    async with client(gateway) as gwms:
        await names["deploy"](gwms)
        await names["deploy"](gwms)

    assert [hook.url for hook in gateway.webhooks] == ["https://shop.example/gwms/orders"]
    assert "nothing to do" in capsys.readouterr().out


async def test_one_login_through_redis(gwms_env: GwmsEmulator, redis: RedisServer) -> None:
    """Two clients, one login."""
    pytest.importorskip("redis", reason="the store in Redis is an extra")
    fernet = pytest.importorskip("cryptography.fernet").Fernet
    key = fernet.generate_key()
    for _ in range(2):
        await README.example("RedisTokenStore.connect")["list_webhooks"](redis.url, key)

    assert gwms_env.logins == 1


@pytest.mark.slow
def test_testing_a_service(pytester: pytest.Pytester) -> None:
    """The service and its test, each in its file, pass as they stand there."""
    pytester.makeini("[pytest]\nasyncio_default_fixture_loop_scope = function")
    pytester.makepyfile(service=README.block("async def lifespan"), test_service=README.block("from service import"))

    pytester.runpytest_subprocess("-W", "error").assert_outcomes(passed=1)


def test_the_first_example(capsys: pytest.CaptureFixture[str]) -> None:
    """It prints what the README shows below it."""
    README.example("asyncio.run(main())")

    assert f"```text\n{capsys.readouterr().out}```" in README.text


def test_every_example_is_run() -> None:
    """No example is without a test here."""
    source = Path(__file__).read_text("utf-8")
    markers = re.findall(r'(?:example|block)\("(.*?)"\)', source)

    assert len(README.blocks()) == len(markers)
    assert all(any(marker in block for marker in markers) for block in README.blocks())
