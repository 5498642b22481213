"""Derived URLs: the same for ever, found anywhere, and nothing else is found."""

from __future__ import annotations

import pickle
import re
import string
import time
from contextlib import nullcontext
from typing import NamedTuple
from urllib.parse import quote, urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gwms_async import ConfigurationError, HttpMethod, Webhook, WebhookType
from gwms_async.receiving.delivery import id_in_path
from gwms_async.receiving.urls import DerivedUrls, check_secret, checked_base, checked_label, is_ours
from gwms_async.redaction import redacted

from ..helpers.deliveries import BASE, IDS, NEW_SECRET, ORDER, SECRET, wrong_paths
from ..helpers.strategies import anything, types

GET, POST = HttpMethod.GET, HttpMethod.POST

secrets = st.lists(st.text(st.characters(codec="utf-8"), min_size=32), min_size=1, max_size=3)
labels = st.text(string.ascii_lowercase + string.digits + "-", max_size=32)
prefixes = st.lists(st.text(string.ascii_letters + "-._~%0", max_size=9) | st.just("gw1-x"), max_size=3).map(
    lambda parts: "".join(f"/{part}" for part in parts)
)


class Match(NamedTuple):
    """What a path says."""

    event_type: WebhookType
    eshop: str
    entity_id: str


def found(urls: DerivedUrls, text: str) -> Match | None:
    """Find a URL in a path."""
    match = urls.match(text)
    if match is None:
        return None
    (name, event_type, eshop), shown, after = match
    assert name == (f"{eshop}.{event_type}" if eshop else event_type)
    assert shown == redacted(text.removesuffix(after)) + redacted(after)
    assert shown.removesuffix(redacted(after)).endswith(f"{name}/gw1-***")
    return Match(event_type, eshop, id_in_path(after))


def path(urls: DerivedUrls, event_type: WebhookType = ORDER, eshop: str = "", method: HttpMethod = POST) -> str:
    """Return the path of a URL."""
    return urlsplit(urls.url(BASE, event_type, eshop, method)).path


def test_no_release_moves_them() -> None:
    """Else every webhook would be deleted and created again. Computed by hand: HMAC-SHA256, 24 bytes, base64url."""
    urls = DerivedUrls([SECRET])

    assert urls.url(BASE, ORDER, "", POST) == f"{BASE}/UPDATE_ORDER/gw1-MbZ1jhtIVnOWgIwJF-PSrc925KH6773s"
    assert urls.url(BASE, ORDER, "cz", GET) == f"{BASE}/cz.UPDATE_ORDER/gw1-r8YH62hoaNn9ZBXbzjWMRByjpmCPpc0D/"


@given(secrets, types | st.just(WebhookType.unlisted("NEW_EVENT_2")), labels, st.sampled_from(HttpMethod), prefixes)
@example([SECRET], ORDER, "gw1-", POST, "/gw1-" + "x" * 32)
def test_they_are_found_behind_any_prefix(
    own: list[str], event_type: WebhookType, eshop: str, method: HttpMethod, prefix: str
) -> None:
    """Whatever the mount, the proxy, the label and the secrets: by all who know the secret, and by nobody else."""
    url = DerivedUrls(own).url(BASE, event_type, eshop, method)
    expected = Match(event_type, eshop, "")

    for place in (urlsplit(url).path, prefix + urlsplit(url).path, url):
        assert found(DerivedUrls(own), place) == expected
        assert found(DerivedUrls([*reversed(own), NEW_SECRET]), place) == expected
        assert found(DerivedUrls([NEW_SECRET]), place) is None


