"""401: one shared login, then the request again."""

from attrs import frozen

from ..auth.login import Key, Login
from ..chain import Handler, Request, Response

_UNAUTHORIZED = 401


@frozen(eq=False, repr=False)
class Relogin:
    """Sends a request again that was answered 401, with a new token.

    Args:
        login: Shared by a client and its siblings.
        key: The e-shop's key.
    """

    _login: Login
    _key: Key

    async def __call__(self, request: Request, handler: Handler) -> Response:
        """Carry the request out; a 401 comes back only if no new token could mend it."""
        self._login.enter(request.call, self._key)
        while True:
            response = await handler(request)
            if response.status != _UNAUTHORIZED or not await self._login.refused(request, self._key):
                return response
