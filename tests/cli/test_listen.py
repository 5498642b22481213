"""`gwms listen`, from its options to its end."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import socket
import subprocess
import sys
import time
from codecs import getincrementaldecoder
from collections.abc import AsyncGenerator, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, closing, suppress
from functools import partial
from http.client import HTTPConnection
from urllib.parse import urlsplit

import pytest
from aiohttp import web
from click.testing import Result

from gwms_async import WebhookType
from gwms_async.cli import hosts, listen
from gwms_async.cli.access import Access
from gwms_async.cli.lines import Lines
from gwms_async.cli.loop import Work
from gwms_async.cli.output import Exit, handle_errors
from gwms_async.cli.serving import Respond, answering, forwarding, keep
from gwms_async.receiving import Receiver, aiohttp_app
from gwms_async.testing import DropAfter, GwmsEmulator, OtherState, Status

from ..helpers.command_line import environment, lines, run
from ..helpers.deliveries import ORDER, SECRET, Handled, path_of, receiver_of
from ..helpers.emulated import client, until
from ..helpers.hosts import aiohttp_host, exchange, send

pytestmark = pytest.mark.usefixtures("own_cache")

ENTITY = {"eshopOrderId": "A1"}


def wait_for(condition: Callable[[], object]) -> None:
    """Wait in a thread for a state that is bound to come, 10 seconds at most."""
    end = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def listening(
    gateway: GwmsEmulator,
    act: Callable[[], object],
    *arguments: str,
    secret: str | None = SECRET,
    number: int = 2,
    without: Iterable[str] = (),
) -> Result:
    """Run the command on a free port, without some variables; press Ctrl-C when something is done."""

    def act_and_stop() -> None:
        try:
            act()
        finally:
            os.kill(os.getpid(), number)

    with ThreadPoolExecutor(1) as thread:
        done = thread.submit(act_and_stop)
        result = run(gateway, "listen", "--port", "0", *arguments, GWMS_WEBHOOK_SECRET=secret, **dict.fromkeys(without))
        done.result()
    return result


def work(gateway: GwmsEmulator, respond: Respond, *types: WebhookType) -> Work:
    """Return the command's work with webhooks of event types."""
    receiver = Receiver(SECRET)
    receiver.on(*types)(keep)
    access = Access(*gateway.credentials, gateway.base_url)
    lines = Lines(headers=False, as_json=False)
    return listen._listen(receiver, respond, lines, access=access, port=0, public_url=None)


@asynccontextmanager
async def running(gateway: GwmsEmulator, respond: Respond, *types: WebhookType) -> AsyncGenerator[None]:
    """Run the command's work with webhooks of event types; cancel it, as Ctrl-C does."""
    task = asyncio.create_task(work(gateway, respond, *types))
    await until(lambda: len(gateway.webhooks) == len(types) or task.done())
    try:
        yield
    finally:
        task.cancel()
        assert await task is Exit.DONE


def urls(gateway: GwmsEmulator) -> list[str]:
    """List the URLs of all webhooks."""
    return [hook.url for hook in gateway.webhooks]


def emit(gateway: GwmsEmulator, count: int) -> None:
    """Emit an event once so many webhooks are registered, and wait until it is delivered."""
    wait_for(lambda: len(gateway.webhooks) == count)
    gateway.emit("UPDATE_ORDER", ENTITY)
    asyncio.run(gateway.delivered())


@pytest.mark.parametrize("secret", [SECRET, None])
def test_a_session(gwms_emulator: GwmsEmulator, secret: str | None) -> None:
    """It registers all event types, shows what comes, and deletes at Ctrl-C what it created."""
    gwms_emulator.add_webhook("https://shop.example/foreign", "CREATE_ORDER")
    result = listening(gwms_emulator, partial(emit, gwms_emulator, 19), "--register", "--json", secret=secret)

    assert result.exit_code == 0
    (line,) = lines(result)
    assert (line["event"], line["id"], line["answer"], line["path"]) == (
        *("UPDATE_ORDER", "A1", 200, "/UPDATE_ORDER/gw1-***"),
    )
    assert [attempt.status for attempt in gwms_emulator.deliveries] == [200]
    assert urls(gwms_emulator) == ["https://shop.example/foreign"]
    assert gwms_emulator.count("list") <= 4  # before, first, closing, and how many are active
    first, deleted, last = result.stderr.splitlines()
    assert first.startswith("Listening on 127.0.0.1:")
    assert deleted.removeprefix("deleted: ").split(", ") == [str(number) for number in range(2, 20)]
    assert last == "stopped"


