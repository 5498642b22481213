"""Paths, bodies and envelopes, as they travel between a client and the emulator. No I/O."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from email.utils import formatdate
from http.client import responses
from types import MappingProxyType

from attrs import field, frozen

JSON = "application/json; charset=utf-8"
HTML = "text/html; charset=utf-8"

OPERATIONS = frozenset(
    {"login", "list", "create", "get", "update", "activate", "deactivate", "delete", "entity", "other"}
)

WEBHOOK_TYPES = frozenset(
    {
        "CREATE_ORDER",
        "CREATE_PRODUCT",
        "CREATE_RECEIVING",
        "CREATE_RETURN",
        "CREATE_STOCK_MOVEMENT_COMPLETITION",
        "CREATE_STOCK_MOVEMENT_ORDER",
        "CREATE_STOCK_MOVEMENT_QUALITY_HOLD",
        "CREATE_STOCK_MOVEMENT_QUALITY_RELEASE",
        "CREATE_STOCK_MOVEMENT_RECEIVING",
        "CREATE_STOCK_MOVEMENT_RETURN",
        "CREATE_STOCK_MOVEMENT_STOCK_CORRECTION",
        "UPDATE_ORDER",
        "UPDATE_ORDER_STATUS",
        "UPDATE_PRODUCT",
        "UPDATE_RECEIVING",
        "UPDATE_RECEIVING_STATUS",
        "UPDATE_RETURN",
        "UPDATE_RETURN_STATUS",
    },
)

_METHODS = ("POST", "GET")
_NO_HEADERS: Mapping[str, str] = MappingProxyType({})
_PATHS = (
    (re.compile(r"/users/login"), {"POST": "login"}),
    (re.compile(r"/webhooks"), {"GET": "list", "POST": "create"}),
    (re.compile(r"/webhooks/([^/]+)"), {"GET": "get", "PUT": "update", "DELETE": "delete"}),
    (re.compile(r"/webhooks/([^/]+)/activate"), {"PUT": "activate"}),
    (re.compile(r"/webhooks/([^/]+)/deactivate"), {"PUT": "deactivate"}),
    (re.compile(r"/((?:orders|products|products/guid|receivings|returns)/[^/]+)"), {"GET": "entity"}),
)
_TOKEN = re.compile("([Gg][Ww]1-)[A-Za-z0-9_-]{8,32}")
_INTEGER = re.compile(r"-?[0-9]{1,18}")


class ProblemError(Exception):
    """The request cannot be carried out: the HTTP status to answer with, and the message of the envelope."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


def without_tokens(text: str) -> str:
    """Return a text without the secret part of URLs that the client derives."""
    return _TOKEN.sub(r"\1***", text)


def repr_without_tokens(value: object) -> str:
    """Return the repr of a value, without the secret part of URLs."""
    return without_tokens(repr(value))


@frozen
class Answer:
    """An answer to a request.

    Args:
        status: The HTTP status.
        body: The bytes of the body.
        headers: The headers besides `Date` and `Content-Length`.
    """

    status: int
    body: bytes = field(repr=repr_without_tokens)
    headers: Mapping[str, str] = _NO_HEADERS

    def dated(self, date: str) -> Mapping[str, str]:
        """Return its headers with a `Date`, unless it has its own."""
        return merged({"Date": date}, self.headers)

    def head(self, date: str, length: int | None = None) -> bytes:
        """Return its status line and headers, with a date and the length of its body, or another length to promise."""
        length = len(self.body) if length is None else length
        headers = merged({"Content-Length": str(length)}, self.dated(date))
        reason = responses.get(self.status, "")
        lines = [f"HTTP/1.1 {self.status} {reason}", *(f"{name}: {value}" for name, value in headers.items())]
        return "\r\n".join([*lines, "", ""]).encode("latin-1")


@frozen
class NewWebhook:
    """The body of a create or an update, as `StoredWebhook` describes it."""

    url: str = field(repr=repr_without_tokens)
    webhook_type: str
    active: bool
    method: str


