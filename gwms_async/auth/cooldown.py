"""A pause in which nothing is sent: after a refused login, after a rejected API key, or because the gateway asks."""

from __future__ import annotations

from attrs import define

from ..chain import CallAborted
from ..errors import GwmsError

_MIN_SECONDS, _MAX_SECONDS = 60.0, 900.0


@define(eq=False)
class Cooldown:
    """A pause, and the error that calls get until it is over.

    Args:
        until: When it is over, in monotonic seconds.
        seconds: How long the last pause after a refusal was, if no more was asked for; the next one is twice as long.
        error: What calls get; None if there has been no pause since the last success.
    """

    until: float = 0.0
    seconds: float = 0.0
    error: GwmsError | None = None

    def next_seconds(self, asked: float = 0.0) -> float:
        """Return how long the next pause after a refusal would be: a minute, then twice the last one.

        It is no shorter than what the gateway `asked` for with the refusal, and never longer than 15 minutes.
        """
        return min(max(_MIN_SECONDS, 2 * self.seconds, asked), _MAX_SECONDS)

    def begin(self, now: float, error: GwmsError, asked: float = 0.0) -> None:
        """Start the pause after a refusal at `now` (monotonic seconds)."""
        self.until, self.error = now + self.next_seconds(asked), error
        self.seconds = self.next_seconds()

    def pause_for(self, now: float, seconds: float, error: GwmsError) -> None:
        """Start a pause that the gateway asks for, of at most 15 minutes; it does not lengthen later ones."""
        self.until, self.error = now + min(seconds, _MAX_SECONDS), error

    def end(self) -> None:
        """End the pause and forget the refusals before it."""
        self.until, self.seconds, self.error = 0.0, 0.0, None

    def is_on(self, now: float) -> bool:
        """Return whether the pause is still on."""
        return now < self.until

    def check(self, now: float) -> None:
        """Raise `CallAborted` if the pause is still on."""
        if self.error is not None and now < self.until:
            raise CallAborted(self.error)
