"""One login for all calls: single flight, refresh windows, and what follows from a 401."""

from __future__ import annotations

import asyncio
import logging

from ..chain import Call, CallAborted, Request, Response, TokenAwaited
from ..clock import Clock
from ..errors import AuthenticationError, ConfigurationError, GwmsError
from ..redaction import frameless
from ..timeouts import is_over
from ..tokens import ActiveToken
from ..wire import envelope
from ..wire.requests import operation_of
from .known_keys import ApiKey
from .token_source import TokenSource
from .unauthorized import Meaning, meaning_of_401

_logger = logging.getLogger("gwms_async")


class Login:
    """The login shared by a client and its siblings.

    Args:
        source: Obtains tokens.
    """

    def __init__(self, source: TokenSource, clock: Clock) -> None:
        self._source = source
        self._fields = {"gwms_account": source.account}
        self._clock = clock
        self._token: ActiveToken | None = None
        self._refresh_task: asyncio.Task[None] | None = None
        self._failure: Exception | None = None
        self._epoch = 0
        self._acceptances = 0  # counted, because two events can have the same time
        self._is_stopped = False

    def begin(self, call: Call, key: ApiKey) -> None:
        """Begin a call: logins that fail from now on fail it too.

        Raises:
            CallAborted: The key is cooling down; or it needs a login, and logins are cooling down.
        """
        now, token = self._clock.monotonic(), self._token
        key.cooldown.check(now)
        if token is None or token is key.suspect:
            self._source.cooldown.check(now)
        call.epoch = self._epoch

    async def acquire(self, call: Call, key: ApiKey) -> ActiveToken:
        """Return the token for an attempt, after a login if there is none that any key can use.

        Args:
            call: The call of the attempt; gets the token.
            key: The e-shop's key.

        Raises:
            CallAborted: The key is cooling down, or the login failed.
            TokenAwaited: Only this key has to wait for a login; see `successor`.
        """
        now, token = self._clock.monotonic(), self._token
        key.cooldown.check(now)
        if token is not None and token is key.suspect:
            raise TokenAwaited
        if token is None or now >= token.refresh_by:
            token = await self.successor(call, key)
        elif now >= token.refresh_at and not self._is_refreshing and not self._source.cooldown.is_on(now):
            self._start(after_401=False)
        call.token, call.epoch = token, self._epoch
        return token

    async def successor(self, call: Call, key: ApiKey) -> ActiveToken:
        """Wait for the login in progress, or a new one, and return a token that the key does not suspect.

        Raises:
            CallAborted: The login failed, logins are cooling down, or the client was closed.
        """
        while True:
            task = self._refresh_task
            if task is None or task.done():
                usable = self._usable(key)
                if usable is not None and self._source.cooldown.is_on(self._clock.monotonic()):
                    return usable  # it is due for renewal, but will do until a login may be tried again
                if usable is None and self._failure is not None and self._epoch > call.epoch:
                    raise CallAborted(self._failure)  # that login ended after the call began
                task = self._start(after_401=self._is_suspected_by(key))
            # Not `await task`: a cancelled waiter would cancel the login.
            await asyncio.wait([task])
            if task.cancelled():
                raise CallAborted(_closed())
            task.result()  # raises what is not an `Exception`, e.g. a store's `SystemExit`: it would end the next, too
            # None after a failure, which is judged above, or if the new token has already got a 401 with this key.
            usable = self._usable(key, is_new=self._failure is None)
            if usable is not None:
                return usable

    def _usable(self, key: ApiKey, *, is_new: bool = False) -> ActiveToken | None:
        """Return the current token; None if there is none, the key suspects it, or it has expired.

        One that a login has just brought (`is_new`) is used even if it has expired: the next one may have, too.
        """
        token = self._token
        if token is None or token is key.suspect:
            return None
        return token if is_new or self._clock.monotonic() < token.expires_at else None

    def on_accepted(self, token: ActiveToken, key: ApiKey) -> None:
        """Note that the gateway accepted a token and a key."""
        self._acceptances += 1
        token.last_acceptance, token.is_in_question = self._acceptances, False
        if key.accepted is None or key.accepted.relogins <= token.relogins:
            key.accepted = token
        key.suspect = None
        key.cooldown.end()

    async def on_unauthorized(self, request: Request, response: Response, key: ApiKey) -> bool:
        """Do what follows from a 401; `unauthorized` says what it means.

        The token stays in use for other keys until its successor arrives.

        Args:
            request: The request that got the 401.
            response: The 401.
            key: The e-shop's key it carried.

        Returns:
            Whether to send the request again.

        Raises:
            CallAborted: The key is cooling down or is rejected now, or the login failed.
        """
        call, token, now = request.call, request.call.token, self._clock.monotonic()
        if token is None or now >= call.deadline:
            return False
        key.cooldown.check(now)
        operation = request.method, operation_of(request.method, request.path)[1]
        is_current = token is self._token and not self._is_refreshing
        meaning = meaning_of_401(operation, token, key, now, replays=call.replays, is_current=is_current)
        if meaning is Meaning.KEY_REJECTED:
            raise CallAborted(self._reject_key(request, response, key, token))
        if meaning is Meaning.DENIED:
            if key.accepted is token:  # both are good, and it is the request that is denied
                key.denied[operation] = token
            return False
        if not token.from_store:  # a stored one may have been revoked long ago
            call.replays += 1
        if token is self._token:
            key.suspect = token
        if self._is_suspected_by(key):  # else there is another token by now
            await self.successor(call, key)
        return True

    def stop(self) -> frozenset[asyncio.Task[None]]:
        """Cancel a login in progress, start no other, and return the tasks to wait for."""
        task, was_stopped, self._is_stopped = self._refresh_task, self._is_stopped, True
        if task is None or is_over(task):
            return frozenset()
        if not was_stopped:  # a second cancellation would keep the store from being unlocked
            task.cancel()
        return frozenset({task})

    @property
    def _is_refreshing(self) -> bool:
        return self._refresh_task is not None and not self._refresh_task.done()

    def _is_suspected_by(self, key: ApiKey) -> bool:
        """Return whether the current token got a 401 with a key."""
        return self._token is not None and self._token is key.suspect

    def _reject_key(self, request: Request, response: Response, key: ApiKey, token: ActiveToken) -> GwmsError:
        """Start the key's cooldown, and return its error."""
        error: GwmsError
        if response.readable:
            error = AuthenticationError(
                status=401,
                message="the API key was rejected",
                method=request.method,
                path=request.path,
                attempts=request.call.attempts,
            )
        else:  # a proxy may want something of its own: what it says is told
            error = envelope.api_error(request, response, self._clock.wall())
        key.cooldown.begin(self._clock.monotonic(), error)
        key.rejected_after, token.is_in_question = self._acceptances, True
        text = "an API key was rejected; calls with it fail at once for %.0f s"
        _logger.warning(text, key.cooldown.seconds, extra=self._fields)
        return error

    def _start(self, *, after_401: bool) -> asyncio.Task[None]:
        """Start a login; raise `CallAborted` if logins are cooling down, or the client is closed."""
        if self._is_stopped:
            raise CallAborted(_closed())
        self._source.cooldown.check(self._clock.monotonic())
        self._refresh_task = asyncio.create_task(self._refresh(after_401=after_401), name="gwms login")
        return self._refresh_task

    async def _refresh(self, *, after_401: bool) -> None:
        """Replace the token; success and failure both advance the epoch."""
        failure: Exception | None = None
        try:
            self._token = await self._source.obtain(self._token, after_401=after_401)
        except Exception as error:  # noqa: BLE001  # the waiting calls raise it
            failure = frameless(error)
            if self._token is not None:
                self._token.delay_refresh(self._clock.monotonic())
            if self._token is not None and not after_401:
                text = "token renewal failed; calls continue with the current token: %s"
                _logger.warning(text, failure, extra=self._fields)
        finally:
            self._failure = failure
            self._epoch += 1


def _closed() -> ConfigurationError:
    return ConfigurationError("the client was closed during its login")
