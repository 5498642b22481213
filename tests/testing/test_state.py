"""The emulator's script, throttle, faults and state, each for itself: no network, and time made by hand."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import Any, Literal

import pytest

from gwms_async.testing import (
    CutBody,
    CutHead,
    DropAfter,
    DropBefore,
    EmulatorCredentials,
    EnvelopeStatus,
    Fault,
    Html,
    RateLimit,
    RawBody,
    Redirect,
    Reset,
    RevokeTokens,
    Stall,
    Status,
    StoredWebhook,
)
from gwms_async.testing.faults import carries_out
from gwms_async.testing.gateway import Gateway
from gwms_async.testing.script import FaultScript, check_operation
from gwms_async.testing.state import TokenTable, WebhookTable, iso_timestamp
from gwms_async.testing.throttle import Throttle, retry_headers, whole_seconds
from gwms_async.testing.wire import OPERATIONS, Answer, NewWebhook, Route

from ..helpers.plain_client import EPOCH, HOOK

NEW = NewWebhook("https://shop.example/1", "CREATE_ORDER", active=True, method="POST")
A, B, C = Status(500), Status(501), Status(502)


def hits(script: FaultScript, *operations: str) -> list[Fault | None]:
    """Let requests come, and tell which fault hits each."""
    return [script.next(operation) for operation in operations]


def test_a_throttle_lets_a_burst_pass_then_one_at_a_time() -> None:
    """After a burst, one request passes per period; the wait that it tells is what is missing to the next."""
    throttle, limit = Throttle(), RateLimit(4, 3)

    assert [throttle.admit(limit, 10.0) for _ in range(5)] == [0, 0, 0, 0.25, 0.25]
    assert throttle.admit(limit, 10.125) == 0.125
    assert [throttle.admit(limit, 10.25) for _ in range(2)] == [0, 0.25]


def test_a_throttle_is_full_again_after_a_silence() -> None:
    """However long the silence, no more than the burst passes at once."""
    throttle, limit = Throttle(), RateLimit(4, 2)
    for _ in range(3):
        throttle.admit(limit, 0.0)

    assert [throttle.admit(limit, 1000.0) for _ in range(3)] == [0, 0, 0.25]


def test_a_throttle_is_no_fuller_when_its_limit_is_exchanged() -> None:
    """What was taken under the old limit is gone under the new one too."""
    throttle, first, second = Throttle(), RateLimit(1, 1), RateLimit(1, 1)

    assert [throttle.admit(limit, 5.0) for limit in (first, first, second, second)] == [0, 1, 1, 1]


@pytest.mark.parametrize(("rate", "burst"), [(0, 1), (-1, 1), (1, 0)])
def test_a_rate_limit_that_lets_nothing_pass_is_an_error(rate: float, burst: int) -> None:
    """The rate is above zero, the burst at least one."""
    with pytest.raises(ValueError, match="must be >"):
        RateLimit(rate, burst)


@pytest.mark.parametrize(("wait", "seconds"), [(0.001, 1), (1, 1), (1.001, 2), (59.5, 60)])
def test_a_wait_in_whole_seconds(wait: float, seconds: int) -> None:
    """It is rounded up, never to zero."""
    assert whole_seconds(wait) == seconds


@pytest.mark.parametrize(
    ("form", "headers"),
    [
        ("seconds", {"Retry-After": "3"}),
        ("date", {"Retry-After": "Mon, 21 Sep 2026 14:13:24 GMT"}),
        (None, {}),
    ],
)
def test_a_refusal_says_when_to_come_back(form: Literal["seconds", "date"] | None, headers: dict[str, str]) -> None:
    """In whole seconds or as a date, either rounded up, or not at all."""
    assert retry_headers(RateLimit(1, 1, form), 2.5, EPOCH + 0.75) == headers


def test_a_script_hits_in_the_order_it_was_written() -> None:
    """Of several faults for one request the earliest wins; the others wait."""
    script = FaultScript()
    script.add(A, None, 1, 1)
    script.add(B, None, 2, 1)
    assert script.left == 3

    assert hits(script, "get", "list", "get", "get") == [A, B, B, None]
    assert script.left == 0


def test_a_script_counts_requests_that_another_fault_hits() -> None:
    """`at` counts all requests of the operation, also those that are hit."""
    script = FaultScript()
    script.add(A, None, 2, 1)
    script.add(B, None, 1, 3)
    script.add(C, None, 1, 2)

    assert hits(script, *["get"] * 5) == [A, A, B, C, None]


def test_a_script_keeps_operations_apart() -> None:
    """A named operation takes its own faults and those for any; a login only its own."""
    script = FaultScript()
    script.add(A, "create", 1, 2)
    script.add(B, "login", 1, 1)
    script.add(C, None, 1, 2)

    assert hits(script, "login", "login", "create", "list", "create") == [B, None, None, C, A]


def test_operations_have_names() -> None:
    """A name that is none is an error; all others can be used."""
    for operation in OPERATIONS:
        check_operation(operation)
    with pytest.raises(ValueError, match="not ''"):
        check_operation("")


@pytest.mark.parametrize(
    ("fault", "carried_out"),
    [
        (DropBefore(), False),
        (DropAfter(), True),
        (CutHead(), True),
        (CutBody(carry_out=False), False),
        (Stall(1), False),
        (Status(500), False),
        (EnvelopeStatus(500), False),
        (Html(), True),
        (Redirect("/"), False),
        (RawBody(b""), True),
        (Reset(), False),
    ],
    ids=str,
)
def test_a_fault_knows_whether_the_request_is_carried_out(fault: Fault, carried_out: bool) -> None:
    """Those without a choice say so by their name."""
    assert carries_out(fault) is carried_out


@pytest.mark.parametrize("fault", [DropAfter(), CutHead(), CutBody(), Stall(1), RevokeTokens()], ids=str)
def test_a_fault_of_the_connection_leaves_the_answer_as_it_is(fault: Fault) -> None:
    """Only faults of the content put another answer in its place."""
    usual = Answer(200, b"")

    assert fault.answer(usual) is usual


def test_a_late_commit_is_not_before_the_request() -> None:
    """Its delay is not negative."""
    with pytest.raises(ValueError, match="must be >= 0"):
        DropAfter(commit_delay=-1)


def test_a_webhook_shows_unregistered_at_only_if_it_is_set() -> None:
    """And the e-shop never."""
    row = StoredWebhook(1, "key", "u", "CREATE_ORDER", active=True, method="GET", registered_at="r")
    content = {"id": 1, "url": "u", "webhookType": "CREATE_ORDER", "active": True, "method": "GET", "registeredAt": "r"}

    assert row.as_json() == content
    assert WebhookTable().switch(row, EPOCH, active=False).as_json() == {
        **content,
        "active": False,
        "unregisteredAt": iso_timestamp(EPOCH),
    }


def test_ids_are_never_given_again() -> None:
    """Not even that of the last webhook; an e-shop sees its own only."""
    table = WebhookTable()
    table.add("a", NEW, EPOCH)
    last = table.add("b", NEW, EPOCH)
    table.remove(last.id)

    assert table.add("a", NEW, EPOCH).id == 3
    assert [row.id for row in table.of("a")] == [row.id for row in table.all()] == [1, 3]
    assert (table.of("b"), table.find("b", 1), table.find("a", 2)) == ([], None, None)


def test_a_new_webhook_may_be_inactive() -> None:
    """Then it was never in use, and `unregistered_at` is not set."""
    new = NewWebhook("u", "CREATE_ORDER", active=False, method="GET")

    assert WebhookTable().add("a", new, EPOCH).unregistered_at is None


def test_tokens_are_signed() -> None:
    """With the key of the table; each is another, also in the same moment."""
    table = TokenTable()
    first, second = (table.issue("ž", EPOCH + 0.5, EPOCH + 1.5) for _ in range(2))
    signed, _, signature = first.rpartition(".")
    digest = hmac.new(table._key, signed.encode(), hashlib.sha256).digest()

    assert base64.urlsafe_b64encode(digest).decode().rstrip("=") == signature
    assert table.issued == [first, second]
    assert first != second
    assert table.accepts(first, EPOCH + 1.4)
    assert not table.accepts(first, EPOCH + 1.5)
    assert not table.accepts("", EPOCH)


def test_a_gateway_answers_without_a_network() -> None:
    """It goes by values alone: route, headers, body, moment."""
    gateway = Gateway(token_ttl=10)
    username, password, key = EmulatorCredentials()

    def carried_out(method: str, path: str, body: object, now: float, **headers: str) -> tuple[int, Any]:
        answer = gateway.carry_out(Route.find(method, path), headers, json.dumps(body).encode(), now)
        return answer.status, json.loads(answer.body).get("data")

    status, data = carried_out("POST", "/users/login", {"username": username, "password": password}, EPOCH)
    assert (status, data["expiresIn"]) == (200, EPOCH + 10)

    headers = {"authorization": f"Bearer {data['token']}", "x-api-key": key}
    assert carried_out("POST", "/webhooks", HOOK, EPOCH + 9, **headers)[0] == 200
    assert carried_out("POST", "/webhooks", HOOK, EPOCH + 10, **headers) == (401, None)
    assert carried_out("DELETE", "/webhooks/1", None, EPOCH, **headers) == (200, "deleted")
