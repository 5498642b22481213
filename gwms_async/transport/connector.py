"""The connector of our own session, stricter than aiohttp's about failed tunnels and the reuse of connections."""

from __future__ import annotations

from typing import TYPE_CHECKING
from weakref import WeakSet

import aiohttp
from aiohttp.client_proto import ResponseHandler

from .exceptions import UNSENT, NotConnectedError, text_of

if TYPE_CHECKING:
    from aiohttp.client_reqrep import ConnectionKey
    from aiohttp.connector import Connection
    from aiohttp.tracing import Trace


class Connector(aiohttp.TCPConnector):
    """Raises `NotConnectedError` if a proxy opens no tunnel: aiohttp's own error looks like that of a sent request.

    A connection that received a response without a request is not reused: aiohttp would take that response for the one
    to the next request (RFC 9112, 9.2).

    Closing does not wait until a request has been written: a gateway that hangs may never read the rest of it.
    """

    def __init__(self) -> None:
        super().__init__(limit=0)
        self._connections = WeakSet[ResponseHandler]()

    async def close(self, *, abort_ssl: bool = False) -> None:
        """Close all connections; what is still to be written to them is dropped."""
        for connection in self._connections:
            if connection.transport is not None and connection.transport.get_write_buffer_size():
                connection.transport.abort()
        await super().close(abort_ssl=abort_ssl)

    async def _get(self, key: ConnectionKey, traces: list[Trace]) -> Connection | None:
        while (connection := await super()._get(key, traces)) is not None:
            protocol = connection.protocol
            if protocol is None or not protocol.should_close:
                return connection
            connection.close()
        return None

    async def _create_connection(
        self,
        req: aiohttp.ClientRequest,
        traces: list[Trace],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109  # not ours to name
    ) -> ResponseHandler:
        try:
            connection = await super()._create_connection(req, traces, timeout)
        except UNSENT:
            raise
        except aiohttp.ClientError as error:
            raise NotConnectedError(text_of(error)) from None
        self._connections.add(connection)
        return connection
