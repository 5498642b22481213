"""Many e-shops on many machines: `Fleet` for any engine, and an adapter to docket (extra `fleet`).

The public names are those in `__all__`. `Fleet` itself needs neither docket nor Redis.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

# Names load on first use: only `make_tasks` and `start` import docket.
_HOMES = ("fleet", "docket")

if TYPE_CHECKING:
    from .docket import make_tasks, start
    from .fleet import Eshop, EshopResult, Fleet

else:

    def __getattr__(name: str) -> Any:
        if name in __all__:
            homes = (import_module(f".{home}", __name__) for home in _HOMES)
            try:
                globals()[name] = found = next(getattr(home, name) for home in homes if hasattr(home, name))
            except ImportError as error:
                raise ImportError(f"{name} needs {error.name}: install gwms-async with the extra fleet") from error
            return found
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = ["Eshop", "EshopResult", "Fleet", "make_tasks", "start"]


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
