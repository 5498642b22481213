"""Who may call with which token: one login shared by all, renewed ahead, and cool-downs after refusals."""

from __future__ import annotations

import asyncio
import logging

from attrs import define, field

from ..chain import Call, CallAborted, Handler, Request, Response
from ..clock import SYSTEM_CLOCK, Clock
from ..errors import ApiError, AuthenticationError, ConfigurationError, GwmsError, LoginError
from ..settings import CredentialsLike
from ..tokens import ActiveToken, Token, TokenStore
from ..wire import decoding, requests
from ..wire.headers import http_date
from .cooldown import Cooldown
from .guarded_store import GuardedStore

_logger = logging.getLogger("gwms_async")
_REFUSALS = frozenset({400, 401, 403, 422})
_MOST_LOADED = 2


@define(eq=False, repr=False)
class Key:
    """What is known of one e-shop's x-api-key.

    Args:
        value: The key.
        accepted: The last token with which the gateway accepted it.
        relogins: How many logins because of a 401 there had been by then; before that, by its first call.
        cool_down: Running where it is held to be wrong.
    """

    value: str = field(repr=False)
    accepted: ActiveToken | None = None
    relogins: int | None = None
    cool_down: Cooldown = field(factory=Cooldown, repr=False)


@define(eq=False, repr=False)
class Login:
    """The one login that a client and its siblings share.

    Args:
        credentials: Username and password.
        store: Where tokens are kept.
        store_key: Under which key.
        call: Carries the login request and raises what goes wrong; knows nothing of tokens.
        clock: Its time.
    """

    _credentials: CredentialsLike = field(repr=False)
    _store: TokenStore = field(repr=False)
    _store_key: str
    _call: Handler = field(repr=False)
    _clock: Clock = SYSTEM_CLOCK

    _lease: ActiveToken | None = field(default=None, init=False, repr=False)
    _flight: asyncio.Task[None] | None = field(default=None, init=False, repr=False)
    _failure: Exception | None = field(default=None, init=False, repr=False)
    _epoch: int = field(default=0, init=False)
    _relogins: int = field(default=0, init=False)
    _loaded_in_a_row: int = field(default=0, init=False)
    _skew: float = field(default=0.0, init=False)
    _cool_down: Cooldown = field(factory=Cooldown, init=False, repr=False)

    def enter(self, call: Call, key: Key) -> None:
        """Begin a call: from now on the end of a login concerns it.

        Raises:
            CallAborted: The key is cooling down.
        """
        key.cool_down.check(self._clock.monotonic())
        call.epoch = self._epoch

    def ready(self, call: Call, key: Key) -> ActiveToken | None:
        """Give an attempt the token to carry, if there is nothing to wait for, to begin, or to refuse; else None."""
        lease = self._lease
        if (
            lease is None
            or key.relogins is None
            or key.cool_down.error is not None
            or self._clock.monotonic() >= lease.refresh_at
        ):
            return None
        call.lease, call.epoch = lease, self._epoch
        return lease

    async def admit(self, call: Call, key: Key) -> ActiveToken:
        """Give an attempt the token to carry, after a login if there is none to go on with.

        Args:
            call: The attempt's call, which notes the token.
            key: The e-shop's key.

        Raises:
            CallAborted: The key is cooling down, or no token could be had.
        """
        now, lease = self._clock.monotonic(), self._lease
        key.cool_down.check(self._clock.monotonic())
        if lease is None or now >= lease.refresh_by:
            lease = await self._awaited(call)
            key.cool_down.check(self._clock.monotonic())
        elif now >= lease.refresh_at and not self._in_flight and not self._cool_down.is_on(now):
            self._start(lease, after_refusal=False)
        if key.relogins is None:
            key.relogins = lease.relogins
        call.lease, call.epoch = lease, self._epoch
        return lease

    def accepted(self, lease: ActiveToken, key: Key) -> None:
        """Note that the gateway let a token and a key pass."""
        key.accepted = lease
        key.relogins = max(key.relogins or 0, lease.relogins)
        key.cool_down.end()

    async def refused(self, request: Request, key: Key) -> bool:
        """Decide what a 401 means, and log in again if that may help.

        Args:
            request: What was answered 401.
            key: The e-shop's key that it carried.

        Returns:
            Whether the request is worth sending again.

        Raises:
            CallAborted: The key is held to be wrong, or the login failed.
        """
        call, lease, now = request.call, request.call.lease, self._clock.monotonic()
        if lease is None or now >= call.deadline:
            return False
        key.cool_down.check(self._clock.monotonic())
        # A key that was accepted before is not blamed for a token that is revoked twice in a row.
        chances = 1 if key.accepted is None else 2
        if lease is self._lease and lease.after_refusal and lease.relogins - (key.relogins or 0) >= chances:
            raise CallAborted(self._hold(request, key))
        if call.replays >= chances:
            return False
        if not lease.from_store:
            call.replays += 1
        if lease is self._lease:
            self._lease = None
            if not self._in_flight:
                self._start(lease, after_refusal=True)
        if self._lease is None:
            await self._awaited(call)
        return True

    async def close(self) -> None:
        """End a login that is under way."""
        if self._flight is not None and not self._flight.done():
            self._flight.cancel()
            await asyncio.wait([self._flight])

    @property
    def _in_flight(self) -> bool:
        return self._flight is not None and not self._flight.done()

    def _hold(self, request: Request, key: Key) -> GwmsError:
        error = AuthenticationError(
            status=401,
            message="the x-api-key was refused, with a new token too",
            method=request.method,
            path=request.path,
            attempts=request.call.attempts,
        )
        key.cool_down.begin(self._clock.monotonic(), error)
        _logger.warning("an x-api-key was refused; its calls fail for %.0f s", key.cool_down.seconds)
        return error

    def _start(self, previous: ActiveToken | None, *, after_refusal: bool) -> asyncio.Task[None]:
        self._cool_down.check(self._clock.monotonic())
        self._flight = asyncio.create_task(self._fly(previous, after_refusal=after_refusal), name="gwms login")
        return self._flight

    async def _awaited(self, call: Call) -> ActiveToken:
        """Wait for the login that is under way, or for a new one; give the token to go on with."""
        while True:
            flight = self._flight
            if flight is None or flight.done():
                now = self._clock.monotonic()
                if not self._usable(now) and self._failure is not None and self._epoch > call.epoch:
                    raise CallAborted(self._failure)
                if self._lease is not None and self._usable(now) and self._cool_down.is_on(now):
                    return self._lease
                flight = self._start(self._lease, after_refusal=False)
            # Not `await flight`: a cancelled waiter would take the login along.
            await asyncio.wait([flight])
            if flight.cancelled():
                raise CallAborted(ConfigurationError("the client was closed during its login"))
            if self._lease is not None and (self._failure is None or self._usable(self._clock.monotonic())):
                return self._lease
            if self._failure is not None:
                raise CallAborted(self._failure)

    def _usable(self, now: float) -> bool:
        return self._lease is not None and now < self._lease.expires_at

    async def _fly(self, previous: ActiveToken | None, *, after_refusal: bool) -> None:
        failure: Exception | None = None
        try:
            self._lease = await self._obtain(previous, after_refusal=after_refusal)
        except Exception as error:  # noqa: BLE001  # whatever it is, it is for those who wait
            failure = error.with_traceback(None)
            if self._lease is not None:
                self._lease.delay_refresh(self._clock.monotonic())
                _logger.warning("renewing the token failed; calls go on with the old one: %s", failure)
        finally:
            self._failure = failure
            self._epoch += 1

    async def _obtain(self, previous: ActiveToken | None, *, after_refusal: bool) -> ActiveToken:
        async with GuardedStore(self._store, self._store_key) as store:
            # A store that gives one refused token after the other is not asked a third time.
            if self._loaded_in_a_row < _MOST_LOADED or not after_refusal:
                found = self._lease_from(await store.load(), previous)
                if found is not None:
                    self._loaded_in_a_row += 1
                    return found
            lease = await self._log_in(after_refusal=after_refusal)
            self._loaded_in_a_row = 0
            await store.save(lease.token)
            return lease

    def _lease_from(self, stored: Token | None, previous: ActiveToken | None) -> ActiveToken | None:
        """Make a lease of a stored token, unless it is the one before, or has expired."""
        if stored is None or (previous is not None and stored.value == previous.token.value):
            return None
        now, ttl = self._clock.monotonic(), None
        if stored.expires_at is not None:
            ttl = stored.expires_at - (self._clock.wall() + self._skew)
        lease = ActiveToken.begin(stored, now, ttl, relogins=self._relogins, from_store=True)
        return lease if now < lease.expires_at else None

    async def _log_in(self, *, after_refusal: bool) -> ActiveToken:
        request = requests.login_request(self._credentials.username, self._credentials.password)
        try:
            response = await self._call(request)
        except ApiError as error:
            if error.status not in _REFUSALS:
                raise
            refusal = self._refusal(error)
        else:
            lease = self._lease_of(response, after_refusal=after_refusal)
            self._cool_down.end()
            return lease
        raise refusal

    def _refusal(self, answer: ApiError) -> LoginError:
        seconds = self._cool_down.next_seconds
        error = LoginError(
            f"the login of {self._credentials.username!r} was refused with {answer.status}: {answer.message} "
            f"(check username and password; no further login is tried for {seconds:.0f} s)",
            status=answer.status,
        )
        self._cool_down.begin(self._clock.monotonic(), error)
        return error

    def _lease_of(self, response: Response, *, after_refusal: bool) -> ActiveToken:
        date, wall = http_date(response.headers.get("date")), self._clock.wall()
        if date is not None:
            self._skew = date - wall
        token = decoding.decode_login(response, wall + self._skew)
        ttl = None
        if token.expires_at is not None:
            ttl = token.expires_at - (wall + self._skew)
            if date is not None:
                ttl -= min(1.0, ttl / 2)  # `Date` is up to a second late
        self._relogins += after_refusal
        _logger.info("logged in", extra={"username": self._credentials.username, "expires_in": ttl})
        return ActiveToken.begin(
            token, self._clock.monotonic(), ttl, relogins=self._relogins, after_refusal=after_refusal
        )
