"""``python -m gwms_async.cli`` is ``gwms``."""

from . import main

main()
