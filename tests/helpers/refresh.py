"""Make the picture of the demo and the outputs in the READMEs again: `uv run python -m tests.helpers.refresh`."""

from __future__ import annotations

import tempfile
from pathlib import Path

from .documents import CLI, README, RECEIVING, TELEMETRY, TESTING
from .picture import PICTURE, draw

if __name__ == "__main__":
    for document in (README, TESTING, CLI, RECEIVING, TELEMETRY):
        with tempfile.TemporaryDirectory() as folder:
            document.path.write_text(document.refreshed(Path(folder)), "utf-8")
    PICTURE.write_text(draw(), "utf-8")