def test_it_deletes_only_what_it_created(gwms_emulator: GwmsEmulator) -> None:
    """Not what was there, even if it was inactive; what has gone meanwhile is no matter."""
    receiver, base = Receiver(SECRET), "https://shop.example/gwms"
    receiver.on(*WebhookType)(Handled())
    there = {spec.webhook_type: spec.url for spec in receiver.specs(base)}
    gwms_emulator.add_webhook(there[ORDER], "UPDATE_ORDER")
    gwms_emulator.add_webhook(there[WebhookType.CREATE_ORDER], "CREATE_ORDER", active=False)

    def delete_one() -> None:
        wait_for(lambda: len(gwms_emulator.webhooks) == 4 and gwms_emulator.count("list") >= 3)
        (webhook,) = (hook for hook in gwms_emulator.webhooks if hook.webhook_type == "CREATE_RETURN")
        gwms_emulator.remove_webhook(webhook.id)

    events = ("UPDATE_ORDER", "create_order", "CREATE_RETURN", "UPDATE_RETURN")
    options = [part for event in events for part in ("--event", event)]
    result = listening(gwms_emulator, delete_one, "--register", "--public-url", base, *options)

    assert result.exit_code == 0
    assert urls(gwms_emulator) == [there[ORDER], there[WebhookType.CREATE_ORDER]]
    assert all(hook.active for hook in gwms_emulator.webhooks)


def test_what_cannot_be_deleted(gwms_emulator: GwmsEmulator) -> None:
    """The error names it, and the exit code is 1; the others are deleted. SIGTERM ends it too."""

    def refuse() -> None:
        wait_for(lambda: len(gwms_emulator.webhooks) == 2)
        gwms_emulator.inject(Status(403), operation="delete")

    options = ("--register", "--event", "CREATE_ORDER", "--event", "UPDATE_ORDER")
    result = listening(gwms_emulator, refuse, *options, number=signal.SIGTERM)

    assert result.exit_code == 1
    assert len(urls(gwms_emulator)) == 1
    assert "Error: these webhooks could not be deleted: 1 (" in result.stderr


async def test_a_second_signal(gateway: GwmsEmulator, capsys: pytest.CaptureFixture[str]) -> None:
    """It ends the deletions; the error names what is left."""
    gateway.inject(DropAfter(), operation="create")
    task = asyncio.create_task(handle_errors(work(gateway, answering(200, 0), ORDER, WebhookType.CREATE_ORDER)))
    await until(lambda: len(gateway.webhooks) == 2)
    gateway.latency = 5
    lists = gateway.count("list")
    task.cancel()
    await until(lambda: gateway.count("list") > lists)
    task.cancel()

    assert await task == Exit.FAILED
    text = capsys.readouterr().err
    assert "Error: these webhooks could not be deleted: " in text
    assert "others that may have been created (interrupted)" in text


def test_what_may_exist_cannot_be_listed(gwms_emulator: GwmsEmulator) -> None:
    """What it is known to have created is deleted all the same; the error says that there may be more."""
    gwms_emulator.inject(Status(403, message="no"), operation="create")

    def refuse() -> None:
        wait_for(lambda: gwms_emulator.count("list") >= 4)  # before, first, closing, and how many are active
        gwms_emulator.inject(Status(403), operation="list")

    result = listening(gwms_emulator, refuse, "--register", "--event", "CREATE_ORDER", "--event", "UPDATE_ORDER")

    assert result.exit_code == 1
    assert urls(gwms_emulator) == []
    assert "Error: these webhooks could not be deleted: others that may have been created (" in result.stderr


def test_a_request_that_cannot_be_read(gwms_emulator: GwmsEmulator) -> None:
    """There is a warning, instead of a traceback with the token."""

    def send_it() -> None:
        wait_for(lambda: gwms_emulator.webhooks)
        parts = urlsplit(urls(gwms_emulator)[0])
        assert (asyncio.run(exchange(parts.port or 0, "GET", f"{parts.path}/A 1"))).split()[1] == b"400"

    result = listening(gwms_emulator, send_it, "--register", "--event", "UPDATE_ORDER")

    assert result.exit_code == 0
    assert "Warning: Error handling request from 127.0.0.1\n" in result.stderr


def test_one_is_not_registered(gwms_emulator: GwmsEmulator) -> None:
    """There is a warning; the others are."""
    gwms_emulator.inject(Status(403, message="no"), operation="create")
    result = listening(gwms_emulator, partial(emit, gwms_emulator, 17), "--register")

    assert result.exit_code == 0
    assert "Warning: failed: POST http://127.0.0.1:" in result.stderr
    assert "/gw1-*** on " in result.stderr
    assert urls(gwms_emulator) == []


