"""Canonical URLs: equivalent spellings are one, all others stay apart, and no text is an error.

The oracle is written from RFC 3986 (6.2.2, 6.2.3, 5.2.4) and RFC 3987 (3.1), not from the code under test.
"""

from __future__ import annotations

import re
import string
from collections.abc import Callable, Iterable
from ipaddress import IPv6Address
from itertools import product
from unicodedata import normalize

import idna
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from gwms_async.models import canonical_url, check_url

from ..helpers import strategies as our

UNRESERVED = string.ascii_letters + string.digits + "-._~"
APPENDIX_B = re.compile(r"(([^:/?#]+):)?(//([^/?#]*))?([^?#]*)(\?([^#]*))?(#(.*))?", re.DOTALL)
STRAY_PERCENT = re.compile("%(?![0-9A-Fa-f]{2})")
DEFAULT_PORTS = {"http": 80, "https": 443}


def octets(text: str) -> str:
    """Map a text to one character per octet; an encoded octet that is not unreserved is one of a private area."""
    read = ""
    while text:
        if re.match(r"%[0-9a-fA-F]{2}", text):
            char = chr(int(text[1:3], 16))
            read += char if char in UNRESERVED else chr(0xF0000 + ord(char))
            text = text[3:]
        else:
            read += text[0] if text[0] < "\x80" else "".join(chr(0xF0000 + octet) for octet in text[0].encode())
            text = text[1:]
    return read


def remove_dot_segments(rest: str) -> str:
    """Do what RFC 3986 5.2.4 says, step by step."""
    output = ""
    while rest:
        if rest.startswith(("../", "./")):
            rest = rest[rest.index("/") + 1 :]
        elif rest.startswith("/./") or rest == "/.":
            rest = "/" + rest[3:]
        elif rest.startswith("/../") or rest == "/..":
            rest = "/" + rest[4:]
            output = output[: max(output.rfind("/"), 0)]
        elif rest in {".", ".."}:
            rest = ""
        else:
            end = (rest + "/").index("/", 1)
            output, rest = output + rest[:end], rest[end:]
    return output


def host_of(text: str) -> str | None:
    """Return a host in lower case and ASCII; None if it is not one."""
    if text.startswith("["):
        address, percent, zone = text[1:-1].partition("%")
        try:
            return f"[{IPv6Address(address)}{percent}{zone}]"
        except ValueError:
            return None
    for char in UNRESERVED:
        text = re.sub(f"%{ord(char):02x}", char, text, flags=re.IGNORECASE)
    labels = normalize("NFC", "".join(char.lower() for char in text)).split(".")
    host = ".".join(one if one.isascii() else f"xn--{one.encode('punycode').decode()}" for one in labels)
    return host if re.fullmatch(r"[a-z0-9._~!$&'()*+,;=-]+", host) else None


def oracle(url: str) -> object:
    """Return what is the same for two URLs exactly if they are equivalent; the text itself if it is not a URL."""
    found = APPENDIX_B.fullmatch(url)
    assert found is not None
    _, scheme, _, authority, path, question, query, hash_, fragment = found.groups()
    scheme = (scheme or "").lower()
    parts = re.fullmatch(r"(?:([^@]*)@)?(\[[^\[\]@]*\]|[^\[\]:@]+)(?::([0-9]*))?", authority or "")
    host = parts and host_of(parts[2])
    if scheme not in DEFAULT_PORTS or not parts or not host or int(parts[3] or 0) > 65535:
        return url
    port = int(parts[3]) if parts[3] else DEFAULT_PORTS[scheme]
    tail = (question and octets(query), hash_ and octets(fragment))
    return scheme, parts[1], host, port, remove_dot_segments(octets(path or "/")), *tail


HOSTS = ["http://h", "HTTP://H", "https://h:443", "http://h:443", "http://u@h:", "http://%68", "http:/h", "http://"]
PIECES = ["/", ".", "%2e", "a", "%61", "%2F", "%2f", ";", "%3B", "%", "%2", "5", "%35", "?", "#", "é", "%C3%a9", "\\"]


