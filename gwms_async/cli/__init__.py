"""The command line ``gwms``; needs the extra ``cli``."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line."""
    try:
        import click  # noqa: F401, PLC0415  # asked for before anything that needs it
        import rich  # noqa: F401, PLC0415
    except ImportError as error:
        sys.exit(f"gwms needs {error.name}: pip install 'gwms-async[cli]'")
    from .commands import gwms  # noqa: PLC0415

    gwms()
