"""The bodies of requests and answers, as aiohttp takes and gives them."""

from __future__ import annotations

import aiohttp
from aiohttp.abc import AbstractStreamWriter
from multidict import CIMultiDict, CIMultiDictProxy

_BODY_LIMIT = 64 * 1024 * 1024


class JsonBody(aiohttp.Payload):
    """The bytes of a request, which are JSON.

    Making it is a small part of the work of making aiohttp's own payload of bytes, which builds headers for each: the
    constructor of the base class is left out on purpose. So it has what is needed for sending it, and no more: no
    session but our own may see it.

    Args:
        body: The bytes.

    Raises:
        TypeError: They are none.
    """

    headers = CIMultiDictProxy(CIMultiDict({"content-type": "application/json"}))  # type: ignore[assignment]  # only read
    autoclose = True  # there is nothing to close

    def __init__(self, body: bytes) -> None:
        if not isinstance(body, (bytes, bytearray)):
            raise TypeError(f"a body must be bytes, not {type(body).__name__}")
        self._body = body

    @property
    def size(self) -> int:
        """How many bytes there are."""
        return len(self._body)

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        """Give them as text."""
        return self._body.decode(encoding, errors)

    async def write(self, writer: AbstractStreamWriter) -> None:
        """Send them."""
        await writer.write(self._body)

    async def write_with_length(self, writer: AbstractStreamWriter, content_length: int | None) -> None:
        """Send so many of them, all by default."""
        await writer.write(self._body[:content_length])


async def read_body(answer: aiohttp.ClientResponse) -> bytes | None:
    """Read the whole body of an answer; None if it is longer than it may be."""
    content = answer.content
    try:
        if content.is_eof():
            return content.read_nowait()  # a small answer comes with its head
        chunks, size = [], 0
        async for chunk in content.iter_any():
            size += len(chunk)
            if size > _BODY_LIMIT:
                return None
            chunks.append(chunk)
        return b"".join(chunks)
    finally:
        if answer.connection is not None:  # else it is back in the pool already
            answer.release()
