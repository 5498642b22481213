"""An HTTP server on a local port, which can also drop connections on purpose."""

from __future__ import annotations

import asyncio
import logging
import socket
import struct
from collections.abc import Awaitable, Callable
from contextlib import suppress

from aiohttp import web
from aiohttp.web_log import AccessLogger

_logger = logging.getLogger("gwms_async.testing")

PAGE = "/emulator/"
"""The paths below it belong to the page of an emulator."""

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


def is_of_page(path: str) -> bool:
    """Return whether a path belongs to the page of the emulator, and not to the emulated API."""
    return path == "/" or path.startswith(PAGE)


class _Log(AccessLogger):
    """Logs API calls only: the page shows itself."""

    def log(self, request: web.BaseRequest, response: web.StreamResponse, time: float) -> None:
        if not is_of_page(request.path):
            super().log(request, response, time)


class HttpServer:
    """A server on 127.0.0.1 that can be started again after it was closed.

    Args:
        handler: Answers requests; cancelled when its client disconnects.
        port: The port to listen on; 0 takes a free one and keeps it.
    """

    def __init__(self, handler: Handler, port: int) -> None:
        self.port = port
        self._handler = handler
        self._http: web.Server | None = None
        self._listener: asyncio.Server | None = None

    @property
    def connections(self) -> int:
        """How many connections are open."""
        return len(self._http.connections) if self._http is not None else 0

    async def start(self) -> None:
        """Start listening.

        Raises:
            OSError: The port is taken.
        """
        http = web.Server(
            self._handler,
            handler_cancellation=True,
            access_log=_logger,
            access_log_format="%r %s",
            access_log_class=_Log,
        )
        loop = asyncio.get_running_loop()
        listener = await loop.create_server(http, "127.0.0.1", self.port, backlog=1024, start_serving=False)
        self._http, self._listener = http, listener
        self.port = listener.sockets[0].getsockname()[1]
        try:
            await listener.start_serving()
        except BaseException:  # asyncio leaves it open, e.g. after a cancellation
            listener.close()
            raise

    async def close(self) -> None:
        """Stop listening and close all connections at once."""
        if self._listener is not None and self._http is not None:
            await _stop_accepting(self._listener)
            self._listener.close()
            while connections := self._http.connections:
                for transport in filter(None, (connection.transport for connection in connections)):
                    transport.abort()
                await asyncio.sleep(0)


def hang_up(transport: asyncio.Transport, *, reset: bool = False) -> web.Response:
    """Close a connection from within its handler, in an orderly way or by a reset (RST).

    The handler returns the response, which is only logged (444: no response, as in nginx).
    """
    if reset:
        linger = struct.pack("ii", 1, 0)
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        transport.abort()
    else:
        transport.close()
    return web.Response(status=444)


async def _stop_accepting(listener: asyncio.Server) -> None:
    """Let connections that were just accepted be set up; asyncio would lose them if it closed before that."""
    loop = asyncio.get_running_loop()
    with suppress(NotImplementedError):  # a loop without readers accepts in one step
        for listening in listener.sockets:
            loop.remove_reader(listening.fileno())
    for _ in range(2):  # the transport, then its protocol
        await asyncio.sleep(0)
