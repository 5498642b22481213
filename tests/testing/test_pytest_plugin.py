"""The pytest plugin: the fixtures `gwms_emulator` and `gwms_env`, in all kinds of tests."""

from __future__ import annotations

import os
from http.client import HTTPConnection
from urllib.parse import urlsplit

import pytest

from gwms_async import GwmsClient
from gwms_async.testing import GwmsEmulator


def test_it_is_running(gwms_emulator: GwmsEmulator) -> None:
    """A sync test without an event loop gets an answer."""
    connection = HTTPConnection(urlsplit(gwms_emulator.base_url).netloc, timeout=10)
    connection.request("GET", "/v21/webhooks")

    assert connection.getresponse().status == 401
    assert gwms_emulator.count("list") == 1
    connection.close()


async def test_the_environment(gwms_env: GwmsEmulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """An app that reads its settings from the environment uses the emulator."""
    async with GwmsClient.from_env() as gwms:
        assert await gwms.webhooks.list() == []

    assert gwms_env.count("list") == 1
    assert len(os.environ["GWMS_WEBHOOK_SECRET"]) >= 32


def test_the_secrets_of_the_shell_are_not_used(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor the old one, which a developer may have."""
    for name in ("GWMS_WEBHOOK_SECRET", "GWMS_WEBHOOK_SECRET_OLD"):
        monkeypatch.setenv(name, "secret-of-production-of-32-bytes-or-more")
    request.getfixturevalue("gwms_env")

    assert "secret-of-production-of-32-bytes-or-more" not in os.environ.values()


@pytest.mark.slow
def test_in_projects_of_others(pytester: pytest.Pytester) -> None:
    """It works without any setup, in sync tests and in async tests with any plugin; each test has its own."""
    pytester.makeini("[pytest]\nasyncio_default_fixture_loop_scope = function")
    pytester.makepyfile(
        """
        import asyncio

        import pytest

        from gwms_async import Credentials, GwmsClient, WebhookSpec, WebhookType
        from gwms_async.testing import GwmsEmulator

        SPEC = WebhookSpec("https://shop.example/orders", WebhookType.CREATE_ORDER)

        async def register(gateway: GwmsEmulator) -> None:
            assert gateway.webhooks == []
            async with GwmsClient(Credentials(*gateway.credentials), base_url=gateway.base_url) as gwms:
                await gwms.webhooks.register(SPEC)
            assert [hook.url for hook in gateway.webhooks] == [SPEC.url]

        def test_sync(gwms_emulator):
            asyncio.run(register(gwms_emulator))

        @pytest.mark.asyncio
        async def test_with_pytest_asyncio(gwms_emulator):
            await register(gwms_emulator)

        @pytest.mark.anyio
        @pytest.mark.parametrize("anyio_backend", ["asyncio"])
        async def test_with_anyio(gwms_emulator):
            await register(gwms_emulator)
        """
    )

    result = pytester.runpytest_subprocess("-W", "error")

    result.assert_outcomes(passed=3)
