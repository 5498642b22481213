"""The examples of the README, run against the emulator as they stand there."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gwms_async import Credentials, GwmsClient
from gwms_async.testing import GwmsEmulator

from ..helpers.emulated import client, spec

TEXT = (Path(__file__).parent.parent.parent / "README.md").read_text()
BLOCKS = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)


def block(containing: str) -> str:
    """Find the one example that contains a text."""
    found: list[str] = [block for block in BLOCKS if containing in block]
    assert len(found) == 1
    return found[0]


def example(containing: str) -> dict[str, Any]:
    """Run the one example that contains a text; give the names that it defines."""
    names: dict[str, Any] = {"__name__": "readme"}
    exec(compile(block(containing), "README.md", "exec"), names)  # noqa: S102  # our own README
    return names


def functions(names: dict[str, Any]) -> list[Callable[..., Any]]:
    """List the coroutine functions that an example defines."""
    return [one for one in names.values() if inspect.iscoroutinefunction(one) and one.__module__ == "readme"]


def test_the_first_example(
    gwms_emulator: GwmsEmulator, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It registers a webhook."""
    for name, value in zip(("USERNAME", "PASSWORD", "API_KEY"), gwms_emulator.credentials, strict=True):
        monkeypatch.setenv(f"GWMS_{name}", value)
    monkeypatch.setenv("GWMS_BASE_URL", gwms_emulator.base_url)

    example("asyncio.run(main())")

    assert capsys.readouterr().out == "1 https://shop.example/gwms/orders True\n"
    assert len(gwms_emulator.webhooks) == 1


async def test_the_operations(gateway: GwmsEmulator) -> None:
    """All seven, in an order that leaves nothing behind."""
    async with client(gateway) as gwms:
        for function in functions(example("all_seven")):
            await function(gwms)

    assert gateway.webhooks == []
    assert {one.operation for one in gateway.requests} == {
        *("login", "list", "create", "get", "update", "activate", "deactivate", "delete")
    }


async def test_many_at_a_time(gateway: GwmsEmulator) -> None:
    """One webhook per event type, then a hundred from a stream."""
    names = example("register_many")
    async with client(gateway) as gwms:
        await names["register_all"](gwms)
        assert len(gateway.webhooks) == 18
        await names["register_without_end"](gwms)

    assert len(gateway.webhooks) == 118


async def test_plan_and_apply(gateway: GwmsEmulator, capsys: pytest.CaptureFixture[str]) -> None:
    """The first time it creates and deletes, the second time it does nothing."""
    names = example("gwms.webhooks.plan")
    gateway.add_webhook("https://shop.example/gwms/old", "CREATE_ORDER")
    async with client(gateway) as gwms:
        await names["deploy"](gwms)
        await names["deploy"](gwms)

    assert [hook.url for hook in gateway.webhooks] == ["https://shop.example/gwms/orders"]
    assert "+ 1 to create, - 1 to delete, 0 unchanged" in capsys.readouterr().out


async def test_errors(gateway: GwmsEmulator) -> None:
    """What they are caught for happens."""
    names = example("except OutcomeUnknownError")
    async with client(gateway) as gwms:
        hook = await names["create_once"](gwms, spec())
        await names["forget"](gwms, hook.id)
        await names["forget"](gwms, hook.id)

    assert gateway.webhooks == []


async def test_one_login_for_several_processes(gateway: GwmsEmulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """The client of the example takes the store, which is in the user's cache directory."""
    pytest.importorskip("filelock", reason="the store in files is an extra")
    stores: list[Any] = []
    names = example("make_shared_client")
    monkeypatch.setitem(names, "GwmsClient", lambda credentials, token_store: stores.append(token_store))

    names["make_shared_client"](Credentials(*gateway.credentials))

    assert [store.directory.name for store in stores] == ["gwms-async"]


@pytest.mark.slow
def test_testing_a_service(pytester: pytest.Pytester) -> None:
    """The service and its test, each in its file, pass as they stand there."""
    pytester.makeini("[pytest]\nasyncio_default_fixture_loop_scope = function")
    pytester.makepyfile(service=block("def make_app"), test_service=block("from service import"))

    pytester.runpytest_subprocess("-W", "error").assert_outcomes(passed=1)


async def test_testing() -> None:
    """The example of a test passes."""
    (function,) = functions(example("test_my_service"))

    await function()


async def test_a_middleware(gateway: GwmsEmulator) -> None:
    """It is taken by a client, and adds its header."""
    names = example("async def traced")
    assert isinstance(names["make_client"](Credentials("user", "password", "key")), GwmsClient)
    async with client(gateway, middlewares=[names["traced"]]) as gwms:
        await gwms.webhooks.list()

    assert gateway.requests[-1].headers["x-trace"] == "42"


def test_every_example_is_run() -> None:
    """No example is without a test here."""
    source = Path(__file__).read_text()
    markers = re.findall(r'(?:example|block)\("(.*?)"\)', source)

    assert len(BLOCKS) == len(markers)
    assert all(any(marker in block for marker in markers) for block in BLOCKS)
