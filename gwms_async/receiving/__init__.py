"""Receive the gateway's deliveries: derived URLs, a handler per event type, and a watchdog.

The public names are those in `__all__`. `take` decides what is answered; `web` connects it to servers.
"""

from .delivery import Delivery
from .logs import redact_logs
from .receiver import Health, Receiver, ReceiverOptions
from .take import Answer
from .watch import Lapse, Round
from .web import aiohttp_app, asgi_app

__all__ = [
    "Answer",
    "Delivery",
    "Health",
    "Lapse",
    "Receiver",
    "ReceiverOptions",
    "Round",
    "aiohttp_app",
    "asgi_app",
    "redact_logs",
]
