"""What can go wrong on purpose."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import field, frozen
from attrs.validators import ge

from .wire import HTML, JSON, Answer, envelope, envelope_body, merged

_PAGE = b"<!doctype html><html><head><title>Gateway</title></head><body><h1>Please stand by</h1></body></html>"
_MESSAGE = "Emulated fault"


@frozen
class Fault:
    """What all faults have in common: they can be handed to `GwmsEmulator.inject`."""


@frozen
class DropBefore(Fault):
    """Close the connection without reading or processing the request."""


@frozen
class DropAfter(Fault):
    """Carry the request out, then close the connection without an answer.

    Args:
        commit_delay: Seconds between closing the connection and carrying the request out; 0 carries it out first.
    """

    commit_delay: float = field(default=0.0, validator=ge(0))


@frozen
class CutHead(Fault):
    """Close the connection in the midst of the answer's status line and headers.

    Args:
        carry_out: Whether the request is carried out before.
    """

    carry_out: bool = True


@frozen
class CutBody(Fault):
    """Close the connection after half of the body that the answer's `Content-Length` promised.

    Args:
        carry_out: Whether the request is carried out before.
    """

    carry_out: bool = True


@frozen
class Stall(Fault):
    """Keep silent, then close the connection; ends early when the client goes or the emulator closes.

    Args:
        seconds: How long the silence lasts, in seconds.
        carry_out: Whether the request is carried out before.
    """

    seconds: float
    carry_out: bool = False


@frozen
class Status(Fault):
    """Answer with an HTTP status.

    Args:
        status: The HTTP status, also in the envelope.
        retry_after: The `Retry-After` header, verbatim; None sends none.
        carry_out: Whether the request is carried out before.
        message: What the envelope says.
        body: These bytes in place of an envelope, as HTML unless `headers` say otherwise.
        headers: Further headers; they win over those sent anyway.
    """

    status: int
    retry_after: str | None = None
    carry_out: bool = False
    message: str = _MESSAGE
    body: bytes | None = None
    headers: Mapping[str, str] | None = None


@frozen
class EnvelopeStatus(Fault):
    """Answer with HTTP 200 and an envelope without data that tells of another status.

    Args:
        status: The `statusCode` of the envelope.
    """

    status: int


@frozen
class Html(Fault):
    """Answer with HTTP 200 and an HTML page, as some proxies do.

    Args:
        carry_out: Whether the request is carried out before.
    """

    carry_out: bool = True


@frozen
class Redirect(Fault):
    """Send the client elsewhere.

    Args:
        location: The `Location` header.
        status: The HTTP status.
    """

    location: str
    status: int = 307


@frozen
class RawBody(Fault):
    """Answer with HTTP 200 and exactly these bytes.

    Args:
        body: The bytes.
        content_type: The `Content-Type` header.
        carry_out: Whether the request is carried out before.
    """

    body: bytes
    content_type: str = "application/json"
    carry_out: bool = True


@frozen
class RevokeTokens(Fault):
    """Revoke all tokens, then process the request as usual, so that it gets its 401."""


@frozen
class Reset(Fault):
    """Reset the connection (RST) without reading or processing the request."""


def carries_out(fault: Fault) -> bool:
    """Whether a request hit by this fault is carried out all the same.

    Args:
        fault: The fault.
    """
    if isinstance(fault, (CutHead, CutBody, Stall, Status, Html, RawBody)):
        return fault.carry_out
    return isinstance(fault, DropAfter)


def faulty_answer(fault: Fault, usual: Answer) -> Answer:
    """What goes out in place of the usual answer.

    Args:
        fault: The fault.
        usual: What would have gone out; stays as it is where the fault is none of the answer's content.
    """
    match fault:
        case Status(status=status, message=message):
            retry = {} if fault.retry_after is None else {"Retry-After": fault.retry_after}
            headers = merged(retry, fault.headers or {})
            answer = envelope(status, message, headers=headers)
            if fault.body is not None:
                answer = Answer(status, fault.body, merged({"Content-Type": HTML}, headers))
        case EnvelopeStatus(status=status):
            answer = Answer(200, envelope_body(status, _MESSAGE), {"Content-Type": JSON})
        case Html():
            answer = Answer(200, _PAGE, {"Content-Type": HTML})
        case Redirect(location=location, status=status):
            answer = envelope(status, _MESSAGE, headers={"Location": location})
        case RawBody(body=body, content_type=content_type):
            answer = Answer(200, body, {"Content-Type": content_type})
        case _:
            answer = usual
    return answer
