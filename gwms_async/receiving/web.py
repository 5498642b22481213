"""A receiver as an aiohttp application."""

from __future__ import annotations

from aiohttp import web

from .receiver import Receiver


def aiohttp_app(receiver: Receiver) -> web.Application:
    """Return an aiohttp application to serve, or to mount: ``app.add_subapp("/gwms", …)``."""

    async def take(request: web.Request) -> web.Response:
        answer = await receiver.take(request.method, request.raw_path.partition("?")[0], request.content.readany)
        return web.Response(status=answer.status, headers=answer.headers)

    app = web.Application()
    # aiohttp matches decoded paths, in which an id may contain a newline.
    app.router.add_route("*", "/{tail:(?s:.*)}", take)
    return app
