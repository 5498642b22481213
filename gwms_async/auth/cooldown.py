"""The pause after a refused login or a rejected API key, or that a gateway asks for, during which nothing is sent."""

from __future__ import annotations

from attrs import define

from ..chain import CallAborted
from ..errors import GwmsError

_SHORTEST, _LONGEST = 60.0, 900.0


@define(eq=False)
class Cooldown:
    """A pause after a refusal; each further refusal doubles it."""

    until: float = 0.0
    seconds: float = 0.0
    error: GwmsError | None = None

    @property
    def next_seconds(self) -> float:
        """How long the next pause would be."""
        return min(max(_SHORTEST, 2 * self.seconds), _LONGEST)

    def begin(self, now: float, error: GwmsError) -> None:
        """Start a pause at `now` (monotonic seconds); until it is over, calls get `error`."""
        self.seconds = self.next_seconds
        self.until, self.error = now + self.seconds, error

    def hold(self, now: float, seconds: float, error: GwmsError) -> None:
        """Start a pause that the gateway asks for, of a quarter of an hour at most; it lengthens no later one."""
        self.until, self.error = now + min(seconds, _LONGEST), error

    def end(self) -> None:
        """End the pause and forget the refusals before it."""
        self.until, self.seconds, self.error = 0.0, 0.0, None

    def is_on(self, now: float) -> bool:
        """Return whether the pause lasts."""
        return self.error is not None and now < self.until

    def check(self, now: float) -> None:
        """Raise `CallAborted` while the pause lasts."""
        if self.error is not None and now < self.until:
            raise CallAborted(self.error)
