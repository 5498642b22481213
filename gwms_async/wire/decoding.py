"""Decode responses into models and tokens, or raise a typed error."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Iterable
from http import HTTPStatus
from math import inf
from typing import Any, TypeGuard, TypeVar

from attrs import evolve

from ..chain import Request, Response
from ..errors import DecodeError
from ..models import Webhook
from ..tokens import Token
from .converter import FAST, mistakes
from .envelope import excerpt
from .headers import MIN_UNIX_TIME, age_in, has_next_page, total_in
from .parsing import finite_number

T = TypeVar("T")

_TOKEN = re.compile(r"[\x21-\x7e]{1,65536}")  # no server reads a longer header
_MAX_AGE = 6  # seconds that a response from a cache may be old: as much as a gateway's lists may lag
_MIN_MILLISECONDS = 1e11  # a larger number is a Unix time in milliseconds
_END_OF_TIME = 253_402_300_799.0  # the last second of the year 9999


def decode_webhooks(request: Request, response: Response) -> list[Webhook]:
    """Decode the response to a list.

    Raises:
        DecodeError: The response does not match the contract. It is never taken for an empty list.
    """
    if not isinstance(response.data, list | None):
        # cattrs accepts anything iterable: {} would be an empty list.
        raise _decode_error(request, response, ("expected list @ $",))
    if response.data is not None and (more := _why_incomplete(response.data, response)):
        raise DecodeError(
            f"the response to {request} is only part of the list: {more}. A registration would create the rest again, "
            "and this version does not read further pages: update it, or ask Skladon to return the whole list at once",
            paths=(more,),
            excerpt=excerpt(response),
        )
    return _decode(request, response, list[Webhook], lambda rows: ((f"$[{n}]", row) for n, row in enumerate(rows)))


def _why_incomplete(rows: list[Any], response: Response) -> str | None:
    """Say what shows that there are more webhooks than came; None if nothing does."""
    if response.total_count == inf:
        return "the response says that there are more"
    total = max(response.total_count or 0, total_in(response.headers))
    if total > len(rows):
        return f"there are {total:.0f}, and {len(rows)} came"
    if response.status == HTTPStatus.PARTIAL_CONTENT:
        return "the status is 206"
    return 'the header Link has rel="next"' if has_next_page(response.headers) else None


def decode_webhook(request: Request, response: Response, webhook_id: int | None = None) -> Webhook:
    """Decode a response that contains one webhook; its id may be missing if the path contains it.

    Raises:
        DecodeError: The response does not match the contract, or contains another webhook than the path names.
    """
    if webhook_id is not None and isinstance(response.data, dict) and response.data.get("id") is None:
        response = evolve(response, data={**response.data, "id": webhook_id})
    webhook = _decode(request, response, Webhook, lambda data: (("$", data),))
    if webhook_id is not None and webhook.id != webhook_id:  # e.g. a cache with a wrong key
        raise _decode_error(request, response, (f"expected {webhook_id} @ $.id",))
    return webhook


def decode_data(request: Request, response: Response) -> Any:
    """Return the ``data`` of any response, or None. A DELETE may be answered without a body; a HEAD always is.

    Raises:
        DecodeError: The response is not an envelope.
    """
    is_empty = (not response.body or response.body.isspace()) and not response.message  # else it was too long
    if response.readable or (request.method in {"DELETE", "HEAD"} and is_empty):
        return response.data
    raise _decode_error(request, response, ())


def _decode(
    request: Request, response: Response, model: type[T], items: Callable[[Any], Iterable[tuple[str, object]]]
) -> T:
    # The data stays out of the locals: the error keeps this frame, and crash reporters keep its locals.
    if not response.readable:
        raise _decode_error(request, response, ())
    if response.data is None:
        raise _decode_error(request, response, ("`data` is missing @ $",))
    if request.method == "GET" and (age := age_in(response.headers)) > _MAX_AGE:
        raise DecodeError(
            f"the response to {request} comes from a cache and is {age} s old, although a fresh one was asked for: "
            "exempt the gateway's API from that cache, since what it shows may have changed",
            paths=(f"Age: {age}",),
            excerpt=excerpt(response),
        )
    try:
        return FAST.structure(response.data, model)
    except Exception:  # noqa: BLE001, S110  # the detailed twin says what is wrong
        pass
    raise _decode_error(request, response, mistakes(items(response.data)))


def _decode_error(request: Request, response: Response, paths: tuple[str, ...]) -> DecodeError:
    start = excerpt(response)
    unreadable = "its JSON is not valid, perhaps cut off" if start.startswith("{") else "it is not a JSON object"
    what = "; ".join(paths) if paths else response.message or unreadable
    if request.method == "GET":
        which = f"the response to {request}"
    elif response.readable:
        which = f"{request} was probably carried out, but its response"
    else:  # a proxy may have sent it
        which = f"{request} may or may not have been carried out: its response"
    return DecodeError(
        f"{which} cannot be decoded: {what}. It starts with: {start or '(nothing)'}",
        paths=paths,
        excerpt=start,
    )


def is_token_text(value: object) -> TypeGuard[str]:
    """Return whether a token can be sent in a header."""
    return isinstance(value, str) and _TOKEN.fullmatch(value) is not None


def decode_login(response: Response, now: float, lag: float = 0.0) -> tuple[Token, float | None]:
    """Decode the response to a login.

    ``expiresIn`` is a unix time (docs), seconds from now where it is too small for one, or milliseconds where it is too
    large. If it is absent or beyond the calendar, the JWT's ``exp`` counts. An expiry that is not in the future is
    ignored.

    Args:
        response: The response.
        now: Unix seconds on the gateway's clock.
        lag: By how many seconds the gateway's clock may be ahead of `now`.

    Returns:
        The token, and how many seconds it has left; None if that is not known.

    Raises:
        DecodeError: There is no usable token. The error shows nothing of the response.
    """
    data = response.data if isinstance(response.data, dict) else {}
    value, expires_in = data.get("token"), finite_number(data.get("expiresIn"))
    if not is_token_text(value):
        unreadable = "is not a JSON object: perhaps a proxy's page; check base_url"
        what = "contains no usable token" if response.readable else unreadable
        raise DecodeError(f"the response to POST /users/login {what}", paths=("$.data.token",))
    expires_at = expires_in
    if expires_in is not None and expires_in < MIN_UNIX_TIME:
        expires_at, lag = now + expires_in, 0.0
    elif expires_in is not None and expires_in > _MIN_MILLISECONDS:
        expires_at = expires_in / 1000
    if expires_at is None or expires_at >= _END_OF_TIME:
        expires_at = _jwt_expiry(value)
    if expires_at is None or not now < expires_at < _END_OF_TIME:
        return Token(value), None
    ttl = expires_at - now
    return Token(value, expires_at), ttl - min(lag, ttl / 2)


def _jwt_expiry(token: str) -> float | None:
    try:
        payload = token.split(".", 2)[1]
        return finite_number(json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))["exp"])
    except (ValueError, LookupError, TypeError, RecursionError):
        return None
