"""The faults that an emulator can inject."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from attrs import field, frozen
from attrs.validators import and_, deep_mapping, ge, instance_of, matches_re, optional

from .wire import HTML, JSON, Answer, Route, envelope, envelope_body, merged

_PAGE = b"<!doctype html><html><head><title>Gateway</title></head><body><h1>Please stand by</h1></body></html>"
_MESSAGE = "Emulated fault"
_is_int, _is_bytes = instance_of(int), instance_of(bytes)
_is_header = and_(instance_of(str), matches_re(r"[\t\x20-\x7e\x80-\xff]*"))  # what aiohttp can send
_are_headers: Any = deep_mapping(_is_header, _is_header)


def _is_json(_: object, __: object, value: object) -> None:
    json.dumps(value)  # raises where it is not


@frozen
class Fault:
    """The base of all faults, which `GwmsEmulator.inject` takes."""

    carry_out = False  # a field where a fault leaves the choice

    def request(self, route: Route, body: bytes) -> tuple[Route, bytes]:
        """Return what is carried out; the request as it came, unless the gateway does something else."""
        return route, body

    def answer(self, usual: Answer) -> Answer:
        """Return the answer to send; the usual one, unless the fault is in the content."""
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

    carry_out = True
    commit_delay: float = field(default=0.0, validator=ge(0))


@frozen
class CutHead(Fault):
    """Close the connection in the middle of the answer's status line and headers.

    Args:
        carry_out: Whether the request is carried out first.
    """

    carry_out: bool = True


@frozen
class CutBody(Fault):
    """Close the connection after half of the body that `Content-Length` promises.

    Args:
        carry_out: Whether the request is carried out first.
    """

    carry_out: bool = True


@frozen
class SlowBody(Fault):
    """Send the head and half of the body, pause, send the rest, and close the connection.

    Args:
        seconds: How long the pause lasts.
        carry_out: Whether the request is carried out first.
    """

    seconds: float = field(validator=ge(0))
    carry_out: bool = True


@frozen
class WrongLength(Fault):
    """Send a wrong `Content-Length`, then close the connection.

    Args:
        by: How many bytes too many it promises; too few if negative.
        carry_out: Whether the request is carried out first.
    """

    by: int = field(validator=_is_int)
    carry_out: bool = True


@frozen
class Garbage(Fault):
    """Send bytes that are not HTTP instead of an answer, then close the connection.

    Args:
        carry_out: Whether the request is carried out first.
        content: The bytes to send.
    """

    carry_out: bool = True
    content: bytes = field(default=b"\x00\xff no HTTP\r\n\r\n", validator=_is_bytes)


@frozen
class Stall(Fault):
    """Send nothing for a while, then close the connection.

    The wait ends early when the client disconnects or the emulator closes.

    Args:
        seconds: How long it waits.
        carry_out: Whether the request is carried out first.
    """

    seconds: float = field(validator=ge(0))
    carry_out: bool = False


@frozen
class Status(Fault):
    """Answer with an HTTP status.

    Args:
        status: The HTTP status, also in the envelope.
        retry_after: The `Retry-After` header, verbatim; None sends none.
        carry_out: Whether the request is carried out first.
        message: The envelope's message; validators of some gateways send a list or an object.
        body: Bytes to send instead of an envelope, as HTML unless `headers` say otherwise.
        headers: Further headers; they replace the usual ones.
    """

    status: int = field(validator=_is_int)
    retry_after: str | None = field(default=None, validator=optional(_is_header))
    carry_out: bool = False
    message: str | Sequence[object] | Mapping[str, object] = field(default=_MESSAGE, validator=_is_json)
    body: bytes | None = field(default=None, validator=optional(_is_bytes))
    headers: Mapping[str, str] | None = field(default=None, validator=optional(_are_headers))

    def answer(self, usual: Answer) -> Answer:
        """Return the answer to send."""
        retry = {} if self.retry_after is None else {"Retry-After": self.retry_after}
        headers = merged(retry, self.headers or {})
        if self.body is None:
            return envelope(self.status, self.message, headers=headers)
        return Answer(self.status, self.body, merged({"Content-Type": HTML}, headers))


@frozen
class EnvelopeStatus(Fault):
    """Answer with HTTP 200 and an envelope without data that has another status.

    Args:
        status: The `statusCode` of the envelope.
    """

    status: int = field(validator=_is_int)

    def answer(self, usual: Answer) -> Answer:
        """Return the answer to send."""
        return Answer(200, envelope_body(self.status, _MESSAGE), {"Content-Type": JSON})


@frozen
class Html(Fault):
    """Answer with HTTP 200 and an HTML page, as some proxies do.

    Args:
        carry_out: Whether the request is carried out first.
    """

    carry_out: bool = True

    def answer(self, usual: Answer) -> Answer:
        """Return the answer to send."""
        return Answer(200, _PAGE, {"Content-Type": HTML})


@frozen
class Redirect(Fault):
    """Redirect the client.

    Args:
        location: The `Location` header.
        status: The HTTP status.
    """

    location: str = field(validator=_is_header)
    status: int = field(default=307, validator=_is_int)

    def answer(self, usual: Answer) -> Answer:
        """Return the answer to send."""
        return envelope(self.status, _MESSAGE, headers={"Location": self.location})


@frozen
class RawBody(Fault):
    """Answer with HTTP 200 and exactly these bytes.

    Args:
        body: The bytes.
        content_type: The `Content-Type` header.
        carry_out: Whether the request is carried out first.
    """

    body: bytes = field(validator=_is_bytes)
    content_type: str = field(default="application/json", validator=_is_header)
    carry_out: bool = True

    def answer(self, usual: Answer) -> Answer:
        """Return the answer to send."""
        return Answer(200, self.body, {"Content-Type": self.content_type})


@frozen
class RevokeTokens(Fault):
    """Revoke all tokens, then process the request as usual, so that it is answered 401."""


@frozen
class Reset(Fault):
    """Reset the connection (RST) without reading or processing the request."""
