"""Receive the gateway's deliveries: derived URLs, a handler per event type, and a watchdog.

Public are the names in `__all__`. `take` decides what is answered; `web` and `asgi` connect it to servers.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

# Names load on first use: only `aiohttp_app` imports aiohttp.
_HOMES = ("delivery", "take", "watch", "receiver", "logs", "asgi", "web")

if TYPE_CHECKING:
    from .asgi import asgi_app
    from .delivery import Delivery
    from .logs import redact_logs
    from .receiver import Health, Receiver
    from .take import Answer
    from .watch import Lapse
    from .web import aiohttp_app

else:

    def __getattr__(name: str) -> Any:
        if name in __all__:
            homes = (import_module(f".{home}", __name__) for home in _HOMES)
            globals()[name] = found = next(getattr(home, name) for home in homes if hasattr(home, name))
            return found
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = ["Answer", "Delivery", "Health", "Lapse", "Receiver", "aiohttp_app", "asgi_app", "redact_logs"]


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
