"""The streams that commands write to: an error in writing ends the output, never the work."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Generator
from contextlib import contextmanager
from errno import EINVAL, EPIPE
from pathlib import Path
from select import select
from typing import Any, TextIO

_NOTHING = Path(os.devnull)
_NO_READER = {EPIPE, EINVAL}  # the second on Windows


class ForgivingFile(io.FileIO):
    """A file that drops what is written to it after an error, for example once the reader of a pipe has gone.

    Args:
        number: The file's descriptor, which stays open.
    """

    def __init__(self, number: int) -> None:
        super().__init__(number, "wb", closefd=False)
        self.error: OSError | None = None

    def write(self, content: Any, /) -> int:
        """Write what can be written, and drop the rest."""
        if self.error is None:
            try:
                while (written := super().write(content)) is None:  # a full pipe
                    select((), (self,), ())  # another process has made it non-blocking
            except OSError as error:
                self.error = error
            else:
                return written
        return memoryview(content).nbytes


def forgiving(stream: TextIO | None) -> TextIO:
    """Return a stream to the same file that never raises; characters that its encoding lacks are escaped.

    Args:
        stream: The stream; None, e.g. if it was closed before the start, drops everything.
    """
    if stream is None:
        return _NOTHING.open("w", encoding="utf-8")
    if sys.platform == "win32" and stream.isatty():  # its consoles are not written to by file descriptor
        stream.reconfigure(errors="backslashreplace")  # type: ignore[attr-defined]  # Python's own are TextIOWrappers
        return stream
    stream.flush()
    file = io.BufferedWriter(ForgivingFile(stream.fileno()))
    return io.TextIOWrapper(file, stream.encoding, "backslashreplace", line_buffering=stream.line_buffering > 0)


@contextmanager
def forgiving_output() -> Generator[None]:
    """Let a command finish its work even if its output cannot be written.

    A pipe whose reader has gone is not an error. Any other failure, e.g. a full disk, is reported at the end.
    """
    sys.stdin = sys.stdin or _NOTHING.open(encoding="utf-8")
    sys.stdout, sys.stderr = forgiving(sys.stdout), forgiving(sys.stderr)
    try:
        yield
    except SystemExit as end:
        sys.stdout.flush()
        error = getattr(getattr(sys.stdout.buffer, "raw", None), "error", None)
        if not end.code and error is not None and error.errno not in _NO_READER:
            sys.exit(f"Error: the output is incomplete: {error}")
        raise
