"""JSON is read alike with and without orjson, but for integers beyond 64 bits."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import assume, given

from gwms_async.wire import parsing

from ..helpers.strategies import trees

PARSERS = [parsing.parse_with_json, parsing.parse_with_orjson]
LONG = b"[%b1]" % (b"1," * parsing._MAX_FOR_ORJSON)


@pytest.fixture(params=PARSERS, ids=["json", "orjson"])
def parse(request: pytest.FixtureRequest) -> Callable[[bytes], Any]:
    """Each parser."""
    pytest.importorskip("orjson")
    return request.param  # type: ignore[no-any-return]


@given(trees)
def test_both_read_the_same(tree: Any) -> None:
    """Whatever `json` writes, but for integers beyond 64 bits."""
    pytest.importorskip("orjson")
    body = json.dumps(tree).encode()
    assume(not re.search(rb"\d{19}", body))

    assert repr(parsing.parse_with_orjson(body)) == repr(parsing.parse_with_json(body)) == repr(json.loads(body))


@pytest.mark.parametrize("body", [b"NaN", b"1e400", b'"\\ud800"', b"[" * 1500 + b"]" * 1500, LONG])
def test_what_orjson_rejects_or_is_not_given(body: bytes) -> None:
    """It is left to `json`."""
    pytest.importorskip("orjson")
    read = []
    for parse in PARSERS:
        try:
            read.append(repr(parse(body)))
        except RecursionError:
            read.append("nested too deeply")

    assert read[0] == read[1]


@pytest.mark.parametrize("body", [b"", b"{", b"{} {}", b'{"a": "\xe9"}', b"\xff\xfe{\0}\0"])
def test_what_is_no_json(parse: Callable[[bytes], Any], body: bytes) -> None:
    """One kind of error."""
    with pytest.raises(ValueError, match=r"char|codec"):
        parse(body)


def test_integers_beyond_64_bits() -> None:
    """They are floats with orjson."""
    pytest.importorskip("orjson")

    assert [repr(parse(b"18446744073709551616")) for parse in PARSERS] == [
        "18446744073709551616",
        "1.8446744073709552e+19",
    ]
