"""JSON data to models and back; the only import of cattrs."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from typing import Any, TypeVar

from attrs import fields
from cattrs import Converter, transform_error
from cattrs.gen import make_dict_structure_fn, make_dict_unstructure_fn, override

from ..models import HttpMethod, OpenEnum, Webhook, WebhookSpec, WebhookType

T = TypeVar("T")
E = TypeVar("E", bound=OpenEnum)

_logger = logging.getLogger("gwms_async")
_NAMES = {
    "webhook_type": override(rename="webhookType"),
    "registered_at": override(rename="registeredAt", omit_if_default=True),
    "unregistered_at": override(rename="unregisteredAt", omit_if_default=True),
}


def _strict(kind: type[T]) -> Callable[[object, object], T]:
    def structure(value: object, _: object) -> T:
        if type(value) is kind:
            return value
        raise ValueError(f"expected {kind.__name__}")

    return structure


def _open(enum: type[E]) -> Callable[[Any, object], E]:
    members = {member.value: member for member in enum}
    text = _strict(str)

    def structure(value: Any, _: object) -> E:
        try:
            return members[value]
        except (KeyError, TypeError):
            return enum.unlisted(text(value, str))

    return structure


def _moment(value: Any, _: object) -> datetime | None:
    if value is None:
        return None
    try:
        moment = datetime.fromisoformat(value)
    except (ValueError, TypeError):
        _warn_of_timestamp()
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


@cache
def _warn_of_timestamp() -> None:
    _logger.warning("the gateway sends timestamps that are not ISO 8601; they are read as None")


def make_converter(*, detailed: bool) -> Converter:
    """Return a converter of the wire's JSON.

    - Names are those of the wire: ``webhookType``, ``registeredAt``, ``unregisteredAt``.
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
        converter.register_structure_hook(enum, _open(enum))
    converter.register_structure_hook(datetime | None, _moment)
    converter.register_unstructure_hook(datetime, datetime.isoformat)
    for model in (Webhook, WebhookSpec):
        names: Any = {field.name: _NAMES[field.name] for field in fields(model) if field.name in _NAMES}
        converter.register_structure_hook(model, make_dict_structure_fn(model, converter, **names))
        converter.register_unstructure_hook(model, make_dict_unstructure_fn(model, converter, **names))
    return converter


FAST = make_converter(detailed=False)
DETAILED = make_converter(detailed=True)
"""The twin of `FAST`, for data that it rejects."""


def mistakes(error: Exception) -> tuple[str, ...]:
    """Return what is wrong where, e.g. ``expected int @ $[1].id``, from an error of `DETAILED`."""
    return tuple(map(_in_names_of_the_wire, transform_error(error, format_exception=_describe)))


def _in_names_of_the_wire(path: str) -> str:
    for name, rule in _NAMES.items():
        path = path.replace(f".{name}", f".{rule.rename}")
    return path


def _describe(error: BaseException, _: type | None) -> str:
    return "required field missing" if isinstance(error, KeyError) else str(error)
