"""The file of webhooks: TOML in, specs or all mistakes at once out."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import click
from attrs import define, field, frozen

from .. import HttpMethod, WebhookSpec, WebhookType

LIMIT = 1024 * 1024
"""The most bytes that a file may have: some thousand webhooks, and no mistaken disk image."""

_TABLES = ("defaults", "webhooks")
_DEFAULTS = ("method", "active", "prune")
_WEBHOOK = ("url", "events", "method", "active")
_METHODS = tuple(method.value for method in HttpMethod)
_EVENTS = tuple(event.value for event in WebhookType)
_URL = re.compile(r"https?://[^\s/?#]+([/?#]\S*)?", re.IGNORECASE)
_PREFIX = re.compile(r"https?://[^\s/?#]+/(\S*/)?", re.IGNORECASE)
_NAMES = {dict: "a table", list: "a list", str: "a text", bool: "true or false", int: "a number", float: "a number"}
_LONG = 60


class WebhookFileError(click.ClickException):
    """A file of webhooks cannot be read, or holds mistakes; nothing was sent.

    Attributes:
        mistakes: Each in a line: where it is, what it is, and what may have been meant.
    """

    exit_code = 2

    def __init__(self, name: str, mistakes: Iterable[str]) -> None:
        self.mistakes = tuple(mistakes)
        one = len(self.mistakes) == 1
        lines = self.mistakes if one else (f"{len(self.mistakes)} mistakes", *(f"  {line}" for line in self.mistakes))
        super().__init__(f"{name}: " + "\n".join(lines))


@frozen
class WebhookFile:
    """What a file of webhooks says.

    Args:
        specs: The webhooks that shall exist.
        prune: The prefix of the urls that are ours, None where the file does not say.
    """

    specs: tuple[WebhookSpec, ...]
    prune: str | None = None


def read_file(path: Path) -> WebhookFile:
    """Read a file of webhooks.

    Args:
        path: Where it is.

    Raises:
        WebhookFileError: It cannot be read, or holds mistakes.
    """
    try:
        with path.open("rb") as file:
            content = file.read(LIMIT + 1)
    except OSError as error:
        raise WebhookFileError(str(path), [f"cannot be read: {error.strerror}"]) from None
    return parse_file(content, str(path))


def parse_file(content: bytes, name: str) -> WebhookFile:
    """Read the content of a file of webhooks; a byte order mark at its beginning is passed over.

    Args:
        content: Its bytes.
        name: What it is called in errors.

    Raises:
        WebhookFileError: It holds mistakes.
    """
    if len(content) > LIMIT:
        raise WebhookFileError(name, [f"larger than {LIMIT:,} bytes: is this the file you meant?"])
    try:
        data = tomllib.loads(content.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise WebhookFileError(name, [f"line {line} is not UTF-8: save the file as UTF-8"]) from None
    except RecursionError:
        raise WebhookFileError(name, ["its lists or tables are nested too deeply"]) from None
    except ValueError as error:
        # Not only tomllib's own: a number of 5,000 digits, or the 30th of February, is a plain ValueError.
        raise WebhookFileError(name, [f"not TOML: {str(error)[:200]}"]) from None
    if not data:
        raise WebhookFileError(name, ["holds nothing: write a [[webhooks]] table with url and events"])
    reader = _Reader()
    result = reader.file(data)
    if reader.mistakes:
        raise WebhookFileError(name, reader.mistakes)
    return result


@define
class _Reader:
    """Reads what TOML gave, and notes each mistake with its path."""

    mistakes: list[str] = field(factory=list)
    _seen: dict[tuple[str, str, str], str] = field(factory=dict)

    def file(self, data: Mapping[str, Any]) -> WebhookFile:
        self._check_keys("", data, _TABLES)
        defaults = data.get("defaults", {})
        if not isinstance(defaults, dict):
            self._note("defaults", f"must be a table, [defaults], and is {_kind(defaults)}")
            defaults = {}
        self._check_keys("defaults", defaults, _DEFAULTS)
        method = self._method("defaults", defaults, "POST")
        active = self._active("defaults", defaults, default=True)
        prune = self._prune(defaults)
        webhooks = data.get("webhooks")
        if "webhooks" not in data:
            self._note("webhooks", "missing: write a [[webhooks]] table with url and events")
        elif not isinstance(webhooks, list):
            self._note("webhooks", f"must be a list of tables, [[webhooks]], and is {_kind(webhooks)}")
        specs: list[WebhookSpec] = []
        for number, webhook in enumerate(webhooks if isinstance(webhooks, list) else (), 1):
            path = f"webhooks[{number}]"
            if isinstance(webhook, dict):
                specs += self._webhook(path, webhook, method, active=active)
            else:
                self._note(path, f"must be a table and is {_kind(webhook)}")
        return WebhookFile(tuple(specs), prune)

    def _webhook(self, path: str, table: Mapping[str, Any], method: str, *, active: bool) -> list[WebhookSpec]:
        self._check_keys(path, table, _WEBHOOK)
        url, method = self._url(path, table), self._method(path, table, method)
        active = self._active(path, table, default=active)
        events = self._events(path, table)
        if url is None:
            return []
        specs = []
        for place, event in events:
            first = self._seen.setdefault((url, event, method), place)
            if first is not place:
                self._note(place, f"{event} is asked for twice for this url and method: first at {first}")
            else:
                specs.append(WebhookSpec(url, event, active, method))
        return specs

    def _url(self, path: str, table: Mapping[str, Any]) -> str | None:
        url = self._text(path, table, "url", needed=True)
        if url is not None and not _URL.fullmatch(url):
            close = f": did you mean {_shown(url.strip())}?" if _URL.fullmatch(url.strip()) else ""
            self._note(f"{path}.url", f"{_shown(url)} is no address such as https://shop.example/gwms/orders{close}")
            return None
        return url

    def _events(self, path: str, table: Mapping[str, Any]) -> list[tuple[str, WebhookType]]:
        if "events" not in table:
            self._note(f"{path}.events", "missing")
            return []
        events, found = table["events"], []
        if not isinstance(events, list) or not events:
            kind = "empty" if events == [] else _kind(events)
            self._note(f"{path}.events", f'must be a list of events, such as ["CREATE_ORDER"], and is {kind}')
            return []
        for number, event in enumerate(events, 1):
            place = f"{path}.events[{number}]"
            if not isinstance(event, str):
                self._note(place, f"must be the name of an event and is {_kind(event)}")
            elif event not in _EVENTS:
                self._note(place, f"{_shown(event)} is no event{_closest(event.upper(), _EVENTS)}")
            else:
                found.append((place, WebhookType(event)))
        return found

    def _method(self, path: str, table: Mapping[str, Any], default: str) -> str:
        method = self._text(path, table, "method")
        if method is None:
            return default
        if method not in _METHODS:
            self._note(f"{path}.method", f"{_shown(method)} is no method{_closest(method.upper(), _METHODS)}")
            return default
        return method

    def _active(self, path: str, table: Mapping[str, Any], *, default: bool) -> bool:
        active = table.get("active", default)
        if not isinstance(active, bool):
            self._note(f"{path}.active", f"must be true or false, without quotes, and is {_kind(active)}")
            return default
        return active

    def _prune(self, defaults: Mapping[str, Any]) -> str | None:
        prune = self._text("defaults", defaults, "prune")
        if prune is not None and not _PREFIX.fullmatch(prune):
            # Without the slash "https://shop.example" would take https://shop.example.org/ to be ours.
            close = f": did you mean {_shown(prune + '/')}?" if _PREFIX.fullmatch(f"{prune}/") else ""
            self._note("defaults.prune", f"{_shown(prune)} is no address that ends with a slash{close}")
        return prune

    def _text(self, path: str, table: Mapping[str, Any], key: str, *, needed: bool = False) -> str | None:
        value = table.get(key)
        if isinstance(value, str):
            return value
        if value is not None:
            self._note(f"{path}.{key}", f"must be a text, in quotes, and is {_kind(value)}")
        elif needed:
            self._note(f"{path}.{key}", "missing")
        return None

    def _check_keys(self, path: str, table: Mapping[str, Any], known: tuple[str, ...]) -> None:
        for key in table:
            if key not in known:
                place = f"{path}.{_shown_key(key)}" if path else _shown_key(key)
                self._note(place, f"unknown key{_closest(key, known)}")

    def _note(self, path: str, mistake: str) -> None:
        self.mistakes.append(f"{path}: {mistake}")


def _closest(text: str, names: tuple[str, ...]) -> str:
    close = get_close_matches(text[:_LONG], names, n=1, cutoff=0.5)
    return f": did you mean {close[0]}?" if close else f": choose from {', '.join(names)}"


def _kind(value: object) -> str:
    return _NAMES.get(type(value), "a date or time")


def _shown_key(key: str) -> str:
    return key if re.fullmatch(r"[\w-]{1,60}", key) else _shown(key)


def _shown(text: str) -> str:
    return repr(text if len(text) <= _LONG else f"{text[:_LONG]}…")
