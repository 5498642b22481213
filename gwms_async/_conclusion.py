"""What becomes of a call, by how its last attempt ended; without any I/O."""

from __future__ import annotations

import time

from attrs import evolve

from . import _wire
from ._http import Request, Response
from ._verdict import Meaning, Verdict, meaning, verdict
from .errors import DeadlineExceededError, GwmsError, OutcomeUnknownError, TransportError


def too_late(request: Request) -> DeadlineExceededError:
    """Make the error of a call whose time is up."""
    attempts = request.call.attempts
    return DeadlineExceededError(f"{request}: the deadline passed after {attempts} attempt{'s' * (attempts != 1)}")


def is_in_doubt(request: Request, error: Exception) -> bool:
    """Tell whether a request that must not be sent twice may have been carried out in spite of the error."""
    if isinstance(error, TransportError):
        return verdict(meaning(error), idempotent=request.idempotent) is Verdict.OUTCOME_UNKNOWN
    return request.call.on_wire and not request.idempotent


def conclusion(request: Request, response: Response) -> Response | GwmsError:
    """Choose what becomes of an answer that is no success."""
    found = meaning(response)
    decided = verdict(found, idempotent=request.idempotent)
    if decided is Verdict.OUTCOME_UNKNOWN:
        return outcome_unknown(request, f"{response.status}: {_wire.explain(response)}")
    if found is Meaning.UNREADABLE:
        return response
    if request.method == "DELETE" and response.status == 404 and request.call.outcome_unknown:  # noqa: PLR2004
        # An earlier attempt of this very call deleted it, and its answer was lost.
        return evolve(response, status=200, readable=True, data=None)
    return _wire.api_error(request, response, time.time())


def outcome_unknown(request: Request, what: str) -> OutcomeUnknownError:
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
