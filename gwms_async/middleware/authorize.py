"""Stamps each attempt with the token of that moment and the e-shop's key."""

from attrs import evolve, frozen

from .._http import Handler, Request, Response
from .._login import Key, Login
from .._verdict import key_was_accepted


@frozen(eq=False, repr=False)
class Authorize:
    """Adds the two headers that every endpoint but the login requires (contract).

    Args:
        login: Shared by a client and its siblings.
        key: The e-shop's key.
    """

    _login: Login
    _key: Key

    async def __call__(self, request: Request, handler: Handler) -> Response:
        """Send one attempt with the current token, after a login if there is none."""
        lease = await self._login.admit(request.call, self._key)
        response = await handler(_stamped(request, lease.token.value, self._key.value))
        if key_was_accepted(response):
            self._login.accepted(request.call, self._key)
        return response


def _stamped(request: Request, token: str, api_key: str) -> Request:
    # Apart, so that no frame that waits for the answer has the headers among its locals: crash reporters keep these.
    headers = {**request.headers, "authorization": f"Bearer {token}", "x-api-key": api_key}
    return evolve(request, headers=headers, secrets=(*request.secrets, token, api_key))
