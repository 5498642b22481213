"""Authenticates requests, carries them out and answers them. No I/O."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import isfinite
from typing import Literal

from .entities import EntityTable
from .state import EmulatorCredentials, TokenTable, WebhookTable, switched
from .wire import Answer, NewWebhook, ProblemError, Route, envelope, read_id, read_login, read_webhook

ExpiresIn = Literal["unix", "seconds", "milliseconds", "text"] | None
UniqueUrls = bool | Literal[400, 409, 422]

_EXPIRES_IN: Mapping[ExpiresIn, Callable[[float, float], object]] = {
    "unix": lambda expiry, _: int(expiry),
    "seconds": lambda expiry, now: int(expiry - now),
    "milliseconds": lambda expiry, _: int(expiry * 1000),
    "text": lambda expiry, _: str(int(expiry)),
    None: lambda *_: None,
}
_CONFLICTS: Mapping[UniqueUrls, int | None] = {False: None, True: 409, 400: 400, 409: 409, 422: 422}


class Gateway:
    """The account, its e-shops, tokens and webhooks; see `GwmsEmulator` for the arguments."""

    def __init__(
        self,
        token_ttl: float,
        webhooks: WebhookTable,
        expires_in: ExpiresIn = "unix",
        *,
        unique_urls: UniqueUrls = False,
    ) -> None:
        if expires_in not in _EXPIRES_IN:
            raise ValueError(f"expires_in must be one of {', '.join(map(repr, _EXPIRES_IN))}, not {expires_in!r}")
        if not isfinite(token_ttl):  # a token has an `exp`
            raise ValueError(f"token_ttl must be a finite number of seconds, not {token_ttl!r}")
        if unique_urls not in _CONFLICTS:
            raise ValueError(f"unique_urls must be one of {', '.join(map(repr, _CONFLICTS))}, not {unique_urls!r}")
        self.token_ttl = token_ttl
        self.credentials = EmulatorCredentials()
        self.eshops = {self.credentials.api_key}
        self.refuse_logins = False
        self.tokens = TokenTable()
        self.webhooks = webhooks
        self.entities = EntityTable()
        self._expires_in, self._conflict = _EXPIRES_IN[expires_in], _CONFLICTS[unique_urls]

    def carry_out(self, route: Route, headers: Mapping[str, str], body: bytes, now: float) -> Answer:
        """Carry out a request at a Unix time and return its answer; names of headers are in lower case."""
        try:
            if route.operation == "login":
                return envelope(200, "OK", self._log_in(body, now))
            eshop = self._eshop_of(headers, now)
            if route.operation != "other":
                return envelope(200, "OK", self._data(route, eshop, body, now))
            if route.allow:
                return envelope(405, "Method not allowed", headers={"Allow": ", ".join(route.allow)})
            raise ProblemError(404, "There is no such endpoint")
        except ProblemError as problem:
            return envelope(problem.status, problem.message)

    def _log_in(self, body: bytes, now: float) -> object:
        username, password = read_login(body)
        if self.refuse_logins or (username, password) != self.credentials[:2]:
            raise ProblemError(401, "Wrong username or password")
        expiry = now + self.token_ttl
        user = {"id": 1, "name": "Emulated", "surname": "User", "email": "user@shop.example"}
        token = self.tokens.issue(username, now, expiry)
        data = {"token": token, "expiresIn": self._expires_in(expiry, now), "user": user}
        return {name: value for name, value in data.items() if value is not None}

    def _eshop_of(self, headers: Mapping[str, str], now: float) -> str:
        scheme, _, token = headers.get("authorization", "").partition(" ")
        if scheme != "Bearer" or not self.tokens.accepts(token, now):
            raise ProblemError(401, "The token is missing or no longer valid")
        eshop = headers.get("x-api-key", "")
        if eshop not in self.eshops:
            raise ProblemError(401, "The x-api-key is missing or unknown")
        return eshop

    def _data(self, route: Route, eshop: str, body: bytes, now: float) -> object:
        match route.operation:
            case "list":
                return [row.as_json() for row in self.webhooks.listed(eshop)]
            case "create":
                return self.webhooks.add(eshop, self._checked(eshop, body), now).as_json()
            case "entity":
                return self._entity(eshop, route.target)
        find = self.webhooks.read if route.operation == "get" else self.webhooks.find
        row = find(eshop, read_id(route.target))
        if row is None:
            raise ProblemError(404, f"There is no webhook {route.target}")
        match route.operation:
            case "update":
                row = self.webhooks.replace(row, self._checked(eshop, body, row.id), now)
            case "activate" | "deactivate" as operation:
                row = self.webhooks.switch(row, now, active=operation == "activate")
            case "echo activate" | "echo deactivate" as operation:  # without effect
                row = switched(row, now, active=operation == "echo activate")
            case "delete":
                self.webhooks.remove(row.id, now)
                return "deleted"
            case "keep":  # a delete without effect
                return "deleted"
        return row.as_json()

    def _checked(self, eshop: str, body: bytes, except_id: int = 0) -> NewWebhook:
        new = read_webhook(body)
        if self._conflict is not None and self.webhooks.has_equal(eshop, new, except_id):
            raise ProblemError(self._conflict, "A webhook with this url, webhookType and method already exists")
        return new

    def _entity(self, eshop: str, path: str) -> object:
        entity = self.entities.find(eshop, path)
        if entity is None:
            raise ProblemError(404, f"There is no {path}")
        return entity
