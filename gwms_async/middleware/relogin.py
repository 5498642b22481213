"""Log in again after a 401, once for all calls, and replay the request."""

from ..auth.known_keys import ApiKey
from ..auth.login import Login
from ..chain import Handler, Request, Response, TokenAwaited


class Relogin:
    """Replays a request that was answered 401, with a new token.

    Args:
        login: Shared by a client and its siblings.
        key: The e-shop's key.
    """

    def __init__(self, login: Login, key: ApiKey) -> None:
        self._login = login
        self._key = key

    async def __call__(self, request: Request, handler: Handler) -> Response:
        """Send the request; return a 401 only if no new token can help."""
        self._login.begin(request.call, self._key)
        while True:
            try:
                response = await handler(request)
            except TokenAwaited:
                await self._login.successor(request.call, self._key)
                continue
            if response.status != 401 or not await self._login.on_unauthorized(request, response, self._key):
                return response
