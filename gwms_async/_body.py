"""What goes through aiohttp: the body of a request, and that of its answer."""

from __future__ import annotations

import aiohttp
from aiohttp.abc import AbstractStreamWriter
from multidict import CIMultiDict

_LIMIT = 64 * 1024 * 1024


class JsonPayload(aiohttp.Payload):
    """JSON to be sent.

    aiohttp's own payload of bytes makes new headers for each body, in several times what this takes.

    Args:
        body: The JSON.
    """

    headers = CIMultiDict({"content-type": "application/json"})
    content_type = headers["content-type"]
    encoding = filename = None
    autoclose = True  # there is nothing to close

    def __init__(self, body: bytes) -> None:
        self._body = body

    @property
    def size(self) -> int:
        """How many bytes it has."""
        return len(self._body)

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        """Give it as text."""
        return self._body.decode(encoding, errors)

    async def as_bytes(self, encoding: str = "utf-8", errors: str = "strict") -> bytes:  # noqa: ARG002  # aiohttp's
        """Give it as it is."""
        return self._body

    async def write(self, writer: AbstractStreamWriter) -> None:
        """Send it."""
        await writer.write(self._body)

    async def write_with_length(self, writer: AbstractStreamWriter, content_length: int | None) -> None:
        """Send so many bytes of it, all by default."""
        await writer.write(self._body[:content_length])


async def read_body(answer: aiohttp.ClientResponse) -> bytes | None:
    """Read the whole body of an answer; None if it is longer than it may be."""
    content = answer.content
    if content.is_eof():
        # A small answer comes with its head, and its connection is back in the pool already.
        return content.read_nowait()
    chunks, size = [], 0
    try:
        async for chunk in content.iter_any():
            size += len(chunk)
            if size > _LIMIT:
                return None
            chunks.append(chunk)
    finally:
        answer.release()
    return b"".join(chunks)
