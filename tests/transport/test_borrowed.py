"""Requests through a session of the user's own: whose token goes out, and what counts as sent."""

from __future__ import annotations

import asyncio
import sys
import warnings
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp.client_reqrep import ConnectionKey
from attrs import evolve

from gwms_async import ConfigurationError, OutcomeUnknownError, TransportError
from gwms_async.testing import DropAfter, GwmsEmulator

from ..helpers.emulated import QUICK, client, spec


@pytest.fixture
def netrc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Write a password for this machine into the file that aiohttp reads with `trust_env`."""
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login someone password netrc-secret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))


@pytest.mark.usefixtures("netrc")
@pytest.mark.parametrize(
    "options",
    [{"trust_env": True}, {"auth": ("someone", "secret")}, {"headers": {"Authorization": "Basic c2VjcmV0"}}],
)
async def test_our_token_goes_out(gateway: GwmsEmulator, options: dict[str, Any]) -> None:
    """Never what a `.netrc` or the session knows, with the login and after it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # aiohttp 3.14: of its auth
        if "auth" in options:
            options = {"auth": aiohttp.BasicAuth(*options["auth"])}
        session = aiohttp.ClientSession(**options)
    async with session, client(gateway, session=session) as gwms:
        await gwms.webhooks.create(spec())
        await gwms.webhooks.list()

    sent = [exchange.headers.get("authorization", "none") for exchange in gateway.requests]
    assert sent[0] == "none"
    assert [text.split()[0] for text in sent[1:]] == ["Bearer", "Bearer"]
    assert gateway.logins == 1


