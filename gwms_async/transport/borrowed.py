"""Options for requests through a borrowed session: our headers, and a middleware that tracks whether they are sent."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from typing import Any

import aiohttp
from multidict import CIMultiDict  # aiohttp's own type of headers

from ..chain import Request
from .exceptions import is_unsent

_AUTHORIZATION = "authorization"


def takes_middlewares(session: aiohttp.ClientSession) -> bool:
    """Return whether a session runs the middlewares of a request: a user's own subclass may send in another way."""
    plain, own = aiohttp.ClientSession, type(session)
    return (own.request, own._request) == (plain.request, plain._request)  # noqa: SLF001


def with_middlewares(session: aiohttp.ClientSession, request: Request, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return options that send our token, and not the session's own auth or a ``.netrc``'s.

    Args:
        session: The user's session, which runs middlewares.
        request: The request; `on_wire` of its call becomes true as soon as aiohttp begins to send it, and false again
            if nothing was sent, then or before: the session's own middlewares may send it several times.
        options: The options of the request, with all its headers and our own middlewares.
    """
    # aiohttp rejects the header beside its own auth, or lets the auth replace it: the header is added after that.
    others = CIMultiDict(options["headers"])
    token, call = others.pop(_AUTHORIZATION, None), request.call

    def authorize(sent: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> Awaitable[aiohttp.ClientResponse]:
        sent.headers.popall(_AUTHORIZATION, None)
        if token is not None:
            sent.headers[_AUTHORIZATION] = token
        return handler(sent)

    async def track(sent: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
        was_on_wire, call.on_wire = call.on_wire, True
        try:
            return await handler(sent)
        except Exception as error:
            if is_unsent(error):
                call.on_wire = was_on_wire
            raise

    # The middlewares of a request replace the session's, to which aiohttp gives no access.
    middlewares = [*options.get("middlewares", ()), authorize, *session._middlewares, track]  # noqa: SLF001
    return {**options, "headers": others, "middlewares": middlewares}