@pytest.mark.slow
def test_the_answer_to_a_create_is_lost(gwms_emulator: GwmsEmulator) -> None:
    """The webhook is its own all the same."""
    gwms_emulator.inject(DropAfter(), operation="create")

    def wait() -> None:
        wait_for(lambda: gwms_emulator.count("list") >= 5)  # before, first, look, closing, and how many are active

    listening(gwms_emulator, wait, "--register", "--event", "UPDATE_ORDER")

    assert gwms_emulator.count("create") == 1
    assert urls(gwms_emulator) == []


def test_rejected_credentials(gwms_emulator: GwmsEmulator) -> None:
    """The exit code is 4."""
    result = run(gwms_emulator, "listen", "--port", "0", "--register", GWMS_PASSWORD="wrong")

    assert result.exit_code == 4
    assert "Error: " in result.stderr


@pytest.mark.parametrize(
    ("arguments", "secret", "words"),
    [
        (["--answer", "700"], SECRET, "must be a status, e.g. 500, or slow:SECONDS, e.g. slow:20; got '700'"),
        (["--answer", "slow"], SECRET, "must be a status"),
        (["--answer", "500", "--forward-to", "http://127.0.0.1:1"], SECRET, "cannot be combined"),
        (["--event", "UPDATE_ORDR"], SECRET, "did you mean UPDATE_ORDER"),
        (["--public-url", "http://shop.example"], SECRET, "must be https://host/path (http on this machine only)"),
        (["--forward-to", "localhost:8080"], SECRET, "must be https://host/path"),
        ([], None, "no deliveries can arrive: set GWMS_WEBHOOK_SECRET, or pass --register"),
        (["--register"], "short", "GWMS_WEBHOOK_SECRET must have at least 32 bytes; `gwms secret` prints a good one"),
    ],
)
def test_mistakes(gwms_emulator: GwmsEmulator, arguments: list[str], secret: str | None, words: str) -> None:
    """Exit code 2, and what to do; nothing is sent."""
    result = run(gwms_emulator, "listen", *arguments, GWMS_WEBHOOK_SECRET=secret)

    assert result.exit_code == 2
    assert words in result.stderr
    assert gwms_emulator.requests == []


@pytest.mark.parametrize(("option", "status"), [("503", 503), ("slow:0.01", 200)])
def test_answers(gwms_emulator: GwmsEmulator, option: str, status: int) -> None:
    """Each delivery gets it; so gaps between repeats can be measured."""
    options = ("--register", "--event", "UPDATE_ORDER", "--answer", option, "--json")
    result = listening(gwms_emulator, partial(emit, gwms_emulator, 1), *options)

    attempts = 3 if status == 503 else 1  # the emulator repeats twice
    assert [one["answer"] for one in lines(result)] == [status] * attempts


def test_an_application_that_is_not_there(gwms_emulator: GwmsEmulator) -> None:
    """What is to be forwarded is answered with 502, and a warning says why."""
    options = ("--register", "--event", "UPDATE_ORDER", "--forward-to", "http://127.0.0.1:9/gwms", "--json")
    result = listening(gwms_emulator, partial(emit, gwms_emulator, 1), *options)

    assert {one["answer"] for one in lines(result)} == {502}
    assert "Warning: cannot reach http://127.0.0.1:9 (connection refused)\n" in result.stderr


async def test_in_front_of_an_application(gateway: GwmsEmulator, capsys: pytest.CaptureFixture[str]) -> None:
    """With the same secret it gets what the gateway delivers, and its answers come back."""
    handled, app_receiver = Handled(), Receiver(SECRET)
    app_receiver.on(ORDER)(handled)
    app = web.Application()
    app.add_subapp("/gwms", aiohttp_app(app_receiver))
    async with aiohttp_host(app) as port, running(gateway, forwarding(f"http://127.0.0.1:{port}/gwms"), ORDER):
        gateway.emit("UPDATE_ORDER", ENTITY)
        await gateway.delivered()

    assert [attempt.status for attempt in gateway.deliveries] == [200]
    assert [one.data for one in handled] == [ENTITY]
    assert " POST UPDATE_ORDER 'A1' 22 B -> 200 in " in capsys.readouterr().out
    assert gateway.webhooks == []


async def test_without_registering(capsys: pytest.CaptureFixture[str]) -> None:
    """It needs no credentials, and asks nothing of the gateway."""
    receiver = receiver_of(keep)
    lines = Lines(headers=False, as_json=True)
    work = listen._listen(receiver, answering(202, 0), lines, access=None, port=0, public_url=None)
    task, messages = asyncio.create_task(work), ""
    while not messages:
        await asyncio.sleep(0)
        messages = capsys.readouterr().err
    found = re.fullmatch(r"Listening on 127\.0\.0\.1:([0-9]+)\. Press Ctrl-C to stop\.\n", messages)
    assert found
    assert await send(int(found[1]), path_of(receiver)) == 202
    task.cancel()

    assert await task is Exit.DONE
    assert capsys.readouterr().err == "stopped\n"


