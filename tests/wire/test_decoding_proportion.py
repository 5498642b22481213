"""Work in proportion: whatever a gateway sends, reading it takes little more memory than parsing its JSON."""

from __future__ import annotations

import base64
import gc
import json
import tracemalloc
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from gwms_async import GwmsError, Response
from gwms_async.chain import Call
from gwms_async.wire import decoding, envelope, requests

SIZE = 2**19
"""Of nonsense; twice as much is granted beside what parsing takes."""
SECRET = "k" * 40
LIST, GET = requests.list_request(Call()), requests.get_request(7, Call())
WEBHOOK = {"id": 7, "url": "https://shop.example/h", "webhookType": "CREATE_ORDER", "active": True, "method": "POST"}


def repeated(part: bytes, separator: bytes = b",") -> bytes:
    """Repeat a part up to that size."""
    return separator.join([part] * (SIZE // len(part + separator)))


NONSENSE: dict[str, bytes] = {
    "lists": b"[%b]" % repeated(b"[]"),
    "objects": b"[%b]" % repeated(b"{}"),
    "zeros": b"[%b]" % repeated(b"0"),
    "letters": b"[%b]" % repeated(b'"a"'),
    "deep lists": b"[%b]" % repeated(b"[" * 900 + b"]" * 900),
    "deep objects": b"[%b]" % repeated(b'{"a":' * 900 + b"0" + b"}" * 900),
    "keys": json.dumps({f"key{number}": [number] for number in range(6_000)}).encode(),
    "text": b'"%b"' % (b"x" * SIZE),
    "blanks": b'"%b"' % (b" " * SIZE),
    "secrets": b'"%b"' % repeated(SECRET.encode(), b""),
    "escapes": b'"%b"' % repeated(rb"\u0000", b""),
    "webhooks": json.dumps([{**WEBHOOK, "id": str(number)} for number in range(1000)]).encode(),
    "last webhook": json.dumps([*[WEBHOOK] * 1000, {**WEBHOOK, "id": "7"}]).encode(),
    "page": b"<p>busy</p>\n" * (SIZE // 12),
    "white space": b" " * SIZE,
    "NUL": b"\0" * SIZE,
    "no UTF-8": b"\xff" * SIZE,
    "JWT": b'"e30.%b.x"' % base64.urlsafe_b64encode(b"[%b]" % repeated(b"[]")),
    "dots": b'"%b"' % (b"." * SIZE),
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


@pytest.mark.parametrize("nonsense", NONSENSE)
@pytest.mark.parametrize("reader", READERS)
def test_nonsense_takes_little_memory(reader: str, nonsense: str) -> None:
    """At most a fifth more than to parse it, and twice its size."""
    status, form, act = READERS[reader]
    body = form % NONSENSE[nonsense]

    parsing, reading = peak_of(partial(envelope._parse, body)), peak_of(partial(read, status, body, act))

    assert reading <= 1.2 * parsing + 2 * SIZE


@pytest.mark.parametrize("status", [200, 502])
def test_a_long_page_takes_little_memory(status: int) -> None:
    """What does not begin as an object does is not even parsed."""
    body = b"<p>busy</p>\n" * (480 * SIZE // 12)

    assert peak_of(partial(read, status, body, READERS["list" if status == 200 else "page"][2])) <= 2 * SIZE
