"""A receiver as an application: of aiohttp, or of ASGI."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from .receiver import Receiver

if TYPE_CHECKING:
    from aiohttp import web

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
_UNQUOTED = "/:@!$&'()*+,;="  # in a path, by RFC 3986


def aiohttp_app(receiver: Receiver) -> web.Application:
    """Return an aiohttp application to serve, or to mount: ``app.add_subapp("/gwms", …)``."""
    from aiohttp import web  # noqa: PLC0415  # not needed to serve by other means

    async def take(request: web.Request) -> web.Response:
        is_read = request.content.at_eof()  # it is empty, or a middleware has read it, and `request` keeps it

        async def read() -> bytes:
            nonlocal is_read
            if is_read:
                is_read = False
                return await request.read()
            return await request.content.readany()

        answer = await receiver.take(request.method, request.raw_path.partition("?")[0], read)
        return web.Response(status=answer.status, headers=answer.headers)

    app = web.Application()
    # aiohttp matches decoded paths, in which an id may contain a newline.
    app.router.add_route("*", "/{tail:(?s:.*)}", take)
    return app


def asgi_app(receiver: Receiver) -> Callable[[Message, Receive, Send], Awaitable[None]]:
    """Return an ASGI application to serve, or to mount: ``app.mount("/gwms", …)`` in Starlette and FastAPI."""

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await _answer_other(scope["type"], receive, send)
        is_read = False

        async def read() -> bytes:
            nonlocal is_read
            while not is_read:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise ConnectionResetError
                is_read = not message.get("more_body", False)
                if message.get("body"):
                    return bytes(message["body"])
            return b""

        answer = await receiver.take(scope["method"], _raw_path(scope), read)
        headers = [(name.lower().encode(), value.encode()) for name, value in answer.headers]
        headers.append((b"content-length", b"0"))
        try:
            await send({"type": "http.response.start", "status": answer.status, "headers": headers})
            await send({"type": "http.response.body", "body": b""})  # Azure Functions needs the optional key
        except OSError:
            pass  # the client has disconnected

    return app


def _raw_path(scope: Message) -> str:
    """Return the path as it came, or quoted again if it was decoded: some hosts have no other and call it raw."""
    path: str = scope["path"]
    raw_path: bytes | None = scope.get("raw_path")
    if not raw_path or raw_path == path.encode("utf-8", "replace"):
        return quote(path, _UNQUOTED, errors="replace")
    return raw_path.partition(b"?")[0].decode("utf-8", "surrogateescape")


async def _answer_other(protocol: str, receive: Receive, send: Send) -> None:
    """Refuse websockets, and acknowledge a lifespan: Hypercorn's dispatcher waits for all apps that are mounted."""
    if protocol == "websocket":
        await send({"type": "websocket.close"})
    elif protocol == "lifespan":
        for phase in ("startup", "shutdown"):
            await receive()
            await send({"type": f"lifespan.{phase}.complete"})
