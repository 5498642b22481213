"""The picture of the demo's terminal, in `.assets/`."""

from __future__ import annotations

import asyncio
import io
import re
from collections import defaultdict
from collections.abc import Callable
from typing import Any
from xml.etree import ElementTree as ET

from rich.console import Console
from rich.text import Text

from gwms_async.cli.demo import run_twice

from .documents import ROOT

PICTURE = ROOT / ".assets" / "demo.svg"
SEED, WIDTH = 7, 80
ERASE_LINE = "\x1b[2K"


def draw(run: Callable[[Any], Any] = asyncio.run) -> str:
    """Run the demo, and return a picture of what it leaves on a terminal, as SVG that loads nothing from elsewhere.

    Args:
        run: Runs a coroutine.
    """
    output = io.StringIO()
    run(run_twice(500, 32, SEED, Console(file=output, force_terminal=True, color_system="truecolor", **_TERMINAL)))
    screen = Console(record=True, file=io.StringIO(), **_TERMINAL)
    screen.print(f"$ uv run gwms demo --seed {SEED}", highlight=False)
    for line in output.getvalue().rstrip().split("\n"):
        screen.print(Text.from_ansi(line.rpartition(ERASE_LINE)[2]))
    svg = screen.export_svg(title="gwms demo", unique_id="demo")
    return re.sub(r"\s*@font-face \{.*?\}", "", svg, flags=re.DOTALL)


def words(svg: str) -> list[str]:
    """Return what a picture says, line by line, with all numbers alike."""
    lines = defaultdict[float, str](str)
    for text in ET.fromstring(svg).iter("{http://www.w3.org/2000/svg}text"):  # noqa: S314  # our own
        lines[float(text.attrib["y"])] += f" {text.text}"
    return [re.sub(r"\d+", "0", " ".join(lines[y].split())) for y in sorted(lines)]


_TERMINAL: dict[str, Any] = {"width": WIDTH, "legacy_windows": False, "_environ": {}}
