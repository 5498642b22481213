"""One call through the chain: its deadline, and its end."""

from __future__ import annotations

import asyncio

from attrs import define, evolve

from .chain import CallAborted, Handler, Request, Response, deadline_exceeded
from .clock import SYSTEM_CLOCK, Clock
from .errors import Cause, ConnectionFailedError, GwmsError, OutcomeUnknownError, TransportError
from .timeouts import SharedTimeout, TimeoutScope, is_cancelled
from .transport.transport import Transport
from .wire import envelope
from .wire.classify import Action, Kind, action_for, classify, is_success


@define(eq=False, repr=False)
class Session:
    """Runs calls through a chain and turns their end into a response or a typed error.

    Args:
        transport: Where the chain ends.
        chain: The middlewares and the transport as one handler.
        limit: How long a call may take.
        clock: Its time.
    """

    _transport: Transport
    _chain: Handler
    _limit: SharedTimeout
    _clock: Clock = SYSTEM_CLOCK

    async def call(self, request: Request) -> Response:  # noqa: C901  # one branch for each way to end
        """Carry a call through.

        Returns:
            A success, or an unreadable answer to an idempotent request, for the decoder to complain of.

        Raises:
            GwmsError: Whatever kept the call from succeeding; made anew, without the frames of the chain, whose
                locals hold the headers.
        """
        if asyncio.get_running_loop() is not self._transport.loop:
            self._transport.bind_to_loop()
        call, now = request.call, self._clock.monotonic()
        if call.deadline <= now:
            raise deadline_exceeded(request)
        call.deadline = min(call.deadline, now + self._limit.seconds)
        end: Response | Exception
        timer = TimeoutScope(self._limit, now)
        try:
            with timer:
                response = await self._chain(request)
        except CallAborted as carrier:
            end = carrier.error
        except GwmsError as failure:
            end = failure.fresh()
        except TimeoutError:
            if not timer.is_expired:
                raise
            end = deadline_exceeded(request)
        except asyncio.CancelledError as cancelled:
            if is_cancelled():
                # It goes on as it is, but for the inner frames: crash reporters keep their locals.
                raise cancelled.with_traceback(None) from None
            end = ConnectionFailedError(f"{request}: something that it waited for was cancelled", cause=Cause.UNKNOWN)
        else:
            if is_success(response):
                return response
            end = _end_of(request, response, self._clock.wall())
            if isinstance(end, Response):
                return end
        raise _outcome_unknown(request, str(end)) if _is_in_doubt(request, end) else end


def _is_in_doubt(request: Request, error: Exception) -> bool:
    """Tell whether a request that must not be sent twice may have been carried out in spite of the error."""
    if isinstance(error, TransportError):
        return action_for(classify(error), idempotent=request.idempotent) is Action.OUTCOME_UNKNOWN
    return request.call.on_wire and not request.idempotent


def _end_of(request: Request, response: Response, wall: float) -> Response | GwmsError:
    """Choose what becomes of an answer that is no success."""
    found = classify(response)
    decided = action_for(found, idempotent=request.idempotent)
    if decided is Action.OUTCOME_UNKNOWN:
        return _outcome_unknown(request, f"{response.status}: {envelope.explain(response)}")
    if found is Kind.UNREADABLE:
        return response
    if request.method == "DELETE" and response.status == 404 and request.call.outcome_unknown:
        # An earlier attempt of this very call deleted it, and its answer was lost.
        return evolve(response, status=200, readable=True, data=None)
    return envelope.api_error(request, response, wall)


def _outcome_unknown(request: Request, what: str) -> OutcomeUnknownError:
    """Make the error of a request that may or may not have been carried out.

    Args:
        request: The request.
        what: What was seen of it.
    """
    return OutcomeUnknownError(
        f"{request} may or may not have been carried out, and is not sent again by itself ({what}). "
        "List to find out; for webhooks, `register` does",
        spec=request.spec,
    )
