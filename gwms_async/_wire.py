"""What is answered: the envelope, answers to models, errors; without any I/O."""

from __future__ import annotations

import base64
import json
import re
from codecs import BOM_UTF8
from collections.abc import Callable, Mapping
from contextlib import suppress
from http import HTTPStatus
from math import isfinite
from typing import Any, TypeGuard, TypeVar

from attrs import evolve

from ._convert import DETAILED, FAST, mistakes
from ._http import Request, Response, response_draft
from ._verdict import retry_after
from .errors import ApiError, DecodeError, api_error_class
from .models import Webhook
from .tokens import Token

T = TypeVar("T")

_BLANK = " \t\n\r"  # to JSON
_EXCERPT = 200
_LONGEST_MESSAGE = 500
_TOKEN = re.compile(r"[\x21-\x7e]+")
_ABSOLUTE = 1e9  # a smaller `expiresIn` counts seconds from now
_read_webhook: Callable[[Any, Any], Webhook] = FAST.get_structure_hook(Webhook)
_read_webhooks: Callable[[Any, Any], list[Webhook]] = FAST.get_structure_hook(list[Webhook])
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
    if inner != status and 200 <= status < 300:  # noqa: PLR2004
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
    return int(inner) if inner is not None and 400 <= inner < 600 else status  # noqa: PLR2004


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


def number(value: object) -> float | None:
    """Read a finite number; None if it is none."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value) if isfinite(value) else None
    except OverflowError:
        return None
