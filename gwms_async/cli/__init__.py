"""The command line ``gwms``; needs the extra ``cli``."""

from __future__ import annotations

import sys
from importlib.util import find_spec

from .streams import forgiving_output


def main() -> None:
    """Run the command line."""
    try:
        for name in ("click", "rich", "tomli_w", "filelock", "platformdirs"):
            if find_spec(name) is None:
                sys.exit(f"gwms needs {name}: install gwms-async with the extra cli")
        from .commands import gwms  # noqa: PLC0415  # only once click is known to be there
    except KeyboardInterrupt:
        sys.stderr.write("\ninterrupted\n")
        sys.exit(130)

    with forgiving_output():
        gwms(prog_name="gwms")
