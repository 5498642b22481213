"""A server that webhooks are delivered to: it counts what it has handled, and answers as a test wants it."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from urllib.parse import unquote

from aiohttp import web
from attrs import define, field


@define
class WebhookServer:
    """What arrived, and what is answered."""

    port: int = 0
    arrived: list[tuple[str, str]] = field(factory=list)
    """The method and the raw path of each request, in order."""
    handled: list[str] = field(factory=list)
    """The id of each entity that was handled, in order."""
    answers: list[int] = field(factory=list)
    """Statuses for the next requests, instead of handling them."""
    react: Callable[[str], Awaitable[None]] | None = None
    """What a handler does with an id before it is answered."""

    def url(self, path: str) -> str:
        """Return the URL of a path."""
        return f"http://127.0.0.1:{self.port}{path}"

    async def serve(self, request: web.BaseRequest) -> web.Response:
        """Handle a delivery: the id of a GET is all that follows `/x/`; 400 if a body is not JSON."""
        self.arrived.append((request.method, request.raw_path))
        content = await request.content.read()
        if self.answers:
            return web.Response(status=self.answers.pop(0), headers={"Location": "/elsewhere"})
        if request.method == "GET":
            entity_id = unquote(request.raw_path.partition("/x/")[2])
        else:
            try:
                entity = json.loads(content)
            except ValueError:
                return web.Response(status=400)
            entity_id = entity.get("data", entity)["eshopOrderId"]
        if self.react is not None:
            await self.react(entity_id)
        self.handled.append(entity_id)
        return web.Response()


@asynccontextmanager
async def webhook_server() -> AsyncGenerator[WebhookServer]:
    """Run a server until the block ends."""
    server = WebhookServer()
    runner = web.ServerRunner(
        web.Server(server.serve, handler_cancellation=True, access_log=None), shutdown_timeout=0.1
    )
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    server.port = runner.addresses[0][1]
    try:
        yield server
    finally:
        await runner.cleanup()
