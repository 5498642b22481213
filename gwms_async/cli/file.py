"""The file of webhooks: parse TOML into specs, or report all mistakes at once."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import click
from attrs import define, field, frozen

from .. import HttpMethod, Webhook, WebhookSpec, WebhookType
from ..models import Identity, check_url
from ..registration.plan import claimed_by
from .problems import RefusedError
from .profiles import closest
from .receiver import base_url, label, receiver_of

LIMIT = 1024 * 1024
"""The maximum size in bytes: enough for thousands of webhooks."""

_TABLES = ("defaults", "receiver", "webhooks")
_DEFAULTS = ("method", "active", "prune")
_RECEIVER = ("base_url", "events", "eshop", "method")
_WEBHOOK = ("url", "events", "method", "active")
_METHODS = tuple(method.value for method in HttpMethod)
_EVENTS = tuple(event.value for event in WebhookType)
_TYPE_NAMES = {dict: "a table", list: "a list", str: "a string", bool: "a boolean", int: "a number", float: "a number"}
_MAX_LENGTH = 60


class WebhookFileError(click.ClickException):
    """A file of webhooks cannot be read or contains mistakes; nothing was sent.

    Attributes:
        mistakes: One line each: where it is, what is wrong, and the closest valid name.
    """

    exit_code = 2

    def __init__(self, name: str, mistakes: Iterable[str]) -> None:
        self.mistakes = tuple(mistakes)
        one = len(self.mistakes) == 1
        lines = self.mistakes if one else (f"{len(self.mistakes)} mistakes", *(f"  {line}" for line in self.mistakes))
        super().__init__(f"{name}: " + "\n".join(lines))


@frozen
class WebhookFile:
    """A parsed file of webhooks.

    Args:
        specs: The webhooks you want to exist.
        prune: The URL prefix under which unlisted webhooks may be deleted, if any.
        base_url: The base URL of the receiver whose unlisted webhooks may be deleted, if any.
        owns: Returns whether a webhook is that receiver's.
    """

    specs: tuple[WebhookSpec, ...]
    prune: str | None = None
    base_url: str | None = None
    owns: Callable[[Webhook], bool] | None = field(default=None, eq=False)

    @property
    def scope(self) -> str:
        """Where unlisted webhooks may be deleted; "" for nowhere."""
        return " and ".join(dict.fromkeys(filter(None, (self.prune, self.base_url))))

    def claims(self, webhook: Webhook) -> bool:
        """Return whether a webhook may be deleted if the file does not list it."""
        return bool(claimed_by(self.prune)(webhook) or (self.owns and self.owns(webhook)))


def read_file(path: str) -> WebhookFile:
    """Read and parse a file of webhooks; "-" is standard input.

    Raises:
        WebhookFileError: It cannot be read or contains mistakes.
    """
    name = "standard input" if path == "-" else path
    try:
        with click.open_file(path, "rb") as file:
            content = file.read(LIMIT + 1)
    except OSError as error:
        raise WebhookFileError(name, [f"cannot be read: {error.strerror}"]) from None
    return parse_file(content, name)


def parse_file(content: bytes, name: str) -> WebhookFile:
    """Parse a file of webhooks; a leading byte order mark is ignored.

    Args:
        content: The bytes of the file.
        name: Its name in errors.

    Raises:
        WebhookFileError: It contains mistakes.
    """
    if len(content) > LIMIT:
        raise WebhookFileError(name, [f"larger than {LIMIT:,} bytes: is this the file you meant?"])
    try:
        data = tomllib.loads(content.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise WebhookFileError(name, [f"line {line} is not UTF-8: save the file as UTF-8"]) from None
    except RecursionError:
        raise WebhookFileError(name, ["lists or tables are nested too deeply"]) from None
    except ValueError as error:
        # Not only tomllib's own: a number of 5,000 digits, or the 30th of February, is a plain ValueError.
        raise WebhookFileError(name, [f"not valid TOML: {str(error)[:200]}"]) from None
    if not data:
        raise WebhookFileError(name, ["is empty: add a [[webhooks]] table with url and events"])
    parser = _Parser()
    result = parser.file(data)
    if parser.mistakes:
        raise WebhookFileError(name, parser.mistakes)
    return result


@define
class _Parser:
    """Turns parsed TOML into specs and collects the mistakes."""

    mistakes: list[str] = field(factory=list)
    _seen: dict[Identity, str] = field(factory=dict)

    def file(self, data: Mapping[str, Any]) -> WebhookFile:
        self._check_keys("", data, _TABLES)
        defaults = data.get("defaults", {})
        if not isinstance(defaults, dict):
            self._add_mistake("defaults", f"must be a table, [defaults]; got {_type_name(defaults)}")
            defaults = {}
        self._check_keys("defaults", defaults, _DEFAULTS)
        method = self._method("defaults", defaults, "POST")
        active = self._active("defaults", defaults, default=True)
        prune = self._prune(defaults)
        webhooks = data.get("webhooks", [])
        if not {"webhooks", "receiver"} & data.keys():
            self._add_mistake("webhooks", "missing: add a [[webhooks]] table with url and events")
        elif not isinstance(webhooks, list):
            self._add_mistake("webhooks", f"must be a list of tables, [[webhooks]]; got {_type_name(webhooks)}")
        specs: list[WebhookSpec] = []
        for number, webhook in enumerate(webhooks if isinstance(webhooks, list) else (), 1):
            path = f"webhooks[{number}]"
            if isinstance(webhook, dict):
                specs += self._webhook(path, webhook, method, active=active)
            else:
                self._add_mistake(path, f"must be a table; got {_type_name(webhook)}")
        if "receiver" in data:
            return self._receiver(data["receiver"], specs, prune, method)
        return WebhookFile(tuple(specs), prune)

    def _webhook(self, path: str, table: Mapping[str, Any], method: str, *, active: bool) -> list[WebhookSpec]:
        self._check_keys(path, table, _WEBHOOK)
        url, method = self._url(path, table), self._method(path, table, method)
        active = self._active(path, table, default=active)
        events = self._events(path, table)
        if url is None:
            return []
        return self._unique((place, WebhookSpec(url, event, active, method)) for place, event in events)

    def _receiver(self, table: object, specs: list[WebhookSpec], prune: str | None, method: str) -> WebhookFile:
        """Return the file with the webhooks of a receiver added."""
        if not isinstance(table, dict):
            self._add_mistake("receiver", f"must be a table, [receiver]; got {_type_name(table)}")
            table = {}
        self._check_keys("receiver", table, _RECEIVER)
        base, eshop = self._string("receiver", table, "base_url", required=True), table.get("eshop", "")
        method, events = self._method("receiver", table, method), self._events("receiver", table)
        for key, text, check in (("base_url", base, base_url), ("eshop", eshop, label)):
            try:
                check(text) if text is not None else None
            except ValueError as error:
                self._add_mistake(f"receiver.{key}", str(error))
        if base is None or self.mistakes:
            return WebhookFile(())
        try:
            receiver = receiver_of(*(event for _, event in events))
        except RefusedError as error:
            self._add_mistake("receiver", error.message)
            return WebhookFile(())
        derived = {one.webhook_type: one for one in receiver.specs(base, eshop=eshop, method=method)}
        specs += self._unique((place, derived[event]) for place, event in events)
        return WebhookFile(tuple(specs), prune, f"{base.rstrip('/')}/", receiver.owns(base, eshop=eshop))

    def _unique(self, found: Iterable[tuple[str, WebhookSpec]]) -> list[WebhookSpec]:
        specs = []
        for place, spec in found:
            first = self._seen.setdefault(spec.identity, place)
            if first is not place:
                twice = f"{spec.webhook_type} is listed twice for this url and method"
                self._add_mistake(place, f"{twice}; first at {first}")
            else:
                specs.append(spec)
        return specs

    def _url(self, path: str, table: Mapping[str, Any]) -> str | None:
        url = self._string(path, table, "url", required=True)
        if url is not None and not _is_accepted(check_url, url):
            close = f": did you mean {_quoted(url.strip())}?" if _is_accepted(check_url, url.strip()) else ""
            self._add_mistake(
                f"{path}.url", f"{_quoted(url)} is not a valid URL, e.g. https://shop.example/gwms/orders{close}"
            )
            return None
        return url

    def _events(self, path: str, table: Mapping[str, Any]) -> list[tuple[str, WebhookType]]:
        if "events" not in table:
            self._add_mistake(f"{path}.events", "missing")
            return []
        events, found = table["events"], []
        if not isinstance(events, list) or not events:
            type_name = "an empty list" if events == [] else _type_name(events)
            self._add_mistake(
                f"{path}.events", f'must be a list of event types, e.g. ["CREATE_ORDER"]; got {type_name}'
            )
            return []
        for number, event in enumerate(events, 1):
            place = f"{path}.events[{number}]"
            if not isinstance(event, str):
                self._add_mistake(place, f"must be an event type in quotes; got {_type_name(event)}")
            elif event not in _EVENTS:
                self._add_mistake(
                    place, f"{_quoted(event)} is not a known event type: {closest(event.upper(), _EVENTS)}"
                )
            else:
                found.append((place, WebhookType(event)))
        return found

    def _method(self, path: str, table: Mapping[str, Any], default: str) -> str:
        method = self._string(path, table, "method")
        if method is None:
            return default
        if method not in _METHODS:
            self._add_mistake(
                f"{path}.method", f"{_quoted(method)} is not a known method: {closest(method.upper(), _METHODS)}"
            )
            return default
        return method

    def _active(self, path: str, table: Mapping[str, Any], *, default: bool) -> bool:
        active = table.get("active", default)
        if not isinstance(active, bool):
            self._add_mistake(f"{path}.active", f"must be true or false without quotes; got {_type_name(active)}")
            return default
        return active

    def _prune(self, defaults: Mapping[str, Any]) -> str | None:
        prune = self._string("defaults", defaults, "prune")
        if prune is not None and not is_prefix(prune):
            close = f": did you mean {_quoted(prune + '/')}?" if is_prefix(f"{prune}/") else ""
            self._add_mistake("defaults.prune", f"{_quoted(prune)} must be a URL and must end with a slash{close}")
        return prune

    def _string(self, path: str, table: Mapping[str, Any], key: str, *, required: bool = False) -> str | None:
        value = table.get(key)
        if isinstance(value, str):
            return value
        if value is not None:
            self._add_mistake(f"{path}.{key}", f"must be a string in quotes; got {_type_name(value)}")
        elif required:
            self._add_mistake(f"{path}.{key}", "missing")
        return None

    def _check_keys(self, path: str, table: Mapping[str, Any], known: tuple[str, ...]) -> None:
        for key in table:
            if key not in known:
                place = f"{path}.{_quoted_key(key)}" if path else _quoted_key(key)
                self._add_mistake(place, f"unknown key: {closest(key, known)}")

    def _add_mistake(self, path: str, mistake: str) -> None:
        self.mistakes.append(f"{path}: {mistake}")


def is_prefix(url: str) -> bool:
    """Return whether webhooks can be selected by it: a URL that ends with a slash."""
    return _is_accepted(check_url, url) and _is_accepted(claimed_by, url)


def _is_accepted(check: Callable[[str], object], text: str) -> bool:
    try:
        check(text)
    except ValueError:
        return False
    return True


def _type_name(value: object) -> str:
    return _TYPE_NAMES.get(type(value), "a date or time")


def _quoted_key(key: str) -> str:
    return key if re.fullmatch(r"[\w-]{1,60}", key) else _quoted(key)


def _quoted(text: str) -> str:
    return repr(text if len(text) <= _MAX_LENGTH else f"{text[:_MAX_LENGTH]}…")
