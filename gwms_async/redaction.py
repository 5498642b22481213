"""Hide the secret part of webhook URLs in texts."""

from __future__ import annotations

import re

TOKEN = "gw1-[A-Za-z0-9_-]{32}"  # noqa: S105  # a pattern
"""The secret part of a URL that `gwms_async.receiving` derives: anyone who knows it can deliver.

A release never changes it: `gw1-` is how log scrubbers recognise it.
"""
_SHOWN = re.compile("gw1-[A-Za-z0-9_-]{8,32}")  # shorter too: texts may be cut within a token


def redacted(text: str) -> str:
    """Return a text with the tokens of webhook URLs hidden."""
    return _SHOWN.sub("gw1-***", text)
