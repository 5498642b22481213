"""A token store in files, shared by the processes of one user."""

from __future__ import annotations

import asyncio
import json
import os
import re
import stat
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from attrs import field, frozen
from filelock import FileLock, Timeout
from platformdirs import user_cache_path

from ...tokens import Token

_KEY = re.compile(r"[0-9a-z_-]{1,100}")
_LARGEST = 65_536
_FIRST_PAUSE, _LONGEST_PAUSE = 0.01, 0.08
# A link is not followed, and a pipe is not waited for; Windows has neither.
_NO_DETOURS = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)


def _chosen(directory: Path | str | None) -> Path:
    return user_cache_path("gwms-async") if directory is None else Path(directory).absolute()


@frozen(eq=False)
class FileTokenStore:
    """Keeps tokens in a directory, so that processes that run at a time, or one after another, share one login.

    There is a file of mode 0600 per key, replaced in one step, and beside it one for the lock, which stays. The lock of
    a process that ends, in whatever way, is free at once. It is safe for tasks, threads and processes.

    Args:
        directory: Where they are kept; the user's cache directory if None. It is made with mode 0700 if it is missing,
            and left as it is if it is there.
    """

    directory: Path = field(default=None, converter=_chosen)

    async def load(self, key: str) -> Token | None:
        """Read the token saved last.

        Args:
            key: Up to 100 of a-z, 0-9, - and _.

        Returns:
            The token; None if there is no file.

        Raises:
            ValueError: The key is not fit for a file name, or the file holds no token.
            OSError: The file cannot be read, is no regular file, or is not this user's alone.
        """
        return await asyncio.to_thread(_read, self._path(key, "json"))

    async def save(self, key: str, token: Token) -> None:
        """Keep a token in place of what was there: all of it or, where that fails, nothing.

        Args:
            key: As for `load`.
            token: The token.

        Raises:
            ValueError: The key is not fit for a file name.
            OSError: The file cannot be written.
        """
        await asyncio.to_thread(_write, self._path(key, "json"), token)

    async def forget(self, key: str) -> bool:
        """Delete the token, after waiting for one that is just being renewed.

        Args:
            key: As for `load`.

        Returns:
            Whether there was one.

        Raises:
            ValueError: The key is not fit for a file name.
            OSError: The file cannot be deleted.
        """
        async with self.lock(key):
            return await asyncio.to_thread(_delete, self._path(key, "json"))

    @asynccontextmanager
    async def lock(self, key: str) -> AsyncIterator[None]:
        """Keep all others from the token while it is renewed; waits as long as another holds the lock.

        Args:
            key: As for `load`.

        Raises:
            ValueError: The key is not fit for a file name.
            OSError: The lock's file cannot be made.
        """
        # One attempt at a time: a thread that waits could not be called off. And filelock's own AsyncFileLock keeps,
        # in many versions, what a cancelled task was still waiting for.
        lock = FileLock(self._path(key, "lock"), mode=0o600, thread_local=False)
        pause = _FIRST_PAUSE
        while not await _attempt(lock):
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)
        try:
            yield
        finally:
            # Shielded: what has not begun yet when its waiter is cancelled would never be done.
            await asyncio.shield(asyncio.get_running_loop().run_in_executor(None, lock.release))

    def _path(self, key: str, suffix: str) -> Path:
        if not _KEY.fullmatch(key):
            raise ValueError(f"a key must be fit for a file name, up to 100 of a-z, 0-9, - and _: {key!r} is not")
        return self.directory / f"{key}.{suffix}"


async def _attempt(lock: FileLock) -> bool:
    """Try once to have a lock; a cancellation gives back what the thread may still get."""
    attempt = asyncio.get_running_loop().run_in_executor(None, _try, lock)
    try:
        return await asyncio.shield(attempt)
    except asyncio.CancelledError:
        attempt.add_done_callback(lambda _: lock.release())
        raise


def _try(lock: FileLock) -> bool:
    _make_directory(Path(lock.lock_file).parent)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        return False
    return True


def _make_directory(directory: Path) -> None:
    try:
        directory.mkdir(mode=0o700, parents=True)
    except FileExistsError:
        return
    directory.chmod(0o700)  # the umask may have left less


def _read(path: Path) -> Token | None:
    # The content is in no local of a frame that an error could keep, nor is the error of json, which holds it too.
    try:
        token = _token_in(_content(path))
    except FileNotFoundError:
        return None
    if token is None:
        raise ValueError(f"{path} holds no token; it is replaced at the next login")
    return token


def _content(path: Path) -> bytes:
    with open(path, "rb", opener=lambda name, flags: os.open(name, flags | _NO_DETOURS)) as file:
        about = os.fstat(file.fileno())
        if not stat.S_ISREG(about.st_mode):
            raise OSError(f"{path} is no regular file")
        if os.name == "posix" and (about.st_uid != os.geteuid() or about.st_mode & 0o077):
            raise PermissionError(f"{path} is not its user's alone")
        return file.read(_LARGEST + 1)


def _token_in(content: bytes) -> Token | None:
    if len(content) > _LARGEST:
        return None
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        return None
    match found:
        case {"value": str(value), "expires_at": None}:
            return Token(value)
        case {"value": str(value), "expires_at": int() | float() as expires_at} if _is_time(expires_at):
            return Token(value, expires_at)
    return None


def _is_time(number: float) -> bool:
    """Tell a number of seconds from True, infinity, what is no number, and what is too large for one."""
    return not isinstance(number, bool) and abs(number) <= sys.float_info.max


def _write(path: Path, token: Token) -> None:
    _make_directory(path.parent)
    number, name = tempfile.mkstemp(".tmp", f"{path.name}.", path.parent)
    try:
        with os.fdopen(number, "wb") as file:
            Path(name).chmod(0o600)  # the umask may have left less
            file.write(_json(token))
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


def _json(token: Token) -> bytes:
    return json.dumps({"value": token.value, "expires_at": token.expires_at}, allow_nan=False).encode()
