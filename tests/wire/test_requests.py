"""The requests of the operations: what of them goes out, and what is rejected before."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given

from gwms_async import HttpMethod, Request, Webhook, WebhookSpec, WebhookType
from gwms_async.chain import Call
from gwms_async.wire import requests

from ..helpers import strategies as our

SPEC = WebhookSpec("https://shop.example/h?a=\u010d", "CREATE_ORDER", active=False, method="GET")
SPEC_BODY = b'{"url":"https://shop.example/h?a=\\u010d","webhookType":"CREATE_ORDER","active":false,"method":"GET"}'
CALL = Call()


@pytest.mark.parametrize(
    ("request_", "method", "path", "body", "idempotent"),
    [
        (requests.list_request(CALL), "GET", "/webhooks", None, True),
        (requests.create_request(SPEC, CALL), "POST", "/webhooks", SPEC_BODY, False),
        (requests.get_request(7, CALL), "GET", "/webhooks/7", None, True),
        (requests.update_request(7, SPEC, CALL), "PUT", "/webhooks/7", SPEC_BODY, True),
        (requests.activate_request(7, CALL), "PUT", "/webhooks/7/activate", None, True),
        (requests.deactivate_request(7, CALL), "PUT", "/webhooks/7/deactivate", None, True),
        (requests.delete_request(7, CALL), "DELETE", "/webhooks/7", None, True),
        (requests.delete_request(7, CALL, idempotent=False), "DELETE", "/webhooks/7", None, False),
        (
            requests.login_request("shop", 'pa"ss'),
            "POST",
            "/users/login",
            b'{"username":"shop","password":"pa\\"ss"}',
            True,
        ),
    ],
    ids=str,
)
def test_the_requests_of_the_operations(
    request_: Request, method: str, path: str, body: bytes | None, idempotent: bool
) -> None:
    """Method, path and body are those of the contract; only a creation must not be sent twice."""
    assert (method, path, body) == (request_.method, request_.path, request_.body)
    assert idempotent is request_.idempotent
    assert not request_.headers


def test_a_creation_names_what_it_creates() -> None:
    """For its errors; an update has no such spec."""
    assert SPEC is requests.create_request(SPEC, CALL).spec
    assert requests.update_request(7, SPEC, CALL).spec is None


def test_an_unlisted_event_is_sent_as_it_is() -> None:
    """The text that the gateway knows goes out unchanged."""
    body = requests.create_request(WebhookSpec("https://shop.example", WebhookType.unlisted("NEW_EVENT")), CALL).body

    assert body is not None
    assert json.loads(body) == {
        "url": "https://shop.example",
        "webhookType": "NEW_EVENT",
        "active": True,
        "method": "POST",
    }


def test_what_a_login_sends_is_a_secret() -> None:
    """It is masked wherever the response echoes it: the error of a login may end up in a log."""
    assert requests.login_request("shop", "hunter2").secrets == ("shop", "hunter2")


@given(our.specs)
def test_the_json_of_any_spec(spec: WebhookSpec) -> None:
    """It is written by hand, and reads as the contract's `CreateWebhook`."""
    body = requests.create_request(spec, CALL).body

    assert body is not None
    assert json.loads(body) == {
        "url": spec.url,
        "webhookType": spec.webhook_type,
        "active": spec.active,
        "method": spec.method,
    }


@pytest.mark.parametrize("make", [requests.get_request, requests.activate_request, requests.deactivate_request])
@pytest.mark.parametrize("webhook_id", ["7", "../users", 7.0, None, True, b"7"])
def test_an_id_is_an_integer(make: Callable[[Any, Call], Request], webhook_id: Any) -> None:
    """Nothing else gets into a path."""
    with pytest.raises(ValueError, match="expected a Webhook or its id, an integer; got "):
        make(webhook_id, CALL)


def test_an_id_that_was_not_awaited() -> None:
    """It is the usual mistake where a coroutine is passed, and the error asks about it."""

    async def create() -> int:
        return 7

    forgotten: Any = create()
    with pytest.raises(ValueError, match=r"; was `await` forgotten\?$"):
        requests.get_request(forgotten, CALL)
    forgotten.close()


@pytest.mark.parametrize("spec", [None, {"url": "https://shop.example"}, "https://shop.example"])
def test_only_specs_are_sent(spec: Any) -> None:
    """Anything else has not been checked."""
    with pytest.raises(ValueError, match=r"^expected a WebhookSpec\(url, webhook_type\); got "):
        requests.create_request(spec, CALL)
    with pytest.raises(ValueError, match=r"^expected a WebhookSpec\(url, webhook_type\); got "):
        requests.update_request(7, spec, CALL)


def test_a_webhook_is_not_a_spec() -> None:
    """The error says where its spec is."""
    hook: Any = Webhook(1, "https://shop.example", WebhookType.CREATE_ORDER, active=True, method=HttpMethod.POST)
    with pytest.raises(ValueError, match=r"; pass its `spec`$"):
        requests.create_request(hook, CALL)


@pytest.mark.parametrize(
    ("method", "given", "idempotent"),
    [
        *((method, None, True) for method in ("GET", "HEAD", "OPTIONS", "PUT", "DELETE", "put")),
        *((method, None, False) for method in ("POST", "PATCH", "post", "PURGE")),
        ("POST", True, True),
        ("GET", False, False),
    ],
)
def test_whether_any_other_request_may_be_repeated(method: str, given: bool | None, idempotent: bool) -> None:
    """As HTTP says of its method, unless the caller knows better."""
    request = requests.any_request(method, "/orders", None, idempotent=given)

    assert method.upper() == request.method
    assert idempotent is request.idempotent


