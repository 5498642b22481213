"""What follows a refused login or a refused x-api-key: a time in which nothing is sent."""

from __future__ import annotations

from attrs import define

from ..chain import CallAborted
from ..errors import GwmsError

_FIRST, _LONGEST = 60.0, 900.0


@define(eq=False, repr=False)
class Cooldown:
    """The time after a refusal in which nothing is sent; each refusal that follows doubles it."""

    until: float = 0.0
    seconds: float = 0.0
    error: GwmsError | None = None

    @property
    def next_seconds(self) -> float:
        """How long the next one would be."""
        return min(max(_FIRST, 2 * self.seconds), _LONGEST)

    def begin(self, now: float, error: GwmsError) -> None:
        """Let nothing pass for a while; `now` in monotonic seconds, `error` for those who try."""
        self.seconds = self.next_seconds
        self.until, self.error = now + self.seconds, error

    def end(self) -> None:
        """Let everything pass: it was accepted."""
        self.until, self.seconds, self.error = 0.0, 0.0, None

    def is_on(self, now: float) -> bool:
        """Whether it is running."""
        return self.error is not None and now < self.until

    def check(self, now: float) -> None:
        """Raise `CallAborted` while it is running."""
        if self.error is not None and now < self.until:
            raise CallAborted(self.error)
