"""The receiver of the environment, and the types of parameters that describe one."""

from __future__ import annotations

import re

import click
import pytest
from click.testing import CliRunner

from gwms_async import WebhookType
from gwms_async.cli.commands import gwms
from gwms_async.cli.problems import RefusedError
from gwms_async.cli.receiver import BASE_URL, EVENT_TYPE, LABEL, receiver_of
from gwms_async.receiving import Delivery

from ..helpers.deliveries import BASE, ORDER, SECRET, reader


def test_a_secret() -> None:
    """It has 256 bits, is another one each time, and a receiver takes it."""
    first, second = (CliRunner().invoke(gwms, ["secret"]).stdout for _ in range(2))

    assert re.fullmatch(r"[A-Za-z0-9_-]{43}\n", first)
    assert first != second


@pytest.mark.parametrize(
    ("secret", "old", "message"),
    [
        ("", "", "set GWMS_WEBHOOK_SECRET in the environment; `gwms secret` prints a good one"),
        ("", SECRET, "set GWMS_WEBHOOK_SECRET in the environment; "),
        ("x" * 31, "", "GWMS_WEBHOOK_SECRET must have at least 32 bytes; `gwms secret` prints a good one"),
        (SECRET, "short", "GWMS_WEBHOOK_SECRET_OLD must have at least 32 bytes; "),
    ],
)
def test_secrets_that_cannot_be_used(monkeypatch: pytest.MonkeyPatch, secret: str, old: str, message: str) -> None:
    """The error names the variable and what to do, never a secret; a random one replaces none that is set."""
    monkeypatch.setenv("GWMS_WEBHOOK_SECRET", secret)
    monkeypatch.setenv("GWMS_WEBHOOK_SECRET_OLD", old)

    with pytest.raises(RefusedError) as caught:
        receiver_of(ORDER, or_random=bool(secret))
    assert caught.value.message.startswith(message)
    assert caught.value.exit_code == 2


async def test_receivers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without an own handler deliveries are only acknowledged; random secrets differ."""
    seen = list[str]()

    async def keep(delivery: Delivery) -> None:
        seen.append(delivery.entity_id)

    one, other = receiver_of(ORDER, or_random=True), receiver_of(ORDER, handler=keep, or_random=True)
    (first,), (second,) = one.specs(BASE), other.specs(BASE)
    body = reader(b'{"eshopOrderId": "A"}'), reader(b'{"eshopOrderId": "A"}')

    assert first.url != second.url
    assert (await one.take("POST", first.url.removeprefix("https://shop.example"), body[0])).status == 200
    assert (await other.take("POST", second.url.removeprefix("https://shop.example"), body[1])).status == 200
    assert seen == ["A"]


@pytest.mark.parametrize(
    ("kind", "good", "bad", "message"),
    [
        (
            EVENT_TYPE,
            "update_order",
            "UPDATE_ORDR",
            "'UPDATE_ORDR' is not a known event type: did you mean UPDATE_ORDER",
        ),
        (BASE_URL, BASE, "http://shop.example", "base must be https://host/path (http on this machine only)"),
        (BASE_URL, "http://127.0.0.1:80/", "https://a:b@shop.example", "base must be https://host/path"),
        (LABEL, "cz", "an API key", "eshop must be a label of up to 32 lower-case letters, digits and hyphens"),
        (LABEL, "", "CZ", "eshop must be a label"),
    ],
)
def test_types(kind: click.ParamType[str], good: str, bad: str, message: str) -> None:
    """A mistake is a usage error that says what is wrong; URLs and labels are not shown."""
    value = kind.convert(good, None, None)
    assert value in {good, f"{good}/"} or value is WebhookType.UPDATE_ORDER

    with pytest.raises(click.BadParameter) as caught:
        kind.convert(bad, None, None)
    assert caught.value.message.startswith(message)
