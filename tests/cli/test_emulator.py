"""The emulator as a command."""

from __future__ import annotations

import asyncio
import errno
import http.client
import io
import json
import os
import signal
import sys
import threading
import time
import webbrowser
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from click.testing import CliRunner, Result

from gwms_async.cli import emulator
from gwms_async.cli.commands import gwms
from gwms_async.cli.emulator import serve
from gwms_async.cli.output import Exit
from gwms_async.testing import GwmsEmulator

from ..helpers.command_line import Keyboard

VARIABLES = """
import json, os
print(json.dumps({name: value for name, value in os.environ.items() if name.startswith("GWMS_")}))
raise SystemExit(7)
"""
WAIT = """
import signal, sys, time
from pathlib import Path
for name in sys.argv[2:]:
    signal.signal(getattr(signal, name), signal.SIG_IGN)
Path(sys.argv[1]).touch()
time.sleep(30)
"""


def invoke(*arguments: str | int | Path, keyboard: io.BytesIO | None = None) -> Result:
    """Run the command."""
    return CliRunner().invoke(gwms, ["emulator", *map(str, arguments)], input=keyboard, catch_exceptions=False)


def meanwhile(condition: Callable[[], object], action: Callable[[], object]) -> None:
    """Do something in a thread as soon as a condition holds."""

    def run() -> None:
        end = time.monotonic() + 10
        while not condition() and time.monotonic() < end:
            threading.Event().wait(0.01)
        action()

    threading.Thread(target=run).start()


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[GwmsEmulator]:
    """List the emulators that have started."""
    emulators: list[GwmsEmulator] = []

    class Recorded(GwmsEmulator):
        async def start(self) -> None:
            await super().start()
            emulators.append(self)

    monkeypatch.setattr(emulator, "GwmsEmulator", Recorded)
    return emulators


def send(gateway: GwmsEmulator) -> int | None:
    """Send a request; return the status of the answer, None if there is none."""
    connection = http.client.HTTPConnection(urlsplit(gateway.base_url).netloc, timeout=20)
    try:
        connection.request("GET", "/v21/webhooks")
        return connection.getresponse().status
    except OSError:
        return None
    finally:
        connection.close()


@pytest.mark.parametrize("option", ["--rate", "--token-ttl", "--latency"])
@pytest.mark.parametrize("number", ["inf", "nan"])
def test_numbers_that_are_not_finite(option: str, number: str) -> None:
    """They are usage errors."""
    result = invoke("--port", 0, option, number)

    assert result.exit_code == 2
    assert f"'{option}': must be a finite number; got {number}" in result.stderr


@pytest.mark.parametrize("as_json", [True, False])
async def test_serve(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *, as_json: bool) -> None:
    """It prints how to reach it and a secret for webhooks, and serves until Ctrl-C."""
    gateway, output, messages = GwmsEmulator(), "", ""
    task = asyncio.create_task(serve(gateway, as_json=as_json))

    while not output:
        await asyncio.sleep(0)
        output, messages = capsys.readouterr()
    base_url = gateway.base_url
    task.cancel()

    assert await task is Exit.DONE
    assert base_url in output
    assert ("export GWMS_PASSWORD=" in output) is not as_json
    if as_json:
        assert len(json.loads(output)["webhook_secret"]) == 43
    else:
        assert "export GWMS_WEBHOOK_SECRET=" in output
        assert messages == f"Emulator running on {gateway.page_url} (open it in a browser). Press Ctrl-C to stop.\n"
    assert capsys.readouterr().err == "stopped\n"


def test_a_port_that_is_taken(gwms_emulator: GwmsEmulator) -> None:
    """One line, exit code 1, and what to do; the usual port is always the same."""
    port = gwms_emulator.base_url.split(":")[2].split("/")[0]
    result = invoke("--port", port, "--rate", "5")

    assert result.exit_code == 1
    reason = os.strerror(errno.EADDRINUSE).lower()
    assert result.stderr == f"Error: the port cannot be used ({reason}); --port 0 takes a free port\n"
    assert "default: 8021" in invoke("--help").stdout


def test_the_log_of_requests(started: list[GwmsEmulator]) -> None:
    """One line for each, with what was answered; 444 says that nothing was."""
    seen: list[int | None] = []

    def talk() -> None:
        seen.extend(send(started[0]) for _ in range(2))
        os.kill(os.getpid(), signal.SIGINT)

    meanwhile(lambda: started, talk)
    result = invoke("--port", 0, "--fault", "503", "--fault", "drop-before")
    lines = [line.split(" ", 1)[-1] for line in result.stderr.splitlines()]

    assert result.exit_code == 0
    assert seen == [503, None]
    assert lines[1:] == ["GET /v21/webhooks HTTP/1.1 503", "GET /v21/webhooks HTTP/1.1 444", "stopped"]


@pytest.mark.parametrize(
    ("fault", "statuses"),
    [
        ("503", [503, 401]),
        ("500:other:2", [401, 401]),
        ("429:list", [429, 401]),
        ("404:2", [404, 404]),
        ("drop-before", [None, 401]),
    ],
)
def test_faults(started: list[GwmsEmulator], fault: str, statuses: list[int | None]) -> None:
    """NAME[:OPERATION][:TIMES]."""
    seen: list[int | None] = []

    def talk() -> None:
        seen.extend(send(started[0]) for _ in range(2))
        os.kill(os.getpid(), signal.SIGINT)

    meanwhile(lambda: started, talk)

    assert invoke("--port", 0, "--fault", fault).exit_code == 0
    assert seen == statuses


