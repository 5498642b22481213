"""The README's examples, run against the emulator as they stand there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gwms_async.testing import GwmsEmulator

from ..helpers.documents import README
from ..helpers.emulated import client, until
from ..helpers.hosts import aiohttp_host


async def test_plan_and_apply(gateway: GwmsEmulator, capsys: pytest.CaptureFixture[str]) -> None:
    """The first time it creates and deletes, the second time it does nothing."""
    names = README.example("gwms.webhooks.plan")
    gateway.add_webhook("https://shop.example/gwms/old", "CREATE_ORDER")
    async with client(gateway) as gwms:
        await names["deploy"](gwms)
        await names["deploy"](gwms)

    assert [hook.url for hook in gateway.webhooks] == ["https://shop.example/gwms/orders"]
    assert "nothing to do" in capsys.readouterr().out


@pytest.mark.slow
def test_testing_a_service(pytester: pytest.Pytester) -> None:
    """The service and its test, each in its file, pass as they stand there."""
    pytester.makeini("[pytest]\nasyncio_default_fixture_loop_scope = function")
    pytester.makepyfile(service=README.block("async def lifespan"), test_service=README.block("from service import"))

    pytester.runpytest_subprocess("-W", "error").assert_outcomes(passed=1)


async def test_receiving(gwms_env: GwmsEmulator, capsys: pytest.CaptureFixture[str]) -> None:
    """The service subscribes, and reads again what is delivered."""
    names = README.example("receiver.watch")
    async with aiohttp_host(names["make_app"]()) as port:
        gwms_env.route("https://shop.example", f"http://127.0.0.1:{port}")
        await until(lambda: len(gwms_env.webhooks) == 2)
        gwms_env.emit("UPDATE_ORDER", {"eshopOrderId": "A/1", "status": "packed"})
        await gwms_env.delivered()

    assert [attempt.status for attempt in gwms_env.deliveries] == [200]
    assert capsys.readouterr().out == "{'eshopOrderId': 'A/1', 'status': 'packed'}\n"


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
