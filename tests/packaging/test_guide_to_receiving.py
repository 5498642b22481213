"""The guide to receiving: its service and test, run as they stand there, and its log format in a real nginx."""

from __future__ import annotations

import re
from pathlib import Path

import aiohttp
import pytest

from gwms_async.receiving import Receiver
from gwms_async.testing import GwmsEmulator

from ..helpers.deliveries import Handled, path_of, receiver_of
from ..helpers.documents import RECEIVING
from ..helpers.nginx import NGINX, nginx


@pytest.mark.slow
def test_the_service(pytester: pytest.Pytester) -> None:
    """It passes its test, each in its file."""
    pytester.makeini("[pytest]\nasyncio_default_fixture_loop_scope = function")
    for name, code in RECEIVING.files().items():
        (pytester.path / name).write_text(code, "utf-8")

    pytester.runpytest_subprocess("-W", "error").assert_outcomes(passed=1)


def test_every_example_is_run() -> None:
    """Each is a file, which the test in one of them needs."""
    assert set(RECEIVING.files()) == {"orders.py", "fastapi_receiver.py", "test_fastapi_receiver.py"}


def test_the_answers() -> None:
    """The table has all that are given."""
    rows = [line.split("|")[1] for line in RECEIVING.text.splitlines() if re.match(r"\| [0-9]", line)]

    assert {int(status) for row in rows for status in row.split(",")} == {200, 400, 404, 405, 408, 413, 500, 503}


def test_its_names() -> None:
    """What it names in prose exists."""
    for name in ("watch", "subscribe", "health", "on", "from_env"):
        assert f"{name}(" in RECEIVING.text or f"`{name}`" in RECEIVING.text
        assert hasattr(Receiver, name)


@pytest.mark.skipif(NGINX is None, reason="nginx is not installed")
async def test_nginx(gateway: GwmsEmulator, tmp_path: Path) -> None:
    """Its log shows no token."""
    (example,) = RECEIVING.blocks("nginx")
    log = tmp_path / "log"
    path = path_of(receiver_of(Handled()))
    async with (
        nginx(gateway, tmp_path, http=example.replace("/var/log/nginx/access.log", str(log))) as server,
        aiohttp.ClientSession(server.base_url.removesuffix("/v21")) as session,
    ):
        for url in (f"{path}/A1?b=c", "/other"):
            await (await session.get(url)).read()

    lines = [re.sub(r"\[.*?\]", "[now]", line) for line in log.read_text().splitlines()]
    assert lines == [
        '127.0.0.1 [now] "GET /gwms/UPDATE_ORDER/gw1-***/A1?b=c" 401',
        '127.0.0.1 [now] "GET /other" 401',
    ]
