"""URLs as a gateway may store them."""

from __future__ import annotations

import pytest

from gwms_async.testing import GwmsEmulator, normalized_url

from ..helpers.plain_client import HOOK, logged_in


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://shop.example/a?b=c#d", "https://shop.example/a?b=c#d"),
        ("HTTPS://Shop.Example/A", "https://shop.example/A"),
        ("https://shop.example", "https://shop.example/"),
        ("https://shop.example?a", "https://shop.example/?a"),
        ("https://shop.example#a", "https://shop.example/#a"),
        ("https://shop.example/?", "https://shop.example/?"),
        ("https://shop.example:443/", "https://shop.example/"),
        ("https://shop.example:/", "https://shop.example/"),
        ("http://shop.example:80/", "http://shop.example/"),
        ("http://shop.example:443/", "http://shop.example:443/"),
        ("https://User:Pass@shop.example/", "https://User:Pass@shop.example/"),
        (
            "https://b\u00fccher.example/\u010d?\u20ac#\U0001f4e6",
            "https://xn--bcher-kva.example/%C4%8D?%E2%82%AC#%F0%9F%93%A6",
        ),
        ("https://B\u00dcCHER.example/", "https://xn--bcher-kva.example/"),
        ("https://shop.example/%7euser/%c4%8d%2f%21 x", "https://shop.example/~user/%C4%8D%2F%21%20x"),
        ("https://shop.example/100%", "https://shop.example/100%"),
        ("https://shop.example/!\x7f", "https://shop.example/!%7F"),
        ("https://[::1]:8080/", "https://[::1]:8080/"),
        ("https://" + "X" * 64 + "/", "https://" + "x" * 64 + "/"),
        ("shop.example/a", "shop.example/a"),
        ("ftp://Shop.Example", "ftp://Shop.Example"),
        ("https//api.domain.net/receiving", "https//api.domain.net/receiving"),
        ("https://Shop.example/\ud800", "https://Shop.example/\ud800"),
        ("", ""),
    ],
)
def test_a_url_is_normalized(url: str, expected: str) -> None:
    """The meaning stays, what is not a URL stays as it is, and doing it twice changes nothing."""
    assert normalized_url(url) == expected
    assert normalized_url(expected) == expected


async def test_the_emulator_spells_what_it_stores() -> None:
    """In creates, in updates, and in webhooks of other processes; all operations show the stored URL."""
    async with GwmsEmulator(spelling=str.upper) as gateway, logged_in(gateway) as client:
        assert (await client.create()).data["url"] == "HTTPS://SHOP.EXAMPLE/1"
        assert (await client.send("PUT", "/webhooks/1", {**HOOK, "url": "x"})).data["url"] == "X"
        gateway.add_webhook("y", "CREATE_ORDER")

        assert [hook["url"] for hook in (await client.send("GET", "/webhooks")).data] == ["X", "Y"]
    assert [hook.url for hook in gateway.webhooks] == ["X", "Y"]
