"""Half a list: a response that says there is more is an error, since a registration would create the rest again."""

from __future__ import annotations

from typing import Any

import pytest
from multidict import CIMultiDict

from gwms_async import DecodeError, Response
from gwms_async.chain import Call
from gwms_async.wire import decoding, envelope, requests
from gwms_async.wire.headers import has_next_page

LIST = requests.list_request(Call())
DATA: dict[str, Any] = {
    "id": 7,
    "url": "https://shop.example/h",
    "webhookType": "CREATE_ORDER",
    "active": True,
    "method": "POST",
}


@pytest.mark.parametrize("total", [3, 3.0, 10**12, 1e300])
def test_a_total_beyond_what_came(total: float) -> None:
    """The error says how many came, and what to do."""
    with pytest.raises(DecodeError) as caught:
        decoding.decode_webhooks(LIST, Response(200, data=[DATA, DATA], total_count=total))

    assert str(caught.value) == (
        f"the response to GET /webhooks is only part of the list: there are {total:.0f}, and 2 came. "
        "A registration would create the rest again, and this version does not read further pages: "
        "update it, or ask Skladon to return the whole list at once"
    )
    assert caught.value.paths == (f"there are {total:.0f}, and 2 came",)


@pytest.mark.parametrize("total", [None, 2, 1, 0, -5])
def test_a_total_of_what_came(total: float | None) -> None:
    """All is there; what a gateway counts besides is its own."""
    assert len(decoding.decode_webhooks(LIST, Response(200, data=[DATA, DATA], total_count=total))) == 2


@pytest.mark.parametrize(
    ("text", "total"),
    [
        (b"25", 25),
        (b"25.0", 25),
        (b'"25"', 25),
        (b"-1", -1),
        *((text, None) for text in (b"null", b"true", b"[25]", b"{}", b'"many"', b'""', b"1e999", b"NaN")),
    ],
)
def test_the_total_of_an_envelope(text: bytes, total: float | None) -> None:
    """A number, or a text of digits."""
    assert envelope.open_envelope(200, "OK", {}, b'{"data":[],"totalCount":%b}' % text).total_count == total
    assert envelope.open_envelope(200, "OK", {}, b'{"data":[]}').total_count is None


def test_an_empty_page_of_a_longer_list() -> None:
    """It is the worst of all: everything would be created again."""
    response = envelope.open_envelope(200, "OK", {}, b'{"data":[],"totalCount":"25"}')

    with pytest.raises(DecodeError, match="there are 25, and 0 came"):
        decoding.decode_webhooks(LIST, response)


def test_a_list_within_an_object_is_none() -> None:
    """Whatever it counts."""
    body = b'{"data":{"data":[],"totalCount":0}}'

    with pytest.raises(DecodeError, match=r"expected list @ \$"):
        decoding.decode_webhooks(LIST, envelope.open_envelope(200, "OK", {}, body))


@pytest.mark.parametrize(
    "link",
    [
        '<https://gw.example/webhooks?page=2>; rel="next"',
        "</webhooks?page=2>; rel=next",
        "</webhooks?page=2>;rel=next",
        "</webhooks?page=2> ; REL = Next ; title=x",
        '</1>; rel="prev", </3>; rel="next"',
        '</1>; rel=prev,</3>; rel="last NEXT"',
        '</3>; title="a \\" ; b"; rel="next"',
        '</3,;>; rel="next"',
        "</3>; rel='next'; rel=next",
        '</3>; rel="next',
    ],
)
def test_a_link_to_the_next_page(link: str) -> None:
    """However it is written."""
    assert has_next_page({"Link": link})
    with pytest.raises(DecodeError, match='only part of the list: the header Link has rel="next"'):
        decoding.decode_webhooks(LIST, Response(200, headers={"link": link}, data=[]))


@pytest.mark.parametrize(
    "link",
    [
        "",
        '</1>; rel="prev"',
        '</1>; rel="nextish"',
        '</x?;rel=next>; rel="self"',
        '</1>; title="; rel=next"; rel=self',
        '</1>; title="a\\"; rel=next"; rel=self',
        '</style.css>; rel="preload"; next',
        '</1>; title="next"',
        '</1>; rel=""',
        "</1>; rel=",
        "</1; rel=next",
        "rel=next",
        "<" * 10_000,
        ";rel" * 10_000,
    ],
)
def test_other_links(link: str) -> None:
    """They say nothing of the list."""
    assert not has_next_page({"link": link})
    assert decoding.decode_webhooks(LIST, Response(200, headers={"link": link}, data=[])) == []


