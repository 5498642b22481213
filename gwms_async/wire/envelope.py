"""Open the envelope of responses, and describe errors with secrets masked."""

from __future__ import annotations

import re
from codecs import BOM_UTF8
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from math import inf
from typing import Any

from ..chain import Request, Response
from ..errors import ApiError, NotFoundError, api_error_class
from ..redaction import escaped, redacted
from .headers import retry_after
from .masking import masked
from .parsing import finite_number, parse

_MAX_EXCERPT = 200
_MAX_MESSAGE = 500
_MAX_PARTS = 1000  # of a message
_READ_FACTOR = 5  # characters read for each one shown, because many may be whitespace
_SECRET_IN_URL = re.compile(r"(?<=//)[^/?#]*@|[;?#].*", re.DOTALL)  # user and password; session, query and fragment
_NOT_BLANK, _NOT_BLANK_BYTE = re.compile(r"\S"), re.compile(rb"\S")
_MAX_ESCAPE = 12  # characters: JSON writes one beyond 16 bits as two of \uXXXX
_DIGITS = re.compile("[0-9]{1,15}")
_ENVELOPE = frozenset({"statusCode", "message", "data"})
_PAGING = ("meta", "pagination", "paging", "links", "_links")
_TOTALS = ("totalCount", "total_count", "total")
_MORE = ("hasMore", "has_more", "hasNext", "hasNextPage")
_NEXT = ("next", "nextPage", "next_page", "nextCursor", "next_cursor")  # null where there is none
_PAGES = ("totalPages", "total_pages", "pageCount", "page_count", "lastPage", "last_page")


def open_envelope(
    status: int, reason: str, headers: Mapping[str, str], body: bytes | None, secrets: tuple[str, ...] = ()
) -> Response:
    """Open the envelope of an HTTP response.

    The body's ``statusCode`` counts where HTTP says 2xx and the body 400 or more. A 2xx whose body is not a JSON object
    is marked unreadable, except for 204, which has no body. So is any other status whose body has no number in
    ``statusCode``: a proxy may have sent it. The content type is ignored.

    Args:
        status: HTTP's status.
        reason: HTTP's reason phrase.
        headers: Looked up by name, case-insensitively.
        body: The whole body; None if it was too long.
        secrets: The request's secrets.
    """
    if body is None:
        return Response(status, reason, headers, readable=False, message="the response is too long", secrets=secrets)
    text = body.removeprefix(BOM_UTF8).lstrip()
    try:
        content = parse(text) if text.startswith(b"{") else None  # pages may be long
    except (ValueError, RecursionError):
        content = None
    if not isinstance(content, dict):
        readable = status == HTTPStatus.NO_CONTENT
        return Response(status, reason, headers, body, readable=readable, secrets=secrets)
    message, inner = content.get("message"), content.get("statusCode")
    if inner != status and 200 <= status < 300:
        status = _status_within(inner, status)
    if not isinstance(message, str):
        message = _text_of(message, secrets)
    return Response(
        status,
        reason,
        headers,
        body,
        readable=200 <= status < 300 or _number_or_digits(inner) is not None,
        data=content.get("data"),
        message=message,
        secrets=secrets,
        total_count=None if content.keys() <= _ENVELOPE else _total_in(content),
    )


def _total_in(content: dict[str, Any]) -> float | None:
    """Return how many items there are in all, as far as an envelope says so; infinity if only that there are more."""
    parts = [content, *(inner for name in _PAGING if isinstance(inner := content.get(name), dict))]
    if any(map(_has_more, parts)):
        return inf
    totals = (_number_or_digits(part.get(name)) for part in parts for name in _TOTALS)
    return max((total for total in totals if total is not None), default=None)


def _has_more(part: dict[str, Any]) -> bool:
    pages = max(_number_or_digits(part.get(name)) or 0 for name in _PAGES)
    return pages > 1 or any(part.get(name) for name in _NEXT) or any(part.get(name) is True for name in _MORE)


def _status_within(value: object, status: int) -> int:
    inner = _number_or_digits(value)
    return int(inner) if inner is not None and 400 <= inner < 600 else status


