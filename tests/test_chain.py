"""The values of the chain and the chain itself: order, what is shared, and that nothing secret is printed."""

from __future__ import annotations

from collections.abc import Iterator
from math import inf

import pytest
from attrs import evolve

from gwms_async import Handler, Middleware, Request, Response, WebhookSpec
from gwms_async.chain import Call, compose

GET = Request("GET", "/webhooks", idempotent=True)
SECRETS = ("hunter2", "t0ken", "shop-key")


def noting(journal: list[str], name: str) -> Middleware:
    """Make a middleware that notes when a request passes it, on its way and back."""

    async def note(request: Request, handler: Handler) -> Response:
        journal.append(f"{name} sees {request}")
        response = await handler(evolve(request, path=f"{request.path}/{name}"))
        journal.append(f"{name} gets {response.status}")
        return response

    return note


async def transport(request: Request) -> Response:
    """Answer with the path."""
    return Response(200, data=request.path)


async def test_the_first_middleware_is_the_outermost() -> None:
    """A request passes them in order, its answer in reverse; each may pass on a changed copy."""
    journal: list[str] = []

    response = await compose([noting(journal, "a"), noting(journal, "b")], transport)(GET)

    assert response.data == "/webhooks/a/b"
    assert journal == ["a sees GET /webhooks", "b sees GET /webhooks/a", "b gets 200", "a gets 200"]


async def test_a_chain_without_middlewares_is_its_transport() -> None:
    """There is nothing in between."""
    assert compose([], transport) is transport


async def test_a_chain_is_made_once_and_used_often() -> None:
    """Also where the middlewares came from an iterator."""
    journal: list[str] = []

    def middlewares() -> Iterator[Middleware]:
        yield noting(journal, "a")
        yield noting(journal, "b")

    chain = compose(middlewares(), transport)

    assert [(await chain(GET)).data for _ in range(3)] == ["/webhooks/a/b"] * 3
    assert len(journal) == 12


async def test_a_middleware_may_answer_itself() -> None:
    """Then nothing is sent."""

    async def answer(request: Request, handler: Handler) -> Response:
        return Response(418)

    async def never(request: Request) -> Response:
        raise AssertionError(request)

    assert (await compose([answer], never)(GET)).status == 418


async def test_a_middleware_may_send_as_often_as_it_likes() -> None:
    """What lies further in runs each time."""
    journal: list[str] = []

    async def thrice(request: Request, handler: Handler) -> Response:
        for _ in range(2):
            await handler(request)
        return await handler(request)

    await compose([thrice, noting(journal, "a")], transport)(GET)

    assert journal == ["a sees GET /webhooks", "a gets 200"] * 3


async def test_an_error_passes_through() -> None:
    """The chain adds nothing to it and takes nothing away."""
    error = LookupError("of the user's own")
    journal: list[str] = []

    async def fail(request: Request) -> Response:
        raise error

    with pytest.raises(LookupError) as caught:
        await compose([noting(journal, "a")], fail)(GET)

    assert caught.value is error
    assert journal == ["a sees GET /webhooks"]


def full_request() -> Request:
    """Make a request that has everything."""
    return Request(
        "POST",
        "/webhooks",
        idempotent=False,
        body=b'{"password":"hunter2"}',
        headers={"x-mine": "hunter2"},
        spec=WebhookSpec("https://shop.example/h", "CREATE_ORDER"),
        secrets=("hunter2",),
    )


def test_a_request_prints_without_headers_body_and_secrets() -> None:
    """Also after it was given its credentials."""
    for request in (full_request(), full_request().with_headers({"x-api-key": "shop-key"}, ("shop-key",))):
        assert str(request) == "POST /webhooks"
        assert repr(request).startswith("Request(method='POST', path='/webhooks', idempotent=False, spec=WebhookSpec(")
        assert not [word for word in ("headers", "body", "secrets", *SECRETS) if word in repr(request)]


@pytest.mark.parametrize(
    ("request_", "headers", "secrets"),
    [
        (GET, {"authorization": "Bearer t0ken"}, ("t0ken",)),
        (full_request(), {"x-mine": "hunter2", "authorization": "Bearer t0ken"}, ("hunter2", "t0ken")),
        (
            evolve(GET, headers={"authorization": "Bearer old"}, secrets=("old",)),
            {"authorization": "Bearer t0ken"},
            ("old", "t0ken"),
        ),
    ],
)
def test_further_headers(request_: Request, headers: dict[str, str], secrets: tuple[str, ...]) -> None:
    """They come on top of what there is, or replace it; a secret stays one, and all else stays the same."""
    before = dict(request_.headers)

    copy = request_.with_headers({"authorization": "Bearer t0ken"}, ("t0ken",))

    assert headers == copy.headers
    assert secrets == copy.secrets
    assert before == request_.headers
    for name in ("method", "path", "idempotent", "body", "spec", "call"):
        assert getattr(request_, name) is getattr(copy, name)


def test_a_response_prints_without_its_content() -> None:
    """Status, reason and whether it can be read are enough for a log."""
    response = Response(
        200, "OK", {"set-cookie": "t0ken"}, b"t0ken", data={"token": "t0ken"}, message="t0ken", secrets=("t0ken",)
    )

    assert repr(response) == str(response) == "Response(status=200, reason='OK', readable=True)"


def test_the_empty_headers_that_all_share_cannot_be_filled() -> None:
    """A middleware makes a copy instead."""
    for headers in (GET.headers, Response(200).headers):
        with pytest.raises(TypeError):
            headers["x"] = "y"  # type: ignore[index]


def test_a_call_begins_with_nothing_done() -> None:
    """No deadline, nothing sent, nothing unknown."""
    call = Call()

    assert (call.deadline, call.attempts, call.replays, call.tokens_spent, call.epoch) == (inf, 0, 0, 0, 0)
    assert (call.on_wire, call.outcome_unknown, call.token) == (False, False, None)


def test_copies_of_a_request_share_its_call() -> None:
    """What an attempt does to the call is seen by all; two requests have two calls."""
    copy = evolve(GET, headers={"x": "y"})

    assert copy.call is GET.call
    assert Request("GET", "/webhooks", idempotent=True).call is not GET.call
    assert Call() != Call()
