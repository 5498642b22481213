"""Mask secrets in texts, however a gateway or a proxy may write them."""

from __future__ import annotations

import html
import json
import re
from base64 import b64encode
from collections.abc import Iterator
from itertools import pairwise

_MAX_DEPTH = 6  # nested encodings: an attacker can nest thousands
_MARK = re.compile(r"[\\%&]")
_BYTE, _NEXT = r"(?:%|\\x)", r"(?:%|\\x)[89abAB][0-9a-fA-F]"
_ENCODED = re.compile(
    rf"""(?P<bytes>{_BYTE}[0-7][0-9a-fA-F] | {_BYTE}[cdCD][0-9a-fA-F]{_NEXT}
        | {_BYTE}[eE][0-9a-fA-F](?:{_NEXT}){{2}} | {_BYTE}[fF][0-7](?:{_NEXT}){{3}})
    | (?P<json>\\u[dD][89abAB][0-9a-fA-F]{{2}}\\u[dD][c-fC-F][0-9a-fA-F]{{2}} | \\u[0-9a-fA-F]{{4}} | \\["'\\/bfnrt])
    | (?P<html>&(?:\#[0-9]{{1,7}}|\#[xX][0-9a-fA-F]{{1,6}}|amp|lt|gt|quot|apos);)""",
    re.VERBOSE,
)
"""A character as URLs, JSON and HTML may write it; bytes are UTF-8."""
_MIN_BYTES = 8  # of a secret to be recognised in base64 or hexadecimal: shorter ones occur in ordinary words

Level = tuple[str, list[tuple[int, int]]]
"""A text, and where each of its characters starts and ends in the text as it came."""


def masked(text: str, secrets: tuple[str, ...], end: int) -> str:
    """Mask secrets in a text, as they are or encoded, also in several ways within each other.

    The text is cut at `end`; a secret that starts before it is masked whole.
    """
    # Stripped as well: whitespace at the beginning of a text is skipped.
    spellings = {one for secret in secrets for part in (secret, secret.strip()) for one in _spellings(part)}
    shown, position = "", 0
    for start, stop in sorted(_occurrences(text, spellings, end)):
        if start >= position:
            shown += text[position:start] + "***"
        position = max(position, stop)
    return shown + text[position:end]


def _spellings(secret: str) -> Iterator[str]:
    """Yield how a secret may look in a decoded text; it may itself contain what looks encoded."""
    yield from (text for text, _ in _levels(secret) if text.strip())
    content = secret.encode(errors="replace")
    if len(content) >= _MIN_BYTES:
        yield from (content.hex(), content.hex().upper())
        for before in range(3):
            # The base64 characters that depend on the secret alone, whatever comes before and after it.
            code = b64encode(bytes(before) + content).decode()[-(-before * 8 // 6) : (before + len(content)) * 8 // 6]
            yield from (code.replace("+", " "), code.replace("+", "-").replace("/", "_"))


def _occurrences(text: str, spellings: set[str], end: int) -> Iterator[tuple[int, int]]:
    """Yield where secrets that start before `end` start and stop."""
    for decoded, places in _levels(text) if spellings else ():
        for spelling in spellings:
            start = decoded.find(spelling)
            while start >= 0 and places[start][0] < end:
                yield places[start][0], places[start + len(spelling) - 1][1]
                start = decoded.find(spelling, start + 1)


def _levels(text: str) -> Iterator[Level]:
    """Yield a text as it is, decoded once, and so on."""
    places = list(pairwise(range(len(text) + 1)))
    for _ in range(_MAX_DEPTH):
        yield text.replace("+", " "), places  # forms write "+" for a space
        if _MARK.search(text) is None:
            return
        encoded, outer, position = text, places, 0
        places, pieces = [], list[str]()
        for match in _ENCODED.finditer(encoded):
            start, stop = match.span()
            plain = _plain(match)
            pieces += (encoded[position:start], plain)
            places += outer[position:start]
            places += [(outer[start][0], outer[stop - 1][1])] * len(plain)
            position = stop
        text = "".join(pieces) + encoded[position:]
        places += outer[position:]
        if text == encoded:
            return


def _plain(character: re.Match[str]) -> str:
    text = character[0]
    match character.lastgroup:
        case "bytes":
            return bytes.fromhex(re.sub(r"%|\\x", "", text)).decode(errors="replace")
        case "json":
            return "'" if text == "\\'" else str(json.loads(f'"{text}"'))  # Python and JavaScript escape it
        case _:
            return html.unescape(text)
