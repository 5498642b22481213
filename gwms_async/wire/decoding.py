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
from .headers import has_next_page

T = TypeVar("T")


_TOKEN = re.compile(r"[\x21-\x7e]+")


_ABSOLUTE = 1e9  # a smaller `expiresIn` counts seconds from now


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
    if response.data is not None and (more := _what_is_missing(response.data, response)):
        raise DecodeError(
            f"the answer to {request} is only a part of the list: {more}. Half a list would create the rest again, and "
            "this version does not read further pages: update it, or ask Skladon for the whole list in one answer",
            paths=(more,),
            excerpt=excerpt(response),
        )
    return _decode(request, response, _read_webhooks, list[Webhook])


def _what_is_missing(rows: list[Any], response: Response) -> str | None:
    """Say what shows that there are more webhooks than came; None if nothing does."""
    if response.total_count is not None and response.total_count > len(rows):
        return f"`totalCount` is {response.total_count:.0f}, and {len(rows)} came"
    return 'the header Link has rel="next"' if has_next_page(response.headers) else None


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
    if response.readable or (request.method in {"DELETE", "HEAD"} and (not response.body or response.body.isspace())):
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


def decode_login(response: Response, now: float) -> Token:
    """Read the answer to a login.

    ``expiresIn`` is a unix time (docs), or seconds from now where it is too small for one; else the JWT's ``exp``
    counts. An end that is not in the future says nothing.

    Args:
        response: What was answered.
        now: Unix seconds on the gateway's clock.

    Raises:
        DecodeError: There is no token in it. The error shows nothing of the answer.
    """
    data = response.data if isinstance(response.data, dict) else {}
    value, expires_in = data.get("token"), number(data.get("expiresIn"))
    if not is_token_text(value):
        raise DecodeError("the answer to POST /users/login holds no token that can be used", paths=("$.data.token",))
    if expires_in is not None and expires_in < _ABSOLUTE:
        expires_in += now
    expires_at = _jwt_expiry(value) if expires_in is None else expires_in
    return Token(value, expires_at if expires_at is not None and expires_at > now else None)


def _jwt_expiry(token: str) -> float | None:
    try:
        payload = token.split(".")[1]
        return number(json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))["exp"])
    except (ValueError, LookupError, TypeError, RecursionError):
        return None
