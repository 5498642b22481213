"""Many e-shops on many machines: `Fleet` for any engine, and an adapter to docket (extra `fleet`).

The public names are those in `__all__`. `Fleet` itself needs neither docket nor Redis.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .fleet import Eshop, EshopResult, Fleet

__all__ = ["Eshop", "EshopResult", "Fleet", "make_tasks", "start"]

if TYPE_CHECKING:
    from .docket import make_tasks, start

else:

    def __getattr__(name: str) -> Any:
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        try:
            return getattr(import_module(".docket", __name__), name)
        except ImportError as error:
            raise ImportError(f"{name} needs {error.name}: install gwms-async with the extra fleet") from error