def test_the_next_page_may_stand_in_a_header_of_its_own() -> None:
    """All headers of the name count."""
    headers = CIMultiDict([("Link", "</1>; rel=prev"), ("Date", "today"), ("LINK", "</3>; rel=next")])

    assert has_next_page(headers)
    assert not has_next_page({"date": "today", "x-link": "</3>; rel=next"})


@pytest.mark.parametrize(
    "more",
    [
        b'"total":3',
        b'"total_count":"3"',
        b'"meta":{"total":3}',
        b'"pagination":{"totalCount":3}',
        b'"hasMore":true',
        b'"total":0,"hasMore":true',
        b'"total":0,"meta":{"total":3}',
        b'"paging":{"hasNextPage":true}',
        b'"next":"/v21/webhooks?page=2"',
        b'"links":{"next":"/v21/webhooks?page=2","last":"/v21/webhooks?page=3"}',
        b'"_links":{"next":{"href":"/v21/webhooks?page=2"}}',
        b'"nextPage":2',
        b'"meta":{"nextCursor":"YWJj"}',
        b'"meta":{"page":1,"totalPages":2}',
        b'"meta":{"current_page":1,"last_page":"2"}',
    ],
)
def test_envelopes_that_say_there_is_more(more: bytes) -> None:
    """In any of the usual words."""
    response = envelope.open_envelope(200, "OK", {}, b'{"data":[],%b}' % more)

    with pytest.raises(DecodeError, match=r"only part of the list: (there are 3, and 0 came|.* there are more)"):
        decoding.decode_webhooks(LIST, response)


@pytest.mark.parametrize(
    "whole",
    [
        b'"total":0',
        b'"meta":{"total":null}',
        b'"hasMore":false',
        b'"meta":[],"total":"?"',
        b'"links":{"next":null,"last":"/v21/webhooks?page=1"}',
        b'"nextCursor":"","nextPage":0,"next":{}',
        b'"meta":{"page":1,"totalPages":1}',
        b'"meta":{"last_page":null}',
    ],
)
def test_envelopes_of_whole_lists(whole: bytes) -> None:
    """Other fields do no harm."""
    response = envelope.open_envelope(200, "OK", {}, b'{"data":[],%b}' % whole)

    assert decoding.decode_webhooks(LIST, response) == []


@pytest.mark.parametrize(
    ("status", "headers"),
    [
        (206, {}),
        (206, {"content-range": "items 0-1/3"}),
        (200, {"x-total-count": " 3"}),
        (200, {"x-total": "3"}),
        (200, {"content-range": "a/3"}),
    ],
)
def test_headers_that_say_there_is_more(status: int, headers: dict[str, str]) -> None:
    """Half a list would create the rest again."""
    with pytest.raises(DecodeError, match=r"only part of the list: (there are 3, and 2 came|the status is 206)"):
        decoding.decode_webhooks(LIST, Response(status, headers=headers, data=[DATA, DATA]))


@pytest.mark.parametrize(
    "headers", [{"x-total-count": "2"}, {"content-range": "items 0-1/*"}, {"x-total-count": "two"}]
)
def test_headers_of_whole_lists(headers: dict[str, str]) -> None:
    """They are no reason to refuse it."""
    assert len(decoding.decode_webhooks(LIST, Response(200, headers=headers, data=[DATA, DATA]))) == 2


@pytest.mark.parametrize("age", ["7", " 60 ", "999999999999999"])
def test_what_comes_from_a_cache_that_was_told_to_ask_the_gateway(age: str) -> None:
    """A registration would decide by it: neither a list nor a webhook that old counts."""
    webhook = requests.get_request(7, Call())
    for request, data, decode in (
        (LIST, [DATA], decoding.decode_webhooks),
        (webhook, DATA, decoding.decode_webhook),
    ):
        with pytest.raises(
            DecodeError, match=rf"^the response to {request} comes from a cache and is {int(age)} s old"
        ):
            decode(request, Response(200, headers={"age": age}, data=data))


@pytest.mark.parametrize("age", ["0", "6", "", "-7", "7, 8", "x", "9" * 16])
def test_a_response_that_is_recent_as_far_as_it_says(age: str) -> None:
    """A cache that has asked the gateway says 0."""
    assert len(decoding.decode_webhooks(LIST, Response(200, headers={"age": age}, data=[DATA]))) == 1


def test_an_age_of_a_write() -> None:
    """No cache answers one: refused, it would be in doubt for nothing."""
    activate = requests.activate_request(7, Call())

    assert decoding.decode_webhook(activate, Response(200, headers={"age": "60"}, data=DATA)).url == DATA["url"]
