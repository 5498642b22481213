"""Whatever the gateway sends, memory stays in proportion to what reading its JSON takes."""

from __future__ import annotations

import base64
import json
import tracemalloc
from collections.abc import Callable
from contextlib import suppress

import pytest

from gwms_async import DecodeError, Request, Response
from gwms_async.wire import decoding, envelope

MIB = 1024 * 1024
LIST = Request("GET", "/webhooks", idempotent=True)
ITEM = {"id": "7", "url": "https://shop.example/h", "webhookType": "CREATE_ORDER", "active": True, "method": "POST"}


def many(item: object) -> str:
    """Make a list of one MiB."""
    text = json.dumps(item)
    return "[" + ", ".join([text] * (MIB // (len(text) + 2))) + "]"


SHAPES = {
    "lists": many([]),
    "objects": many({}),
    "numbers": many(0),
    "texts": many("a"),
    "nulls": many(None),
    "webhooks": many(ITEM),
    "keys": json.dumps({f"key {number}": number for number in range(50_000)}),
    "a text": json.dumps("x" * MIB),
    "blanks": json.dumps(" " * MIB),
    "a secret": json.dumps("hunter2 " * (MIB // 8)),
    "a token": json.dumps("a." + base64.urlsafe_b64encode(b"{" + b" " * MIB).decode() + ".c"),
}


def peak_of(act: Callable[[], object]) -> int:
    """Return how many bytes something takes at most."""
    tracemalloc.start()
    try:
        act()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def read_list(response: Response) -> None:
    """Read a list of webhooks, in vain."""
    with pytest.raises(DecodeError) as caught:
        decoding.decode_webhooks(LIST, response)
    assert len(str(caught.value)) < 2000


def read_login(response: Response) -> None:
    """Read a login, perhaps in vain."""
    with suppress(DecodeError):
        decoding.decode_login(response, 0.0)


def read_error(response: Response) -> None:
    """Make the error of a response."""
    assert len(str(envelope.api_error(LIST, response, 0.0))) < 2000


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(
    ("start", "status", "read"),
    [
        ('{"data": ', 200, read_list),
        ('{"message": ', 500, read_error),
        ('{"data": {"token": ', 200, read_login),
    ],
)
def test_a_mebibyte_of_nonsense(start: str, status: int, read: Callable[[Response], None], shape: str) -> None:
    """At most 1.2 times what reading the JSON takes, and 2 MiB."""
    body = (start + SHAPES[shape] + "}" * start.count("{")).encode()

    alone = peak_of(lambda: envelope._parse(body))
    peak = peak_of(lambda: read(envelope.open_envelope(status, "", {}, body, ("hunter2",))))

    assert peak <= 1.2 * alone + 2 * MIB


def test_a_large_page_in_place_of_an_error() -> None:
    """Only its start is looked at; decoding it takes its bytes once or twice."""
    body = b"<p>\xff</p>" * (4 * MIB)

    peak = peak_of(lambda: read_error(envelope.open_envelope(502, "Bad Gateway", {}, body)))

    assert peak <= 2 * len(body) + 2 * MIB
