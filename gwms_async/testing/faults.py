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

    def answer(self, usual: Answer) -> Answer:
        """Make what goes out in place of the usual answer; that one, unless it is the content that is faulty."""
        return usual


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
class SlowBody(Fault):
    """Send the head and half of the body, keep silent, send the rest, and close the connection.

    Args:
        seconds: How long the silence lasts, in seconds.
        carry_out: Whether the request is carried out before.
    """

    seconds: float
    carry_out: bool = True


@frozen
class WrongLength(Fault):
    """Send a `Content-Length` that is not the body's, then close the connection.

    Args:
        by: How many bytes it promises too much, or too few if below 0.
        carry_out: Whether the request is carried out before.
    """

    by: int
    carry_out: bool = True


@frozen
class Garbage(Fault):
    """Send what is no HTTP in place of an answer, then close the connection.

    Args:
        carry_out: Whether the request is carried out before.
        content: What is sent.
    """

    carry_out: bool = True
    content: bytes = b"\x00\xff no HTTP\r\n\r\n"


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

    def answer(self, usual: Answer) -> Answer:  # nothing of it is left
        """Make what goes out."""
        retry = {} if self.retry_after is None else {"Retry-After": self.retry_after}
        headers = merged(retry, self.headers or {})
        if self.body is None:
            return envelope(self.status, self.message, headers=headers)
        return Answer(self.status, self.body, merged({"Content-Type": HTML}, headers))


@frozen
class EnvelopeStatus(Fault):
    """Answer with HTTP 200 and an envelope without data that tells of another status.

    Args:
        status: The `statusCode` of the envelope.
    """

    status: int

    def answer(self, usual: Answer) -> Answer:  # nothing of it is left
        """Make what goes out."""
        return Answer(200, envelope_body(self.status, _MESSAGE), {"Content-Type": JSON})


@frozen
class Html(Fault):
    """Answer with HTTP 200 and an HTML page, as some proxies do.

    Args:
        carry_out: Whether the request is carried out before.
    """

    carry_out: bool = True

    def answer(self, usual: Answer) -> Answer:  # nothing of it is left
        """Make what goes out."""
        return Answer(200, _PAGE, {"Content-Type": HTML})


@frozen
class Redirect(Fault):
    """Send the client elsewhere.

    Args:
        location: The `Location` header.
        status: The HTTP status.
    """

    location: str
    status: int = 307

    def answer(self, usual: Answer) -> Answer:  # nothing of it is left
        """Make what goes out."""
        return envelope(self.status, _MESSAGE, headers={"Location": self.location})


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

    def answer(self, usual: Answer) -> Answer:  # nothing of it is left
        """Make what goes out."""
        return Answer(200, self.body, {"Content-Type": self.content_type})


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
    if isinstance(fault, CutHead | CutBody | SlowBody | WrongLength | Garbage | Stall | Status | Html | RawBody):
        return fault.carry_out
    return isinstance(fault, DropAfter)
