"""A client that nobody closes: its session is closed all the same, and one warning says what to do."""

from __future__ import annotations

import asyncio
import gc
import warnings
from collections.abc import AsyncGenerator, Awaitable, Callable

import aiohttp
import pytest

from gwms_async import ConfigurationError, GwmsClient
from gwms_async.testing import GwmsEmulator

from ..helpers.emulated import client, python, spec, until
from ..helpers.slow import first

TEXT = "GwmsClient was not closed: use `async with` or `await gwms.close()`"


def warnings_of(main: Callable[[], Awaitable[None]]) -> list[tuple[type[Warning], str]]:
    """Run something in an event loop of its own, and return what was warned of until all garbage is collected."""

    async def run() -> None:
        await main()

    gc.collect()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        asyncio.run(run())
        gc.collect()
    return [(warning.category, str(warning.message)) for warning in caught]


def test_a_client_that_is_collected(gwms_emulator: GwmsEmulator, caplog: pytest.LogCaptureFixture) -> None:
    """Its connections are closed while the loop runs on; asyncio and aiohttp have nothing to report."""

    async def main() -> None:
        gwms = client(gwms_emulator)
        await gwms.webhooks.register(spec())
        del gwms
        gc.collect()
        await until(lambda: not gwms_emulator.connections)

    assert warnings_of(main) == [(ResourceWarning, TEXT)]
    assert not caplog.records


def test_a_client_that_outlives_its_loop(gwms_emulator: GwmsEmulator, caplog: pytest.LogCaptureFixture) -> None:
    """The session is closed with the loop; the warning comes once nobody can close the client any more."""
    kept: list[GwmsClient] = []

    async def main() -> None:
        kept.append(client(gwms_emulator))
        await kept[0].webhooks.list()

    assert warnings_of(main) == []
    asyncio.run(until(lambda: not gwms_emulator.connections))

    async def forget() -> None:
        with pytest.raises(ConfigurationError, match="another event loop"):
            await kept[0].webhooks.list()
        kept.clear()

    assert warnings_of(forget) == [(ResourceWarning, TEXT)]
    assert not caplog.records


def test_operations_that_outlive_their_client(gwms_emulator: GwmsEmulator) -> None:
    """Who keeps `gwms.webhooks` only can go on using it."""

    async def main() -> None:
        webhooks = client(gwms_emulator).webhooks
        for _ in range(2):
            await webhooks.list()
            gc.collect()

    assert warnings_of(main) == [(ResourceWarning, TEXT)]


@pytest.mark.parametrize("end", first(1, ["closed", "closed in another loop", "unused", "borrowed"]))
def test_there_is_nothing_to_warn_of(gwms_emulator: GwmsEmulator, end: str) -> None:
    """The client was closed, or has opened nothing."""
    kept: list[GwmsClient] = []

    async def main() -> None:
        session = aiohttp.ClientSession() if end == "borrowed" else None
        gwms = client(gwms_emulator, session=session)
        if end != "unused":
            await gwms.webhooks.list()
        if end == "closed":
            await gwms.close()
        if end == "closed in another loop":
            kept.append(gwms)
        if session is not None:
            await session.close()

    async def close() -> None:
        for gwms in kept:
            await gwms.close()
        kept.clear()

    assert warnings_of(main) == []
    assert warnings_of(close) == []


def test_clients_that_abandoned_generators_close(gwms_emulator: GwmsEmulator, caplog: pytest.LogCaptureFixture) -> None:
    """The end of the event loop closes the generators and the sessions at the same time, in any order."""

    async def identifiers() -> AsyncGenerator[int]:
        async with client(gwms_emulator) as gwms:
            for webhook in await gwms.webhooks.list():
                yield webhook.id

    kept = [identifiers() for _ in range(20)]
    gwms_emulator.add_webhook(spec().url, "CREATE_ORDER")

    async def main() -> None:
        assert [await anext(each) for each in kept] == [1] * 20

    assert warnings_of(main) == []
    assert not caplog.records


async def test_a_closed_client_leaves_nothing_to_do(gateway: GwmsEmulator) -> None:
    """No task of asyncio's finishes what is finished once the client is collected."""
    before, gwms = asyncio.all_tasks(), client(gateway)
    await gwms.webhooks.list()
    await gwms.close()
    del gwms
    gc.collect()

    for _ in range(3):
        await asyncio.sleep(0)
        assert not asyncio.all_tasks() - before


@pytest.mark.slow
@pytest.mark.parametrize("where", ["local", "kept"])
def test_a_program_that_closes_nothing(gwms_emulator: GwmsEmulator, where: str) -> None:
    """Its user reads one warning, when it ends at the latest, and nothing of aiohttp or asyncio."""
    written = python(
        """
        import asyncio, sys, warnings
        from gwms_async import Credentials, GwmsClient

        warnings.simplefilter("always")
        warnings.showwarning = lambda message, category, *_: print(category.__name__, message)
        base_url, where, *credentials = sys.argv[1:]
        kept = []

        async def main():
            gwms = GwmsClient(Credentials(*credentials), base_url=base_url)
            await gwms.webhooks.list()
            if where == "kept":
                kept.append(gwms)

        asyncio.run(main())
        """,
        gwms_emulator.base_url,
        where,
        *gwms_emulator.credentials,
    )

    assert written == f"ResourceWarning {TEXT}"
