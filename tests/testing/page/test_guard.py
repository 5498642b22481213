"""Who may use the page."""

from __future__ import annotations

import pytest

from gwms_async.testing.page.guard import check
from gwms_async.testing.wire import ProblemError

JSON = {"Content-Type": "application/json; charset=utf-8"}


@pytest.mark.parametrize("host", ["127.0.0.1:8021", "127.9.9.9", "localhost:1", "LOCALHOST", "[::1]:8021"])
def test_this_machine(host: str) -> None:
    """By any of its names, with the own origin or none."""
    check("GET", {"Host": host})
    check("POST", {"Host": host, **JSON})
    check("POST", {"Host": host, "Origin": f"http://{host}", **JSON})


@pytest.mark.parametrize(
    "host",
    ["", "shop.example", "127.0.0.1.evil.test", "evil.test:8021", "8.8.8.8", "localhost.evil.test", "[", "2130706433"],
)
def test_another_host(host: str) -> None:
    """It is refused: a name that resolves to this machine is not this machine."""
    with pytest.raises(ProblemError) as caught:
        check("GET", {"Host": host})
    assert caught.value.status == 403


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("origin", ["null", "http://127.0.0.1:1", "https://127.0.0.1:8021", "http://evil.test", ""])
def test_another_origin(method: str, origin: str) -> None:
    """Another website is refused, another port too."""
    with pytest.raises(ProblemError) as caught:
        check(method, {"Host": "127.0.0.1:8021", "Origin": origin, **JSON})
    assert caught.value.status == 403


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_a_request_that_another_website_causes(site: str) -> None:
    """It is refused although it has no origin; what the page itself asks for, or a person opens, is not."""
    for own in ("same-origin", "none"):
        check("GET", {"Host": "127.0.0.1:8021", "Sec-Fetch-Site": own})
    with pytest.raises(ProblemError) as caught:
        check("GET", {"Host": "127.0.0.1:8021", "Sec-Fetch-Site": site})
    assert caught.value.status == 403


@pytest.mark.parametrize("kind", [None, "text/plain", "application/x-www-form-urlencoded", "application/jsonp"])
def test_another_content_type(kind: str | None) -> None:
    """What a form of another website can send is refused."""
    with pytest.raises(ProblemError) as caught:
        check("POST", {"Host": "127.0.0.1", **({} if kind is None else {"Content-Type": kind})})
    assert caught.value.status == 415
