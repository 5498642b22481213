"""What is answered: the envelope, answers to models, errors; without any I/O."""

from __future__ import annotations

import json
from codecs import BOM_UTF8
from collections.abc import Mapping
from contextlib import suppress
from http import HTTPStatus
from math import isfinite
from typing import Any

from ..chain import Request, Response, response_draft
from ..errors import ApiError, api_error_class
from .headers import retry_after

_BLANK = " \t\n\r"  # to JSON
_EXCERPT = 200
_LONGEST_MESSAGE = 500
_read_json = json.JSONDecoder().raw_decode


def _parsed(body: bytes) -> Any:
    """Read JSON as `json.loads` does, without its checks of what it was given; None if it is none."""
    try:
        text = body.decode().strip(_BLANK)
        content, end = _read_json(text)
    except (ValueError, RecursionError):
        return None
    return content if end == len(text) else None


def _quickly_parsed(body: bytes) -> Any:
    """Read JSON with orjson. An integer beyond 64 bits is a float to it, and thus an error."""
    try:
        return orjson.loads(body)
    except ValueError:
        return _parsed(body)  # which reads some of what orjson refuses, such as NaN


_parse = _parsed
with suppress(ImportError):  # the extra `speed`
    import orjson

    _parse = _quickly_parsed


def open_envelope(
    status: int, reason: str, headers: Mapping[str, str], body: bytes | None, secrets: tuple[str, ...] = ()
) -> Response:
    """Read an answer as it came from HTTP.

    The body's ``statusCode`` counts where HTTP says 2xx and the body 400 or more. A 2xx that is no JSON object is
    marked unreadable, but for 204, which has none to read. The content type is not looked at.

    Args:
        status: HTTP's.
        reason: HTTP's words for it.
        headers: Looked up whatever the case of the name.
        body: All bytes; None if there were too many.
        secrets: The request's.
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
    draft = response_draft()
    draft.status = status
    draft.reason = reason
    draft.headers = headers
    draft.body = body
    draft.readable = True
    draft.data = content.get("data")
    draft.message = message
    draft.secrets = secrets
    draft.__class__ = Response
    response: Response = draft
    return response


def _status_within(value: object, status: int) -> int:
    inner = number(value)
    return int(inner) if inner is not None and 400 <= inner < 600 else status


def api_error(request: Request, response: Response, wall: float) -> ApiError:
    """Make the error that a status of 300 or more stands for.

    Args:
        request: What was asked.
        response: What was answered.
        wall: The present, in unix seconds.
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
    """Say in one line what the gateway said, without the request's secrets."""
    if response.message:
        return _line(response.message, response.secrets, _LONGEST_MESSAGE)
    text = excerpt(response)
    return " ".join(part for part in (response.reason, text and f"({text})") if part) or "no message"


def excerpt(response: Response) -> str:
    """Show the beginning of an answer in one line, without the request's secrets."""
    return _line(response.body.decode(errors="replace"), response.secrets, _EXCERPT)


def _line(text: str, secrets: tuple[str, ...], length: int) -> str:
    # Masked before it is cut: else the beginning of a secret could be left.
    return " ".join(masked(text, secrets).split())[:length]


def masked(text: str, secrets: tuple[str, ...]) -> str:
    """Hide secrets in a text, also where they are written as in JSON."""
    forms = {form for secret in secrets for form in (secret, json.dumps(secret)[1:-1])}
    for form in sorted(forms, key=len, reverse=True):
        text = text.replace(form, "***")
    return text


def number(value: object) -> float | None:
    """Read a finite number; None if it is none."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value) if isfinite(value) else None
    except OverflowError:
        return None
