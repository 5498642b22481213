"""The token store in files: where they are, that they are whole, and what is made of those that are not."""

from __future__ import annotations

import asyncio
import json
import os
import re
import threading
import traceback
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("filelock", reason="the store in files is an extra")

from gwms_async import ConfigurationError, FileTokenStore, Token

pytestmark = pytest.mark.skipif(os.name != "posix", reason="modes and links are those of POSIX")
KEY = "0f" * 32
SECRET = "t0ken-of-the-store"
TOKEN = Token(SECRET, 1_764_000_000.5)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """Where tokens are kept; not made yet."""
    return tmp_path / "cache" / "tokens"


@pytest.fixture
def store(directory: Path) -> FileTokenStore:
    """A store without a directory yet."""
    return FileTokenStore(directory)


def names(directory: Path) -> list[str]:
    """List what is in a directory."""
    return sorted(path.name for path in directory.iterdir())


def put(directory: Path, content: bytes) -> Path:
    """Write a token's file as another program might."""
    directory.mkdir(parents=True, exist_ok=True)
    file = directory / f"{KEY}.json"
    file.touch(0o600)
    file.write_bytes(content)
    return file


def test_where_tokens_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the user's cache directory, or where one says, wherever the process goes; nothing is made yet."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.chdir(tmp_path)

    assert FileTokenStore().directory.is_relative_to(tmp_path)
    assert FileTokenStore().directory.name == "gwms-async"
    assert FileTokenStore("here").directory == FileTokenStore(Path("here")).directory == tmp_path / "here"
    assert FileTokenStore("v1.2").directory == tmp_path / "v1.2"
    assert repr(FileTokenStore("here")) == f"FileTokenStore(directory={tmp_path / 'here'!r})"
    assert names(tmp_path) == []


@pytest.mark.parametrize("found", ["~/.cache/gwms-async", None])
def test_no_cache_directory(monkeypatch: pytest.MonkeyPatch, found: str | None) -> None:
    """It is an error, whether platformdirs raises or, in older versions, returns a relative path."""

    def user_cache_path(_: str) -> Path:
        if found is None:
            raise RuntimeError("could not determine the home directory")
        return Path(found)

    monkeypatch.setattr("gwms_async.auth.stores.file.user_cache_path", user_cache_path)

    with pytest.raises(ConfigurationError, match="set HOME or XDG_CACHE_HOME"):
        FileTokenStore()


@pytest.mark.parametrize("key", ["", "a/b", "..", "a.b", "a\0b", "a\n", "A", "k" * 101, "ž", "a b", "C:a"])
async def test_keys_unfit_for_a_file_name(store: FileTokenStore, directory: Path, key: str) -> None:
    """They are refused before anything is touched; upper case too, which some file systems do not tell from lower."""
    refusal = re.escape(f"a key must be up to 100 characters of a-z, 0-9, - and _; got {key!r}")

    with pytest.raises(ValueError, match=refusal):
        await store.load(key)
    with pytest.raises(ValueError, match=refusal):
        await store.save(key, TOKEN)
    with pytest.raises(ValueError, match=refusal):
        async with store.lock(key):
            pass
    assert not directory.exists()


async def test_what_the_file_holds(store: FileTokenStore, directory: Path) -> None:
    """JSON with both fields, and no token in any name."""
    await store.save(KEY, TOKEN)

    assert json.loads((directory / f"{KEY}.json").read_text()) == {"value": SECRET, "expires_at": TOKEN.expires_at}
    assert names(directory) == [f"{KEY}.json"]


CORRUPT: list[bytes] = [
    b"",
    b"{",
    b"null",
    b"[]",
    b"{}",
    b"\xff\xfe",
    b"\0" * 100,
    f'"{SECRET}"'.encode(),
    f'{{"value": "{SECRET}"}}'.encode(),
    f'{{"value": "{SECRET}", "expires_at": 5'.encode(),
    b'{"value": 5, "expires_at": 5}',
    b'{"value": null, "expires_at": 5}',
    *(f'{{"value": "{SECRET}", "expires_at": {odd}}}'.encode() for odd in ('"5"', "true", "1e999", "NaN", "[]", "{}")),
    f'{{"value": "{SECRET}", "expires_at": -Infinity}}'.encode(),
    f'{{"value": "{SECRET}", "expires_at": 1{"0" * 400}}}'.encode(),
    f'{{"value": "{SECRET}", "expires_at": 1{"0" * 5000}}}'.encode(),
    b"[" * 60_000,
    f'{{"value": "{SECRET}", "expires_at": null, "more": "{"x" * 65_536}"}}'.encode(),
]


@pytest.mark.parametrize("content", CORRUPT, ids=range(len(CORRUPT)))
async def test_a_file_that_holds_no_token(store: FileTokenStore, directory: Path, content: bytes) -> None:
    """The error names the file and shows nothing of its content, nor do the frames that it went through."""
    file = put(directory, content)

    with pytest.raises(ValueError, match=f"^{re.escape(str(file))} does not contain a token") as caught:
        await store.load(KEY)

    assert caught.value.__context__ is None
    shown = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
    assert SECRET not in "".join(shown.format()).partition("gwms_async/stores/file.py")[2]


