"""Work in proportion: whatever a gateway sends, reading it takes little more memory than parsing its JSON."""

from __future__ import annotations

import base64
import gc
import json
import tracemalloc
from collections.abc import Callable
from contextlib import suppress
from functools import cache, partial
from typing import Any

import pytest

from gwms_async import GwmsError, Response
from gwms_async.chain import Call
from gwms_async.wire import decoding, envelope, parsing, requests

from ..helpers.slow import first

MIB = 2**20
SIZES = {"json": MIB // 4, "orjson": parsing._MAX_FOR_ORJSON}
"""Of nonsense, by the parser that reads it."""
GRANTED = {"json": MIB // 2, "orjson": 2 * MIB}
"""Beside a fifth more than what parsing takes."""
SECRET = "k" * 40
LIST, GET = requests.list_request(Call()), requests.get_request(7, Call())
WEBHOOK = {"id": 7, "url": "https://shop.example/h", "webhookType": "CREATE_ORDER", "active": True, "method": "POST"}


def repeated(part: bytes, size: int, separator: bytes = b",") -> bytes:
    """Repeat a part up to a size."""
    return separator.join([part] * (size // len(part + separator)))


NONSENSE: dict[str, Callable[[int], bytes]] = {
    "lists": lambda size: b"[%b]" % repeated(b"[]", size),
    "objects": lambda size: b"[%b]" % repeated(b"{}", size),
    "zeros": lambda size: b"[%b]" % repeated(b"0", size),
    "letters": lambda size: b"[%b]" % repeated(b'"a"', size),
    "lists of a letter": lambda size: b"[%b]" % repeated(b'["a"]', size),
    "deep lists": lambda size: b"[%b]" % repeated(b"[" * 900 + b"]" * 900, size),
    "deep objects": lambda size: b"[%b]" % repeated(b'{"a":' * 900 + b"0" + b"}" * 900, size),
    "keys": lambda size: json.dumps({f"key{number}": [number] for number in range(size // 80)}).encode(),
    "text": lambda size: b'"%b"' % (b"x" * size),
    "blanks": lambda size: b'"%b"' % (b" " * size),
    "secrets": lambda size: b'"%b"' % repeated(SECRET.encode(), size, b""),
    "escapes": lambda size: b'"%b"' % repeated(rb"\u0000", size, b""),
    "webhooks": lambda size: json.dumps([{**WEBHOOK, "id": str(number)} for number in range(size // 500)]).encode(),
    "last webhook": lambda size: json.dumps([*[WEBHOOK] * (size // 500), {**WEBHOOK, "id": "7"}]).encode(),
    "page": lambda size: b"<p>busy</p>\n" * (size // 12),
    "white space": lambda size: b" " * size,
    "NUL": lambda size: b"\0" * size,
    "no UTF-8": lambda size: b"\xff" * size,
    "not closed": lambda size: b"[%b" % repeated(b"[]", size),
    "JWT": lambda size: b'"e30.%b.x"' % base64.urlsafe_b64encode(b"[%b]" % repeated(b"[]", size * 3 // 4)),
    "dots": lambda size: b'"%b"' % (b"." * size),
}
READERS: dict[str, tuple[int, bytes, Callable[[Response], Any]]] = {
    "list": (200, b'{"data":%b}', partial(decoding.decode_webhooks, LIST)),
    "webhook": (200, b'{"data":%b}', partial(decoding.decode_webhook, GET, webhook_id=7)),
    "login": (200, b'{"data":{"token":%b,"expiresIn":0}}', partial(decoding.decode_login, now=0.0)),
    "message": (400, b'{"message":%b}', lambda response: envelope.api_error(GET, response, 0.0)),
    "page": (502, b"%b", lambda response: envelope.api_error(GET, response, 0.0)),
    "status": (200, b'{"statusCode":%b}', partial(decoding.decode_webhooks, LIST)),
}


def peak_of(act: Callable[[], object]) -> int:
    """Return the most memory that something takes."""
    gc.collect()
    tracemalloc.start()
    try:
        act()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def read(status: int, body: bytes, reader: Callable[[Response], Any]) -> None:
    """Read a response to its error, which is short."""
    try:
        text = str(reader(envelope.open_envelope(status, "", {}, body, (SECRET,))))
    except GwmsError as error:
        text = str(error)
    assert len(text) < 1000
    assert SECRET[:8] not in text


@cache
def peak_of_parsing(body: bytes) -> int:
    """Return the most memory that `json` alone takes, whether it is JSON or not."""

    def parse() -> None:
        with suppress(ValueError, RecursionError):
            json.loads(body)

    return peak_of(parse)


@pytest.mark.parametrize("nonsense", first(1, NONSENSE))
@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("parser", SIZES)
def test_nonsense_takes_little_memory(parser: str, reader: str, nonsense: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """At most a fifth more than to parse it with `json`, and twice its size, or for orjson 2 MiB."""
    pytest.importorskip(parser)
    monkeypatch.setattr(envelope, "parse", getattr(parsing, f"parse_with_{parser}"))
    (status, form, act), size = READERS[reader], SIZES[parser] - 64
    body = form % NONSENSE[nonsense](size)

    reading = peak_of(partial(read, status, body, act))

    assert len(body) <= SIZES[parser]
    assert reading <= 1.2 * peak_of_parsing(body) + GRANTED[parser]


@pytest.mark.parametrize("status", [200, 502])
def test_a_long_page_takes_little_memory(status: int) -> None:
    """What does not begin as an object does is not even parsed."""
    body = b"<p>busy</p>\n" * (5 * MIB)

    assert peak_of(partial(read, status, body, READERS["list" if status == 200 else "page"][2])) <= MIB
