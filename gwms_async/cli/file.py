"""The file of webhooks: parse TOML into specs, or report all mistakes at once."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

import click
from attrs import define, field, frozen

from .. import HttpMethod, Webhook, WebhookSpec, WebhookType
from ..models import Identity, check_url
from ..receiving.urls import checked_base, checked_label
from ..registration.plan import claimed_by
from .problems import RefusedError, closest, shown
from .receiver import receiver_of

LIMIT = 1024 * 1024
"""The maximum size in bytes: enough for thousands of webhooks."""

_TYPE_NAMES = {dict: "a table", list: "a list", str: "a string", bool: "a boolean", int: "a number", float: "a number"}
_MAX_LENGTH = 60
_Table = Mapping[str, Any]
_Fields = Mapping[str, Callable[[Any], Any]]
"""For each key of a table, what reads its value; a `ValueError` is a mistake in the file."""


class WebhookFileError(click.ClickException):
    """A file of webhooks cannot be read or contains mistakes, one line each in `mistakes`; nothing was sent."""

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
        raise WebhookFileError(name, [f"cannot be read: {str(error.strerror).lower()}"]) from None
    return parse_file(content, name)


def parse_file(content: bytes, name: str) -> WebhookFile:
    """Parse a file of webhooks, called `name` in errors; a leading byte order mark is ignored.

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
    _specs: dict[Identity, tuple[WebhookSpec, str]] = field(factory=dict)  # each with its path

    def file(self, data: _Table) -> WebhookFile:
        found = self._table("", data, _FILE)
        defaults = {"method": "POST", "active": True, **self._table("defaults", found.get("defaults", {}), _DEFAULTS)}
        if not {"webhooks", "receiver"} & data.keys():
            self.mistakes.append("webhooks: missing: add a [[webhooks]] table with url and events")
        for number, value in enumerate(found.get("webhooks", ()), 1):
            with self._noting(path := f"webhooks[{number}]"):
                self._add_webhook(path, _typed(dict, "a table", value), defaults)
        scope = self._add_receiver(found.get("receiver", {}), defaults["method"]) if "receiver" in data else {}
        return WebhookFile(tuple(spec for spec, _ in self._specs.values()), defaults.get("prune"), **scope)

    def _add_webhook(self, path: str, data: _Table, defaults: _Table) -> None:
        table = {**defaults, **self._table(path, data, _WEBHOOK)}
        for place, event in self._events(path, table):
            if "url" in table:
                self._add(place, WebhookSpec(table["url"], event, active=table["active"], method=table["method"]))

    def _add_receiver(self, data: _Table, method: str) -> dict[str, Any]:
        """Add the webhooks of a receiver, and return its fields of `WebhookFile`."""
        table = {"eshop": "", "method": method, **self._table("receiver", data, _RECEIVER)}
        events = self._events("receiver", table)
        if self.mistakes:
            return {}
        try:
            receiver = receiver_of(*(event for _, event in events))
        except RefusedError as error:
            self.mistakes.append(f"receiver: {error.message}")
            return {}
        base, eshop = table["base_url"], table["eshop"]
        derived = {one.webhook_type: one for one in receiver.specs(base, eshop=eshop, method=table["method"])}
        for place, event in events:
            self._add(place, derived[event])
        return {"base_url": base, "owns": receiver.owns(base, eshop=eshop)}

    def _add(self, place: str, spec: WebhookSpec) -> None:
        _, first = self._specs.setdefault(spec.identity, (spec, place))
        if first != place:
            twice = f"{spec.webhook_type} is listed twice for this url and method"
            self.mistakes.append(f"{place}: {twice}; first at {first}")

    def _events(self, path: str, table: _Table) -> list[tuple[str, WebhookType]]:
        events = []
        for number, value in enumerate(table.get("events", ()), 1):
            with self._noting(place := f"{path}.events[{number}]"):
                text = _typed(str, "an event type in quotes", value)
                events.append((place, WebhookType(_listed(WebhookType, "event type", text))))
        return events

    def _table(self, path: str, table: _Table, fields: _Fields) -> dict[str, Any]:
        """Return the valid values of a table, and note what is wrong with the others."""
        prefix, found = f"{path}." if path else "", dict[str, Any]()
        for key in table:
            if key not in fields:
                name = key if re.fullmatch(r"[\w-]{1,60}", key) else _quoted(key)
                self.mistakes.append(f"{prefix}{name}: unknown key: {closest(key, fields)}")
        for key, read in fields.items():
            if key in table:
                with self._noting(prefix + key):
                    found[key] = read(table[key])
            elif key in _REQUIRED:
                self.mistakes.append(f"{prefix}{key}: missing")
        return found

    @contextmanager
    def _noting(self, path: str) -> Generator[None]:
        try:
            yield
        except ValueError as error:
            self.mistakes.append(f"{path}: {error}")


def is_prefix(url: str) -> bool:
    """Return whether it is a URL that ends with a slash, and can select webhooks."""
    return _is_accepted(check_url, url) and _is_accepted(claimed_by, url)


def _is_accepted(check: Callable[[str], object], text: str) -> bool:
    try:
        check(text)
    except ValueError:
        return False
    return True


def _typed(kind: type, wanted: str, value: Any) -> Any:
    if not isinstance(value, kind):
        raise ValueError(f"must be {wanted}; got {_TYPE_NAMES.get(type(value), 'a date or time')}")
    return value


def _listed(names: Iterable[str], noun: str, value: object) -> str:
    text: str = _string(value)
    if text not in tuple(names):
        raise ValueError(f"{_quoted(text)} is not a known {noun}: {closest(text.upper(), tuple(names))}")
    return text


_string = partial(_typed, str, "a string in quotes")


def _url(value: object) -> str:
    url: str = _string(value)
    if not _is_accepted(check_url, url):
        wrong = "contains a space" if " " in url else "is not a valid URL, e.g. https://shop.example/gwms/orders"
        close = f": did you mean {_quoted(url.strip())}?" if _is_accepted(check_url, url.strip()) else ""
        raise ValueError(f"{_quoted(url)} {wrong}{close}")
    return url


def _prune(value: object) -> str:
    prune: str = _string(value)
    if not is_prefix(prune):
        close = f": did you mean {_quoted(prune + '/')}?" if is_prefix(f"{prune}/") else ""
        raise ValueError(f"{_quoted(prune)} must be a URL and must end with a slash{close}")
    return prune


def _base_url(value: object) -> str:
    return checked_base(_string(value))


def _events(value: object) -> Any:
    wanted = 'a list of event types, e.g. ["CREATE_ORDER"]'
    if value == []:
        raise ValueError(f"must be {wanted}; got an empty list")
    return _typed(list, wanted, value)


def _quoted(text: str) -> str:
    text = shown(text)  # before it is cut: a password is recognised by what follows it
    return repr(text if len(text) <= _MAX_LENGTH else f"{text[:_MAX_LENGTH]}…")


_active = partial(_typed, bool, "true or false without quotes")
_method = partial(_listed, HttpMethod, "method")
_FILE: _Fields = {
    "defaults": partial(_typed, dict, "a table, [defaults]"),
    "receiver": partial(_typed, dict, "a table, [receiver]"),
    "webhooks": partial(_typed, list, "a list of tables, [[webhooks]]"),
}
_DEFAULTS: _Fields = {"method": _method, "active": _active, "prune": _prune}
_RECEIVER: _Fields = {"base_url": _base_url, "events": _events, "eshop": checked_label, "method": _method}
_WEBHOOK: _Fields = {"url": _url, "events": _events, "method": _method, "active": _active}
_REQUIRED = {"url", "base_url", "events"}
