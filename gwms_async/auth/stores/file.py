"""A token store in files, shared by the processes of one user."""

from __future__ import annotations

import asyncio
import os
import re
import stat
import tempfile
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from attrs import field, frozen
from filelock import FileLock, Timeout
from platformdirs import user_cache_path

from ...errors import ConfigurationError
from ...settings import check_type
from ...tokens import Token
from .codec import decode, encode

_KEY = re.compile(r"[0-9a-z_-]{1,100}")
_MAX_BYTES = 65_536
_FIRST_PAUSE, _MAX_PAUSE = 0.01, 0.08
# Do not follow a link, do not wait for a pipe; Windows has neither flag.
_SAFE_FLAGS = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)


def _directory(directory: Path | str | None) -> Path:
    if directory is not None:
        check_type("directory", directory, str, os.PathLike)
        if directory == "":  # often a variable that is set and empty
            raise ConfigurationError("directory must not be empty; None is the user's cache directory")
        path = Path(directory).absolute()
        if path.suffix == ".json" or os.path.isfile(path):  # noqa: PTH113  # Path's raises where access is denied
            raise ConfigurationError(f"FileTokenStore needs a directory, not a file; got {str(directory)!r}")
        return path
    with suppress(RuntimeError):  # platformdirs finds no home; older versions return a relative path
        path = user_cache_path("gwms-async")
        if path.is_absolute():
            return path
    raise ConfigurationError("there is no cache directory: set HOME or XDG_CACHE_HOME to an absolute path")


@frozen(eq=False)
class FileTokenStore:
    """Keeps tokens in a directory, so that processes share one login, at the same time or one after another.

    Each key has a file of mode 0600, replaced atomically, and a lock file beside it. Windows has no modes: there the
    file is as private as its directory, and the default one is the user's own. When a process ends, even if killed,
    its lock is free at once. Safe for tasks, threads and processes. A key is up to 100 characters of a-z, 0-9, - and _;
    the methods raise ValueError for any other, and OSError where the system refuses access.

    Args:
        directory: The directory; by default the user's cache directory. Created with mode 0700 if missing, otherwise
            left as it is.

    Raises:
        ConfigurationError: It is not a path, is empty or a file, or the user's cache directory is unknown.
    """

    directory: Path = field(default=None, converter=_directory)

    async def load(self, key: str) -> Token | None:
        """Return the token last saved; None if there is no file.

        Raises:
            ValueError: The file does not contain a token.
            OSError: It cannot be read, is not a regular file, or is accessible to other users.
        """
        return await asyncio.to_thread(_read, self._path(key, "json"))

    async def save(self, key: str, token: Token) -> None:
        """Save a token, replacing what was there; if that fails, the old one stays."""
        await asyncio.to_thread(_write, self._path(key, "json"), token)

    async def forget(self, key: str) -> bool:
        """Delete the token, once a renewal under way has ended, and return whether there was one."""
        async with self.lock(key):
            return await asyncio.to_thread(_delete, self._path(key, "json"))

    @asynccontextmanager
    async def lock(self, key: str) -> AsyncGenerator[None]:
        """Lock the token for a renewal; waits while someone else holds the lock."""
        # One attempt at a time: a waiting thread cannot be cancelled. And many versions of filelock's own
        # AsyncFileLock keep a lock acquired for a task that was cancelled meanwhile.
        lock = FileLock(self._path(key, "lock"), mode=0o600, thread_local=False)
        pause = _FIRST_PAUSE
        while not await _try_to_acquire(lock):
            await asyncio.sleep(pause)
            pause = min(2 * pause, _MAX_PAUSE)
        try:
            yield
        finally:
            # Shielded: a cancelled waiter would cancel a release that has not begun yet.
            await asyncio.shield(asyncio.get_running_loop().run_in_executor(None, lock.release))

    def _path(self, key: str, suffix: str) -> Path:
        if not _KEY.fullmatch(key):
            raise ValueError(f"a key must be up to 100 characters of a-z, 0-9, - and _; got {key!r}")
        return self.directory / f"{key}.{suffix}"


async def _try_to_acquire(lock: FileLock) -> bool:
    """Try once to acquire a lock; after a cancellation, release what the thread may still acquire."""
    attempt = asyncio.get_running_loop().run_in_executor(None, _acquire_if_free, lock)
    try:
        return await asyncio.shield(attempt)
    except asyncio.CancelledError:
        attempt.add_done_callback(lambda _: lock.release())
        raise


def _acquire_if_free(lock: FileLock) -> bool:
    _make_directory(Path(lock.lock_file).parent)
    with suppress(Timeout):
        lock.acquire(blocking=False)
    return lock.is_locked


def _make_directory(directory: Path) -> None:
    with suppress(FileExistsError):
        directory.mkdir(mode=0o700, parents=True)
        directory.chmod(0o700)  # whatever the umask


def _read(path: Path) -> Token | None:
    # The content, and the error of json, which quotes it, stay out of the locals of frames that an error keeps.
    try:
        token = decode(_content(path))
    except FileNotFoundError:
        return None
    if token is None:
        raise ValueError(f"{path} does not contain a token; the next login replaces it")
    return token


def _content(path: Path) -> bytes:
    with open(path, "rb", opener=lambda name, flags: os.open(name, flags | _SAFE_FLAGS)) as file:
        about = os.fstat(file.fileno())
        if not stat.S_ISREG(about.st_mode):
            raise OSError(f"{path} is not a regular file")
        if os.name == "posix" and (about.st_uid != os.geteuid() or about.st_mode & 0o077):
            raise PermissionError(f"{path} is accessible to other users")
        content = file.read(_MAX_BYTES + 1)
        return content if len(content) <= _MAX_BYTES else b""


def _write(path: Path, token: Token) -> None:
    _make_directory(path.parent)
    number, name = tempfile.mkstemp(".tmp", f"{path.name}.", path.parent)
    try:
        with os.fdopen(number, "wb") as file:
            Path(name).chmod(0o600)  # whatever the umask
            file.write(encode(token))
            file.flush()
            os.fsync(number)
        Path(name).replace(path)
    except BaseException:
        with suppress(OSError):
            Path(name).unlink()
        raise


def _delete(path: Path) -> bool:
    try:
        path.unlink()
    except FileNotFoundError:
        return False
    return True
