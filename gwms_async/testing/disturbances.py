"""The ways in which a delivery can go wrong. Each hits its first attempt; repeats go out as usual."""

from __future__ import annotations

from urllib.parse import quote, unquote

from attrs import evolve, field, frozen
from attrs.validators import ge, gt, instance_of


@frozen
class Disturbance:
    """The base of all disturbances, which `GwmsEmulator.disturb` takes."""


@frozen
class Repeat(Disturbance):
    """Make the delivery several times, although it is answered.

    Args:
        n: How often in all.
    """

    n: int = field(validator=[instance_of(int), ge(1)])


@frozen
class Reorder(Disturbance):
    """Make the delivery after the next one to the same webhook, or, if none comes, once `delivered` is awaited."""


@frozen
class Lose(Disturbance):
    """Never make the delivery."""


@frozen
class Impatient(Disturbance):
    """Hang up if there is no answer by then, and repeat the delivery.

    Args:
        seconds: How long it waits.
    """

    seconds: float = field(validator=gt(0))


@frozen
class CutPayload(Disturbance):
    """Hang up after half of a POST's body, and repeat the delivery."""


@frozen
class OtherMethod(Disturbance):
    """Send a GET where the webhook asks for POST, and the reverse."""


@frozen
class Enveloped(Disturbance):
    """Send a POST's entity in an envelope, as the API's answers have it."""


@frozen
class Quoted(Disturbance):
    """Percent-encode all that can be in the id of a GET, slashes too."""


@frozen
class NotJson(Disturbance):
    """Send a POST whose body is not JSON."""


@frozen
class Message:
    """What goes out: the method, what a GET appends to the webhook's path, and what a POST sends."""

    method: str
    suffix: str
    body: bytes


def disturbed(message: Message, disturbance: Disturbance | None) -> Message:
    """Return what goes out instead of a message; the same if the disturbance is not in its content."""
    match disturbance:
        case OtherMethod():
            return evolve(message, method="GET" if message.method == "POST" else "POST")
        case Enveloped():
            return evolve(message, body=b'{"statusCode": 200, "message": "OK", "data": %b}' % message.body)
        case Quoted():
            return evolve(message, suffix=quote(unquote(message.suffix), safe=""))
        case NotJson():
            return evolve(message, body=b"<p>Please stand by</p>")
    return message
