"""Open the envelope of responses, and describe errors with secrets masked."""

from __future__ import annotations

import json
from codecs import BOM_UTF8
from collections.abc import Mapping
from contextlib import suppress
from http import HTTPStatus
from math import isfinite
from typing import Any

from ..chain import Request, Response
from ..errors import ApiError, api_error_class
from .headers import retry_after

_JSON_WHITESPACE = " \t\n\r"
_EXCERPT = 200
_LONGEST_MESSAGE = 500
_read_json = json.JSONDecoder().raw_decode


def _parse_with_json(body: bytes) -> Any:
    """Parse JSON; return None if it is not valid."""
    # `json.loads` without its detection of the encoding. Measured: benchmarks/README.
    try:
        text = body.decode().strip(_JSON_WHITESPACE)
        content, end = _read_json(text)
    except (ValueError, RecursionError):
        return None
    return content if end == len(text) else None


def _parse_with_orjson(body: bytes) -> Any:
    """Parse JSON with orjson, which reads integers beyond 64 bits as floats."""
    try:
        return orjson.loads(body)
    except ValueError:
        return _parse_with_json(body)  # it accepts some of what orjson rejects, e.g. NaN


_parse = _parse_with_json
with suppress(ImportError):  # the extra `speed`
    import orjson

    _parse = _parse_with_orjson


def open_envelope(
    status: int, reason: str, headers: Mapping[str, str], body: bytes | None, secrets: tuple[str, ...] = ()
) -> Response:
    """Open the envelope of an HTTP response.

    The body's ``statusCode`` counts where HTTP says 2xx and the body 400 or more. A 2xx whose body is not a JSON object
    is marked unreadable, except for 204, which has no body. The content type is ignored.

    Args:
        status: HTTP's status.
        reason: HTTP's reason phrase.
        headers: Looked up by name, case-insensitively.
        body: The whole body; None if it was too long.
        secrets: The request's secrets.
    """
    if body is None:
        return Response(status, reason, headers, readable=False, secrets=secrets)
    content = _parse(body.removeprefix(BOM_UTF8))
    if not isinstance(content, dict):
        readable = status == HTTPStatus.NO_CONTENT
        return Response(status, reason, headers, body, readable=readable, secrets=secrets)
    message, inner = content.get("message"), content.get("statusCode")
    if inner != status and 200 <= status < 300:
        status = _status_within(inner, status)
    message = message if isinstance(message, str) else None
    return Response(status, reason, headers, body, data=content.get("data"), message=message, secrets=secrets)


def _status_within(value: object, status: int) -> int:
    inner = number(value)
    return int(inner) if inner is not None and 400 <= inner < 600 else status


def api_error(request: Request, response: Response, wall: float) -> ApiError:
    """Return the error of a response with a status of 300 or more.

    Args:
        request: The request.
        response: The response.
        wall: Now, in Unix seconds.
    """
    return api_error_class(response.status)(
        status=response.status,
        message=explain(response),
        method=request.method,
        path=request.path,
        attempts=request.call.attempts,
        retry_after=retry_after(response, wall),
    )


def explain(response: Response) -> str:
    """Return what the gateway said in one line, with secrets masked."""
    if response.message:
        return _line(response.message, response.secrets, _LONGEST_MESSAGE)
    text = excerpt(response)
    return " ".join(part for part in (response.reason, text and f"({text})") if part) or "no message"


def excerpt(response: Response) -> str:
    """Return the start of the body in one line, with secrets masked."""
    return _line(response.body.decode(errors="replace"), response.secrets, _EXCERPT)


def _line(text: str, secrets: tuple[str, ...], length: int) -> str:
    # Masked before it is cut: otherwise the start of a secret could be left.
    return " ".join(masked(text, secrets).split())[:length]


def masked(text: str, secrets: tuple[str, ...]) -> str:
    """Mask secrets in a text, as they are and as JSON writes them."""
    forms = {form for secret in secrets for form in (secret, json.dumps(secret)[1:-1])}
    for form in sorted(forms, key=len, reverse=True):
        text = text.replace(form, "***")
    return text


def number(value: object) -> float | None:
    """Return a finite number as a float; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value) if isfinite(value) else None
    except OverflowError:
        return None