@given(types, labels, st.data())
def test_nothing_similar_is_found(event_type: WebhookType, eshop: str, data: st.DataObject) -> None:
    """No prefix and no suffix of a token, none of another name, and no other case of a letter."""
    urls = DerivedUrls([SECRET, NEW_SECRET])
    start, token = path(urls, event_type, eshop).rsplit("/", 1)
    cut = data.draw(st.integers(5, len(token) - 1))
    letter = data.draw(st.sampled_from([n for n, one in enumerate(token) if one.isalpha()]))
    tokens = [token[:cut], token[cut:], "gw1-" + token[cut:], token[:letter] + token[letter:].swapcase()]
    tokens += [token[:letter] + token[letter].swapcase() + token[letter + 1 :], token.replace("gw1-", "gw2-")]

    assert found(urls, f"{start}/{token}") is not None
    assert [found(urls, f"{start}/{one}") for one in tokens] == [None] * 6
    assert found(urls, f"{start}x/{token}") is None
    assert found(urls, f"{start}-{token}") is None


def test_wrong_paths() -> None:
    """Those of the other tests are wrong indeed."""
    urls = DerivedUrls([SECRET])

    assert [one for one in wrong_paths(path(urls)) if found(urls, one)] == []


@pytest.mark.parametrize("entity_id", IDS)
def test_ids_in_paths(entity_id: str) -> None:
    """The id is what follows, decoded once, whether it comes encoded or not, with or without a slash before it."""
    urls = DerivedUrls([SECRET])

    assert found(urls, path(urls, method=GET) + quote(entity_id, safe="")) == Match(ORDER, "", entity_id)
    assert found(urls, path(urls, method=POST) + quote(entity_id, safe="")) == Match(ORDER, "", entity_id)
    plain = entity_id.replace("%", "%25")
    assert found(urls, path(urls, method=GET) + plain) == Match(ORDER, "", entity_id)


@given(anything)
def test_any_tail(tail: str) -> None:
    """Whatever follows a token, the id can be written as UTF-8."""
    urls = DerivedUrls([SECRET])
    raw = f"{path(urls)}/{tail.encode('utf-8', 'surrogatepass').decode('utf-8', 'surrogateescape')}"
    match = found(urls, raw)

    assert match is not None
    match.entity_id.encode()


@given(anything | st.text("/gw1-UPDATE_ORDER.%a", max_size=200))
def test_any_path(text: str) -> None:
    """Nothing is an error, and nothing is found without a token."""
    assert found(DerivedUrls([SECRET]), text) is None


def test_long_paths_take_time_in_proportion() -> None:
    """As much as a server accepts, with as many candidates as it can contain."""
    urls = DerivedUrls([SECRET, NEW_SECRET])
    began = time.process_time()

    for text in ("/A" * 32_000, "/a.A/gw1-" * 7000, ("/A/gw1-" + "a" * 32) * 1600, "a" * 64_000, "/gw1-" * 12_800):
        assert found(urls, text) is None

    assert time.process_time() - began < 1


def test_which_webhooks_are_ours() -> None:
    """Under the base, of the label, with a token, and of the event type that the URL names."""
    urls, foreign = DerivedUrls([SECRET]), DerivedUrls([NEW_SECRET])
    ours = [urls.url(BASE, ORDER, "", POST), foreign.url(BASE, ORDER, "", GET), urls.url(BASE + "/", ORDER, "", POST)]
    ours.append(ours[0].replace("https://shop.example", "HTTPS://Shop.Example:443"))
    others = [
        urls.url(BASE, ORDER, "cz", POST),
        urls.url(BASE, WebhookType.CREATE_ORDER, "", POST),
        urls.url(BASE + "2", ORDER, "", POST),
        urls.url(BASE + "/deeper", ORDER, "", POST),
        urls.url("https://shop.example", ORDER, "", POST),
        urls.url(BASE, ORDER, "", POST) + "/A1",
        f"{BASE}/UPDATE_ORDER/by-hand",
        BASE,
        "",
    ]

    def claimed(url: str, eshop: str = "", event_type: WebhookType = ORDER) -> bool:
        return is_ours(BASE + "/", eshop, Webhook(id=1, url=url, webhook_type=event_type, active=True, method=POST))

    assert list(map(claimed, ours)) == [True] * 4
    assert list(map(claimed, others)) == [False] * 9
    assert claimed(others[0], "cz")
    assert claimed(ours[0], event_type=WebhookType.unlisted("update_order"))  # as some gateways may store it