@pytest.mark.parametrize("name", emulator._FAULTS)
def test_names_of_faults(name: str) -> None:
    """Each stands for a fault; the help names them all."""
    gateway = GwmsEmulator()
    emulator._inject(gateway, name)

    assert gateway.faults_left == 1
    assert name in " ".join(invoke("--help").stdout.split()).replace("- ", "-")


@pytest.mark.parametrize(
    ("fault", "text"),
    [
        ("drop-afte", "no fault has this name: did you mean drop-after?"),
        ("200", "no fault has this name"),
        ("600", "no fault has this name"),
        ("503:crate", "operation must be one of"),
        ("503:create:2:3", "operation must be one of"),
        ("503:create:0", "must be 1 or more"),
    ],
)
def test_unknown_faults(fault: str, text: str) -> None:
    """They are usage errors."""
    result = invoke("--fault", fault)

    assert result.exit_code == 2
    assert f"Error: --fault {fault}: " in result.stderr
    assert text in result.stderr


def test_a_command(capfd: pytest.CaptureFixture[str]) -> None:
    """It has the variables; its output is all there is, and its exit code is ours."""
    result = invoke("--port", "0", "--", sys.executable, "-c", VARIABLES)
    output, messages = capfd.readouterr()

    assert (result.exit_code, result.output, messages) == (7, "", "")
    assert json.loads(output)["GWMS_BASE_URL"].startswith("http://127.0.0.1:")
    assert {"GWMS_USERNAME", "GWMS_PASSWORD", "GWMS_API_KEY"} <= set(json.loads(output))


def test_one_line_for_gateway_app_secret_routing_and_page(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The command gets a new secret, unless the environment has one; the page is opened, and its address printed."""
    opened: list[str] = []

    def open_page(url: str) -> bool:
        opened.append(url)
        return len(opened) < 3

    monkeypatch.setattr(webbrowser, "open", open_page)
    arguments = ("--port", "0", "--deliver-to", "http://localhost:8000", "--open", "--")
    secrets = []
    for _ in range(2):
        assert invoke(*arguments, sys.executable, "-c", VARIABLES).exit_code == 7
        secrets.append(json.loads(capfd.readouterr().out)["GWMS_WEBHOOK_SECRET"])
    monkeypatch.setenv("GWMS_WEBHOOK_SECRET", "mine")
    result = invoke(*arguments, sys.executable, "-c", VARIABLES)

    assert min(map(len, secrets)) == 43
    assert secrets[0] != secrets[1]
    assert json.loads(capfd.readouterr().out)["GWMS_WEBHOOK_SECRET"] == "mine"
    assert result.stderr == f"Warning: no browser found\nPage of the emulator: {opened[-1]}\n"


def test_where_to_deliver(monkeypatch: pytest.MonkeyPatch) -> None:
    """A local server, for every host; anything else is a usage error."""
    routes: list[dict[str, str]] = []

    async def look(gateway: GwmsEmulator, *_: object, **__: object) -> int:
        routes.append(gateway.routes)
        return 0

    monkeypatch.setattr(emulator, "serve", look)

    assert invoke("--deliver-to", "http://127.0.0.1:8000").exit_code == 0
    assert routes == [{"*": "http://127.0.0.1:8000"}]
    result = invoke("--deliver-to", "https://shop.example")
    assert (result.exit_code, "--deliver-to: 'https://shop.example' is not on this machine" in result.stderr) == (
        2,
        True,
    )


def test_a_command_that_does_not_exist() -> None:
    """One line, exit code 1."""
    result = invoke("--port", "0", "--", "no-such-command")

    assert (result.exit_code, result.stderr) == (1, "Error: no-such-command: no such file or directory\n")


@pytest.mark.parametrize(("ignored", "code"), [([], 128 + signal.SIGTERM), (["SIGTERM"], 128 + signal.SIGKILL)])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_command_at_our_end(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, number: int, ignored: list[str], code: int
) -> None:
    """It gets SIGTERM, and SIGKILL if it goes on."""
    monkeypatch.setattr(emulator, "_GRACE", 0.2 if ignored else 30)
    started = tmp_path / "started"
    meanwhile(started.exists, lambda: os.kill(os.getpid(), number))

    result = invoke("--port", "0", "--", sys.executable, "-c", WAIT, started, *ignored)

    assert (result.exit_code, result.stderr) == (code, "")


def test_ctrl_c_on_a_terminal(tmp_path: Path) -> None:
    """The terminal sends it to the command as well, which alone decides; SIGTERM still ends us."""
    started, before = tmp_path / "started", signal.getsignal(signal.SIGINT)

    def press() -> None:
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGTERM)

    meanwhile(lambda: started.exists() and signal.getsignal(signal.SIGINT) is signal.SIG_IGN, press)
    result = invoke("--port", "0", "--", sys.executable, "-c", WAIT, started, keyboard=Keyboard())

    assert result.exit_code == 128 + signal.SIGTERM
    assert signal.getsignal(signal.SIGINT) is before


@pytest.mark.parametrize("grace", [5, 0])
async def test_a_command_that_has_just_ended(monkeypatch: pytest.MonkeyPatch, grace: float) -> None:
    """There is nothing left to stop or kill."""
    monkeypatch.setattr(emulator, "_GRACE", grace)
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", "raise SystemExit(3)")
    await process.wait()

    assert await emulator._stop(process) == 3


def test_options_of_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    """What follows the command is its own, also without --."""
    seen: list[tuple[str, ...]] = []

    async def serve(_: object, command: tuple[str, ...], **__: object) -> int:
        seen.append(command)
        return 0

    monkeypatch.setattr(emulator, "serve", serve)
    code = CliRunner().invoke(gwms, ["emulator", "--port", "0", "uvicorn", "app:app", "--port", "9000"]).exit_code

    assert (code, seen) == (0, [("uvicorn", "app:app", "--port", "9000")])
