"""The page over HTTP: files, state, events, controls, and who gets them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from io import BytesIO
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import aiohttp
import pytest

import gwms_async
from gwms_async.testing import GwmsEmulator
from gwms_async.testing.page import serving

from ...helpers.emulated import python, until
from ...helpers.plain_client import logged_in


@asynccontextmanager
async def events(
    gateway: GwmsEmulator, query: str = "", **headers: str
) -> AsyncGenerator[AsyncIterator[dict[str, Any]]]:
    """Follow the events; each is its fields, its data decoded."""
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{gateway.page_url}emulator/events{query}", headers=headers) as response,
    ):
        assert (response.status, response.content_type) == (200, "text/event-stream")

        async def read() -> AsyncIterator[dict[str, Any]]:
            fields: dict[str, Any] = {}
            async for line in response.content:
                name, _, value = line.decode().rstrip("\n").partition(": ")
                if name:
                    fields[name] = json.loads(value) if name == "data" else value
                elif fields.keys() >= {"data"}:
                    yield fields
                    fields = {}

        yield read()


async def fetch(gateway: GwmsEmulator, path: str, method: str = "GET", **options: Any) -> tuple[int, Any]:
    """Send a request; return the status and the body, decoded where it is JSON."""
    async with (
        aiohttp.ClientSession() as session,
        session.request(method, f"{gateway.page_url}{path}", **options) as response,
    ):
        assert response.headers["Content-Security-Policy"].startswith("default-src 'self'; img-src data:")
        is_json = response.content_type == "application/json"
        return response.status, await (response.json() if is_json else response.text())


@pytest.mark.parametrize(
    ("path", "content"), [("", "<h1>GWMS"), ("emulator/page.css", "--accent"), ("emulator/page.js", "EventSource")]
)
async def test_files(gateway: GwmsEmulator, path: str, content: str) -> None:
    """The three of them, and only these."""
    status, text = await fetch(gateway, path)

    assert status == 200
    assert content in text
    assert (await fetch(gateway, "emulator/view.py"))[0] == 404


FROM_A_ZIP = """
    import asyncio, sys
    sys.path.insert(0, sys.argv[1])
    import aiohttp
    from gwms_async import testing

    async def main():
        async with testing.GwmsEmulator() as gateway, aiohttp.ClientSession() as session:
            async with session.get(gateway.page_url) as response:
                print(testing.__file__.startswith(sys.argv[1]), response.status)

    asyncio.run(main())
"""


def test_a_package_in_a_zip(tmp_path: Path) -> None:
    """The page is found in it, as in an application made by zipapp."""
    package, archive = Path(gwms_async.__file__).parent, tmp_path / "app.zip"
    with ZipFile(archive, "w") as zipped:
        for path in package.rglob("*.*"):
            if path.parent.name != "__pycache__" and path.is_file():
                zipped.write(path, path.relative_to(package.parent))

    assert python(FROM_A_ZIP, archive) == "True 200"


async def test_the_commands_of_the_page(gateway: GwmsEmulator) -> None:
    """They hold what the emulator accepts."""
    async with aiohttp.ClientSession() as session, session.get(gateway.page_url) as response:
        page = await response.text()

    for name, value in zip(("USERNAME", "PASSWORD", "API_KEY"), gateway.credentials, strict=True):
        assert f"GWMS_{name}={value}" in page


async def test_the_page_is_not_part_of_the_api(gateway: GwmsEmulator, caplog: pytest.LogCaptureFixture) -> None:
    """It is neither journaled nor logged, and no fault hits it."""
    with caplog.at_level("INFO", "gwms_async.testing"):
        await fetch(gateway, "")
        status, state = await fetch(gateway, "emulator/state")

    assert (status, state["rows"], state["total"]) == (200, [], 0)
    assert (gateway.requests, caplog.records) == ([], [])


async def test_events(gateway: GwmsEmulator) -> None:
    """First everything, then what is new; whoever comes back continues where it was."""
    async with events(gateway) as stream:
        first = await anext(stream)
        assert (first["event"], first["data"]["rows"]) == ("reset", [])
        await gateway.page_opened()

        async with logged_in(gateway):
            pass
        news = await anext(stream)
        assert (news["event"], [row["what"] for row in news["data"]["rows"]]) == ("news", ["login"])
    await until(lambda: not gateway._page.opened.is_set())

    async with events(gateway, **{"Last-Event-ID": first["id"]}) as stream:
        again = await anext(stream)
    assert (again["event"], again["data"]["rows"]) == ("news", news["data"]["rows"])


async def test_a_page_that_is_open_twice(gateway: GwmsEmulator) -> None:
    """It stays open when one of them closes."""
    async with events(gateway) as first:
        await anext(first)
        async with events(gateway) as second:
            await anext(second)
        await until(lambda: gateway._page._streams == 1)
        async with asyncio.timeout(1):
            await gateway.page_opened()


async def test_no_more_than_16_streams(gateway: GwmsEmulator) -> None:
    """The 17th is refused; it gets in once another one has left."""
    async with AsyncExitStack() as stack:
        for _ in range(serving._MAX_STREAMS):
            await stack.enter_async_context(events(gateway))
        status, content = await fetch(gateway, "emulator/events")
        assert (status, content) == (503, {"problem": "The page is already open 16 times"})
    await until(lambda: not gateway._page._streams)

    async with events(gateway) as stream:
        assert await anext(stream)


async def test_rows(gateway: GwmsEmulator) -> None:
    """Details by id, 404 for what is not kept."""
    async with logged_in(gateway):
        pass

    status, details = await fetch(gateway, "emulator/rows/1")
    assert (status, details["what"], details["outcome"]) == (200, "login", "200")
    assert (await fetch(gateway, "emulator/rows/2"))[0] == 404


@pytest.mark.parametrize(
    ("method", "path", "headers", "status"),
    [
        ("GET", "", {"Host": "evil.test"}, 403),
        ("GET", "emulator/state", {"Host": "127.0.0.1.evil.test"}, 403),
        ("GET", "emulator/events", {"Origin": "http://evil.test"}, 403),
        ("POST", "emulator/reset", {"Origin": "http://evil.test", "Content-Type": "application/json"}, 403),
        ("POST", "emulator/reset", {"Origin": "null", "Content-Type": "application/json"}, 403),
        ("POST", "emulator/reset", {"Content-Type": "text/plain"}, 415),
        ("POST", "emulator/reset", {"Content-Type": "application/json"}, 200),
        ("POST", "emulator/unknown", {"Content-Type": "application/json"}, 404),
        ("DELETE", "emulator/state", {}, 405),
        ("OPTIONS", "emulator/reset", {"Origin": "http://evil.test"}, 403),
    ],
)
async def test_who_may_use_it(
    gateway: GwmsEmulator, method: str, path: str, headers: dict[str, str], status: int
) -> None:
    """The page itself and programs on this machine."""
    assert (await fetch(gateway, path, method, headers=headers, data=b"{}"))[0] == status


async def test_a_body_that_is_too_large(gateway: GwmsEmulator) -> None:
    """More than a mebibyte is refused."""
    headers = {"Content-Type": "application/json"}
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{gateway.page_url}emulator/emit", data=BytesIO(b"x" * 2**21), headers=headers) as response,
    ):
        assert response.status == 413


async def test_the_emulator_closes_with_a_page_open() -> None:
    """Its streams end, and nothing is left."""
    gateway = GwmsEmulator()
    await gateway.start()
    async with events(gateway) as stream:
        await anext(stream)
        await gateway.close()
        with pytest.raises(aiohttp.ClientError):
            await asyncio.wait_for(anext(stream), 5)
