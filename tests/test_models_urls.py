"""Canonical URLs by name: what is one webhook, what is another one, what can be registered."""

from __future__ import annotations

import tracemalloc

import pytest

from gwms_async import HttpMethod, Webhook, WebhookSpec, WebhookType
from gwms_async.models import canonical_url, check_url

PLAIN = [
    "https://shop.example/",
    "http://shop.example/h",
    "https://shop.example:8443/h",
    "https://shop.example/h/?a=1&b=/../#c?d",
    "https://127.0.0.1/~user/(a);b=c,d@e:f",
    "https://xn--au-dma.example/h",
    "https://shop.example//h//",
    "https://shop.example/.well-known/...",
    "https://shop.example/h?",
    "https://shop.example/h#",
]


@pytest.mark.parametrize("url", PLAIN)
def test_a_plain_url_is_its_own_canonical_form(url: str) -> None:
    """The very same string, in most cases."""
    assert canonical_url(url) == url
    check_url(url)


@pytest.mark.parametrize(
    ("url", "canonical"),
    [
        ("HTTPS://Shop.EXAMPLE/Hook", "https://shop.example/Hook"),
        ("https://shop.example", "https://shop.example/"),
        ("https://shop.example?a", "https://shop.example/?a"),
        ("https://shop.example#a", "https://shop.example/#a"),
        ("https://shop.example:443/h", "https://shop.example/h"),
        ("http://shop.example:80/h", "http://shop.example/h"),
        ("http://shop.example:/h", "http://shop.example/h"),
        ("http://shop.example:0080/h", "http://shop.example/h"),
        ("http://shop.example:443/h", "http://shop.example:443/h"),
        ("https://shop.example:65535/h", "https://shop.example:65535/h"),
        ("https://shop.example/a/./b/../c", "https://shop.example/a/c"),
        ("https://shop.example/a/..", "https://shop.example/"),
        ("https://shop.example/a/b/.", "https://shop.example/a/b/"),
        ("https://shop.example/../a", "https://shop.example/a"),
        ("https://shop.example/a//../b", "https://shop.example/a/b"),
        ("https://shop.example/a/%2e%2E/b", "https://shop.example/b"),
        ("https://shop.example/%7euser/%41", "https://shop.example/~user/A"),
        ("https://shop.example/%2f%3b", "https://shop.example/%2F%3B"),
        ("https://shop.example/h?a=%21%3b%2f%7e", "https://shop.example/h?a=%21%3B%2F~"),
        ("https://shop.example/h?%25zz=%zz", "https://shop.example/h?%25zz=%zz"),
        ("https://shop.example/h?%2%35", "https://shop.example/h?%2%35"),
        ("https://shop.example/h?%%41%42", "https://shop.example/h?%%41B"),
        ("https://shop.example/h#%7e%2f", "https://shop.example/h#~%2F"),
        ("https://\u010cAU.example/h", "https://xn--au-dma.example/h"),
        ("https://xn--AU-dma.example/h", "https://xn--au-dma.example/h"),
        ("https://fa\u00df.example/", "https://xn--fa-hia.example/"),
        ("https://\u2615.example/", "https://xn--53h.example/"),
        ("https://C\u030cAU.example/", "https://xn--au-dma.example/"),
        ("https://%73hop.example/", "https://shop.example/"),
        ("https://shop.example/\u010d?\u010d#\u010d", "https://shop.example/%C4%8D?%C4%8D#%C4%8D"),
        ("https://[2001:DB8:0::1]:443/", "https://[2001:db8::1]/"),
        ("https://[fe80::1%25ETH0]/", "https://[fe80::1%25ETH0]/"),
        ("HTTPS://Us%7er:pW@Shop.example/", "https://Us%7er:pW@shop.example/"),
    ],
)
def test_equivalent_spellings_have_one_canonical_form(url: str, canonical: str) -> None:
    """As RFC 3986 has it; what is equal by chance of a server only is not."""
    assert canonical_url(url) == canonical
    check_url(url)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("https://shop.example/h", "http://shop.example/h"),
        ("https://shop.example/h", "https://shop.example/h/"),
        ("https://shop.example/h", "https://shop.example/H"),
        ("https://shop.example/h", "https://shop.example/h?"),
        ("https://shop.example/h", "https://shop.example/h#"),
        ("https://shop.example/h", "https://shop.example./h"),
        ("https://shop.example/h", "https://user@shop.example/h"),
        ("https://shop.example/h", "https://@shop.example/h"),
        ("https://shop.example/h", "https://shop.example//h"),
        ("https://shop.example/h?!", "https://shop.example/h?%21"),
        ("https://shop.example/a/b", "https://shop.example/a%2Fb"),
        ("https://shop.example/h?a=%zz", "https://shop.example/h?a=%25zz"),
        ("https://shop.example/h?a=%2%35", "https://shop.example/h?a=%25"),
        ("https://shop.example/h?a=+", "https://shop.example/h?a=%20"),
        ("https://shop.example/h?a&b", "https://shop.example/h?b&a"),
        ("https://shop.example/\u010d", "https://shop.example/c\u030c"),
        ("https://[v1.x]/", "https://v1.x/"),
        ("https://[127.0.0.1]/", "https://127.0.0.1/"),
        ("https://[fe80::1%25a]/", "https://[fe80::1%25A]/"),
        ("https://[fe80::1%41]/", "https://[fe80::1a]/"),
        ("https://\u2100.example/", "https://a/c.example/"),
        ("https://\u2615\u00df.example/", "https://\u2615ss.example/"),
        ("https://fa\u00df.example/", "https://fass.example/"),
        ("https://\u03b1\u03a3.example/", "https://\u03b1\u03c2.example/"),
        ("https://shop.example\\h", "https://shop.example/h"),
        ("https://shop.example:070000/", "https://shop.example:4464/"),
    ],
)
def test_other_urls_are_other_webhooks(one: str, other: str) -> None:
    """What may mean something else is never taken for a copy."""
    assert canonical_url(one) != canonical_url(other)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "text",
        "shop.example/x",
        "https//shop.example/x",
        "https:shop.example",
        "https:/shop.example/",
        "https://",
        "https:///path",
        "https://?a",
        "https://:443/",
        "https://@/",
        "//shop.example/",
        "ftp://shop.example/A",
        "file:///etc/passwd",
        "mailto:shop@SHOP.example",
        "http://[::1",
        "http://::1]/",
        "http://[]/",
        "http://[text]/",
        "http://a@b@shop.example/",
        "http://shop.example:port/",
        "http://shop.example:-1/",
        "http://shop.example:65536/",
        "http://shop.example:99999/",
        "http://shop.example:" + "9" * 10_000,
        "http://sh op.example/",
        "http://shop.example/a b",
        "http://shop.example/a\nb",
        "http://shop.example/\x7f",
        "http://shop.example/\ud800",
        "http://\ud800/",
        "http://shop%2Fexample/",
        "http://shop%zz/",
        "http://" + "a" * 256 + "/",
    ],
)
def test_what_is_not_a_url_stands_for_itself(text: str) -> None:
    """Read from a gateway it is no error; asked for, it is one that shows how a URL looks."""
    assert canonical_url(text) == text
    with pytest.raises(
        ValueError, match=r"^url must be an absolute http\(s\) URL, e\.g\. https://shop\.example/hook; got"
    ):
        check_url(text)


