"""JSON data to models and back; the only import of cattrs."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from functools import cache
from typing import Any, TypeVar

from cattrs import Converter, transform_error
from cattrs.gen import make_dict_structure_fn, make_dict_unstructure_fn, override

from ..draft import drafts
from ..models import HttpMethod, OpenEnum, Webhook, WebhookSpec, WebhookType

T = TypeVar("T")
E = TypeVar("E", bound=OpenEnum)

_logger = logging.getLogger("gwms_async")
_NAMES = {
    "webhook_type": override(rename="webhookType"),
    "registered_at": override(rename="registeredAt", omit_if_default=True),
    "unregistered_at": override(rename="unregisteredAt", omit_if_default=True),
}


class _Members(dict[str, E]):
    """The members of an enumeration by their text on the wire; unlisted ones are made."""

    def __init__(self, kind: type[E]) -> None:
        super().__init__((member.value, member) for member in kind)
        self._kind = kind

    def __missing__(self, value: str) -> E:
        return self._kind.unlisted(value)


_TYPES = _Members(WebhookType)
_METHODS = _Members(HttpMethod)


_draft = drafts(Webhook)
_read_time = datetime.fromisoformat


def _strictly(kind: type[T]) -> Callable[[object, type], T]:
    def structure(value: object, _: type) -> T:
        if type(value) is kind:
            return value
        raise ValueError(f"expected {kind.__name__}")

    return structure


def _when(value: Any) -> datetime | None:
    try:
        when = _read_time(value)
    except (ValueError, TypeError):
        _warn_of_timestamp()
        return None
    return when if when.tzinfo else when.replace(tzinfo=UTC)


def _webhooks(items: Iterable[Any]) -> list[Webhook]:
    """Read webhooks by hand, in half of what cattrs' code takes. Its detailed twin says what is wrong."""
    webhooks: list[Webhook] = []
    begin, types, methods, when = _draft, _TYPES, _METHODS, _when
    for item in items:
        draft = begin()
        draft.id = number = item["id"]
        draft.url = url = item["url"]
        draft.active = active = item["active"]
        kind, method = item["webhookType"], item["method"]
        if not (type(number) is int and type(active) is bool and type(url) is type(kind) is type(method) is str):
            raise ValueError("a field is of the wrong type")
        draft.webhook_type, draft.method = types[kind], methods[method]
        began, ended = item.get("registeredAt"), item.get("unregisteredAt")
        draft.registered_at = None if began is None else when(began)
        draft.unregistered_at = None if ended is None else when(ended)
        draft.__class__ = Webhook
        webhooks.append(draft)
    return webhooks


@cache
def _warn_of_timestamp() -> None:
    _logger.warning("the gateway sends timestamps that are not ISO 8601; they are read as None")


def make_converter(*, detailed: bool) -> Converter:
    """Build the converter of the wire's JSON.

    - names are the wire's: ``webhookType``, ``registeredAt``, ``unregisteredAt``;
    - types are strict: null is not "None", "false" is not True, true is not 1;
    - values are open: unknown fields are ignored, unknown event types and methods kept as unlisted;
    - timestamps are ISO 8601, UTC if they do not say; any other is None and warned of once;
    - ``registeredAt`` and ``unregisteredAt`` may be absent or null.

    Args:
        detailed: Whether errors tell what is wrong where; slower.
    """
    converter = Converter(detailed_validation=detailed)
    for kind in (bool, int, str):
        converter.register_structure_hook(kind, _strictly(kind))
    text = _strictly(str)
    converter.register_structure_hook(WebhookType, lambda value, _: _TYPES[text(value, str)])
    converter.register_structure_hook(HttpMethod, lambda value, _: _METHODS[text(value, str)])
    converter.register_structure_hook(datetime | None, lambda value, _: None if value is None else _when(value))
    converter.register_unstructure_hook(datetime, datetime.isoformat)
    for model in (Webhook, WebhookSpec):
        names: dict[str, Any] = {name: rule for name, rule in _NAMES.items() if hasattr(model, name)}
        converter.register_structure_hook(model, make_dict_structure_fn(model, converter, **names))
        converter.register_unstructure_hook(model, make_dict_unstructure_fn(model, converter, **names))
    if not detailed:
        converter.register_structure_hook(Webhook, lambda item, _: _webhooks((item,))[0])
        converter.register_structure_hook_func(lambda kind: kind == list[Webhook], lambda items, _: _webhooks(items))
    return converter


FAST = make_converter(detailed=False)
DETAILED = make_converter(detailed=True)


def mistakes(error: Exception) -> tuple[str, ...]:
    """Say what is wrong where, such as ``expected int @ $[1].id``, from an error of `DETAILED`."""
    return tuple(map(_in_names_of_the_wire, transform_error(error, format_exception=_describe)))


def _in_names_of_the_wire(path: str) -> str:
    for name, rule in _NAMES.items():
        path = path.replace(f".{name}", f".{rule.rename}")
    return path


def _describe(error: BaseException, _: type | None) -> str:
    return "required field missing" if isinstance(error, KeyError) else str(error)