def _number_or_digits(value: object) -> float | None:
    return float(value) if isinstance(value, str) and _DIGITS.fullmatch(value) else finite_number(value)


def api_error(request: Request, response: Response, wall: float) -> ApiError:
    """Return the error of a response with a status of 300 or more; `wall` is now, in Unix seconds."""
    kind, hint = api_error_class(response.status), _redirect_hint(response)
    if 400 <= response.status < 500 and not response.readable:
        kind, usual = (ApiError, "check base_url") if kind is NotFoundError else (kind, kind.hint)
        hint = "; ".join(filter(None, [usual, "perhaps sent by a proxy, not by the gateway"]))
    return kind(
        status=response.status,
        message=explain(response),
        method=request.method,
        path=request.path,
        attempts=request.call.attempts,
        retry_after=retry_after(response, wall),
        hint=hint,
    )


def _redirect_hint(response: Response) -> str | None:
    """Return what to do about a redirect, and where it leads, without possible secrets; None for other responses."""
    target = _SECRET_IN_URL.sub("", response.headers.get("location", "")) if 300 <= response.status < 400 else ""
    where = one_line(target, response.secrets, _MAX_EXCERPT)
    return f"it leads to {where}: check base_url and the proxies on the way" if where else None


def explain(response: Response) -> str:
    """Return what the gateway said in one line, with secrets masked."""
    message = _beginning(response.message or "", _window(_MAX_MESSAGE, response.secrets))
    if message:
        return one_line(message, response.secrets, _MAX_MESSAGE)
    text, reason = excerpt(response), reason_phrase(response)
    return " ".join(part for part in (reason, text and f"({text})") if part) or "no message"


def reason_phrase(response: Response) -> str:
    """Return HTTP's reason phrase in one line, with secrets masked."""
    return one_line(response.reason, response.secrets, _MAX_EXCERPT)


def excerpt(response: Response) -> str:
    """Return the beginning of a response's body in one line, with secrets masked."""
    body, start = response.body, _NOT_BLANK_BYTE.search(response.body)
    if start is None:
        return ""
    limit = 4 * _window(_MAX_EXCERPT, response.secrets)  # bytes: a character has up to four
    text = body[start.start() : start.start() + limit].decode(errors="replace")
    return one_line(text, response.secrets, _MAX_EXCERPT)


def _text_of(message: object, secrets: tuple[str, ...]) -> str | None:
    """Join the texts in a list or an object, as many as are shown; None if there are none."""
    if not isinstance(message, list | dict):
        return None
    text, limit = "", _window(_MAX_MESSAGE, secrets)
    stack: list[Iterator[tuple[str, object]]] = [iter([("", message)])]
    for _ in range(_MAX_PARTS):
        if not stack or len(text) >= limit:
            break
        name, value = next(stack[-1], (None, None))
        text += name or ""
        if name is None:
            stack.pop()
        elif isinstance(value, dict):
            stack.append((f"{_beginning(key, limit)}: ", inner) for key, inner in value.items())
        elif isinstance(value, list):
            stack.append(("", inner) for inner in value)
        elif value is not None:
            text += f"{_beginning(value, limit) if isinstance(value, str) else value}; "
    return text.removesuffix("; ") or None


def _window(length: int, secrets: tuple[str, ...]) -> int:
    """Return how many characters of a text can matter to a line: whitespace is dropped, secrets must be seen whole."""
    return _READ_FACTOR * length + _MAX_ESCAPE * max(map(len, secrets), default=0)


def _beginning(text: str, limit: int) -> str:
    start = _NOT_BLANK.search(text)
    return "" if start is None else text[start.start() : start.start() + limit]


def one_line(text: str, secrets: tuple[str, ...], length: int) -> str:
    """Return the beginning of a text in one line, with secrets and the tokens of URLs masked.

    Args:
        text: The text.
        secrets: The secrets.
        length: How many characters to return, at most.
    """
    text = redacted(masked(text[: _window(length, secrets)], secrets, _READ_FACTOR * length))
    line = " ".join(text.split())[:length]
    return escaped(line)[:length]
