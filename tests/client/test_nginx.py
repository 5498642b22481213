"""The client through a real nginx: TLS, connections that end, its limit of requests, a reload."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path

import pytest
import trustme

from gwms_async import Cause, Outcome, OutcomeStatus, RetryPolicy, TransportError
from gwms_async.testing import GwmsEmulator

from ..helpers.emulated import client, held, specs, statuses
from ..helpers.nginx import NGINX, nginx

pytestmark = [pytest.mark.slow, pytest.mark.skipif(NGINX is None, reason="nginx is not installed")]


@pytest.fixture
def ca() -> trustme.CA:
    """An authority that nobody trusts by itself."""
    return trustme.CA()


@pytest.fixture
def trusting(ca: trustme.CA) -> ssl.SSLContext:
    """What trusts it."""
    context = ssl.create_default_context()
    ca.configure_trust(context)
    return context


async def test_a_private_ca(gateway: GwmsEmulator, tmp_path: Path, ca: trustme.CA, trusting: ssl.SSLContext) -> None:
    """A bulk goes through TLS whose certificate `ssl=` trusts."""
    async with (
        nginx(gateway, tmp_path, certificate=ca.issue_cert("127.0.0.1")) as front,
        client(gateway, base_url=front.base_url, ssl=trusting) as gwms,
    ):
        (await gwms.webhooks.register_many(specs(50))).raise_for_failures()

    assert len(held(gateway)) == 50


async def test_a_wrong_host_name(
    gateway: GwmsEmulator, tmp_path: Path, ca: trustme.CA, trusting: ssl.SSLContext
) -> None:
    """A certificate for another host is refused, and nginx sees one attempt only."""
    async with (
        nginx(gateway, tmp_path, certificate=ca.issue_cert("shop.example")) as front,
        client(gateway, base_url=front.base_url, ssl=trusting) as gwms,
    ):
        with pytest.raises(TransportError, match="check base_url") as caught:
            await gwms.webhooks.list()

    assert caught.value.cause is Cause.MISCONFIGURED
    assert gateway.requests == []
    assert front.errors.count("while SSL handshaking") == 1


@pytest.mark.parametrize("directives", ["keepalive_requests 2;", "keepalive_timeout 1ms;", "keepalive_timeout 0;"])
async def test_connections_that_end(gateway: GwmsEmulator, tmp_path: Path, directives: str) -> None:
    """They are closed under load, also with a request on its way: each webhook is there once, and can be read."""
    wanted = specs(300)
    async with (
        nginx(gateway, tmp_path, directives) as front,
        client(gateway, base_url=front.base_url) as gwms,
    ):
        for _ in range(5):
            report = await gwms.webhooks.register_many(wanted, concurrency=16)
            if not report.failures:
                break
        report.raise_for_failures()
        ids = [outcome.webhook.id for outcome in report.outcomes if outcome.webhook]
        read = await asyncio.gather(*map(gwms.webhooks.get, ids))

    assert [hook.spec for hook in read] == wanted
    assert sorted(held(gateway).values()) == [1] * 300


@pytest.mark.parametrize(
    "answer", ["limit_req_status 429;", "limit_req_status 429; add_header Retry-After 1 always;"], ids=["429", "said"]
)
async def test_a_limit_that_throttles(gateway: GwmsEmulator, tmp_path: Path, answer: str) -> None:
    """Everything is registered in one run, and nothing twice."""
    async with (
        nginx(gateway, tmp_path, f"limit_req zone=all burst=20 nodelay; {answer}") as front,
        client(gateway, base_url=front.base_url, retry=RetryPolicy()) as gwms,
    ):
        report = await gwms.webhooks.register_many(specs(300), concurrency=16)

    report.raise_for_failures()
    assert {outcome.status for outcome in report.outcomes} == {OutcomeStatus.CREATED}
    assert any(outcome.attempts > 1 for outcome in report.outcomes)
    assert sorted(held(gateway).values()) == [1] * 300
    assert len(statuses(gateway, "create")) == 300


@pytest.mark.parametrize("said", ["", "add_header Retry-After 1 always;"], ids=["503", "said"])
async def test_a_limit_that_seems_an_outage(gateway: GwmsEmulator, tmp_path: Path, said: str) -> None:
    """A create answered 503 may have been carried out: it is looked for, never doubled, never lost in silence."""
    wanted = specs(150)
    async with (
        nginx(gateway, tmp_path, f"limit_req zone=all burst=20 nodelay; limit_req_status 503; {said}") as front,
        client(gateway, base_url=front.base_url, retry=RetryPolicy()) as gwms,
    ):
        first = await gwms.webhooks.register_many(wanted, concurrency=16)
        there = {hook.id for hook in gateway.webhooks}
        assert {outcome.webhook.id for outcome in first.outcomes if outcome.webhook} == there
        assert all(outcome.webhook or outcome.error for outcome in first.outcomes)
        (await gwms.webhooks.register_many(wanted, concurrency=2)).raise_for_failures()

    assert sorted(held(gateway).values()) == [1] * 150


async def test_a_reload_in_the_middle(gateway: GwmsEmulator, tmp_path: Path) -> None:
    """Workers that come and go cost nothing but attempts."""
    async with nginx(gateway, tmp_path) as front, client(gateway, base_url=front.base_url) as gwms:
        seen: list[Outcome] = []

        def reload_now_and_then(outcome: Outcome) -> None:
            seen.append(outcome)
            if len(seen) % 100 == 50:
                front.reload()

        report = await gwms.webhooks.register_many(specs(500), concurrency=16, on_outcome=reload_now_and_then)
        report.raise_for_failures()
        assert "reconfiguring" in front.errors

    assert sorted(held(gateway).values()) == [1] * 500
