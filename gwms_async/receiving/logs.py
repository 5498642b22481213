"""Hide tokens in the logs of servers."""

from __future__ import annotations

import logging
from typing import Any

from ..redaction import redacted

# aiohttp's server logs to `gunicorn.error` where gunicorn runs it.
_LOGGERS = (
    *("aiohttp.access", "aiohttp.server", "uvicorn.access", "uvicorn.error", "uvicorn.asgi"),
    *("gunicorn.access", "gunicorn.error", "hypercorn.access", "hypercorn.error", "granian.access"),
    "daphne.server",  # a request whose client has gone, when it stops its application
    "django.request",  # the path of what is not found, for example because the receiver is mounted elsewhere
)


def redact_logs() -> None:
    """Hide the tokens of webhook URLs in what aiohttp, uvicorn, gunicorn, Hypercorn, Granian, Django and Daphne log.

    The access log that Daphne prints is not among these: start it with ``-v 0``.
    """
    for name in _LOGGERS:
        logging.getLogger(name).addFilter(_redact)  # once, however often this is called


def _redact(record: logging.LogRecord) -> bool:
    if record.exc_info:
        text = logging.Formatter().formatException(record.exc_info)
        record.exc_text = redacted(text)
        if record.exc_text != text:
            record.exc_info = None  # crash reporters would show the error itself, and the locals of its frames
    vars(record).update(_hidden(vars(record)))
    return True


def _hidden(value: Any) -> Any:
    # Formatters read arguments by position or name, and some are a dict of a server's own kind.
    if isinstance(value, str):
        return redacted(value)
    if isinstance(value, bytes):
        return redacted(value.decode("latin-1")).encode("latin-1")
    if isinstance(value, tuple):
        return tuple(map(_hidden, value))
    if isinstance(value, list):
        return list(map(_hidden, value))
    if isinstance(value, dict):
        # It may be in use elsewhere; one of a server's own kind is made for the record, and may not be copied easily.
        value = dict(value) if type(value) is dict else value
        value.update({key: _hidden(inner) for key, inner in value.items()})
    return value
