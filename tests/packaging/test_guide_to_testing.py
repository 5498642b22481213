"""The services and tests in the guide to testing, run as they stand there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from gwms_async.testing import GwmsEmulator

from ..helpers.documents import TESTING, functions

pytest.importorskip("filelock", reason="the store in files is an extra")
pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]


def start_two(commands: list[str], ready: str, folder: Path) -> None:
    """Run Python with these arguments, until two workers say that they are ready.

    Args:
        commands: The arguments, separated by blanks, one text per process.
        ready: What a worker says.
        folder: Where to run, and where the workers share their token.
    """
    processes: list[subprocess.Popen[str]] = []
    try:
        for command in commands:
            processes.append(  # noqa: PERF401  # those that have started are ended if another one cannot start
                subprocess.Popen(  # noqa: S603  # our own examples
                    [sys.executable, "-u", "-m", *command.split()],
                    cwd=folder,
                    env={**os.environ, "TOKEN_DIR": str(folder / "tokens")},
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    text=True,
                )
            )
        for process in processes:
            assert process.stdout
            for _ in range(2 // len(processes)):
                assert any(ready in line for line in process.stdout)
    finally:
        for process in processes:
            process.terminate()
            process.communicate(timeout=20)


@pytest.mark.parametrize("name", ["fastapi_service", "aiohttp_service"])
def test_services(name: str, pytester: pytest.Pytester) -> None:
    """A service and its test pass."""
    test = f"test_{name}"
    pytester.makeini("[pytest]\nasyncio_default_fixture_loop_scope = function")
    pytester.makepyfile(**{name: TESTING.files()[f"{name}.py"], test: TESTING.files()[f"{test}.py"]})

    pytester.runpytest_subprocess("-W", "error").assert_outcomes(passed=1)


@pytest.mark.parametrize(
    ("name", "commands", "ready"),
    [
        ("fastapi_service", ["uvicorn fastapi_service:app --port 0 --workers 2"], "Application startup complete"),
        ("aiohttp_service", ["aiohttp.web -H 127.0.0.1 -P 0 aiohttp_service:make_app"] * 2, "Running on"),
    ],
)
def test_two_workers(name: str, commands: list[str], ready: str, gwms_env: GwmsEmulator, tmp_path: Path) -> None:
    """Two workers that start together end with one webhook and one login."""
    (tmp_path / f"{name}.py").write_text(TESTING.files()[f"{name}.py"])

    start_two(commands, ready, tmp_path)

    assert gwms_env.logins == 1
    assert len(gwms_env.webhooks) == 1
    assert gwms_env.count("list") >= 2


async def test_without_fixtures() -> None:
    """The example passes."""
    (function,) = functions(TESTING.example("test_retries"))

    await function()


def test_every_example_is_run() -> None:
    """No example is without a test here."""
    source = Path(__file__).read_text("utf-8")
    names = set(re.findall(r'\("(\w+_service)"', source))
    files = {f"{start}{name}.py" for name in names for start in ("", "test_")}

    assert files == {file for file in TESTING.files() if "service" in file}
    assert len(TESTING.files()) == len(files) + 1
