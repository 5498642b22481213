"""Updates that an open page has not seen yet. No I/O."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping

from .view import View, encoded

_WEBHOOKS_PAUSE = 0.5  # seconds at least between two updates of the webhooks, of which there may be many
_EVENT_ID = re.compile(r"([0-9a-f]+):([0-9]{1,15})")


class Follower:
    """Follows the view for one open page, in server-sent events.

    Args:
        view: What the page shows.
        text: What the rows must contain.
        last_id: The id of the last event that the page has seen; empty if there is none.
        clock: Seconds.
    """

    def __init__(self, view: View, text: str, last_id: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._view, self._text, self._clock = view, text, clock
        self._next_webhooks = 0.0
        self._seen: Mapping[str, object] = {}
        self._seen_webhooks: tuple[int, int] | None = None
        match = _EVENT_ID.fullmatch(last_id)
        is_known = match and match[1] == view.feed.run and int(match[2]) <= view.feed.last
        self._since = int(match[2]) if match and is_known else None

    def next(self) -> str | None:
        """Return the next event as it is sent, or None if nothing has changed."""
        view, figures = self._view, self._view.figures()
        if self._since is None:
            self._saw_webhooks()
            return self._event("reset", view.all(self._text), figures)
        news: dict[str, object] = {}
        if view.feed.last > self._since:
            news |= view.rows(self._text, self._since)
        if figures != self._seen:
            news |= figures
        if view.webhooks_version != self._seen_webhooks and self._clock() >= self._next_webhooks:
            self._saw_webhooks()
            news["webhooks"] = view.webhooks()
        return self._event("news", news, figures) if news else None

    def _event(self, name: str, content: Mapping[str, object], figures: Mapping[str, object]) -> str:
        self._since, self._seen = self._view.feed.last, figures
        return f"id: {self._view.feed.run}:{self._since}\nevent: {name}\ndata: {encoded(content)}\n\n"

    def _saw_webhooks(self) -> None:
        self._seen_webhooks, self._next_webhooks = self._view.webhooks_version, self._clock() + _WEBHOOKS_PAUSE
