"""One login for all calls: single flight, refresh windows, and who is to blame for a 401."""

from __future__ import annotations

import asyncio
import logging

from attrs import define, field

from ..chain import Call, CallAborted, Request
from ..clock import Clock
from ..errors import AuthenticationError, ConfigurationError, GwmsError
from ..tokens import ActiveToken
from .cooldown import Cooldown
from .token_source import TokenSource

_logger = logging.getLogger("gwms_async")


@define(eq=False)
class ApiKey:
    """What is known of one e-shop's API key.

    Args:
        value: The key.
        accepted: The last token with which the gateway accepted it.
        relogins: How many logins because of a 401 there had been by then; before that, by its first call.
        cool_down: The pause after the gateway rejected it.
    """

    value: str = field(repr=False)
    accepted: ActiveToken | None = None
    relogins: int | None = None
    cool_down: Cooldown = field(factory=Cooldown)


class Login:
    """The login shared by a client and its siblings.

    Args:
        source: Obtains tokens.
        clock: The client's clock.
    """

    def __init__(self, source: TokenSource, clock: Clock) -> None:
        self._source = source
        self._clock = clock
        self._token: ActiveToken | None = None
        self._refresh_task: asyncio.Task[None] | None = None
        self._failure: Exception | None = None
        self._epoch = 0

    def begin(self, call: Call, key: ApiKey) -> None:
        """Begin a call: from now on the end of a login concerns it.

        Raises:
            CallAborted: The key is cooling down.
        """
        key.cool_down.check(self._clock.monotonic())
        call.epoch = self._epoch

    async def acquire(self, call: Call, key: ApiKey) -> ActiveToken:
        """Return the token for an attempt, after a login if there is none to go on with.

        Args:
            call: The attempt's call; notes the token.
            key: The e-shop's key.

        Raises:
            CallAborted: The key is cooling down, or the login failed.
        """
        now, token = self._clock.monotonic(), self._token
        key.cool_down.check(now)
        if token is None or now >= token.refresh_by:
            token = await self._wait(call)
            key.cool_down.check(self._clock.monotonic())
        elif now >= token.refresh_at and not self._is_refreshing and not self._source.cool_down.is_on(now):
            self._start(token, after_refusal=False)
        if key.relogins is None:
            key.relogins = token.relogins
        call.token, call.epoch = token, self._epoch
        return token

    def on_accepted(self, token: ActiveToken, key: ApiKey) -> None:
        """Note that the gateway accepted a token and a key."""
        key.accepted = token
        key.relogins = max(key.relogins or 0, token.relogins)
        key.cool_down.end()

    async def on_unauthorized(self, request: Request, key: ApiKey) -> bool:
        """Decide what a 401 means, and log in again if that may help.

        Args:
            request: The request that was answered 401.
            key: The e-shop's key it carried.

        Returns:
            Whether to send the request again.

        Raises:
            CallAborted: The key is to blame, or the login failed.
        """
        call, token, now = request.call, request.call.token, self._clock.monotonic()
        if token is None or now >= call.deadline:
            return False
        key.cool_down.check(now)
        # A key that was accepted before is not blamed for a token that is revoked twice in a row.
        chances = 1 if key.accepted is None else 2
        if token is self._token and token.after_refusal and token.relogins - (key.relogins or 0) >= chances:
            raise CallAborted(self._blame_key(request, key))
        if call.replays >= chances:
            return False
        if not token.from_store:
            call.replays += 1
        if token is self._token:
            self._token = None
            if not self._is_refreshing:
                self._start(token, after_refusal=True)
        if self._token is None:
            await self._wait(call)
        return True

    async def close(self) -> None:
        """Cancel a login under way."""
        if self._refresh_task is not None and not self._refresh_task.done():
            self._refresh_task.cancel()
            await asyncio.wait([self._refresh_task])

    @property
    def _is_refreshing(self) -> bool:
        return self._refresh_task is not None and not self._refresh_task.done()

    def _blame_key(self, request: Request, key: ApiKey) -> GwmsError:
        """Start the key's cool-down, and return its error."""
        error = AuthenticationError(
            status=401,
            message="the API key was rejected, with a new token too",
            method=request.method,
            path=request.path,
            attempts=request.call.attempts,
        )
        key.cool_down.begin(self._clock.monotonic(), error)
        _logger.warning("an API key was rejected; calls with it fail at once for %.0f s", key.cool_down.seconds)
        return error

    def _start(self, previous: ActiveToken | None, *, after_refusal: bool) -> asyncio.Task[None]:
        """Start a login, unless logins are cooling down."""
        self._source.cool_down.check(self._clock.monotonic())
        self._refresh_task = asyncio.create_task(
            self._refresh(previous, after_refusal=after_refusal), name="gwms login"
        )
        return self._refresh_task

    async def _wait(self, call: Call) -> ActiveToken:
        """Wait for the login under way, or for a new one, and return the token to go on with."""
        while True:
            task = self._refresh_task
            if task is None or task.done():
                now = self._clock.monotonic()
                if not self._is_usable(now) and self._failure is not None and self._epoch > call.epoch:
                    raise CallAborted(self._failure)
                if self._token is not None and self._is_usable(now) and self._source.cool_down.is_on(now):
                    return self._token
                task = self._start(self._token, after_refusal=False)
            # Not `await task`: a cancelled waiter would cancel the login.
            await asyncio.wait([task])
            if task.cancelled():
                raise CallAborted(ConfigurationError("the client was closed during its login"))
            if self._token is not None and (self._failure is None or self._is_usable(self._clock.monotonic())):
                return self._token
            if self._failure is not None:
                raise CallAborted(self._failure)

    def _is_usable(self, now: float) -> bool:
        return self._token is not None and now < self._token.expires_at

    async def _refresh(self, previous: ActiveToken | None, *, after_refusal: bool) -> None:
        """Replace the token; the end, good or bad, moves the epoch."""
        failure: Exception | None = None
        try:
            self._token = await self._source.obtain(previous, after_refusal=after_refusal)
        except Exception as error:  # noqa: BLE001  # the waiting calls raise it
            failure = error.with_traceback(None)
            if self._token is not None:
                self._token.delay_refresh(self._clock.monotonic())
                _logger.warning("token renewal failed; calls continue with the current token: %s", failure)
        finally:
            self._failure = failure
            self._epoch += 1
