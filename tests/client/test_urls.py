"""URLs of a whole client: what is one webhook to it, and what it does not register."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from gwms_async import GwmsClient, OutcomeStatus, WebhookSpec, WebhookType
from gwms_async.testing import GwmsEmulator

from ..helpers.emulated import client, spec

BAD = WebhookSpec("shop.example/x", WebhookType.CREATE_ORDER)


@pytest.mark.parametrize(
    "use",
    [
        lambda gwms: gwms.webhooks.create(BAD),
        lambda gwms: gwms.webhooks.update(1, BAD),
        lambda gwms: gwms.webhooks.register(BAD),
        lambda gwms: gwms.webhooks.register_many([spec(), BAD]),
        lambda gwms: gwms.webhooks.plan([spec(), BAD]),
    ],
    ids=["create", "update", "register", "register_many", "plan"],
)
async def test_only_absolute_http_urls_are_registered(use: Callable[[GwmsClient], Awaitable[object]]) -> None:
    """Anything else is a `ValueError`, and nothing is sent, not even a login."""
    async with GwmsEmulator() as gateway, client(gateway) as gwms:
        with pytest.raises(ValueError, match=r"^url must be an absolute http\(s\) URL, .* got 'shop\.example/x'$"):
            await use(gwms)

        assert not gateway.requests


async def test_a_stream_goes_on_after_a_url_that_cannot_be_registered() -> None:
    """That one has failed, and was not sent."""
    async with GwmsEmulator() as gateway, client(gateway) as gwms:
        outcomes = [outcome async for outcome in gwms.webhooks.register_stream([spec(1), BAD, spec(2)])]

        assert {outcome.spec.url: outcome.status for outcome in outcomes} == {
            spec(1).url: OutcomeStatus.CREATED,
            BAD.url: OutcomeStatus.FAILED,
            spec(2).url: OutcomeStatus.CREATED,
        }
        (failed,) = (outcome for outcome in outcomes if outcome.spec is BAD)
        assert isinstance(failed.error, ValueError)
        assert (failed.attempts, gateway.count("create")) == (0, 2)


@pytest.mark.parametrize("stored", ["https://shop.example/~a", "HTTPS://SHOP.EXAMPLE:443/x/../%7ea"])
async def test_another_spelling_is_adopted(stored: str) -> None:
    """However the gateway spells what was registered."""
    async with GwmsEmulator() as gateway, client(gateway) as gwms:
        there = gateway.add_webhook(stored, "CREATE_ORDER")
        webhook = await gwms.webhooks.register(WebhookSpec("https://Shop.example/%7Ea", WebhookType.CREATE_ORDER))

        assert (webhook.id, webhook.url) == (there.id, stored)
        assert gateway.count("create") == 0


async def test_what_a_gateway_holds_may_have_any_url() -> None:
    """It is listed, and hinders nothing."""
    async with GwmsEmulator() as gateway, client(gateway) as gwms:
        gateway.add_webhook("https//shop.example", "CREATE_ORDER")
        report = await gwms.webhooks.register_many([spec()])

        assert [outcome.status for outcome in report.outcomes] == [OutcomeStatus.CREATED]
        assert [webhook.url for webhook in await gwms.webhooks.list()] == ["https//shop.example", spec().url]
