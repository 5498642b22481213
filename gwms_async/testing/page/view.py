"""The content of the page, as JSON. No I/O."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from itertools import islice
from time import localtime, strftime
from typing import Any

from ..answering import Answering
from ..deliveries import DeliveryAttempt
from ..faults import Status
from ..feed import Row
from ..gateway import Gateway
from ..journal import Exchange
from ..wire import WEBHOOK_TYPES, ProblemError, read_webhook, without_tokens
from .controls import DISTURBANCES, FAULTS, Controls
from .samples import sample

_MAX_SHOWN = 300  # rows, and webhooks
_MAX_BODY = 65_536
_SECRETS = {"authorization", "x-api-key", "cookie", "set-cookie", "proxy-authorization"}
_USER = re.compile(r"(?<=://)[^/?#@\s]+(?=@)")
_CAPITAL = re.compile("(?<=[a-z])(?=[A-Z])")
_WHY: Mapping[str, str] = {
    "timeout": "The receiver did not answer in time.",
    "no answer": "Nothing listens at this address, or the connection broke before the answer.",
    "undeliverable": "The emulator delivers only to this machine. To reach your app, start it with "
    "--deliver-to http://127.0.0.1:PORT.",
    "inactive": "The webhook is inactive, or was deleted; nothing was sent.",
    "lost": "Lost on purpose, so nothing was sent.",
}


def encoded(content: object) -> str:
    """Return JSON in which the tokens and passwords of URLs are hidden."""
    return json.dumps(_masked(content))


def _masked(content: object) -> object:
    match content:
        case str():
            return _USER.sub("***", without_tokens(content))
        case Mapping():
            return {_masked(name): _masked(value) for name, value in content.items()}
        case list() | tuple():
            return [_masked(value) for value in content]
        case _:
            return content


class View:
    """The state of an emulator, with its webhooks and the switches of the page."""

    def __init__(self, emulator: Answering, gateway: Gateway, controls: Controls) -> None:
        self.feed = emulator.feed
        self.announcement: Mapping[str, object] | None = None
        self._emulator, self._webhooks, self._controls = emulator, gateway.webhooks, controls

    def all(self, text: str) -> Mapping[str, object]:
        """Return everything, with the rows that contain the words of a text."""
        samples = {event: json.dumps(sample(event), indent=2) for event in sorted(WEBHOOK_TYPES)}
        return {**self.rows(text, 0), **self.figures(), "webhooks": self.webhooks(), "samples": samples}

    def figures(self) -> Mapping[str, object]:
        """Return the figures, the switches, the routes of deliveries, and the line at the top."""
        return {
            "figures": {**self.feed.figures, "logins": self._emulator.logins},
            "faults": self._controls.left(),
            "routes": dict(self._emulator.routes),
            "announcement": self.announcement,
        }

    def rows(self, text: str, since: int) -> Mapping[str, object]:
        """Return which of the newest 300 rows have changed, how many rows match, and how many are kept.

        Args:
            text: Words that a row must contain, in any case.
            since: The number of a change; what has not changed after it is left out.
        """
        found = list(self.feed.rows.values())
        if words := text.lower().split():
            found = [row for row in found if all(word in self._text(row) for word in words)]
        newest = islice(reversed(found), _MAX_SHOWN)
        changed = [self._summary(row) for row in newest if row.changed > since]
        return {"rows": changed, "total": len(found), "kept": len(self.feed.rows)}

    def details(self, row_id: int) -> Mapping[str, object] | None:
        """Return all about a row, or None if it is not kept."""
        kept = self.feed.rows
        row = kept.get(row_id)
        if row is None:
            return None
        record, delivery = row.record, row.delivery
        attempts = [one for one in kept.values() if delivery is not None and one.delivery is delivery]
        sections = [
            ("Answer body", _answer(record)),
            ("Request body", _body(record)),
            ("Answer headers", _headers(record.answer_headers)),
            ("Request headers", _headers(record.headers)),
        ]
        return {
            **self._summary(row),
            "title": _title(record),
            "facts": [(name, value) for name, value in _facts(row) if value],
            "why": self._why(record, is_latest=not attempts or attempts[-1] is row),
            "attempts": [self._summary(one) for one in attempts],
            "sections": [{"title": title, "content": content} for title, content in sections if content],
        }

    def _why(self, record: Exchange | DeliveryAttempt, *, is_latest: bool) -> str:
        """Explain how it ended, and whether the emulator will try again."""
        if isinstance(record, Exchange):
            is_lost = record.seconds is not None and record.status is None
            return "The connection was closed without an answer." if is_lost else ""
        why, pauses = _WHY.get(record.problem or "", ""), self._emulator.delivery_policy.repeats
        if record.seconds is None or not record.is_failure or record.problem == "undeliverable" or not is_latest:
            return why
        if record.number > len(pauses):
            return f"{why} This was the last attempt.".strip()
        return f"{why} The emulator will try again in {pauses[record.number - 1]:g} s.".strip()

    @property
    def webhooks_version(self) -> tuple[int, int]:
        """Changes whenever `webhooks` would."""
        return self._webhooks.version, self._emulator.failures.total()

    def webhooks(self) -> Mapping[str, object]:
        """Return the webhooks by event type; of more than 300 the newest."""
        rows, failures, events = self._webhooks.all(), self._emulator.failures, dict[str, dict[str, Any]]()
        for index, hook in enumerate(rows):
            failed = failures[hook.id]
            group = events.setdefault(hook.webhook_type, {"total": 0, "active": 0, "failures": 0, "hooks": []})
            group["total"] += 1
            group["active"] += hook.active
            group["failures"] += failed
            if index >= len(rows) - _MAX_SHOWN:
                shown = {"id": hook.id, "url": hook.url, "method": hook.method, "active": hook.active}
                group["hooks"].append({**shown, "failures": failed})
        return {"total": len(rows), "events": dict(sorted(events.items()))}

    def _text(self, row: Row) -> str:
        """Return what a filter searches: what the row shows, and the figures that count it."""
        if not row.text:
            at = strftime("%H:%M:%S", localtime(row.record.at + self._emulator.unix_offset))
            figures = ["fault" if row.hit else "", "failed" if _tone(row.record) == "bad" else ""]
            row.text = str(_masked(" ".join([at, *_line(row.record).values(), *_tags(row), *figures]))).lower()
        return row.text

    def _summary(self, row: Row) -> Mapping[str, object]:
        record = row.record
        return {
            "id": row.id,
            "changed": row.changed,
            "at": round((record.at + self._emulator.unix_offset) * 1000),
            "ms": None if record.seconds is None else round(record.seconds * 1000, 1),
            "delivery": None if isinstance(record, Exchange) else f"{record.webhook.id} {record.entity_id}",
            "tone": _tone(record),
            "tags": ", ".join(_tags(row)),
            **_line(record),
        }


def _title(record: Exchange | DeliveryAttempt) -> str:
    if isinstance(record, Exchange):
        return record.operation
    return f"{record.webhook.webhook_type} {record.entity_id}"


def _line(record: Exchange | DeliveryAttempt) -> Mapping[str, str]:
    no_answer = "…" if record.seconds is None else "no answer"
    if isinstance(record, Exchange):
        kind, what, where = "API call", record.operation, f"{record.method} {record.path} {_about(record)}"
    else:
        kind, what, where = "Delivery", record.webhook.webhook_type, f"{record.entity_id} → {record.webhook.url}"
        no_answer = record.problem or no_answer
    return {"kind": kind, "what": what, "where": where, "outcome": str(record.status or no_answer)}


def _tone(record: Exchange | DeliveryAttempt) -> str:
    status = record.status or 0
    if record.seconds is None:
        return "waiting"
    if 200 <= status < 300:
        return "good"
    return "warn" if isinstance(record, Exchange) and 400 <= status < 500 else "bad"


def _tags(row: Row) -> list[str]:
    number = 1 if isinstance(row.record, Exchange) else row.record.number
    is_again = row.delivery is not None and row.delivery.is_again
    tags = ["sent again" if is_again else "", f"attempt {number}" if number > 1 else "", _hit(row)]
    return [tag for tag in tags if tag]


def _facts(row: Row) -> list[tuple[str, object]]:
    record = row.record
    hit = ("Hit by", _hit(row))
    if isinstance(record, Exchange):
        return [("Request", f"{record.method} {record.path}"), hit]
    webhook, sent = record.webhook, "" if record.url == record.webhook.url else record.url
    return [("Request", f"{record.method} {webhook.url}"), ("Sent to", sent), ("Webhook", webhook.id), hit]


def _about(record: Exchange) -> str:
    """Return which webhook a create or an update is about."""
    try:
        new = read_webhook(record.body) if record.operation in {"create", "update"} else None
    except ProblemError:
        new = None
    return "" if new is None else f"{new.webhook_type} {new.url[:200]}"


def _hit(row: Row) -> str:
    """Return the name of what hit it: its switch's, or if it has none, its class's."""
    hit = row.hit
    if hit is None:
        return ""
    if isinstance(hit, Status):
        return str(hit.status)
    switches = {type(one): name for name, one in {**FAULTS, **DISTURBANCES}.items()}
    return switches.get(type(hit)) or _CAPITAL.sub(" ", type(hit).__name__).lower()


def _headers(headers: Mapping[str, str]) -> list[tuple[str, str]]:
    pairs = islice(headers.items(), 100)
    return [(name, "(hidden)" if name.lower() in _SECRETS else value[:2_000]) for name, value in pairs]


def _body(record: Exchange | DeliveryAttempt) -> str:
    if isinstance(record, Exchange) and record.operation == "login":
        return "(hidden: it contains the password)"
    return _pretty(record.body or b"")


def _answer(record: Exchange | DeliveryAttempt) -> str:
    is_refusal = record.status is not None and 400 <= record.status < 500
    if isinstance(record, Exchange) and record.operation == "login" and record.answer_start and not is_refusal:
        return "(hidden: it may contain the token)"
    return _pretty(record.answer_start)


def _pretty(body: bytes) -> str:
    if len(body) <= _MAX_BODY:
        try:
            return json.dumps(json.loads(body), indent=2, ensure_ascii=False)
        except (ValueError, RecursionError):
            pass
    return body[:_MAX_BODY].decode(errors="replace")