def check_classes(urls: Iterable[str]) -> None:
    """Assert that URLs have one canonical form exactly if they are equivalent.

    A triplet right after a stray percent sign may stay as it is: RFC 3986 says nothing of such a text.
    """
    seen: dict[str, object] = {}
    forms: dict[object, str] = {}
    for url in urls:
        canonical, meaning = canonical_url(url), oracle(url)
        assert seen.setdefault(canonical, meaning) == meaning, url
        if not STRAY_PERCENT.search(url):
            assert forms.setdefault(meaning, canonical) == canonical, url


@pytest.mark.parametrize(
    ("hosts", "pieces"),
    [
        pytest.param(HOSTS, 2, id="two"),
        pytest.param(HOSTS[:1], 3, id="three"),
        pytest.param(HOSTS[:2], 3, id="three after two hosts", marks=pytest.mark.slow),
    ],
)
def test_all_short_urls_fall_into_the_classes_of_the_oracle(hosts: list[str], pieces: int) -> None:
    """Two are one exactly if RFC 3986 says so: nothing else is merged, and nothing is missed."""
    check_classes(f"{host}/{''.join(tail)}" for host, *tail in product(hosts, *[PIECES] * pieces))


def test_all_authorities_fall_into_the_classes_of_the_oracle() -> None:
    """Also where nothing follows them."""
    pieces = ["", *PIECES, ":", "@", "[", "]", "::1", "80", "443"]
    check_classes(host + "".join(tail) for host, *tail in product([*HOSTS, "http://h.", "http://h:80"], *[pieces] * 2))


near_urls = st.builds(
    lambda start, rest: start + "".join(rest),
    st.sampled_from(
        [
            *HOSTS,
            "https://[::1]",
            "http://[::FFFF:1.2.3.4]:80",
            "http://[fe80::1%25eth0]",
            "http://[v1.x]",
            "http://v1.x",
            "ftp://h",
        ]
    ),
    st.lists(st.sampled_from([*PIECES, "..", "//", ":", "@", "[", "]", "%zz", "%%", "80", "0443", "A"]), max_size=10),
)


@given(near_urls, near_urls)
def test_what_is_not_equivalent_is_never_merged(one: str, other: str) -> None:
    """However near two texts are."""
    check_classes([one, other])


@given(near_urls, st.data())
def test_a_url_and_its_slip_of_the_pen(url: str, data: st.DataObject) -> None:
    """One character more, less or other in it makes another URL, unless the oracle says that it does not."""
    at = data.draw(st.integers(0, len(url)))
    other = url[:at] + data.draw(st.sampled_from(["", *PIECES])) + url[at + data.draw(st.integers(0, 3)) :]

    check_classes([url, other])


LETTERS = "sS\u00df\u1e9e\u017f\u03c3\u03c2\u03a3I\u0130\u0131kK\u212ac\u030c\u010d\u2615\u200d-"


def test_hosts_are_merged_only_where_idna_merges_them() -> None:
    """As IDNA 2008 and UTS 46 have it; hosts that they reject only where they are made of the same letters."""
    seen: dict[str, str] = {}
    for letters in product(LETTERS, repeat=3):
        host = "".join(letters)
        try:
            meaning = idna.encode(host, uts46=True).decode()
        except idna.IDNAError:
            meaning = normalize("NFC", "".join(map(str.lower, letters)))
        assert seen.setdefault(canonical_url(f"http://{host}/"), meaning) == meaning, host


LABELS = st.text("abcdefghijklmnopqrstuvwxyz0123456789", min_size=1, max_size=5)
FOREIGN = st.text("\u010d\u0159\u017e\u00fc\u00e9\u0436\u0434\u03b1\u03bb", min_size=1, max_size=5)
RESERVED = ":/?#[]@!$&'()*+,;="


def encoded(text: str) -> str:
    """Percent-encode all octets of a text."""
    return "".join(f"%{octet:02X}" for octet in text.encode())


tokens = st.lists(
    st.sampled_from([*UNRESERVED, *"!$&'()*+,;=:@"]) | st.sampled_from([*RESERVED, "\u010d", " ", "%"]).map(encoded),
    max_size=8,
)


