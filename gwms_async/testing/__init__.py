"""An emulator of the gateway, for tests and demonstrations without a network.

It is written from the contract and uses nothing of the rest of the package, so that a mistake in one of the two cannot
hide in the other.
"""

from .emulator import GwmsEmulator
from .faults import (
    CutBody,
    CutHead,
    DropAfter,
    DropBefore,
    EnvelopeStatus,
    Fault,
    Html,
    RawBody,
    Redirect,
    Reset,
    RevokeTokens,
    Stall,
    Status,
)
from .journal import Exchange
from .state import EmulatorCredentials, StoredWebhook
from .throttle import RateLimit

__all__ = [
    "CutBody",
    "CutHead",
    "DropAfter",
    "DropBefore",
    "EmulatorCredentials",
    "EnvelopeStatus",
    "Exchange",
    "Fault",
    "GwmsEmulator",
    "Html",
    "RateLimit",
    "RawBody",
    "Redirect",
    "Reset",
    "RevokeTokens",
    "Stall",
    "Status",
    "StoredWebhook",
]
