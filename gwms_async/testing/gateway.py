"""Authenticates requests, carries them out and answers them. No I/O."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from .state import EmulatorCredentials, StoredWebhook, TokenTable, WebhookTable
from .wire import Answer, ProblemError, Route, envelope, read_id, read_login, read_webhook


class Gateway:
    """The account, its e-shops, tokens and webhooks.

    Args:
        token_ttl: How long a token is valid, in seconds.
    """

    def __init__(self, token_ttl: float) -> None:
        self.token_ttl = token_ttl
        self.credentials = EmulatorCredentials()
        self.eshops = {self.credentials.api_key}
        self.refuse_logins = False
        self.tokens = TokenTable()
        self.webhooks = WebhookTable()
        self._operations: Mapping[str, Callable[[str, str, bytes, float], object]] = {
            "list": self._list,
            "create": self._create,
            "get": self._get,
            "update": self._update,
            "activate": self._activate,
            "deactivate": self._deactivate,
            "delete": self._delete,
        }

    def carry_out(self, route: Route, headers: Mapping[str, str], body: bytes, now: float) -> Answer:
        """Carry out a request and return its answer.

        Args:
            route: Which operation on which webhook.
            headers: The request's headers, names in lower case.
            body: The request's body.
            now: Unix seconds.
        """
        try:
            if route.operation == "login":
                return envelope(200, "OK", self._log_in(body, now))
            eshop = self._eshop_of(headers, now)
            operation = self._operations.get(route.operation)
            if operation is not None:
                return envelope(200, "OK", operation(eshop, route.webhook_id, body, now))
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
        return {"token": self.tokens.issue(username, now, expiry), "expiresIn": int(expiry), "user": user}

    def _eshop_of(self, headers: Mapping[str, str], now: float) -> str:
        scheme, _, token = headers.get("authorization", "").partition(" ")
        if scheme != "Bearer" or not self.tokens.accepts(token, now):
            raise ProblemError(401, "The token is missing or no longer valid")
        eshop = headers.get("x-api-key", "")
        if eshop not in self.eshops:
            raise ProblemError(401, "The x-api-key is missing or unknown")
        return eshop

    def _found(self, eshop: str, webhook_id: str) -> StoredWebhook:
        row = self.webhooks.find(eshop, read_id(webhook_id))
        if row is None:
            raise ProblemError(404, f"There is no webhook {webhook_id}")
        return row

    def _list(self, eshop: str, _id: str, _body: bytes, _now: float) -> object:
        return [row.as_json() for row in self.webhooks.of(eshop)]

    def _create(self, eshop: str, _id: str, body: bytes, now: float) -> object:
        return self.webhooks.add(eshop, read_webhook(body), now).as_json()

    def _get(self, eshop: str, webhook_id: str, _body: bytes, _now: float) -> object:
        return self._found(eshop, webhook_id).as_json()

    def _update(self, eshop: str, webhook_id: str, body: bytes, now: float) -> object:
        row = self._found(eshop, webhook_id)
        return self.webhooks.replace(row, read_webhook(body), now).as_json()

    def _activate(self, eshop: str, webhook_id: str, _body: bytes, now: float) -> object:
        return self.webhooks.switch(self._found(eshop, webhook_id), now, active=True).as_json()

    def _deactivate(self, eshop: str, webhook_id: str, _body: bytes, now: float) -> object:
        return self.webhooks.switch(self._found(eshop, webhook_id), now, active=False).as_json()

    def _delete(self, eshop: str, webhook_id: str, _body: bytes, _now: float) -> object:
        self.webhooks.remove(self._found(eshop, webhook_id).id)
        return "deleted"