@pytest.mark.parametrize(
    ("error", "expected"),
    [(ValueError("mine"), ConfigurationError), (LookupError("mine"), TransportError)],
)
async def test_code_of_the_users_own_that_fails_before_sending(
    gateway: GwmsEmulator, error: Exception, expected: type[Exception]
) -> None:
    """Nothing was sent, so nothing is unknown."""

    async def fail(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
        if request.url.path.endswith("/webhooks"):
            raise error
        return await handler(request)

    async with (
        aiohttp.ClientSession(middlewares=[fail]) as session,
        client(gateway, session=session, retry=evolve(QUICK, max_attempts=2)) as gwms,
    ):
        with pytest.raises(expected, match="mine"):
            await gwms.webhooks.create(spec())

    assert not gateway.count("create")


async def test_a_proxy_of_the_environment_that_is_not_a_url(
    gateway: GwmsEmulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is rejected before anything is sent: a create is not unknown."""
    async with aiohttp.ClientSession(trust_env=True) as session, client(gateway, session=session) as gwms:
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        await gwms.webhooks.list()
        monkeypatch.delenv("no_proxy")
        monkeypatch.setenv("http_proxy", "http://proxy:99999")
        with pytest.raises(ConfigurationError, match="aiohttp rejects it"):
            await gwms.webhooks.create(spec())


async def test_a_subclass_that_sends_by_other_means(gateway: GwmsEmulator) -> None:
    """It gets all headers, and what it loses may have been sent."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)

        class Own(aiohttp.ClientSession):
            async def _request(self, *arguments: Any, **options: Any) -> aiohttp.ClientResponse:
                options.pop("middlewares", None)
                return await super()._request(*arguments, **options)

    gateway.inject(DropAfter(), operation="create")
    async with Own() as session, client(gateway, session=session) as gwms:
        with pytest.raises(OutcomeUnknownError):
            await gwms.webhooks.create(spec())

    assert gateway.count("create") == 1
    assert gateway.requests[-1].headers["authorization"].startswith("Bearer ")


async def test_nothing_is_sent_again_by_aiohttp_itself(gateway: GwmsEmulator) -> None:
    """A delete whose answer is lost is known to us: the 404 of the next attempt is a success."""
    seen: list[type[Exception]] = []

    async def watch(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
        try:
            return await handler(request)
        except aiohttp.ClientError as error:
            seen.append(type(error))
            raise

    async with aiohttp.ClientSession(middlewares=[watch]) as session, client(gateway, session=session) as gwms:
        hook = await gwms.webhooks.create(spec())
        gateway.inject(DropAfter(), operation="delete")
        await gwms.webhooks.delete(hook)

    assert gateway.count("delete") == 2
    assert seen == [aiohttp.ServerDisconnectedError]  # its own middlewares get what aiohttp raises


with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # aiohttp's: of a subclass

    class Extended(aiohttp.ClientSession):
        """Sends as aiohttp does."""


_ELSEWHERE = ConnectionKey(
    "audit.example", 443, is_ssl=True, ssl=True, proxy=None, proxy_auth=None, proxy_headers_hash=None
)


@pytest.mark.parametrize(
    "error", [aiohttp.ClientConnectorError(_ELSEWHERE, OSError(111, "refused")), aiohttp.InvalidURL("audit")]
)
@pytest.mark.parametrize("kind", [aiohttp.ClientSession, Extended])
async def test_code_of_the_users_own_that_cannot_connect_elsewhere_after_sending(
    gateway: GwmsEmulator, error: Exception, kind: type[aiohttp.ClientSession]
) -> None:
    """What it raises is not about our request, which is not sent again."""

    async def audit(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
        response = await handler(request)
        if request.method == "POST" and request.url.name == "webhooks":
            raise error
        return response

    async with kind(middlewares=[audit]) as session, client(gateway, session=session) as gwms:
        with pytest.raises(OutcomeUnknownError):
            await gwms.webhooks.create(spec())

    assert gateway.count("create") == len(gateway.webhooks) == 1


async def test_a_retry_of_the_users_own_that_cannot_connect(gateway: GwmsEmulator) -> None:
    """What it sent before may have been carried out: it is not sent again."""
    gateway.inject(DropAfter(), operation="create")
    sent: list[str] = []

    async def retry(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
        try:
            return await handler(request)
        except aiohttp.ServerDisconnectedError:
            sent.append(request.method)
            request.url = request.url.with_port(9)  # nobody listens
            return await handler(request)

    async with aiohttp.ClientSession(middlewares=[retry]) as session, client(gateway, session=session) as gwms:
        with pytest.raises(OutcomeUnknownError):
            await gwms.webhooks.create(spec())

    assert sent == ["POST"]
    assert gateway.count("create") == 1


async def test_the_sessions_own_headers_do_not_replace_ours(gateway: GwmsEmulator) -> None:
    """A session may be made for another API, whose bodies are no JSON."""
    headers = {"Content-Type": "text/plain", "X-Own": "1"}
    async with aiohttp.ClientSession(headers=headers) as session, client(gateway, session=session) as gwms:
        await gwms.webhooks.create(spec())

    sent = gateway.requests[-1].headers
    assert (sent["content-type"], sent["x-own"]) == ("application/json", "1")


async def test_a_body_that_the_sessions_own_middleware_has_read(gateway: GwmsEmulator) -> None:
    """It is not lost to us: what was created is known."""
    seen: list[str] = []

    async def log(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
        response = await handler(request)
        seen.append(await response.text())
        return response

    async with aiohttp.ClientSession(middlewares=[log]) as session, client(gateway, session=session) as gwms:
        assert await gwms.webhooks.create(spec()) in await gwms.webhooks.list()

    assert len(seen) == 3


async def test_a_connection_that_closes_just_before_it_is_used_again(gateway: GwmsEmulator) -> None:
    """Nothing was written to it: the create is sent on another one, once."""
    closing: list[asyncio.Transport] = []

    async def close(session: aiohttp.ClientSession, _: object, __: object) -> None:
        assert session.connector is not None
        (connection,) = session.connector._acquired  # aiohttp has no other way to get at it
        assert connection.transport is not None
        if not closing:
            closing.append(connection.transport)
            # Where aiohttp writes in a task that begins later, the connection must not be seen as lost before.
            if sys.version_info >= (3, 12):
                closing[0].close()
            else:
                asyncio.get_running_loop().call_soon(closing[0].close)

    watch = aiohttp.TraceConfig()
    watch.on_connection_reuseconn.append(close)
    async with aiohttp.ClientSession(trace_configs=[watch]) as session, client(gateway, session=session) as gwms:
        hook = await gwms.webhooks.create(spec())
        assert await gwms.webhooks.list() == [hook]

    assert closing[0].is_closing()
    assert gateway.count("create") == 1
