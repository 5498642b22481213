"""Which URLs are sent: absolute http(s) ones, exactly as they were written."""

from __future__ import annotations

import json

import pytest

from gwms_async import HttpMethod, Webhook, WebhookSpec, WebhookType
from gwms_async.chain import Call
from gwms_async.wire import requests

CALL = Call()


@pytest.mark.parametrize(
    "url", ["shop.example/x", "https//shop.example/x", "ftp://shop.example/", "https:///x", "text"]
)
def test_only_absolute_http_urls_are_sent(url: str) -> None:
    """A create or an update of anything else ends before it begins, and says what a URL looks like."""
    spec = WebhookSpec(url, "CREATE_ORDER")
    message = r"^url must be an absolute http\(s\) URL, e\.g\. https://shop\.example/hook; got '"

    with pytest.raises(ValueError, match=message):
        requests.create_request(spec, CALL)
    with pytest.raises(ValueError, match=message):
        requests.update_request(7, spec, CALL)


@pytest.mark.parametrize(
    "url", ["HTTPS://Shop.example:443", "http://[::1]:8021/%7e/../h?#", "https://\u010dau.example"]
)
def test_a_url_is_sent_as_it_was_written(url: str) -> None:
    """Its canonical form is for comparisons only."""
    body = requests.create_request(WebhookSpec(url, "CREATE_ORDER"), CALL).body

    assert body is not None
    assert json.loads(body)["url"] == url


def test_what_was_read_may_have_any_url() -> None:
    """The spec of a webhook is made, and is refused only where it is to be sent."""
    webhook = Webhook(1, "https//shop.example", WebhookType.CREATE_ORDER, active=True, method=HttpMethod.POST)

    with pytest.raises(ValueError, match=r"got 'https//shop\.example'$"):
        requests.update_request(1, webhook.spec, CALL)
