"""The texts are plain English, and the code uses no tricks."""

from __future__ import annotations

import re
from pathlib import Path

import gwms_async

PACKAGE = Path(gwms_async.__file__).parent
ROOT = Path(__file__).parent.parent.parent
TEXTS = [path for name in ("README.md", "CHANGELOG.md") if (path := ROOT / name).exists()]
TEXTS += sorted(PACKAGE.rglob("*.md"))
SOURCES = sorted(PACKAGE.rglob("*.py"))
WORDS = ["shall", "lest", "whoever", "anew", "see to it", "be had", "told of", "tells of"]
TRICKS = ["__class__ = ", "object.__setattr__", "object.__new__"]


def name_of(path: Path) -> str:
    """Return a file's name, within the package if it is there."""
    return (path.relative_to(PACKAGE) if path.is_relative_to(PACKAGE) else Path(path.name)).as_posix()


def places(path: Path, pattern: str) -> list[str]:
    """Return the places in a file that match a pattern, which may run over the end of a line."""
    text = path.read_text("utf-8")
    return [
        f"{name_of(path)}:{text.count(chr(10), 0, match.start()) + 1}: {match[0]}"
        for match in re.finditer(pattern, text, re.IGNORECASE)
    ]


def test_words() -> None:
    """Words that only a translation would use do not occur."""
    pattern = "|".join(words.replace(" ", r"[\s#]+") for words in WORDS)
    found = [place for path in (*TEXTS, *SOURCES) for place in places(path, rf"\b({pattern})\b")]

    assert not found, "\n".join(found)


def test_tricks() -> None:
    """Classes are used as Python means them: no changing of an object's class, no way around `__init__`."""
    found = [place for path in SOURCES for place in places(path, "|".join(map(re.escape, TRICKS)))]

    assert not found, "\n".join(found)
