"""One call through the chain: its deadline, and its end."""

from __future__ import annotations

import asyncio

from attrs import evolve

from .chain import CallAborted, Handler, Request, Response, deadline_exceeded
from .clock import SYSTEM_CLOCK, Clock
from .errors import Cause, ConnectionFailedError, GwmsError, OutcomeUnknownError, TransportError
from .redaction import frameless
from .timeouts import SharedTimeout, TimeoutScope, is_cancelled
from .transport.transport import Transport
from .wire import envelope
from .wire.classify import Kind, classify, is_in_doubt, is_not_found, is_success


class Session:
    """Runs calls through a chain; each ends in a response or a typed error.

    Args:
        transport: The end of the chain.
        chain: The middlewares and the transport as one handler.
        limit: How long a call may take.
    """

    def __init__(self, transport: Transport, chain: Handler, limit: SharedTimeout, clock: Clock = SYSTEM_CLOCK) -> None:
        self._transport, self._chain, self._limit, self._clock = transport, chain, limit, clock

    async def call(self, request: Request) -> Response:
        """Run one call.

        Returns:
            A success, or an unreadable response to an idempotent request, which the decoder rejects.

        Raises:
            GwmsError: The call failed. The error is raised fresh, without the frames of the chain, whose locals
                contain the headers.
        """
        if asyncio.get_running_loop() is not self._transport.loop:
            self._transport.bind_to_loop()
        call, now = request.call, self._clock.monotonic()
        if call.deadline <= now:
            raise deadline_exceeded(request)
        call.base_url, call.deadline = self._transport.base_url, min(call.deadline, now + self._limit.seconds)
        end = await self._run(request, TimeoutScope(self._limit, now))
        if isinstance(end, Response):
            return end
        try:
            raise end
        finally:
            del end  # else it and this frame keep each other alive, and all frames up to where it is caught

    async def _run(self, request: Request, timer: TimeoutScope) -> Response | Exception:
        """Return how the call ends; raise only a cancellation, or what the user's own code raised."""
        try:
            with timer:
                response = await self._chain(request)
        except CallAborted as aborted:
            # Not judged: it is about the login or the API key, and a create that ends here was not carried out.
            error = aborted.error
            # The error may be about an earlier call. Only a `GwmsError` is this call's own copy, to which it can add.
            if isinstance(error, GwmsError) and not request.call.attempts:
                error.add_note(f"{request} was not sent")
            return error
        except GwmsError as error:
            return _judged(request, error.fresh())
        except TimeoutError:
            if not timer.is_expired:
                raise
            return _judged(request, deadline_exceeded(request))
        except asyncio.CancelledError as cancelled:
            if is_cancelled():
                # Cancellation goes on, but without the inner frames: crash reporters keep their locals.
                raise frameless(cancelled) from None
            return _judged(request, _stray_cancellation(request))
        return response if is_success(response) else _end_of(request, response, self._clock.wall())


def _stray_cancellation(request: Request) -> ConnectionFailedError:
    """Return the error of a call that was not cancelled itself, but waited for something that was."""
    call, reason = request.call, "something that it waited for was cancelled"
    return ConnectionFailedError(
        f"{request}: {reason}",
        cause=Cause.UNKNOWN if call.on_wire else Cause.NEVER_SENT,
        reason=reason,
        path=request.path,
        attempts=call.attempts,
    )


def _judged(request: Request, error: GwmsError) -> GwmsError:
    """Return the error, or `OutcomeUnknownError` where the request may have been carried out and must not be resent."""
    may_be_done = is_in_doubt(classify(error)) if isinstance(error, TransportError) else request.call.on_wire
    return _outcome_unknown(request, str(error)) if may_be_done and not request.idempotent else error


def _end_of(request: Request, response: Response, wall: float) -> Response | GwmsError:
    """Return what becomes of a response that is not a success."""
    kind = classify(response)
    if is_in_doubt(kind) and not request.idempotent:
        return _outcome_unknown(request, f"{response.status}: {envelope.explain(response)}")
    if kind is Kind.UNREADABLE:
        return response
    if request.method == "DELETE" and is_not_found(response) and request.call.outcome_unknown:
        # An earlier attempt of this very call deleted it, and its response was lost.
        return evolve(response, status=200, data=None)
    return envelope.api_error(request, response, wall)


def _outcome_unknown(request: Request, seen: str) -> OutcomeUnknownError:
    return OutcomeUnknownError(
        f"{request} may or may not have been carried out, and is never resent blindly ({seen}). "
        "Check before you repeat it; for webhooks, registering again does that",
        spec=request.spec,
    )
