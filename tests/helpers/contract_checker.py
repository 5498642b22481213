"""Check requests and answers against the contract, an OpenAPI document."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping

from attrs import define, frozen
from openapi_core import OpenAPI
from openapi_core.datatypes import RequestParameters
from openapi_core.exceptions import OpenAPIError
from werkzeug.datastructures import Headers

from gwms_async.testing import DropBefore, Exchange, Reset

from .contract import PATH

_CONTRACT = OpenAPI.from_file_path(str(PATH))
_SERVER, _PREFIX = "https://gw.new.skladon.net", "/v21"
_CREATE_WEBHOOK = {"url", "webhookType", "active", "method"}


class ContractError(AssertionError):
    """A request or an answer violates the contract."""


@define
class _Request:
    """A request in the shape that openapi-core takes."""

    method: str
    path: str
    parameters: RequestParameters
    content_type: str
    body: bytes | None
    host_url: str = _SERVER


@frozen
class _Answer:
    """An answer in the shape that openapi-core takes."""

    status_code: int
    headers: Headers
    content_type: str
    data: bytes


def check_request(exchange: Exchange) -> None:
    """Check that a request is in the contract and has nothing beyond it.

    Raises:
        ContractError: It is not; the message says why.
    """
    if exchange.operation == "login":
        _check_login(exchange)
        return
    _run(exchange, lambda: _CONTRACT.validate_request(_request_of(exchange)))
    if not exchange.headers["authorization"].startswith("Bearer "):
        raise ContractError(f"{_name(exchange)}: the token does not follow the word Bearer")
    if exchange.operation in {"create", "update"}:
        if extra := set(json.loads(exchange.body)) - _CREATE_WEBHOOK:
            raise ContractError(f"{_name(exchange)}: the contract knows no {', '.join(sorted(extra))}")
    elif exchange.body:
        raise ContractError(f"{_name(exchange)}: the contract knows no body here")


def check_answer(exchange: Exchange, status: int, headers: Mapping[str, str], body: bytes) -> None:
    """Check that an answer is in the contract; that of a login is not.

    Raises:
        ContractError: It is not; the message says why.
    """
    names = Headers(list(headers.items()))
    answer = _Answer(status, names, names.get("content-type", "").lower(), body)
    _run(exchange, lambda: _CONTRACT.validate_response(_request_of(exchange), answer))


def check_journal(journal: Iterable[Exchange]) -> int:
    """Check that all requests of a journal are in the contract.

    Returns:
        How many were checked; those whose body the gateway did not read are left out.

    Raises:
        ContractError: One of them is not.
    """
    whole = [exchange for exchange in journal if not isinstance(exchange.fault, DropBefore | Reset)]
    for exchange in whole:
        check_request(exchange)
    return len(whole)


def _request_of(exchange: Exchange) -> _Request:
    content_type = exchange.headers.get("content-type", "").lower()
    parameters = RequestParameters(header=Headers(list(exchange.headers.items())))
    path = _PREFIX + exchange.path
    return _Request(exchange.method.lower(), path, parameters, content_type, exchange.body or None)


def _check_login(exchange: Exchange) -> None:
    """Check a login by the documentation of v2, because the contract of v21 has no login."""
    login = json.loads(exchange.body)
    if (exchange.method, exchange.path) != ("POST", "/users/login") or set(login) != {"username", "password"}:
        raise ContractError(f"{_name(exchange)}: a login posts username and password, and nothing else")
    if not all(isinstance(value, str) for value in login.values()):
        raise ContractError(f"{_name(exchange)}: username and password are texts")
    if exchange.headers.get("content-type") != "application/json" or "x-api-key" in exchange.headers:
        raise ContractError(f"{_name(exchange)}: a login is JSON, and shows no key")


def _run(exchange: Exchange, check: Callable[[], object]) -> None:
    try:
        check()
    except OpenAPIError as error:
        why: BaseException | None = error
        reasons = []
        while why is not None:
            reasons.append(" ".join(str(why).split()))
            reasons += [one.message for one in getattr(why, "schema_errors", ())]
            why = why.__cause__
        raise ContractError(f"{_name(exchange)}: {'; '.join(reasons)}") from error


def _name(exchange: Exchange) -> str:
    return f"{exchange.method} {exchange.path}"
