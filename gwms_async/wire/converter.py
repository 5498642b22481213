"""Convert JSON data to models; the only module that imports cattrs."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from functools import cache
from typing import Any, TypeVar

from cattrs import Converter, transform_error
from cattrs.gen import make_dict_structure_fn, override

from ..models import HttpMethod, OpenEnum, Webhook, WebhookType

T = TypeVar("T")
E = TypeVar("E", bound=OpenEnum)

_logger = logging.getLogger("gwms_async")
_NAMES: dict[str, Any] = {
    "webhook_type": override(rename="webhookType"),
    "registered_at": override(rename="registeredAt"),
    "unregistered_at": override(rename="unregisteredAt"),
}
_MAX_MISTAKES = 5


def _strict(kind: type[T]) -> Callable[[object, object], T]:
    def structure(value: object, _: object) -> T:
        if type(value) is kind:
            return value
        raise ValueError(f"expected {kind.__name__}")

    return structure


def _open_enum(enum: type[E]) -> Callable[[Any, object], E]:
    members = {member.value: member for member in enum}
    text = _strict(str)

    def structure(value: Any, _: object) -> E:
        try:
            return members[value]
        except (KeyError, TypeError):
            return enum.unlisted(text(value, str))

    return structure


def _timestamp(value: Any, _: object) -> datetime | None:
    if value is None:
        return None
    try:
        timestamp = datetime.fromisoformat(value)
    except (ValueError, TypeError):
        _warn_of_timestamp()
        return None
    return timestamp if timestamp.tzinfo else timestamp.replace(tzinfo=UTC)


@cache
def _warn_of_timestamp() -> None:
    _logger.warning("the gateway sends timestamps that are not ISO 8601; they are read as None")


def make_converter(*, detailed: bool) -> Converter:
    """Return a converter for responses.

    - Names are as in the JSON: ``webhookType``, ``registeredAt``, ``unregisteredAt``.
    - Types are strict: null is not "None", "false" is not True, true is not 1.
    - Values are open: unknown fields are ignored, unknown event types and methods are kept as unlisted.
    - Timestamps are ISO 8601, in UTC unless they say otherwise; any other is None, with one warning.
    - ``registeredAt`` and ``unregisteredAt`` may be absent or null.

    Args:
        detailed: Whether errors say what is wrong where.
    """
    converter = Converter(detailed_validation=detailed)
    for kind in (bool, int, str):
        converter.register_structure_hook(kind, _strict(kind))
    for enum in (WebhookType, HttpMethod):
        converter.register_structure_hook(enum, _open_enum(enum))
    converter.register_structure_hook(datetime | None, _timestamp)
    converter.register_structure_hook(Webhook, make_dict_structure_fn(Webhook, converter, **_NAMES))
    return converter


FAST = make_converter(detailed=False)
DETAILED = make_converter(detailed=True)
"""The twin of `FAST`, for data that it rejects."""


def mistakes(items: Iterable[tuple[str, object]]) -> tuple[str, ...]:
    """Return the first five mistakes in what should be webhooks, e.g. ``expected int @ $[1].id``.

    Args:
        items: The path of each, and its data.
    """
    found: list[str] = []
    for path, data in items:
        found += _mistakes_in(data, path)
        if len(found) >= _MAX_MISTAKES:
            break
    return tuple(found[:_MAX_MISTAKES])


def _mistakes_in(data: object, path: str) -> Iterable[str]:
    if not isinstance(data, dict):
        return [f"expected object @ {path}"]  # cattrs would report each of its fields
    try:
        DETAILED.structure(data, Webhook)
    except Exception as error:  # noqa: BLE001  # nested data of any kind
        return map(_with_json_names, transform_error(error, path, _describe))
    return ()


def _with_json_names(mistake: str) -> str:
    for name, rule in _NAMES.items():
        mistake = mistake.replace(f".{name}", f".{rule.rename}")
    return mistake


def _describe(error: BaseException, _: type | None) -> str:
    return "required field missing" if isinstance(error, KeyError) else str(error)
