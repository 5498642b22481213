"""The state of an emulator as its page shows it, and what an open page has not seen yet. No I/O."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Mapping

from ..answering import Answering
from ..gateway import Gateway
from ..wire import WEBHOOK_TYPES
from .controls import Controls
from .samples import sample
from .view import View, encoded

_WEBHOOKS_PAUSE = 0.5  # seconds at least between two updates of the webhooks, of which there may be many
_EVENT_ID = re.compile(r"([0-9a-f]+):([0-9]{1,15})")


class State:
    """The state of an emulator, with its webhooks and the switches of the page."""

    def __init__(self, emulator: Answering, gateway: Gateway, controls: Controls) -> None:
        self.feed = emulator.feed
        self.announcement: Mapping[str, object] | None = None
        self._emulator, self._webhooks, self._controls = emulator, gateway.webhooks, controls
        self._view = View(emulator)

    def all(self, text: str) -> Mapping[str, object]:
        """Return everything, with the rows that contain the words of a text."""
        samples = {event: json.dumps(sample(event), indent=2) for event in sorted(WEBHOOK_TYPES)}
        return {**self.rows(text, 0), **self.figures(), "webhooks": self.webhooks(), "samples": samples}

    def rows(self, text: str, since: int) -> Mapping[str, object]:
        """Return the rows changed after change number `since`, and how many rows there are."""
        rows, total = self._view.rows(text, since)
        return {"rows": rows, "total": total, "kept": len(self.feed.rows)}

    def figures(self) -> Mapping[str, object]:
        """Return the figures, the switches, the routes of deliveries, and the line at the top."""
        return {
            "figures": {**self.feed.figures, "logins": self._emulator.logins},
            "faults": self._controls.left(),
            "routes": dict(self._emulator.routes),
            "announcement": self.announcement,
        }

    def details(self, row_id: int) -> Mapping[str, object] | None:
        """Return all about a row, or None if it is not kept."""
        return self._view.details(row_id)

    def webhooks(self) -> Mapping[str, object]:
        """Return the webhooks."""
        return self._view.webhooks(self._webhooks.all())

    @property
    def webhooks_version(self) -> tuple[int, int]:
        """Changes whenever `webhooks` would."""
        return self._webhooks.version, self._emulator.failures.total()


class Follower:
    """Follows the state for one open page, in server-sent events.

    Args:
        state: The state.
        text: What the rows must contain.
        last_id: The id of the last event that the page has seen; empty if there is none.
        clock: Seconds.
    """

    def __init__(self, state: State, text: str, last_id: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._state, self._text, self._clock = state, text, clock
        self._next_webhooks = 0.0
        self._seen: Mapping[str, object] = {}
        self._seen_webhooks: tuple[int, int] | None = None
        match = _EVENT_ID.fullmatch(last_id)
        is_known = match and match[1] == state.feed.run and int(match[2]) <= state.feed.last
        self._since = int(match[2]) if match and is_known else None

    def next(self) -> str | None:
        """Return the next event as it is sent, or None if nothing has changed."""
        state, figures = self._state, self._state.figures()
        if self._since is None:
            self._saw_webhooks()
            return self._event("reset", state.all(self._text), figures)
        news: dict[str, object] = {}
        if state.feed.last > self._since:
            news |= state.rows(self._text, self._since)
        if figures != self._seen:
            news |= figures
        if state.webhooks_version != self._seen_webhooks and self._clock() >= self._next_webhooks:
            self._saw_webhooks()
            news["webhooks"] = state.webhooks()
        return self._event("news", news, figures) if news else None

    def _event(self, name: str, content: Mapping[str, object], figures: Mapping[str, object]) -> str:
        self._since, self._seen = self._state.feed.last, figures
        return f"id: {self._state.feed.run}:{self._since}\nevent: {name}\ndata: {encoded(content)}\n\n"

    def _saw_webhooks(self) -> None:
        self._seen_webhooks, self._next_webhooks = self._state.webhooks_version, self._clock() + _WEBHOOKS_PAUSE
