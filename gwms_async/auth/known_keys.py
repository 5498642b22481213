"""The state of API keys, dropped a minute after their last use so that memory does not grow with their number."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from typing import Generic, Protocol, TypeVar
from weakref import WeakValueDictionary, ref

from attrs import define, field

from ..clock import Clock
from ..tokens import ActiveToken
from .cooldown import Cooldown

_KEPT = 60.0

Operation = tuple[str, str]
"""An HTTP method, and a path without its ids."""


class Forgetful(Protocol):
    """The object of a key, which remembers things for a while."""

    def forget(self) -> None:
        """Drop what is too old to be of use."""


T = TypeVar("T", bound=Forgetful)


@define(eq=False)
class ApiKey:
    """The state of one e-shop's API key.

    Args:
        value: The key.
        accepted: The newest token with which the gateway accepted it.
        suspect: A token with which it got a 401, and which is therefore no longer sent with it.
        denied: By operation: the token that the gateway accepts with this key, but not for the operation.
        cooldown: The pause after the gateway rejected it.
        rejected_after: How many acceptances had been noted, of any key, when it was rejected.
        used_at: When its last call began, in monotonic seconds.
    """

    value: str = field(repr=False)
    accepted: ActiveToken | None = None
    suspect: ActiveToken | None = None
    denied: dict[Operation, ActiveToken] = field(factory=dict)
    cooldown: Cooldown = field(factory=Cooldown)
    rejected_after: int = 0
    used_at: float = 0.0


class KnownKeys(Generic[T]):
    """One object per API key, as long as anything refers to it.

    It is kept alive for a minute after the last call with its key, and until the key's cooldown is over.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._known: WeakValueDictionary[str, T] = WeakValueDictionary()
        self._kept: OrderedDict[ApiKey, T | None] = OrderedDict()  # the one used longest ago first
        self._timer: asyncio.TimerHandle | None = None

    def find(self, value: str) -> T | None:
        """Return the object of a key; None if there is none."""
        return self._known.get(value)

    def add(self, value: str, known: T) -> T:
        """Add and return the object of a key."""
        self._known[value] = known
        return known

    def objects(self) -> list[T]:
        """Return the objects of all keys."""
        return list(self._known.values())

    def use(self, key: ApiKey) -> None:
        """Keep the object of a key for another minute; called in the event loop."""
        key.used_at = self._clock.monotonic()
        if key in self._kept:
            self._kept.move_to_end(key)
        else:
            self._kept[key] = self._known.get(key.value)
        if self._timer is None:
            self._set_timer(_KEPT)

    def close(self) -> None:
        """Stop the timer."""
        if self._timer is not None:
            self._timer.cancel()

    def _set_timer(self, delay: float) -> None:
        # By a weak reference: a timer must not keep alive a client that its owner has dropped.
        self._timer = asyncio.get_running_loop().call_later(delay, _forget, ref(self))

    def forget(self) -> None:
        """Drop the keys that were not used for a minute, unless they are cooling down."""
        now, self._timer = self._clock.monotonic(), None
        while self._kept:
            key = next(iter(self._kept))
            if now < key.used_at + _KEPT:
                self._set_timer(key.used_at + _KEPT - now)
                return
            if key.cooldown.is_on(now):
                key.used_at = now
                self._kept.move_to_end(key)
            else:
                known = self._kept.pop(key)
                if known is not None:
                    known.forget()


def _forget(keys: ref[KnownKeys[T]]) -> None:
    alive = keys()
    if alive is not None:
        alive.forget()
