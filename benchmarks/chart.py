"""A bar chart of results, as SVG."""

from __future__ import annotations

from itertools import groupby
from typing import NamedTuple

ROW, LEFT, LONGEST = 22, 260, 440
OURS, OTHERS = "#2a7f62", "#9aa5b1"


class Bar(NamedTuple):
    """One bar.

    Args:
        group: The heading that it belongs under.
        label: Its label.
        value: Its length, in microseconds.
    """

    group: str
    label: str
    value: float


def svg(bars: list[Bar], caption: str) -> str:
    """Draw bars; the scale ends at two and a half times the shortest one, and longer ones are cut.

    Args:
        bars: The bars, those of a group next to each other.
        caption: The date and the machine.
    """
    end = 2.5 * min(bar.value for bar in bars)
    lines, top = [], 46
    for group, members in groupby(bars, key=lambda bar: bar.group):
        lines.append(f'<text x="10" y="{top + 16}" font-weight="bold">{group}</text>')
        top += ROW + 4
        for bar in members:
            width, is_cut = LONGEST * min(bar.value / end, 1), bar.value > end
            color = OURS if bar.label.startswith("gwms") else OTHERS
            lines += [
                f'<text x="{LEFT - 10}" y="{top + 14}" text-anchor="end">{bar.label}</text>',
                f'<rect x="{LEFT}" y="{top}" width="{width:.0f}" height="{ROW - 5}" fill="{color}"/>',
                f'<text x="{LEFT + width + 6:.0f}" y="{top + 14}">{bar.value:,.0f}{" (cut)" * is_cut}</text>',
            ]
            top += ROW
        top += 10
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{LEFT + LONGEST + 110}" height="{top + 4}">',
        "<style>text { font: 13px sans-serif }</style>",
        '<rect width="100%" height="100%" fill="white"/>',
        '<text x="10" y="20" font-weight="bold">CPU time per call in microseconds; shorter is better</text>',
        f'<text x="10" y="38" fill="#5b6670">{caption}</text>',
        *lines,
        "</svg>",
        "",
    ])  # fmt: skip