@st.composite
def urls_with_a_rewriting(draw: st.DrawFn) -> tuple[str, str]:
    """Draw a canonical URL, and what a gateway may make of it or have been given for it."""
    scheme = draw(st.sampled_from(["http", "https"]))
    labels = draw(st.lists(LABELS, min_size=1, max_size=3))
    foreign = draw(st.none() | FOREIGN)
    tail = draw(st.lists(tokens, min_size=1, max_size=4))
    query, fragment = draw(st.none() | tokens), draw(st.none() | tokens)
    port = draw(st.sampled_from(["", ":8080", ":1"]))

    def written(text: str, *, is_path: bool = False) -> str:
        if is_path and text in {"", ".", ".."}:
            return text
        spellings: list[Callable[[str], str]] = [str, str.lower, encoded, lambda char: encoded(char).lower()]
        for char in re.findall("%..|.", text, re.DOTALL):
            choices = spellings[:2] if len(char) == 3 else spellings[:1] if char not in UNRESERVED else spellings[::2]
            pieces.append(draw(st.sampled_from(choices))(char))
        made = "".join(pieces)
        pieces.clear()
        return made

    pieces: list[str] = []
    segments = ["".join(segment) for segment in tail]
    assume(not {".", ".."} & set(segments))
    rewritten = []
    for segment in segments:
        rewritten += draw(st.sampled_from([[], ["."], ["x", ".."], ["%2e"], ["y", "%2E."]]))
        rewritten.append(written(segment, is_path=True))
    path, other_path = "/" + "/".join(segments), "/" + "/".join(rewritten)
    if segments[-1] == "":
        other_path = draw(st.sampled_from([other_path, other_path + "."]))
    if path == "/":
        other_path = draw(st.sampled_from(["", "/", "/..", other_path]))
    other_port = port or draw(st.sampled_from(["", ":", {"http": ":80", "https": ":443"}[scheme]]))
    ascii_host = ".".join(labels)
    other_host = draw(st.sampled_from([ascii_host, ascii_host.upper(), ascii_host.title(), written(ascii_host)]))
    if foreign is not None:
        ascii_host += f".xn--{foreign.encode('punycode').decode()}"
        punycode = f"XN--{foreign.encode('punycode').decode()}"
        other_host += "." + draw(st.sampled_from([foreign, foreign.upper(), punycode]))
    url, other = f"{scheme}://{ascii_host}{port}{path}", f"{draw(st.sampled_from([scheme, scheme.upper()]))}://"
    other += other_host + other_port + other_path
    for mark, part in (("?", query), ("#", fragment)):
        if part is not None:
            text = "".join(part)
            url, other = f"{url}{mark}{text}", f"{other}{mark}{written(text)}"
    return url, other.replace("%C4%8D", "\u010d")


@given(urls_with_a_rewriting())
def test_every_rewriting_is_recognised(urls: tuple[str, str]) -> None:
    """Case, default port, empty path, dot segments, percent-encoding, punycode and IRIs make no difference."""
    url, other = urls

    assert canonical_url(url) == url
    assert canonical_url(other) == url
    check_url(other)


TEXTS = our.anything | st.builds(lambda start, rest: start + rest, near_urls, our.anything)


@given(TEXTS | st.builds(lambda host, rest: f"http://{host}/{rest}", our.anything, our.anything))
@example("http://[::1")
@example("http://[")
@example("http://[fe80::1%]/")
@example("http://[fe80::1%25\u010d]/")
@example("http://h:" + "9" * 10_000)
@example("http://h:99999/")
@example("http://h:\u0664\u0664\u0663/")
@example("http://\u2100.example/")
@example("http://\uff0541.example/")
@example("http://e\u200bvil.example/")
@example("http://" + "\u010d" * 300)
@example("http://\ud800/\udfff")
@example("http://h/\ud800")
@example("http://h/\x00\n")
@example("\U000e0001")
def test_any_text_has_a_canonical_form(text: str) -> None:
    """It is a text that is its own canonical form; a text that is not a URL is its own from the start."""
    canonical = canonical_url(text)

    assert canonical_url(canonical) == canonical
    try:
        check_url(text)
    except ValueError:
        assert canonical == text
    else:
        check_url(canonical)