@frozen
class Route:
    """The operation that a request asks for.

    Args:
        operation: One of `OPERATIONS`.
        target: The id of a webhook, as written in the path; the whole path of an entity; empty for neither.
        allow: The methods that the path has; empty if it does not exist.
    """

    operation: str = "other"
    target: str = ""
    allow: tuple[str, ...] = ()

    @classmethod
    def find(cls, method: str, path: str) -> Route:
        """Find the operation by the method and the path below the base URL, with its leading slash."""
        for pattern, operations in _PATHS:
            if match := pattern.fullmatch(path):
                return cls(operations.get(method, "other"), "".join(match.groups()), tuple(operations))
        return cls()


def merged(headers: Mapping[str, str], more: Mapping[str, str]) -> Mapping[str, str]:
    """Merge two sets of headers; where a name is in both, in any case, the second wins."""
    names = {name.lower() for name in more}
    return {**{name: value for name, value in headers.items() if name.lower() not in names}, **more}


def envelope(status: int, message: object, data: object = None, headers: Mapping[str, str] = _NO_HEADERS) -> Answer:
    """Make an answer in GWMS's envelope, whose `statusCode` is the HTTP status.

    Args:
        status: The HTTP status.
        message: A message for people; usually a text.
        data: The result; left out if None.
        headers: Further headers.
    """
    return Answer(status, envelope_body(status, message, data), merged({"Content-Type": JSON}, headers))


def envelope_body(status: int, message: object, data: object = None) -> bytes:
    """Encode an envelope; `data` is left out if None."""
    content: dict[str, object] = {"statusCode": status, "message": message}
    if data is not None:
        content["data"] = data
    return json.dumps(content).encode()


def http_date(timestamp: float) -> str:
    """Return a Unix time as HTTP writes it, truncated to whole seconds."""
    return formatdate(int(timestamp), usegmt=True)


def read_id(text: str) -> int:
    """Read the id of a webhook from its part of the path; `ProblemError`: it is not an integer."""
    if not _INTEGER.fullmatch(text):
        raise ProblemError(400, "id must be an integer")
    return int(text)


def read_login(body: bytes) -> tuple[str, str]:
    """Read the username and the password of a login; the message of a `ProblemError` names the field."""
    fields = _read_object(body)
    return _text(fields, "username"), _text(fields, "password")


def read_webhook(body: bytes) -> NewWebhook:
    """Read the contract's CreateWebhook, the body of a create or an update; a `ProblemError` names the field."""
    fields = _read_object(body)
    url = _text(fields, "url")
    if not url:
        raise ProblemError(400, "url must not be empty")
    webhook_type = _text(fields, "webhookType")
    if webhook_type not in WEBHOOK_TYPES:
        raise ProblemError(400, f"webhookType must be one of {', '.join(sorted(WEBHOOK_TYPES))}")
    active = _required(fields, "active")
    if not isinstance(active, bool):
        raise ProblemError(400, "active must be a boolean")
    method = _text(fields, "method")
    if method not in _METHODS:
        raise ProblemError(400, f"method must be one of {', '.join(_METHODS)}")
    return NewWebhook(url, webhook_type, active, method)


def webhook_body(new: NewWebhook) -> bytes:
    """Encode the body of a create or an update."""
    fields = {"url": new.url, "webhookType": new.webhook_type, "active": new.active, "method": new.method}
    return json.dumps(fields).encode()


def _read_object(body: bytes) -> dict[str, object]:
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        raise ProblemError(400, "body must be valid JSON") from None
    if not isinstance(content, dict):
        raise ProblemError(400, "body must be a JSON object")
    return content


def _required(fields: dict[str, object], name: str) -> object:
    if name not in fields:
        raise ProblemError(400, f"{name} is required")
    return fields[name]


def _text(fields: dict[str, object], name: str) -> str:
    value = _required(fields, name)
    if not isinstance(value, str):
        raise ProblemError(400, f"{name} must be a string")
    return value