def test_the_complaint_shows_what_was_given() -> None:
    """The beginning of it, at least."""
    with pytest.raises(ValueError, match=r"; got 'shop\.example/x'$"):
        check_url("shop.example/x")
    with pytest.raises(ValueError, match=r"; got 'x{200}'$"):
        check_url("x" * 10_000)
    for text in ("https://shop.example/a b", " https://shop.example/", "https://shop.example/" + "x" * 200 + " "):
        with pytest.raises(ValueError, match=r"; got '.*', which contains a space$"):
            check_url(text)


def test_an_identity_is_of_the_canonical_url() -> None:
    """Of spec and webhook alike; a spec's is computed once, and its url stays as it was written."""
    url = "HTTPS://Shop.example:443/a/../%7e"
    spec = WebhookSpec(url, "CREATE_ORDER")
    webhook = Webhook(1, "https://shop.example/~", WebhookType.CREATE_ORDER, active=True, method=HttpMethod.POST)

    assert spec.identity == webhook.identity
    assert spec.identity.url == webhook.url
    assert spec.url == url
    assert spec.identity is spec.identity


SIZE = 200_000


@pytest.mark.parametrize(
    "text",
    [
        "http://h" + "/" * SIZE,
        "http://h/" + "/..a/.." * (SIZE // 7),
        "http://h/" + "%41" * (SIZE // 3),
        "http://h/" + "%c3" * (SIZE // 3),
        "http://h/" + "%" * SIZE,
        "http://h/" + "\u010d" * SIZE,
        "http://h/" + "a" * SIZE + "%",
        "http://h:" + "1" * SIZE,
        "http://" + "\u010d" * SIZE,
        "http://" + "@" * SIZE,
        "http://[" + ":" * SIZE,
        "http://u" + ":" * SIZE + "@h",
        "http" * SIZE,
    ],
    ids=lambda text: text[:12],
)
def test_a_long_text_takes_memory_in_proportion(text: str) -> None:
    """A few bytes for each of its characters, whatever they are."""
    tracemalloc.start()
    try:
        canonical_url(text)
        assert tracemalloc.get_traced_memory()[1] < 25 * len(text) + 100_000
    finally:
        tracemalloc.stop()
