"""Where tokens come from: the store, or a login."""

from __future__ import annotations

import logging

from ..chain import Handler, Response
from ..clock import Clock
from ..errors import ApiError, DecodeError, LoginError
from ..settings import CredentialsLike
from ..tokens import ActiveToken, Token
from ..wire import decoding, requests
from ..wire.headers import http_date
from .cooldown import Cooldown
from .guarded_store import GuardedStore

_logger = logging.getLogger("gwms_async")
_REFUSALS = frozenset({400, 401, 403, 422})
_NO_LOGIN = frozenset({404, 405, 409, 410})  # not from a login endpoint
_MAX_LOADED_IN_A_ROW = 2


class TokenSource:
    """Obtains tokens for one account.

    Args:
        credentials: Username and password.
        store: Where the token is kept between logins.
        call: Sends the login request and raises on failure; needs no token.

    Attributes:
        account: What logs call the account.
        cooldown: The pause after a login that was rejected, was throttled, or returned no usable token.
    """

    def __init__(self, credentials: CredentialsLike, store: GuardedStore, call: Handler, clock: Clock) -> None:
        self.account = store.account
        self.cooldown = Cooldown()
        self._credentials, self._store, self._call, self._clock = credentials, store, call, clock
        self._relogins = 0
        self._loaded_in_a_row = 0
        self._skew = 0.0

    async def obtain(self, previous: ActiveToken | None, *, after_401: bool) -> ActiveToken:
        """Return a token other than `previous`.

        Args:
            previous: The token to replace.
            after_401: Whether the gateway answered it with 401.

        Raises:
            GwmsError: The login failed.
        """
        async with self._store as store:
            if previous is not None and previous.last_acceptance:
                self._loaded_in_a_row = 0
            # A store that has offered two tokens in a row that were never accepted is not asked again after a 401.
            if self._loaded_in_a_row < _MAX_LOADED_IN_A_ROW or not after_401:
                token = self._from_store(await store.load(), previous)
                if token is not None:
                    self._loaded_in_a_row += 1
                    return token
            token = await self._log_in(after_401=after_401)
            self._loaded_in_a_row = 0
            await store.save(token.token)
            return token

    def _from_store(self, stored: Token | None, previous: ActiveToken | None) -> ActiveToken | None:
        """Activate a stored token, unless it is the previous one or has expired."""
        if stored is None or (previous is not None and stored.value == previous.token.value):
            return None
        now, ttl = self._clock.monotonic(), None
        if stored.expires_at is not None:
            ttl = stored.expires_at - (self._clock.wall() + self._skew)
        token = ActiveToken.begin(stored, now, ttl, relogins=self._relogins, from_store=True)
        return token if now < token.expires_at else None

    async def _log_in(self, *, after_401: bool) -> ActiveToken:
        request = requests.login_request(self._credentials.username, self._credentials.password)
        try:
            response = await self._call(request)
        except ApiError as error:
            answer = error  # handled after `except`: what is raised within keeps this error's frames as its context
        else:
            return self._accept(response, after_401=after_401)
        if answer.status in _REFUSALS:
            raise self._refuse(answer)
        if answer.retry_after:
            self.cooldown.pause_for(self._clock.monotonic(), answer.retry_after, answer.fresh())
        raise _not_a_login(answer) if answer.status in _NO_LOGIN else answer

    def _accept(self, response: Response, *, after_401: bool) -> ActiveToken:
        try:
            token = self._activate(response, after_401=after_401)
        except DecodeError as error:
            if response.readable:  # it was carried out: each further login might create one more token we cannot read
                self.cooldown.begin(self._clock.monotonic(), error.fresh())
            raise
        self.cooldown.end()
        return token

    def _refuse(self, answer: ApiError) -> LoginError:
        """Start the cooldown, and return its error."""
        asked = answer.retry_after or 0.0
        seconds = self.cooldown.next_seconds(asked)
        error = LoginError(
            f"the login was rejected with {answer.status}: {answer.message} "
            f"(check username, password and base_url; no further login is tried for {seconds:.0f} s)",
            status=answer.status,
        )
        self.cooldown.begin(self._clock.monotonic(), error, asked)
        return error

    def _activate(self, response: Response, *, after_401: bool) -> ActiveToken:
        date, wall = http_date(response.headers.get("date")), self._clock.wall()
        if date is not None:
            self._skew = date - wall
        # `Date` has whole seconds: the gateway's clock is up to a second ahead of it.
        token, ttl = decoding.decode_login(response, wall + self._skew, lag=0.0 if date is None else 1.0)
        self._relogins += after_401
        _logger.info("logged in", extra={"gwms_account": self.account, "gwms_expires_in": ttl})
        return ActiveToken.begin(token, self._clock.monotonic(), ttl, relogins=self._relogins, after_401=after_401)


def _not_a_login(answer: ApiError) -> ApiError:
    """Return a login's error without the hint of its class, which would be about the waiting call's webhook or key."""
    return ApiError(
        status=answer.status,
        message=f"{answer.message} (not from a login endpoint: check base_url and the proxies on the way)",
        method=answer.method,
        path=answer.path,
        attempts=answer.attempts,
        retry_after=answer.retry_after,
    )
