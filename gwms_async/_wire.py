"""All that is known of the wire, without any I/O: requests of the operations, the envelope, answers to models."""

from __future__ import annotations

import base64
import json
import re
from codecs import BOM_UTF8
from collections.abc import Callable, Mapping
from http import HTTPStatus
from math import isfinite
from typing import Any, TypeGuard, TypeVar

from attrs import evolve

from ._convert import DETAILED, FAST, mistakes
from ._http import Call, Request, Response
from ._verdict import retry_after
from .errors import ApiError, DecodeError, api_error_class
from .models import Webhook, WebhookSpec
from .tokens import Token

T = TypeVar("T")

_EXCERPT = 200
_ABSOLUTE = 1e9  # a smaller `expiresIn` counts seconds from now
_SPEC_TO_JSON = FAST.get_unstructure_hook(WebhookSpec)
_FROM_JSON: Mapping[object, Callable[[Any, Any], Any]] = {
    model: FAST.get_structure_hook(model) for model in (Webhook, list[Webhook])
}
_ENCODER = json.JSONEncoder(separators=(",", ":"), allow_nan=False)
_TOKEN = re.compile(r"[\x21-\x7e]+")


def login_request(username: str, password: str) -> Request:
    """``POST /users/login``; repeating it does no harm."""
    body = _json_bytes({"username": username, "password": password})
    return Request("POST", "/users/login", idempotent=True, body=body, secrets=(password,))


def list_request(call: Call) -> Request:
    """``GET /webhooks``."""
    return Request("GET", "/webhooks", idempotent=True, call=call)


def create_request(spec: WebhookSpec, call: Call) -> Request:
    """``POST /webhooks``."""
    return Request("POST", "/webhooks", idempotent=False, body=_spec_bytes(spec), spec=spec, call=call)


def get_request(webhook_id: int, call: Call) -> Request:
    """``GET /webhooks/{id}``."""
    return Request("GET", _path(webhook_id), idempotent=True, call=call)


def update_request(webhook_id: int, spec: WebhookSpec, call: Call) -> Request:
    """``PUT /webhooks/{id}``."""
    return Request("PUT", _path(webhook_id), idempotent=True, body=_spec_bytes(spec), call=call)


def activate_request(webhook_id: int, call: Call) -> Request:
    """``PUT /webhooks/{id}/activate``."""
    return Request("PUT", _path(webhook_id) + "/activate", idempotent=True, call=call)


def deactivate_request(webhook_id: int, call: Call) -> Request:
    """``PUT /webhooks/{id}/deactivate``."""
    return Request("PUT", _path(webhook_id) + "/deactivate", idempotent=True, call=call)


def delete_request(webhook_id: int, call: Call) -> Request:
    """``DELETE /webhooks/{id}``."""
    return Request("DELETE", _path(webhook_id), idempotent=True, call=call)


def any_request(method: str, path: str, content: object, *, idempotent: bool | None) -> Request:
    """A request to an endpoint that this package has no operation for.

    Raises:
        ValueError: Method, path or content cannot be sent.
    """
    if not isinstance(method, str) or not (method.isascii() and method.isalpha()):
        raise ValueError(f"method must be the name of an HTTP method, got {method!r}")
    if not isinstance(path, str) or not path.startswith("/"):
        raise ValueError(f"path must begin with a slash, below the base url, got {path!r}")
    method = method.upper()
    if idempotent is None:
        idempotent = method in {"GET", "HEAD", "OPTIONS", "PUT", "DELETE"}
    try:
        body = None if content is None else _json_bytes(content)
    except (TypeError, RecursionError) as error:
        raise ValueError(f"json cannot be sent: {error}") from None
    return Request(method, path, idempotent=idempotent, body=body)


def _path(webhook_id: int) -> str:
    if isinstance(webhook_id, bool) or not isinstance(webhook_id, int):
        raise ValueError(f"a webhook's id must be a whole number, got {webhook_id!r}")
    return f"/webhooks/{webhook_id}"


