"""An emulator of the gateway, for tests and demonstrations without a network.

It is written from the contract and imports nothing of the rest of the package, so that a mistake in one cannot hide in
the other.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

# Names load on first use: pytest imports this package whenever it starts, because of the plugin.
_HOMES = ("faults", "quirks", "spelling", "state", "throttle", "journal", "deliveries", "emulator")

if TYPE_CHECKING:
    from .deliveries import (
        CutPayload,
        DeliveryAttempt,
        DeliveryPolicy,
        Disturbance,
        Enveloped,
        Impatient,
        Lose,
        NotJson,
        OtherMethod,
        Quoted,
        Reorder,
        Repeat,
    )
    from .emulator import GwmsEmulator
    from .faults import (
        CutBody,
        CutHead,
        DropAfter,
        DropBefore,
        EnvelopeStatus,
        Fault,
        Garbage,
        Html,
        RawBody,
        Redirect,
        Reset,
        RevokeTokens,
        SlowBody,
        Stall,
        Status,
        WrongLength,
    )
    from .journal import Exchange
    from .quirks import NoEffect, OtherState, Paged
    from .spelling import normalized_url
    from .state import EmulatorCredentials, StoredWebhook
    from .throttle import RateLimit

else:

    def __getattr__(name: str) -> Any:
        if name in __all__:
            homes = (import_module(f".{home}", __name__) for home in _HOMES)
            globals()[name] = found = next(getattr(home, name) for home in homes if hasattr(home, name))
            return found
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = [
    "CutBody",
    "CutHead",
    "CutPayload",
    "DeliveryAttempt",
    "DeliveryPolicy",
    "Disturbance",
    "DropAfter",
    "DropBefore",
    "EmulatorCredentials",
    "EnvelopeStatus",
    "Enveloped",
    "Exchange",
    "Fault",
    "Garbage",
    "GwmsEmulator",
    "Html",
    "Impatient",
    "Lose",
    "NoEffect",
    "NotJson",
    "OtherMethod",
    "OtherState",
    "Paged",
    "Quoted",
    "RateLimit",
    "RawBody",
    "Redirect",
    "Reorder",
    "Repeat",
    "Reset",
    "RevokeTokens",
    "SlowBody",
    "Stall",
    "Status",
    "StoredWebhook",
    "WrongLength",
    "normalized_url",
]


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
