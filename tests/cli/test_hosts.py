"""URLs that a gateway on the internet cannot deliver to."""

from __future__ import annotations

import pytest

from gwms_async.cli.hosts import is_private, url_warning

PUBLIC = "https://gw.example/v21"


@pytest.mark.parametrize(
    "host",
    [
        *("localhost", "LOCALHOST.", "a.localhost", "shop", "shop.local", "shop.internal", "%6cocalhost"),
        *("127.0.0.1", "10.1.2.3:8000", "192.168.0.1", "172.16.0.1", "169.254.0.1", "0.0.0.0"),  # noqa: S104
        *("[::1]", "[::1]:8000", "[fd00::1]", "[fe80::1%25eth0]", "[::ffff:10.0.0.1]"),
        *("user@localhost", "\u2100@localhost"),
    ],
)
def test_private_hosts(host: str) -> None:
    """This machine and private networks, in every spelling."""
    assert is_private(f"https://{host}/hook")


@pytest.mark.parametrize(
    "host",
    ["shop.example", "shop.example:8000", "localhost.example", "8.8.8.8", "[2606:4700::1]", "localhost@a.example"],
)
def test_public_hosts(host: str) -> None:
    """Everything else."""
    assert not is_private(f"https://{host}/localhost")


def test_the_warning_is_one_line() -> None:
    """It gives one example of each kind and counts the rest, each URL once."""
    urls = ["https://shop.example/", "http://a.example/", "https://shop/b", "http://shop/c", "https://shop/b"]

    assert url_warning(urls, PUBLIC) == (
        "Warning: without https, others can read deliveries: http://a.example/; "
        "the gateway may not reach a private host: https://shop/b and 1 more"
    )


@pytest.mark.parametrize(
    ("url", "gateway"), [("https://shop.example/", PUBLIC), ("http://localhost/", "http://127.0.0.1:8021/v21")]
)
def test_no_warning(url: str, gateway: str) -> None:
    """Nothing to warn of, or a local gateway."""
    assert url_warning([url], gateway) is None