@pytest.mark.parametrize(
    ("content", "body"),
    [
        (None, None),
        ({}, b"{}"),
        ([], b"[]"),
        ({"page": 1, "items": [None, True, "\u010d"]}, b'{"page":1,"items":[null,true,"\\u010d"]}'),
        ("\ud800", b'"\\ud800"'),
        (0, b"0"),
    ],
)
def test_the_content_of_any_other_request(content: object, body: bytes | None) -> None:
    """It goes out as compact JSON; None is no content."""
    assert body == requests.any_request("POST", "/orders/filter", content, idempotent=None).body


def nested(depth: int) -> list[Any]:
    """Make a list in a list in a list."""
    made: list[Any] = []
    for _ in range(depth):
        made = [made]
    return made


def circular() -> list[Any]:
    """Make a list that contains itself."""
    made: list[Any] = []
    made.append(made)
    return made


ELSEWHERE = [
    *("/orders/A#1", "/orders/\ud800", "/orders/\n", "/orders/\x7f", "/orders/?q=\t"),
    *("/orders/..", "/orders/.", "/../webhooks/7", "/orders/%2E%2e", "/orders/.%2e/webhooks/7?q=1", "/./orders"),
]


@pytest.mark.parametrize("path", ["/orders/...", "/orders/a..", "/orders/%23..%2F..", "/orders?next=/../x", "/a b/č/"])
def test_paths_that_only_look_like_others(path: str) -> None:
    """They are sent, and quoted where they must be."""
    assert requests.any_request("GET", path, None, idempotent=None).path == path


@pytest.mark.parametrize(
    ("method", "path", "content", "complaint"),
    [
        ("", "/orders", None, "method must be the name of an HTTP method; got ''"),
        ("GET /x HTTP/1.1\r\nX:", "/orders", None, "method must be the name of an HTTP method"),
        ("G\u00cbT", "/orders", None, "method must be the name of an HTTP method"),
        (None, "/orders", None, "method must be the name of an HTTP method; got None"),
        (b"GET", "/orders", None, "method must be the name of an HTTP method; got b'GET'"),
        ("GET", "orders", None, "path must start with a slash and continue base_url; got 'orders'"),
        ("GET", "", None, "path must start with a slash"),
        ("GET", ".evil.example/", None, "path must start with a slash"),
        ("GET", "https://gw.example/orders", None, "path must start with a slash"),
        ("GET", None, None, "path must start with a slash and continue base_url; got None"),
        *(("DELETE", path, None, "path must not contain '#'") for path in ELSEWHERE),
        ("POST", "/orders", {1, 2}, "json cannot be sent: .*set"),
        ("POST", "/orders", {"a": object()}, "json cannot be sent: .*object"),
        ("POST", "/orders", {(1, 2): 3}, "json cannot be sent: "),
        ("POST", "/orders", nested(100_000), "json cannot be sent: "),
        ("POST", "/orders", circular(), "json cannot be sent: Circular"),
        ("POST", "/orders", float("nan"), "json cannot be sent: Out of range"),
        ("POST", "/orders", [float("inf")], "json cannot be sent: Out of range"),
    ],
)
def test_any_other_request_must_be_one(method: Any, path: Any, content: Any, complaint: str) -> None:
    """What cannot be sent, or would go elsewhere, is a ValueError before anything is sent."""
    with pytest.raises(ValueError, match=complaint):
        requests.any_request(method, path, content, idempotent=None)


@pytest.mark.parametrize("given", ["no", 0, 1])
def test_idempotent_must_be_a_bool(given: Any) -> None:
    """A text that counts as true does not make a request be sent twice."""
    with pytest.raises(ValueError, match=f"^idempotent must be bool or None; got {type(given).__name__}$"):
        requests.any_request("POST", "/orders", None, idempotent=given)


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("POST", "/users/login", ("login", "/users/login")),
        ("GET", "/webhooks", ("list", "/webhooks")),
        ("POST", "/webhooks", ("create", "/webhooks")),
        ("GET", "/webhooks/17", ("get", "/webhooks/{id}")),
        ("PUT", "/webhooks/-1", ("update", "/webhooks/{id}")),
        ("PUT", "/webhooks/17/activate", ("activate", "/webhooks/{id}/activate")),
        ("PUT", "/webhooks/17/deactivate", ("deactivate", "/webhooks/{id}/deactivate")),
        ("DELETE", "/webhooks/17", ("delete", "/webhooks/{id}")),
        ("PATCH", "/webhooks/17", ("request", "/webhooks")),
        ("GET", "/webhooks?page=2", ("request", "/webhooks")),
        ("GET", "/orders", ("request", "/orders")),
        ("GET", "/order-items/17", ("request", "/order-items")),
        ("GET", "/17", ("request", "/")),
        ("GET", "/ann@shop.example", ("request", "/")),
        ("GET", "/", ("request", "/")),
    ],
)
def test_the_operation_of_a_request(method: str, path: str, expected: tuple[str, str]) -> None:
    """Its path is shown without ids; of other endpoints nothing is shown that may belong to a customer."""
    assert requests.operation_of(method, path) == expected
