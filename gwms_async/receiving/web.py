"""A receiver as an aiohttp application."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .receiver import Receiver

if TYPE_CHECKING:
    from aiohttp import web


def aiohttp_app(receiver: Receiver) -> web.Application:
    """Return an aiohttp application to serve, or to mount: ``app.add_subapp("/gwms", …)``."""
    from aiohttp import web  # noqa: PLC0415  # who serves by other means need not import it

    async def take(request: web.Request) -> web.Response:
        answer = await receiver.take(request.method, request.raw_path.partition("?")[0], request.content.readany)
        return web.Response(status=answer.status, headers=answer.headers)

    app = web.Application()
    # aiohttp matches decoded paths, in which an id may contain a newline.
    app.router.add_route("*", "/{tail:(?s:.*)}", take)
    return app
