"""What a token store in files costs where it cannot work: a warning and a login, never a call."""

from __future__ import annotations

import asyncio
import os
import tempfile
import threading
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

pytest.importorskip("filelock", reason="the store in files is an extra")

from gwms_async import FileTokenStore, Token
from gwms_async.auth.guarded_store import GuardedStore
from gwms_async.testing import GwmsEmulator

from ...helpers.emulated import client, python

pytestmark = pytest.mark.skipif(os.name != "posix", reason="modes and links are those of POSIX")
KEY = "0f" * 32
SECRET = "t0ken-of-the-store"
TOKEN = Token(SECRET, 1_764_000_000.5)


@pytest.fixture
def store(tmp_path: Path) -> FileTokenStore:
    """A store without a directory yet."""
    return FileTokenStore(tmp_path / "tokens")


def said(caplog: pytest.LogCaptureFixture) -> list[str]:
    """List the warnings; none holds a token."""
    assert SECRET not in caplog.text
    return [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]


@contextmanager
def without_privileges() -> Generator[Path]:
    """Be a user who may not write, or read, everything; gives a directory that he can reach."""
    with tempfile.TemporaryDirectory() as name:
        user = os.geteuid()
        Path(name).chmod(0o777)
        if user == 0:
            os.seteuid(65_534)
        try:
            yield Path(name)
        finally:
            os.seteuid(user)


async def renewed(store: FileTokenStore) -> Token | None:
    """Do what a login does; give what it has read."""
    async with GuardedStore(store, KEY) as guard:
        found = await guard.load()
        await guard.save(TOKEN)
    return found


@pytest.mark.parametrize("content", [f'{{"value": "{SECRET}"'.encode(), b"\0" * 2**20], ids=["corrupt", "huge"])
async def test_a_bad_file_costs_a_warning(
    store: FileTokenStore, caplog: pytest.LogCaptureFixture, content: bytes
) -> None:
    """And a login, whose token takes its place."""
    store.directory.mkdir()
    file = store.directory / f"{KEY}.json"
    file.touch(0o600)
    file.write_bytes(content)

    assert await renewed(store) is None
    assert await renewed(store) == TOKEN
    assert said(caplog) == ["the token store could not be read (ValueError); continuing without it"]


def in_a_file(directory: Path) -> Path:
    """Choose a directory that cannot be."""
    (directory / "file").touch()
    return directory / "file" / "tokens"


def in_a_closed_directory(directory: Path) -> Path:
    """Choose a directory in which nothing may be made."""
    closed = directory / "closed"
    closed.mkdir(0o500)
    return closed


def below_a_closed_directory(directory: Path) -> Path:
    """Choose a directory that may not be made."""
    return in_a_closed_directory(directory) / "tokens"


@pytest.mark.parametrize(
    ("choose", "reason"),
    [
        (in_a_file, "NotADirectoryError: Not a directory"),
        (in_a_closed_directory, "PermissionError: Permission denied"),
        (below_a_closed_directory, "PermissionError: Permission denied"),
    ],
)
async def test_a_directory_that_cannot_be_written(
    gateway: GwmsEmulator, caplog: pytest.LogCaptureFixture, choose: Callable[[Path], Path], reason: str
) -> None:
    """It costs a warning that says why, and a login, not the call."""
    with without_privileges() as reachable:
        async with client(gateway, token_store=FileTokenStore(choose(reachable))) as gwms:
            assert await gwms.webhooks.list() == []

    assert said(caplog) == [f"the token store could not be locked ({reason}); continuing without it"]
    assert gateway.logins == 1


async def test_a_file_that_may_not_be_read(gateway: GwmsEmulator, caplog: pytest.LogCaptureFixture) -> None:
    """The same, and the next client has a good one."""
    with without_privileges() as reachable:
        store = FileTokenStore(reachable / "tokens")
        for _ in range(3):
            async with client(gateway, token_store=store) as gwms:
                assert await gwms.webhooks.list() == []
            if gateway.logins == 1:
                (file,) = store.directory.glob("*.json")
                file.chmod(0o000)

    assert said(caplog) == [
        "the token store could not be read (PermissionError: Permission denied); continuing without it"
    ]
    assert gateway.logins == 2


def test_a_full_disk(gwms_emulator: GwmsEmulator, tmp_path: Path) -> None:
    """The call goes through after one warning, the token before it stays, and nothing half-written is left."""
    code = """
        import asyncio, logging, pathlib, resource, sys
        from gwms_async import Credentials, FileTokenStore, GwmsClient

        base_url, directory, *credentials = sys.argv[1:]

        async def main():
            store = FileTokenStore(directory)
            async with GwmsClient(Credentials(*credentials), base_url=base_url, token_store=store) as gwms:
                print(await gwms.webhooks.list())

        asyncio.run(main())
        logging.basicConfig(stream=sys.stdout, level=logging.WARNING, format="%(message)s")
        (file,) = pathlib.Path(directory).glob("*.json")
        file.write_text("{")
        resource.setrlimit(resource.RLIMIT_FSIZE, (40, 40))
        asyncio.run(main())
        print(file.read_text())
    """
    written = python(code, gwms_emulator.base_url, tmp_path, *gwms_emulator.credentials)

    assert written.splitlines() == [
        "[]",
        "the token store could not be read (ValueError); continuing without it",
        "the token store could not be written (OSError: File too large); continuing without it",
        "[]",
        "{",
    ]
    assert [path.suffix for path in sorted(tmp_path.iterdir())] == [".json", ".lock"]
    assert gwms_emulator.logins == 2


async def test_a_lock_held_for_too_long(store: FileTokenStore, caplog: pytest.LogCaptureFixture) -> None:
    """It costs a warning; what is stored is left to the holder."""
    async with store.lock(KEY), GuardedStore(store, KEY, patience=0.05) as guard:
        assert await guard.load() is None
        await guard.save(Token("mine"))

    assert said(caplog) == ["the token store could not be locked (TimeoutError); continuing without it"]
    assert await store.load(KEY) is None


async def test_threads_that_are_all_taken(store: FileTokenStore, caplog: pytest.LogCaptureFixture) -> None:
    """The store waits its turn, no longer than it may, and its lock is free when the threads are."""
    loop, busy = asyncio.get_running_loop(), threading.Event()
    loop.set_default_executor(ThreadPoolExecutor(1))
    async with GuardedStore(store, KEY) as guard:
        loop.run_in_executor(None, busy.wait)
        guard._patience = 0.05
    busy.set()

    assert said(caplog) == ["the token store could not be unlocked (TimeoutError); continuing without it"]
    async with asyncio.timeout(10), store.lock(KEY):
        pass
