"""Argument checks of the registration calls; pure."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from math import inf

from ..models import Identity, WebhookSpec, check_is_spec, check_url
from ..settings import is_integer
from ..wire.parsing import finite_number


def check_iterable(specs: object, *kinds: type) -> None:
    """Raise `ValueError` unless it is one of these iterable types, and not a string."""
    if isinstance(specs, str) or not isinstance(specs, kinds):
        raise ValueError(f"specs must be a list or other iterable of WebhookSpec; got {type(specs).__name__}")


def unique_specs(specs: Iterable[WebhookSpec]) -> dict[Identity, WebhookSpec]:
    """Check specs, and return them by identity; of equal ones the first.

    Raises:
        ValueError: Something is not a spec, its URL cannot be registered, or a webhook is wanted both active and
            inactive.
    """
    check_iterable(specs, Iterable)
    found: dict[Identity, WebhookSpec] = {}
    for spec in specs:
        check_is_spec(spec)
        check_url(spec.url)
        if found.setdefault(spec.identity, spec).active != spec.active:
            raise ValueError(f"the same webhook is wanted both active and inactive: {spec}")
    return found


def check_concurrency(concurrency: object) -> None:
    """Raise `ValueError` unless it is an integer of 1 or more."""
    if not is_integer(concurrency, 1):
        raise ValueError(f"concurrency must be an integer of 1 or more; got {concurrency!r}")


def check_deadline(deadline: object) -> None:
    """Raise `ValueError` unless it is None or a number of seconds."""
    if deadline not in (None, inf, -inf) and finite_number(deadline) is None:
        raise ValueError(f"deadline must be a number of seconds, or None; got {deadline!r:.50}")


def check_function(name: str, function: object) -> None:
    """Raise `ValueError` unless it is None or a sync function: nobody would await what an async one returns."""
    if function is not None and (not callable(function) or is_async(function)):
        raise ValueError(f"{name} must be a function, and not an async one; got {function!r}")


def is_async(function: object) -> bool:
    """Return whether a function, or an object that is called like one, is async."""
    return any(map(inspect.iscoroutinefunction, (function, type(function).__call__)))
