"""Stamps each attempt with the token of that moment and the e-shop's key."""

from collections.abc import Mapping

from attrs import define, field
from multidict import CIMultiDict, CIMultiDictProxy  # aiohttp's own type of headers, which it need not make of others

from ..auth.login import Key, Login
from ..chain import Handler, Request, Response
from ..errors import TransportError
from ..tokens import ActiveToken
from ..wire.classify import key_was_accepted


@define(eq=False, repr=False)
class Authorize:
    """Adds the two headers that every endpoint but the login requires (contract).

    Args:
        login: Shared by a client and its siblings.
        key: The e-shop's key.
    """

    _login: Login
    _key: Key
    _stamped: ActiveToken | None = field(default=None, init=False)
    _headers: Mapping[str, str] = field(factory=dict, init=False)
    _secrets: tuple[str, ...] = field(default=(), init=False)

    async def __call__(self, request: Request, handler: Handler) -> Response:
        """Send one attempt with the current token, after a login if there is none."""
        key = self._key
        lease = self._login.ready(request.call, key) or await self._login.admit(request.call, key)
        if lease is not self._stamped:
            self._stamp(lease)
        # No frame that waits has headers among its locals: crash reporters keep these.
        try:
            response = await handler(request.with_headers(self._headers, self._secrets))
        except TransportError:
            request.call.on_wire = False
            raise
        # Only now, for the user's middlewares have come to their end too.
        request.call.on_wire = False
        if (lease is not key.accepted or key.cool_down.error is not None) and key_was_accepted(response):
            self._login.accepted(lease, key)
        return response

    def _stamp(self, lease: ActiveToken) -> None:
        token, api_key = lease.token.value, self._key.value
        self._headers = CIMultiDictProxy(CIMultiDict({"authorization": f"Bearer {token}", "x-api-key": api_key}))
        self._stamped, self._secrets = lease, (token, api_key)
