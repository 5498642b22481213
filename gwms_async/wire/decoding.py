"""Answers to models and tokens, or a typed error."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from typing import Any, TypeGuard, TypeVar

from attrs import evolve

from ..chain import Request, Response
from ..errors import DecodeError
from ..models import Webhook
from ..tokens import Token
from .converter import DETAILED, FAST, mistakes
from .envelope import excerpt, number

T = TypeVar("T")


_TOKEN = re.compile(r"[\x21-\x7e]+")


_ABSOLUTE = 1e9  # a smaller `expiresIn` counts seconds from now
_MILLISECONDS = 1e11  # a larger one is a unix time in milliseconds
_END_OF_TIME = 253_402_300_799.0  # the last second of the year 9999


_read_webhook: Callable[[Any, Any], Webhook] = FAST.get_structure_hook(Webhook)


_read_webhooks: Callable[[Any, Any], list[Webhook]] = FAST.get_structure_hook(list[Webhook])


def decode_webhooks(request: Request, response: Response) -> list[Webhook]:
    """Read the answer to a list. No list is an error: an empty one must never be made up.

    Raises:
        DecodeError: The answer is not what the contract promises.
    """
    if not isinstance(response.data, list | None):
        # Anything that can be iterated over would do for cattrs: {} would be an empty list.
        raise _decode_error(request, response, ("expected list @ $",))
    return _decode(request, response, _read_webhooks, list[Webhook])


def decode_webhook(request: Request, response: Response, webhook_id: int | None = None) -> Webhook:
    """Read the answer that holds one webhook.

    Args:
        request: What was asked.
        response: What was answered.
        webhook_id: The id that was asked for, for an answer that leaves it out.

    Raises:
        DecodeError: The answer is not what the contract promises.
    """
    if webhook_id is not None and isinstance(response.data, dict) and response.data.get("id") is None:
        response = evolve(response, data={**response.data, "id": webhook_id})
    return _decode(request, response, _read_webhook, Webhook)


def decode_data(request: Request, response: Response) -> Any:
    """Read the answer of any endpoint: its ``data``, or None. A DELETE may be answered without a body, a HEAD is.

    Raises:
        DecodeError: The answer is not the envelope.
    """
    if response.readable or (request.method in {"DELETE", "HEAD"} and not response.body.strip()):
        return response.data
    raise _decode_error(request, response, ())


def _decode(request: Request, response: Response, read: Callable[[Any, Any], T], model: type[T]) -> T:
    # The data stays out of the locals: the error takes this frame along, and crash reporters keep them.
    if not response.readable:
        raise _decode_error(request, response, ())
    if response.data is None:
        raise _decode_error(request, response, ("`data` is missing @ $",))
    try:
        return read(response.data, model)
    except Exception:  # noqa: BLE001, S110  # whatever the data led to, the detailed twin tells
        pass
    try:
        return DETAILED.structure(response.data, model)
    except Exception as error:  # noqa: BLE001  # nested data of any kind
        paths = mistakes(error)
    raise _decode_error(request, response, paths)


def _decode_error(request: Request, response: Response, paths: tuple[str, ...]) -> DecodeError:
    shown = excerpt(response)
    what = "; ".join(paths[:5]) if paths else "it is no JSON object"
    return DecodeError(
        f"the answer to {request} cannot be read: {what}. It begins: {shown or '(nothing)'}",
        paths=paths,
        excerpt=shown,
    )


def is_token_text(value: object) -> TypeGuard[str]:
    """Tell whether a token can travel in a header."""
    return isinstance(value, str) and _TOKEN.fullmatch(value) is not None


def decode_login(response: Response, now: float, lag: float = 0.0) -> tuple[Token, float | None]:
    """Read the answer to a login.

    ``expiresIn`` is a unix time (docs), seconds from now where it is too small for one, or milliseconds where it is too
    large. If it is missing, or beyond the calendar, the JWT's ``exp`` counts. An end that is not in the future is
    ignored.

    Args:
        response: The answer.
        now: Unix seconds on the gateway's clock.
        lag: By how many seconds the gateway's clock may be ahead of `now`.

    Returns:
        The token, and how many seconds it has left; None if that is not known.

    Raises:
        DecodeError: There is no token in it. The error shows nothing of the answer.
    """
    data = response.data if isinstance(response.data, dict) else {}
    value, expires_in = data.get("token"), number(data.get("expiresIn"))
    if not is_token_text(value):
        raise DecodeError("the answer to POST /users/login holds no token that can be used", paths=("$.data.token",))
    end = expires_in
    if expires_in is not None and expires_in < _ABSOLUTE:
        end, lag = now + expires_in, 0.0
    elif expires_in is not None and expires_in > _MILLISECONDS:
        end = expires_in / 1000
    if end is None or end >= _END_OF_TIME:
        end = _jwt_expiry(value)
    if end is None or not now < end < _END_OF_TIME:
        return Token(value), None
    ttl = end - now
    return Token(value, end), ttl - min(lag, ttl / 2)


def _jwt_expiry(token: str) -> float | None:
    try:
        payload = token.split(".")[1]
        return number(json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))["exp"])
    except (ValueError, LookupError, TypeError, RecursionError):
        return None
