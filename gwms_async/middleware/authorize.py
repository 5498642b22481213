"""Add the current token and the e-shop's API key to each attempt."""

from collections.abc import Mapping

from multidict import CIMultiDict, CIMultiDictProxy  # the type of headers that aiohttp need not convert

from ..auth.known_keys import ApiKey
from ..auth.login import Login
from ..chain import NO_HEADERS, Handler, Request, Response
from ..errors import TransportError
from ..tokens import ActiveToken
from ..wire.classify import key_was_accepted


class Authorize:
    """Adds the two headers that every endpoint but the login requires (contract).

    Args:
        login: Shared by a client and its siblings.
        key: The e-shop's key.
    """

    def __init__(self, login: Login, key: ApiKey) -> None:
        self._login = login
        self._key = key
        # The headers are built once per token: measured, benchmarks/README.
        self._stamped: ActiveToken | None = None
        self._headers: Mapping[str, str] = NO_HEADERS
        self._secrets: tuple[str, ...] = ()

    async def __call__(self, request: Request, handler: Handler) -> Response:
        """Send one attempt with the current token, after a login if there is none."""
        key = self._key
        token = await self._login.acquire(request.call, key)
        if token is not self._stamped:
            self._stamp(token)
        # No waiting frame keeps headers in a local: crash reporters collect locals.
        try:
            response = await handler(request.with_headers(self._headers, self._secrets))
        except TransportError:
            request.call.on_wire = False
            raise
        # Not in `Transport`: until the user's middlewares have ended, too, the response may still be lost.
        request.call.on_wire = False
        is_new_evidence = token is not key.accepted or token.is_in_question or key.cooldown.error is not None
        if is_new_evidence and key_was_accepted(response):
            self._login.on_accepted(token, key)
        return response

    def _stamp(self, token: ActiveToken) -> None:
        value, api_key = token.token.value, self._key.value
        self._headers = CIMultiDictProxy(CIMultiDict({"authorization": f"Bearer {value}", "x-api-key": api_key}))
        self._stamped, self._secrets = token, (value, api_key)
