"""Faults of a gateway that does not do what it was asked, or returns only part of a list."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Literal

from attrs import evolve, field, frozen
from attrs.validators import ge, in_, instance_of

from .faults import Fault
from .wire import Answer, ProblemError, Route, merged, read_webhook, webhook_body


@frozen
class _Quirk(Fault):
    carry_out = True  # in the gateway's own way


@frozen
class NoEffect(_Quirk):
    """Answer an activate, deactivate, update or delete with success, but change nothing.

    The answer shows the unchanged webhook. Other operations are carried out as usual.

    Args:
        echo: Whether the answer to an activate or deactivate shows the webhook in the state asked for.
    """

    echo: bool = False

    def request(self, route: Route, body: bytes) -> tuple[Route, bytes]:
        """Return what is carried out."""
        instead = {"activate": "get", "deactivate": "get", "update": "get", "delete": "keep"}
        if self.echo:
            instead |= {"activate": "echo activate", "deactivate": "echo deactivate"}
        return evolve(route, operation=instead.get(route.operation, route.operation)), body


@frozen
class OtherState(_Quirk):
    """Store a new webhook inactive where active was asked for, and the reverse; the answer shows it as stored.

    Operations other than create are carried out as usual.
    """

    def request(self, route: Route, body: bytes) -> tuple[Route, bytes]:
        """Return what is carried out."""
        with suppress(ProblemError):  # the gateway itself answers an invalid body
            if route.operation == "create":
                new = read_webhook(body)
                body = webhook_body(evolve(new, active=not new.active))
        return route, body


@frozen
class Paged(_Quirk):
    """Answer a list with its first rows only; other operations are answered as usual.

    Args:
        rows: How many rows the answer has at most.
        total: How the answer says that there are more: by `totalCount` in the envelope, by `totalCount` beside the rows
            in `data`, or by a `Link` header to the next page.
    """

    rows: int = field(validator=[instance_of(int), ge(0)])
    total: Literal["envelope", "data", "link"] = field(default="envelope", validator=in_(["envelope", "data", "link"]))

    def answer(self, usual: Answer) -> Answer:
        """Return the answer to send."""
        content = json.loads(usual.body)
        rows = content.get("data")
        if not isinstance(rows, list):
            return usual
        page, total, headers = rows[: self.rows], {"totalCount": len(rows)}, usual.headers
        if self.total == "data":
            content["data"] = {"data": page, **total}
        else:
            content["data"] = page
        if self.total == "envelope":
            content |= total
        elif self.total == "link" and len(page) < len(rows):
            headers = merged(headers, {"Link": '</v21/webhooks?page=2>; rel="next"'})
        return Answer(usual.status, json.dumps(content).encode(), headers)
