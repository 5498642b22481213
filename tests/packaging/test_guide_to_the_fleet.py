"""The examples in the guide to the fleet, run as they stand there."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from gwms_async import Credentials
from gwms_async.fleet import Eshop, Fleet
from gwms_async.testing import GwmsEmulator, Status

from ..helpers import eshops
from ..helpers.deliveries import SECRET, path_of
from ..helpers.documents import FLEET
from ..helpers.emulated import QUICK, specs
from ..helpers.redis_server import RedisServer


@pytest.fixture
def database(gwms_emulator: GwmsEmulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two e-shops of an emulator, in the module that the examples call `eshops`."""
    username, password, key = gwms_emulator.credentials
    row = {"username": username, "password": password, "api_key": key, "base_url": gwms_emulator.base_url}
    gwms_emulator.add_eshop("another")
    monkeypatch.setenv("ESHOPS", json.dumps({"shop-1": row, "shop-2": {**row, "api_key": "another"}}))
    monkeypatch.setitem(sys.modules, "eshops", eshops)


@pytest.mark.usefixtures("database")
async def test_nightly() -> None:
    """It adds a task per account, whose key begins with the date."""
    docket = pytest.importorskip("docket", reason="docket is an extra")
    nightly = FLEET.example("Cron")["nightly"]
    from gwms_async.fleet import make_tasks  # noqa: PLC0415  # an extra

    async with docket.Docket(name="guide", url="memory://") as one:
        for task in make_tasks(Fleet):  # type: ignore[arg-type]  # never run
            one.register(task)
        days = {f"{datetime.now(UTC):%Y-%m-%d}"}
        await nightly(docket=one)
        days.add(f"{datetime.now(UTC):%Y-%m-%d}")
        (waiting,) = filter(None, [await one.get_execution(f"{day}:one:0") for day in days])

    assert waiting.args == ("one", ["shop-1", "shop-2"])


@pytest.mark.slow
@pytest.mark.usefixtures("database")
async def test_workers_and_report(
    gwms_emulator: GwmsEmulator, redis: RedisServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Workers run as the guide says; the run is reported on, and once more from the results that docket keeps."""
    docket = pytest.importorskip("docket", reason="docket is an extra")
    for name in ("gwms_tasks.py", "gwms_nightly.py"):
        (tmp_path / name).write_text(FLEET.files()[name], "utf-8")
    (tmp_path / "eshops.py").write_text(Path(eshops.__file__).read_text("utf-8"), "utf-8")
    report = FLEET.example("EshopResult")["report"]
    queue = redis.url.replace("/0", "/1")
    (line,) = re.findall(r"^docket (worker .*)", FLEET.text, re.MULTILINE)
    command = [sys.executable, "-m", "docket", *shlex.split(line.replace("$QUEUE", queue))]
    with ExitStack() as stack:
        for _ in range(2):
            process = subprocess.Popen(  # noqa: ASYNC220, S603  # our own guide
                command, cwd=tmp_path, env=os.environ | {"TOKENS": redis.url}, stderr=subprocess.DEVNULL
            )
            stack.enter_context(process)
            stack.callback(process.terminate)
        async with asyncio.timeout(50), docket.Docket(name="gwms", url=queue) as one:
            one.register(FLEET.example("Cron")["nightly"])
            await report(one, "today")
            await report(one, "today")
            while len(await one.workers()) < 2:  # noqa: ASYNC110  # docket has no events for it
                await asyncio.sleep(0.1)
            tasks = (await one.snapshot()).future

    lines = capsys.readouterr().out.splitlines()
    assert lines == ["shop-1 {'created': 18}", "shop-2 {'created': 18}"] * 2
    assert len(gwms_emulator.webhooks) == 36
    assert gwms_emulator.logins == 1
    assert [(task.function_name, task.when.hour) for task in tasks] == [("nightly", 3)]


async def test_the_recipe_for_another_engine(gateway: GwmsEmulator) -> None:
    """It returns plain values, and asks for a repetition where that may help."""
    reconcile_eshop = FLEET.example("reconcile_eshop")["reconcile_eshop"]

    async def find(name: str) -> Eshop:
        return Eshop(Credentials(*gateway.credentials), specs(2))

    async with Fleet(find, base_url=gateway.base_url, retry=QUICK) as fleet:
        result: dict[str, Any] = await reconcile_eshop(fleet, "shop")
        gateway.inject(Status(503), operation="list", times=100)
        with pytest.raises(RuntimeError, match=r"^try shop again in a few minutes$"):
            await reconcile_eshop(fleet, "shop")

    assert json.loads(json.dumps(result))["counts"] == {"created": 2}


async def test_deliveries_are_handed_over(capsys: pytest.CaptureFixture[str]) -> None:
    """The answer does not wait for the work; that of one entity is done one after another."""
    docket = pytest.importorskip("docket", reason="docket is an extra")
    names = FLEET.example("make_receiver")
    bodies = [iter([b'{"eshopOrderId": "%b"}' % order, b""]) for order in (b"A1", b"A2", b"A1")]

    def reader(body: Iterator[bytes]) -> Callable[[], Awaitable[bytes]]:
        async def read() -> bytes:
            return next(body)

        return read

    async with docket.Docket(name="deliveries", url="memory://") as one:
        receiver = names["make_receiver"](one, SECRET)
        answers = [await receiver.take("POST", path_of(receiver), reader(body)) for body in bodies]
        before = capsys.readouterr().out
        async with docket.Worker(one) as worker:
            await worker.run_until_finished()

    assert [answer.status for answer in answers] == [200] * 3
    assert before == ""
    assert sorted(capsys.readouterr().out.split("\n")) == ["", "reading /A1", "reading /A1", "reading /A2"]


def test_every_example_is_run() -> None:
    """No example is without a test here."""
    source = Path(__file__).read_text("utf-8")
    markers = re.findall(r'example\("(.*?)"\)', source) + re.findall(r'"(gwms_\w+\.py)"', source)

    assert all(any(marker in block for marker in markers) for block in FLEET.blocks())
