"""The guide to receiving: its service and test, run as they stand there, and its log format in a real nginx."""

from __future__ import annotations

import re
from io import BytesIO
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


def test_the_commands() -> None:
    """`gwms listen` has the options that it is shown with, and takes these answers."""
    pytest.importorskip("rich", reason="the command line is an extra")
    from gwms_async.cli.listen import listen  # noqa: PLC0415

    section = RECEIVING.text.partition("## Open questions")[2]
    shown = {name for line in re.findall(r"`(.*?)`", section) for name in re.findall(r"--[a-z-]+", line)}

    assert shown == {"--register", "--event", "--public-url", "--json", "--headers", "--answer"}
    assert shown <= {option for parameter in listen.params for option in parameter.opts}
    (answer,) = (parameter for parameter in listen.params if "--answer" in parameter.opts)
    for value in re.findall(r"--answer (\S+?)`", section):
        answer.type.convert(value, answer, None)


@pytest.mark.skipif(NGINX is None, reason="nginx is not installed")
async def test_nginx(gateway: GwmsEmulator, tmp_path: Path) -> None:
    """No log has a token: not that of nginx.conf, and not that of errors; a body may be as large as a receiver's."""
    (example,) = RECEIVING.blocks("nginx")
    http, _, of_server = example.replace("/var/log/nginx", str(tmp_path)).partition("server {\n")
    own = of_server.removesuffix("}\n")
    path = path_of(receiver_of(Handled()))
    async with (
        nginx(
            gateway,
            tmp_path,
            http=f"access_log {tmp_path}/nginx.conf.log; {http}",
            directives=f"client_body_buffer_size 4m; {own}",
        ) as server,
        aiohttp.ClientSession(server.base_url.removesuffix("/v21")) as session,
    ):
        for url in (f"{path}/A1?b=c", "/other"):
            await (await session.get(url)).read()
        async with session.post(path, data=BytesIO(bytes(2 * 1024 * 1024))) as answer:
            assert answer.status != 413
        await gateway.close()
        async with session.get(path) as answer:
            assert answer.status == 502

    lines = [re.sub(r"\[.*?\]", "[now]", line) for line in (tmp_path / "access.log").read_text().splitlines()]
    assert lines == [
        '127.0.0.1 [now] "GET /gwms/UPDATE_ORDER/gw1-***/A1?b=c" 401',
        '127.0.0.1 [now] "GET /other" 401',
        '127.0.0.1 [now] "POST /gwms/UPDATE_ORDER/gw1-***" 401',
        '127.0.0.1 [now] "GET /gwms/UPDATE_ORDER/gw1-***" 502',
    ]
    logs = {one.name: one.read_text() for one in tmp_path.iterdir() if one.is_file()}
    assert set(logs) >= {"access.log", "error.log", "nginx.conf.log"}
    assert [name for name, text in logs.items() if path.rpartition("/")[2] in text] == []
