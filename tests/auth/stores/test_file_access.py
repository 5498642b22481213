"""The token store in files: who may read and write them."""

from __future__ import annotations

import asyncio
import os
import stat
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

pytest.importorskip("filelock", reason="the store in files is an extra")

from gwms_async import FileTokenStore, Token

from ...helpers.emulated import python

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


def mode(path: Path) -> int:
    """Tell who may do what."""
    return stat.S_IMODE(path.lstat().st_mode)


@contextmanager
def umask(mask: int) -> Generator[None]:
    """Set the umask."""
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)


@pytest.mark.parametrize("mask", [0o000, 0o022, 0o077, 0o377, 0o777])
async def test_who_may_read(store: FileTokenStore, directory: Path, mask: int) -> None:
    """Its user alone, whatever the umask."""
    directory.parent.mkdir()
    with umask(mask):
        async with store.lock(KEY):
            await store.save(KEY, TOKEN)

    assert mode(directory) == 0o700
    assert {path.name: mode(path) for path in directory.iterdir()} == {f"{KEY}.json": 0o600, f"{KEY}.lock": 0o600}
    assert await store.load(KEY) == TOKEN


@pytest.mark.parametrize("mask", [0o000, 0o022])
def test_the_files_are_never_open_to_others(directory: Path, mask: int) -> None:
    """Not for a moment: looked at before each step that the interpreter takes in the file system."""
    code = """
        import asyncio, contextlib, os, sys
        from gwms_async import FileTokenStore, Token

        directory, mask, seen = sys.argv[1], int(sys.argv[2]), set()

        def look(event, details):
            if event != "os.scandir" and os.path.isdir(directory):
                for path in [directory, *(entry.path for entry in os.scandir(directory))]:
                    with contextlib.suppress(FileNotFoundError):  # another thread has replaced it
                        seen.add(oct(os.lstat(path).st_mode & 0o777))

        async def main():
            store = FileTokenStore(directory)
            async with store.lock("key"):
                for value in "12":
                    await store.save("key", Token(value))
            await store.load("key")

        os.umask(mask)
        sys.addaudithook(look)
        asyncio.run(main())
        print(sorted(seen))
    """
    assert python(code, directory, mask) == "['0o600', '0o700']"


async def test_a_directory_that_is_there(directory: Path) -> None:
    """It is the user's, and stays as it is."""
    directory.mkdir(parents=True)
    directory.chmod(0o755)

    await FileTokenStore(directory).save(KEY, TOKEN)

    assert mode(directory) == 0o755


@pytest.mark.parametrize("bits", [0o640, 0o604, 0o620, 0o602, 0o777])
async def test_a_file_open_to_others(store: FileTokenStore, directory: Path, bits: int) -> None:
    """It is not trusted: who could have read it may use it, and who could have written it may have done so."""
    await store.save(KEY, TOKEN)
    (directory / f"{KEY}.json").chmod(bits)

    with pytest.raises(PermissionError, match=f"{KEY}.json is accessible to other users"):
        await store.load(KEY)

    await store.save(KEY, TOKEN)
    assert await store.load(KEY) == TOKEN


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")
async def test_a_file_of_another_user(store: FileTokenStore, directory: Path) -> None:
    """It is not trusted either."""
    os.chown(put(directory, b'{"value": "a", "expires_at": 5}'), 65_534, -1)

    with pytest.raises(PermissionError, match="is accessible to other users"):
        await store.load(KEY)


@pytest.mark.parametrize(
    ("make", "error"), [(os.mkfifo, f"{KEY}.json is not a regular file"), (Path.mkdir, "Is a directory")]
)
async def test_what_is_no_regular_file(
    store: FileTokenStore, directory: Path, make: Callable[[Path], None], error: str
) -> None:
    """It is refused; a pipe is not waited for, and no descriptor is left open."""
    path = put(directory, b"")
    path.unlink()
    make(path)
    open_before = names(Path("/dev/fd"))

    with pytest.raises(OSError, match=error):
        await asyncio.to_thread(lambda: asyncio.run(store.load(KEY)))

    assert names(Path("/dev/fd")) == open_before


async def test_a_link_in_place_of_the_file(store: FileTokenStore, directory: Path, tmp_path: Path) -> None:
    """Saving replaces the link; what it leads to is neither read nor written."""
    elsewhere = tmp_path / "elsewhere.json"
    elsewhere.write_text('{"value": "a", "expires_at": null}')
    put(directory, b"").unlink()
    (directory / f"{KEY}.json").symlink_to(elsewhere)

    with pytest.raises(OSError, match="symbolic links"):
        await store.load(KEY)
    await store.save(KEY, TOKEN)

    assert await store.load(KEY) == TOKEN
    assert elsewhere.read_text() == '{"value": "a", "expires_at": null}'


async def test_a_link_in_place_of_the_lock(store: FileTokenStore, directory: Path, tmp_path: Path) -> None:
    """It is not followed."""
    directory.mkdir(parents=True)
    (directory / f"{KEY}.lock").symlink_to(tmp_path / "victim")

    with pytest.raises(OSError, match="symbolic links"):
        async with store.lock(KEY):
            pass
    assert not (tmp_path / "victim").exists()
