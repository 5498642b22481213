"""The output of ``gwms listen``: a line for each delivery and, on a terminal, a status line."""

from __future__ import annotations

import json
import sys
from datetime import datetime
from typing import Any

from attrs import asdict
from rich.console import Console
from rich.live import Live
from rich.spinner import Spinner

from .output import print_output
from .serving import Seen


class Lines:
    """The lines on stdout, with paths and headers if `headers` is set, and the status line on stderr."""

    def __init__(self, *, headers: bool, as_json: bool) -> None:
        self._headers, self._as_json = headers, as_json
        self._spinner = Spinner("line")  # animated, and plain ASCII
        self._since, self._last, self._active, self._count = datetime.now().astimezone(), "none yet", "", 0
        self.update()

    def update(self, active: str = "") -> None:
        """Update the status line; `active` is how many webhooks are active, e.g. "2/3", if that may have changed."""
        self._active = f", webhooks active {active}" if active else self._active
        self.text = f"listening since {self._since:%H:%M:%S}, last delivery {self._last}{self._active}"
        self._spinner.update(text=self.text)

    def show(self, seen: Seen) -> None:
        """Print a request and its answer."""
        if seen.event:
            self._count += 1
            self._last = f"{seen.at.astimezone():%H:%M:%S} ({self._count} in all)"
            self.update()
        # JSON too: what click prints would run into the status line.
        as_json, headers = self._as_json, self._headers
        print_output(json.dumps(as_object(seen, headers=headers)) if as_json else as_text(seen, headers=headers))

    def status(self) -> Live:
        """Return a context that shows the status line on a terminal, and removes it at the end."""
        return Live(self._spinner, console=Console(stderr=True), transient=True, redirect_stdout=sys.stdout.isatty())


def as_text(seen: Seen, *, headers: bool) -> str:
    """Return the line of a request; with `headers` followed by its path and headers."""
    name = f"{seen.eshop}.{seen.event}".lstrip(".")
    what = f"{name} {seen.id!r}" if seen.event else seen.path
    answer = "no answer" if seen.answer is None else seen.answer
    time = f"{seen.at.astimezone():%H:%M:%S.%f}"[:-3]
    line = f"{time} {seen.method} {what} {seen.size} B -> {answer} in {seen.ms:g} ms"
    more = [f"  {seen.path}", *(f"  {name}: {value}" for name, value in seen.headers)] if headers else []
    return "\n".join([line, *more])


def as_object(seen: Seen, *, headers: bool) -> dict[str, Any]:
    """Return a request as a JSON object."""
    found = {**asdict(seen), "at": seen.at.isoformat()}
    return found if headers else {name: value for name, value in found.items() if name != "headers"}