async def test_fields_that_are_not_known(store: FileTokenStore, directory: Path) -> None:
    """They are passed over: a later version may write them."""
    put(directory, b'{"value": "a", "expires_at": 5, "scope": {}}')

    assert await store.load(KEY) == Token("a", 5)


async def test_a_huge_file(store: FileTokenStore, directory: Path) -> None:
    """It is not read whole."""
    with put(directory, b"{").open("r+b") as file:
        file.truncate(2**40)

    with pytest.raises(ValueError, match="does not contain a token"):
        await store.load(KEY)


async def test_saving_fails_as_a_whole(store: FileTokenStore, directory: Path) -> None:
    """Nothing is left of it; here the file cannot be replaced, for it is a directory."""
    directory.mkdir(parents=True)
    (directory / f"{KEY}.json").mkdir()

    with pytest.raises(OSError, match="directory"):
        await store.save(KEY, TOKEN)

    assert names(directory) == [f"{KEY}.json"]


@pytest.mark.parametrize("expires_at", [float("inf"), float("nan")])
async def test_a_time_that_json_does_not_know(store: FileTokenStore, directory: Path, expires_at: float) -> None:
    """It is refused, and the token before it stays."""
    await store.save(KEY, TOKEN)

    with pytest.raises(ValueError, match="JSON"):
        await store.save(KEY, Token("a", expires_at))

    assert await store.load(KEY) == TOKEN
    assert names(directory) == [f"{KEY}.json"]


def test_readers_see_whole_tokens(store: FileTokenStore) -> None:
    """Whatever the moment at which they look, while others write without pause."""
    tokens = [Token(letter * 20_000, ord(letter)) for letter in "abcd"]
    asyncio.run(store.save(KEY, tokens[0]))
    over = threading.Event()

    def write() -> None:
        for _ in range(10):
            for token in tokens:
                asyncio.run(store.save(KEY, token))

    def read() -> int:
        looks = 0
        while not over.is_set():
            assert asyncio.run(store.load(KEY)) in tokens
            looks += 1
        return looks

    with ThreadPoolExecutor() as threads:
        readers = [threads.submit(read) for _ in range(2)]
        try:
            threads.submit(write).result()
        finally:
            over.set()
        assert all(reader.result() for reader in readers)


def test_a_cancelled_waiter_leaves_no_thread(store: FileTokenStore) -> None:
    """The event loop ends at once, while another still holds the lock."""

    async def wait() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05), store.lock(KEY):
                pass

    async def main() -> None:
        async with store.lock(KEY):
            await asyncio.to_thread(asyncio.run, wait())

    asyncio.run(main())
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("asyncio_")]


def test_a_lock_won_after_its_waiter_was_cancelled(store: FileTokenStore, directory: Path) -> None:
    """It is given back: here the one thread there is comes to it only later."""

    async def main() -> None:
        loop = asyncio.get_running_loop()
        loop.set_default_executor(ThreadPoolExecutor(1))
        busy = threading.Event()
        loop.run_in_executor(None, busy.wait)
        waiter = asyncio.create_task(store.lock(KEY).__aenter__())
        await asyncio.sleep(0)
        waiter.cancel()
        await asyncio.wait([waiter])
        assert waiter.cancelled()
        assert not directory.exists()
        busy.set()
        async with asyncio.timeout(10), store.lock(KEY):
            assert (directory / f"{KEY}.lock").exists()

    asyncio.run(main())


async def test_a_token_is_forgotten(store: FileTokenStore, directory: Path) -> None:
    """Once; the lock's file stays."""
    await store.save(KEY, TOKEN)

    assert await store.forget(KEY)
    assert await store.load(KEY) is None
    assert not await store.forget(KEY)
    assert names(directory) == [f"{KEY}.lock"]


async def test_a_token_is_forgotten_after_its_renewal(store: FileTokenStore) -> None:
    """Not in the midst of it: the renewed one would stay."""
    async with store.lock(KEY):
        forgetting = asyncio.create_task(store.forget(KEY))
        await asyncio.sleep(0)
        await store.save(KEY, TOKEN)

    assert await forgetting
    assert await store.load(KEY) is None


@pytest.mark.parametrize("name", ["token.json", "there"])
def test_a_file_in_place_of_a_folder(tmp_path: Path, name: str) -> None:
    """The error says that it takes a folder, before any login fails to be kept."""
    (tmp_path / "there").touch()

    with pytest.raises(ConfigurationError, match=rf"^FileTokenStore needs a directory, not a file; got '.*{name}'$"):
        FileTokenStore(tmp_path / name)


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ("", "directory must not be empty; None is the user's cache directory"),
        (b"/tmp", "directory must be str or PathLike; got bytes"),
        (True, "directory must be str or PathLike; got bool"),
    ],
)
def test_what_is_not_a_folder(given: Any, complaint: str) -> None:
    """An empty variable does not put tokens into the current directory."""
    with pytest.raises(ConfigurationError, match=f"^{complaint}$"):
        FileTokenStore(given)
