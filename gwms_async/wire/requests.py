"""Build the requests of the operations, and name the operation of a request."""

from __future__ import annotations

import inspect
import json
import re
from functools import lru_cache

from ..chain import Call, Request
from ..models import WebhookSpec, check_is_spec, check_url
from ..redaction import redacted
from ..settings import check_type, is_integer

_quoted = json.encoder.encode_basestring_ascii
_ENCODER = json.JSONEncoder(separators=(",", ":"), allow_nan=False)
_WEBHOOK = re.compile(r"/webhooks/-?\d+(/activate|/deactivate)?")
# aiohttp would drop what the first finds, and resolve what the second finds: a request for something else.
_NOT_IN_A_PATH = re.compile(r"[\x00-\x1f\x7f#\ud800-\udfff]")
_DOTS = re.compile(r"/(?:\.|%2e){1,2}(?:/|$)", re.IGNORECASE)
_FIRST_SEGMENT = re.compile(r"/[a-z][\w-]*(?=[/?#]|$)", re.ASCII | re.IGNORECASE)
_OPERATIONS = {
    ("POST", "/users/login"): "login",
    ("GET", "/webhooks"): "list",
    ("POST", "/webhooks"): "create",
    ("GET", "/webhooks/{id}"): "get",
    ("PUT", "/webhooks/{id}"): "update",
    ("PUT", "/webhooks/{id}/activate"): "activate",
    ("PUT", "/webhooks/{id}/deactivate"): "deactivate",
    ("DELETE", "/webhooks/{id}"): "delete",
}


def login_request(username: str, password: str) -> Request:
    """``POST /users/login``; it is safe to repeat."""
    body = _json_bytes({"username": username, "password": password})
    # The error of a login may be logged, and logs show no username.
    return Request("POST", "/users/login", idempotent=True, body=body, secrets=(username, password))


def list_request(call: Call) -> Request:
    """``GET /webhooks``."""
    return _request("GET", "/webhooks", call)


def create_request(spec: WebhookSpec, call: Call) -> Request:
    """``POST /webhooks``."""
    return Request("POST", "/webhooks", idempotent=False, body=_spec_bytes(spec), spec=spec, call=call)


def get_request(webhook_id: int, call: Call) -> Request:
    """``GET /webhooks/{id}``."""
    return _request("GET", _path(webhook_id), call)


def update_request(webhook_id: int, spec: WebhookSpec, call: Call) -> Request:
    """``PUT /webhooks/{id}``."""
    return _request("PUT", _path(webhook_id), call, _spec_bytes(spec))


def activate_request(webhook_id: int, call: Call) -> Request:
    """``PUT /webhooks/{id}/activate``."""
    return _request("PUT", _path(webhook_id) + "/activate", call)


def deactivate_request(webhook_id: int, call: Call) -> Request:
    """``PUT /webhooks/{id}/deactivate``."""
    return _request("PUT", _path(webhook_id) + "/deactivate", call)


def delete_request(webhook_id: int, call: Call, *, idempotent: bool = True) -> Request:
    """``DELETE /webhooks/{id}``; not idempotent for callers that allow for ids being reused."""
    return Request("DELETE", _path(webhook_id), idempotent=idempotent, call=call)


def any_request(method: str, path: str, content: object, *, idempotent: bool | None) -> Request:
    """Return a request to any other endpoint.

    Raises:
        ValueError: The method, path or content cannot be sent, or `idempotent` is invalid.
    """
    if not isinstance(method, str) or not (method.isascii() and method.isalpha()):
        raise ValueError(f"method must be the name of an HTTP method; got {method!r}")
    if not isinstance(path, str) or not path.startswith("/"):
        raise ValueError(f"path must start with a slash and continue base_url; got {redacted(repr(path))}")
    if _NOT_IN_A_PATH.search(path) or _DOTS.search(path.partition("?")[0]):
        wanted = "path must not contain '#', control characters, or the segments '.' and '..'"
        raise ValueError(f"{wanted}: quote ids with urllib.parse.quote(id, safe=''); got {redacted(repr(path))}")
    check_type("idempotent", idempotent, bool, type(None))  # "no" would count as true, and be sent again
    method = method.upper()
    if idempotent is None:
        idempotent = method in {"GET", "HEAD", "OPTIONS", "PUT", "DELETE"}
    try:
        body = None if content is None else _json_bytes(content)
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"json cannot be sent: {error}") from None
    return Request(method, path, idempotent=idempotent, body=body)


@lru_cache(maxsize=256)
def operation_of(method: str, path: str) -> tuple[str, str]:
    """Return the name of a request's operation, and its path without ids.

    Any other endpoint is a "request". Of its path only the first segment is returned, and not even that if it does not
    look like a plain name: paths may contain what belongs to a customer.
    """
    webhook = _WEBHOOK.fullmatch(path)
    template = path if webhook is None else f"/webhooks/{{id}}{webhook[1] or ''}"
    name = _OPERATIONS.get((method, template))
    if name is not None:
        return name, template
    first = _FIRST_SEGMENT.match(path)
    return "request", "/" if first is None else first[0]


def _request(method: str, path: str, call: Call, body: bytes | None = None) -> Request:
    return Request(method, path, idempotent=True, body=body, call=call)


def _path(webhook_id: object) -> str:
    if not is_integer(webhook_id):
        hint = "; was `await` forgotten?" if inspect.isawaitable(webhook_id) else ""
        raise ValueError(f"expected a Webhook or its id, an integer; got {redacted(repr(webhook_id))[:200]}{hint}")
    return f"/webhooks/{webhook_id}"


def _spec_bytes(spec: WebhookSpec) -> bytes:
    check_is_spec(spec)
    check_url(spec.url)
    # Written by hand: a bulk registration does little else. Measured: benchmarks/README.
    url, webhook_type, method = _quoted(spec.url), _quoted(spec.webhook_type), _quoted(spec.method)
    active = "true" if spec.active else "false"
    return f'{{"url":{url},"webhookType":{webhook_type},"active":{active},"method":{method}}}'.encode()


def _json_bytes(content: object) -> bytes:
    return _ENCODER.encode(content).encode()