def test_no_credentials(gwms_emulator: GwmsEmulator) -> None:
    """With a secret, a session that registers nothing needs none."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = server.getsockname()

    def is_served() -> bool:
        with closing(HTTPConnection(*address)) as connection, suppress(ConnectionRefusedError):
            connection.request("GET", "/")  # a connection without one might be accepted only as the server closes
            return connection.getresponse().status == 404
        return False

    options = ("--port", str(address[1]))
    result = listening(gwms_emulator, lambda: wait_for(is_served), *options, without=environment(gwms_emulator))

    assert (result.exit_code, result.stderr) == (
        0,
        f"Listening on 127.0.0.1:{address[1]}. Press Ctrl-C to stop.\nstopped\n",
    )


async def test_the_webhooks_are_looked_at(gateway: GwmsEmulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """Again and again; a look that fails is a warning."""
    monkeypatch.setattr(listen, "_CHECK", 0)
    seen = list[str]()
    monkeypatch.setattr(Lines, "update", lambda _, active="": seen.append(active))
    async with running(gateway, answering(200, 0), ORDER, WebhookType.CREATE_ORDER):
        await until(lambda: "2/2" in seen)
        async with client(gateway) as gwms:
            await gwms.webhooks.deactivate(gateway.webhooks[0].id)
        await until(lambda: "1/2" in seen)
        gateway.inject(Status(403), operation="list")
        await until(lambda: "?/2" in seen)


async def test_a_gateway_that_cannot_reach_this_machine(
    gateway: GwmsEmulator, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """There is a warning, without the token."""
    monkeypatch.setattr(hosts, "is_private", lambda url: "/UPDATE_ORDER" in url)
    async with running(gateway, answering(200, 0), ORDER):
        pass

    assert "private host: http://127.0.0.1:" in capsys.readouterr().err


def test_nothing_is_registered(gwms_emulator: GwmsEmulator) -> None:
    """Then there is nothing to delete."""
    gwms_emulator.inject(Status(403, message="no"), operation="create")
    act = partial(wait_for, lambda: gwms_emulator.count("create"))
    result = listening(gwms_emulator, act, "--register", "--event", "UPDATE_ORDER")

    assert result.exit_code == 0
    assert "deleted" not in result.stderr


async def test_ctrl_c_while_creates_are_in_doubt(gateway: GwmsEmulator) -> None:
    """What was created without an answer is deleted too; what was there before is not."""
    gateway.inject(DropAfter(), operation="create", times=2)
    async with running(gateway, answering(200, 0), ORDER, WebhookType.CREATE_ORDER):
        await until(lambda: len(gateway.webhooks) == 2)

    assert gateway.webhooks == []


async def test_what_is_created_and_cannot_be_activated(gateway: GwmsEmulator) -> None:
    """It is deleted too."""
    gateway.inject(OtherState(), operation="create")
    gateway.inject(Status(403), operation="activate")
    async with running(gateway, answering(200, 0), ORDER):
        await until(lambda: gateway.count("activate") == 1 and gateway.count("list") > 1)

    assert gateway.webhooks == []


@pytest.mark.slow
def test_on_a_terminal(gwms_emulator: GwmsEmulator) -> None:
    """The status line lives: it moves, counts deliveries, and goes; Ctrl-C ends it without a traceback."""
    pty = pytest.importorskip("pty", reason="there are no pseudo-terminals here")
    ours, theirs = pty.openpty()
    env = {**os.environ, **environment(gwms_emulator), "TERM": "xterm", "COLUMNS": "200", "GWMS_WEBHOOK_SECRET": SECRET}
    process = subprocess.Popen(
        [sys.executable, "-m", "gwms_async.cli", "listen", "--port", "0", "--register"],
        env=env,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    seen, decode = "", getincrementaldecoder("utf-8")().decode  # a read may end within a character

    def read_until(*words: str) -> None:
        nonlocal seen
        while not all(word in seen for word in words):
            seen += decode(os.read(ours, 65_536))

    read_until("listening since ", "last delivery none yet", "webhooks active 18/18")
    gwms_emulator.emit("UPDATE_ORDER", ENTITY)
    read_until("POST UPDATE_ORDER 'A1' 22 B -> 200", "(1 in all), webhooks active 18/18")
    read_until(*(f"{sign} listening" for sign in "-\\|/"))
    process.send_signal(signal.SIGINT)
    read_until("deleted: ", "stopped")
    os.close(ours)

    assert process.wait(20) == 0
    assert "Traceback" not in seen
    assert "gw1-" not in seen.replace("gw1-***", "")
    assert gwms_emulator.webhooks == []
