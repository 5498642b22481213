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

MIB = 2**20
SECRET = "k" * 40
LIST, GET = requests.list_request(Call()), requests.get_request(7, Call())
WEBHOOK = {"id": 7, "url": "https://shop.example/h", "webhookType": "CREATE_ORDER", "active": True, "method": "POST"}


def repeated(part: bytes, separator: bytes = b",") -> bytes:
    """Repeat a part up to 1 MiB."""
    return separator.join([part] * (MIB // len(part + separator)))


NONSENSE: dict[str, bytes] = {
    "lists": b"[%b]" % repeated(b"[]"),
    "objects": b"[%b]" % repeated(b"{}"),
    "zeros": b"[%b]" % repeated(b"0"),
    "letters": b"[%b]" % repeated(b'"a"'),
    "deep lists": b"[%b]" % repeated(b"[" * 900 + b"]" * 900),
    "deep objects": b"[%b]" % repeated(b'{"a":' * 900 + b"0" + b"}" * 900),
    "keys": json.dumps({f"key{number}": [number] for number in range(50_000)}).encode(),
    "text": b'"%b"' % (b"x" * MIB),
    "blanks": b'"%b"' % (b" " * MIB),
    "secrets": b'"%b"' % repeated(SECRET.encode(), b""),
    "escapes": b'"%b"' % repeated(rb"\u0000", b""),
    "webhooks": json.dumps([{**WEBHOOK, "id": str(number)} for number in range(8000)]).encode(),
    "last webhook": json.dumps([*[WEBHOOK] * 8000, {**WEBHOOK, "id": "7"}]).encode(),
    "page": b"<p>busy</p>\n" * (MIB // 12),
    "white space": b" " * MIB,
    "NUL": b"\0" * MIB,
    "no UTF-8": b"\xff" * MIB,
    "JWT": b'"e30.%b.x"' % base64.urlsafe_b64encode(b"[%b]" % repeated(b"[]")),
    "dots": b'"%b"' % (b"." * MIB),
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


def parse(body: bytes) -> None:
    """Do what nobody can do without."""
    try:
        json.loads(body.decode())
    except (ValueError, RecursionError):
        pass


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
    """At most a fifth more than to parse it, and 2 MiB."""
    status, form, act = READERS[reader]
    body = form % NONSENSE[nonsense]

    parsing, reading = peak_of(partial(parse, body)), peak_of(partial(read, status, body, act))

    assert reading <= 1.2 * parsing + 2 * MIB


@pytest.mark.parametrize("status", [200, 502])
def test_a_long_page_takes_little_memory(status: int) -> None:
    """Its text, once, to see that it is not JSON."""
    body = b"<p>busy</p>\n" * (60 * MIB // 12)

    assert peak_of(partial(read, status, body, partial(decode_or_explain, status))) <= 62 * MIB


def decode_or_explain(status: int, response: Response) -> object:
    """Do what becomes of a response with a status."""
    if status == 200:
        return decoding.decode_webhooks(LIST, response)
    return envelope.api_error(GET, response, 0.0)