def test_a_url_of_another_host_is_not_ours() -> None:
    """Not even where all else of it is: `plan` may delete what is ours."""
    url = DerivedUrls([SECRET]).url("https://her-shop.example/gwms", ORDER, "", POST)
    webhook = Webhook(id=1, url=url, webhook_type=ORDER, active=True, method=POST)

    assert is_ours("https://her-shop.example/gwms/", "", webhook)
    assert not is_ours("https://our-shop.example/gwms/", "", webhook)


@pytest.mark.parametrize("token", ["gw1-" + "\u00e9" * 32, "gw1-" + "\udce9" * 32])
def test_a_token_that_is_not_ascii(token: str) -> None:
    """Anybody may send it: it is not found, and no error."""
    urls = DerivedUrls([SECRET])

    assert urls.match(f"/UPDATE_ORDER/{token}") is None
    assert found(urls, f"/UPDATE_ORDER/{token}{path(urls)}") == Match(ORDER, "", "")


@pytest.mark.parametrize("base", ["https://shop.example/gwms", "https://shop.example/gwms/", "http://127.0.0.1:8080/a"])
def test_bases(base: str) -> None:
    """A slash at the end makes no difference; without TLS on this machine only."""
    assert checked_base(base) == base.rstrip("/") + "/"


@pytest.mark.parametrize(
    "base",
    [
        *(
            "http://shop.example/gwms",
            "shop.example",
            "",
            "https://",
            "https://shop.example/?a=b",
            "ftp://shop.example",
        ),
        *("https://user:hidden@shop.example/", "https://shop.example/#a", None, b"https://shop.example"),
    ],
)
def test_wrong_bases(base: str) -> None:
    """What is wrong is not shown, because it may contain a password."""
    with pytest.raises(ConfigurationError, match=r"^base must be https://host/path \(http on this machine") as caught:
        checked_base(base)

    assert "hidden" not in str(caught.value)
    assert caught.value.__suppress_context__


@pytest.mark.parametrize("eshop", ["CZ", "a.b", "a/b", "x" * 33, "ž", "a b", "a\n", None, 7])
def test_wrong_labels(eshop: str) -> None:
    """They are not shown, because a key is easily passed for a label."""
    with pytest.raises(ConfigurationError, match=r"never the API key$") as caught:
        checked_label(eshop)

    assert repr(eshop) not in str(caught.value)


@pytest.mark.parametrize(
    ("secret", "problem"),
    [
        ("x" * 31, "secret must have at least 32 bytes"),
        ("x" * 32, None),
        ("ž" * 16, None),
        ("", "secret must not be empty"),
        (b"x" * 32, "secret must be a string; got bytes"),
        (None, "secret must be a string; got NoneType"),
        ("x" * 32 + "\n", "secret must not begin or end with whitespace: check how it was read"),
        (" " + "x" * 32, "secret must not begin or end with whitespace: check how it was read"),
        ("x" * 16 + " " + "x" * 15, None),
        ("\ud800" * 32, "secret must be valid Unicode: check how it was read"),
    ],
)
def test_secrets(secret: object, problem: str | None) -> None:
    """At least 32 bytes of UTF-8."""
    with nullcontext() if problem is None else pytest.raises(ConfigurationError, match=f"^{re.escape(problem)}$"):
        check_secret("secret", secret)


def test_secrets_are_not_kept() -> None:
    """So that they cannot be shown, nor pickled."""
    urls = DerivedUrls([SECRET])

    assert SECRET not in repr(vars(urls))
    with pytest.raises(TypeError):
        pickle.dumps(urls)