def _spec_bytes(spec: WebhookSpec) -> bytes:
    if not isinstance(spec, WebhookSpec):
        raise ValueError(f"a WebhookSpec is needed, got {spec!r}")
    return _json_bytes(_SPEC_TO_JSON(spec))


def _json_bytes(content: object) -> bytes:
    return _ENCODER.encode(content).encode()


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
    try:
        content = json.loads(body.decode("utf-8-sig" if body.startswith(BOM_UTF8) else "utf-8"))
    except (ValueError, RecursionError):
        content = None
    if not isinstance(content, dict):
        readable = status == HTTPStatus.NO_CONTENT
        return Response(status, reason, headers, body, readable=readable, secrets=secrets)
    message, number = content.get("message"), content.get("statusCode")
    if number != status and 200 <= status < 300:  # noqa: PLR2004
        status = _status_within(number, status)
    message = message if isinstance(message, str) else None
    return Response(status, reason, headers, body, data=content.get("data"), message=message, secrets=secrets)


def _status_within(value: object, status: int) -> int:
    number = _number(value)
    return int(number) if number is not None and number >= 400 else status  # noqa: PLR2004


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
        return masked(response.message, response.secrets)
    text = excerpt(response)
    return " ".join(part for part in (response.reason, text and f"({text})") if part) or "no message"


def excerpt(response: Response) -> str:
    """Show the beginning of an answer in one line, without the request's secrets."""
    text = response.body[: _EXCERPT * 20].decode(errors="replace")
    return " ".join(masked(text, response.secrets).split())[:_EXCERPT]


def masked(text: str, secrets: tuple[str, ...]) -> str:
    for secret in secrets:
        text = text.replace(secret, "***")
    return text


def decode_webhooks(request: Request, response: Response) -> list[Webhook]:
    """Read the answer to a list. No list is an error: an empty one must never be made up.

    Raises:
        DecodeError: The answer is not what the contract promises.
    """
    if not isinstance(response.data, list | None):
        # Anything that can be iterated over would do for cattrs: {} would be an empty list.
        raise _decode_error(request, response, ("expected list @ $",))
    return _decode(request, response, list[Webhook])


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
    return _decode(request, response, Webhook)


def decode_data(request: Request, response: Response) -> Any:
    """Read the answer of any endpoint: its ``data``, or None. A DELETE may be answered without a body.

    Raises:
        DecodeError: The answer is not the envelope.
    """
    if response.readable or (request.method == "DELETE" and not response.body.strip()):
        return response.data
    raise _decode_error(request, response, ())


def _decode(request: Request, response: Response, model: type[T]) -> T:
    # The data stays out of the locals: the error takes this frame along, and crash reporters keep them.
    if not response.readable:
        raise _decode_error(request, response, ())
    if response.data is None:
        raise _decode_error(request, response, ("`data` is missing @ $",))
    try:
        fast: T = _FROM_JSON[model](response.data, model)
    except Exception:  # noqa: BLE001, S110  # whatever the data led to, the detailed twin tells
        pass
    else:
        return fast
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
    value, expires_in = data.get("token"), _number(data.get("expiresIn"))
    if not is_token_text(value):
        raise DecodeError("the answer to POST /users/login holds no token that can be used", paths=("$.data.token",))
    if expires_in is not None and expires_in < _ABSOLUTE:
        expires_in += now
    expires_at = _jwt_expiry(value) if expires_in is None else expires_in
    return Token(value, expires_at if expires_at is not None and expires_at > now else None)


def _jwt_expiry(token: str) -> float | None:
    try:
        payload = token.split(".")[1]
        return _number(json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))["exp"])
    except (ValueError, LookupError, TypeError, RecursionError):
        return None


def _number(value: object) -> float | None:
    try:
        number = float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
    except OverflowError:
        return None
    return number if number is not None and isfinite(number) else None
