"""Clients of the gateway to compare: plain aiohttp, other packages, and this one. Each offers the same operations."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from importlib import import_module
from itertools import count, islice
from pathlib import Path
from subprocess import run
from typing import Any

from gateway import WEBHOOK

REFERENCE, CONTROL, RETRYING = "aiohttp", "aiohttp again", "aiohttp-retry"
FLOOR, FAST_FLOOR = "aiohttp, bare", "aiohttp, bare, orjson, uvloop"
OURS, FAST = "gwms_async", "gwms_async[speed], uvloop"
HTTPX, GENERATED = "httpx", "openapi-python-client"
CONNECTIONS, WORKERS = 100, 50
CONTRACT = Path(__file__).parent.parent / "tests/contract/gwms-v21-webhooks.openapi.json"

Operations = Mapping[str, Callable[[int], Awaitable[object]]]
"""Operations by name; the argument is the id of a webhook, or how many to create."""


def open_client(name: str, base_url: str, folder: str) -> AbstractAsyncContextManager[Operations]:
    """Open a client by its name.

    Args:
        name: One of the names above.
        base_url: The gateway's base URL.
        folder: Where `generate` put its client.
    """
    clients: Mapping[str, Callable[[], AbstractAsyncContextManager[Operations]]] = {
        REFERENCE: lambda: aiohttp_client(base_url),
        CONTROL: lambda: aiohttp_client(base_url),
        RETRYING: lambda: aiohttp_client(base_url, retrying=True),
        FLOOR: lambda: bare_aiohttp_client(base_url),
        FAST_FLOOR: lambda: bare_aiohttp_client(base_url),
        HTTPX: lambda: httpx_client(base_url),
        GENERATED: lambda: generated_client(base_url, folder),
    }
    return clients.get(name, lambda: this_client(base_url))()


def _spec(number: int) -> dict[str, object]:
    return {**WEBHOOK, "url": f"https://shop.example/gwms/{number}"}


async def _in_bulk(operation: Callable[[int], Awaitable[object]], calls: int) -> list[object]:
    numbers, answers = iter(range(calls)), list[object]()

    async def work() -> None:
        for number in numbers:
            answers.append(await operation(number))

    async with asyncio.TaskGroup() as group:
        for _ in range(WORKERS):
            group.create_task(work())
    return answers


@asynccontextmanager
async def aiohttp_client(base_url: str, *, retrying: bool = False) -> AsyncGenerator[Operations]:
    """Call with aiohttp alone, or with aiohttp-retry: the least that works."""
    import aiohttp  # noqa: PLC0415  # a process imports only what it measures

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=CONNECTIONS)) as session:
        async with session.post(f"{base_url}/users/login", json={"username": "u", "password": "p"}) as answer:
            token = (await answer.json())["data"]["token"]
        session.headers.update({"authorization": f"Bearer {token}", "x-api-key": "k"})
        client: Any = import_module("aiohttp_retry").RetryClient(session) if retrying else session

        async def create(number: int) -> object:
            async with client.post(f"{base_url}/webhooks", json=_spec(number)) as answer:
                return (await answer.json())["data"]

        async def get(number: int) -> object:
            async with client.get(f"{base_url}/webhooks/{number}") as answer:
                return (await answer.json())["data"]

        async def list_all(_: int) -> object:
            async with client.get(f"{base_url}/webhooks") as answer:
                return (await answer.json())["data"]

        async def register(calls: int) -> object:
            async with client.delete(f"{base_url}/webhooks"):
                return await _in_bulk(create, calls)

        yield {"create": create, "get": get, "list": list_all, "register": register}


@asynccontextmanager
async def bare_aiohttp_client(base_url: str) -> AsyncGenerator[Operations]:
    """Call with aiohttp and all its options switched off: the floor for anything built on it."""
    import aiohttp  # noqa: PLC0415  # as above
    from yarl import URL  # noqa: PLC0415  # as above

    fast: Any = sys.modules.get("orjson")
    loads: Callable[[bytes], Any] = fast.loads if fast else lambda body: json.loads(body.decode())
    dumps: Callable[[object], bytes] = fast.dumps if fast else lambda content: json.dumps(content).encode()
    connector, jar = aiohttp.TCPConnector(limit=0), aiohttp.DummyCookieJar()
    without_timer = aiohttp.ClientTimeout(total=None)
    async with aiohttp.ClientSession(connector=connector, cookie_jar=jar, timeout=without_timer) as session:
        async with session.post(f"{base_url}/users/login", data=b"{}") as answer:
            token = loads(await answer.read())["data"]["token"]
        session.headers.update({"authorization": f"Bearer {token}", "x-api-key": "k"})
        url = URL(f"{base_url}/webhooks")

        async def data_of(answer: aiohttp.ClientResponse) -> object:
            content = answer.content
            body = content.read_nowait() if content.is_eof() else await answer.read()
            if answer.connection is not None:
                answer.release()
            return loads(body)["data"]

        async def create(number: int) -> object:
            body = aiohttp.BytesPayload(dumps(_spec(number)), content_type="application/json")
            return await data_of(await session.post(url, data=body, allow_redirects=False))

        async def get(number: int) -> object:
            return await data_of(await session.get(url.with_path(f"{url.path}/{number}", encoded=True)))

        yield {"create": create, "get": get}


@asynccontextmanager
async def httpx_client(base_url: str) -> AsyncGenerator[Operations]:
    """Call with httpx."""
    httpx: Any = import_module("httpx")
    async with httpx.AsyncClient(limits=httpx.Limits(max_connections=CONNECTIONS)) as client:
        answer = await client.post(f"{base_url}/users/login", json={"username": "u", "password": "p"})
        client.headers.update({"authorization": f"Bearer {answer.json()['data']['token']}", "x-api-key": "k"})

        async def create(number: int) -> object:
            return (await client.post(f"{base_url}/webhooks", json=_spec(number))).json()["data"]

        async def get(number: int) -> object:
            return (await client.get(f"{base_url}/webhooks/{number}")).json()["data"]

        yield {"create": create, "get": get}


def generate(folder: str) -> None:
    """Generate a client from the contract with openapi-python-client."""
    command = [sys.executable, "-m", "openapi_python_client", "generate", "--path", str(CONTRACT)]
    # It warns about what it does not support, and exits with 1.
    run([*command, "--output-path", f"{folder}/generated"], check=False, capture_output=True)


@asynccontextmanager
async def generated_client(base_url: str, folder: str) -> AsyncGenerator[Operations]:
    """Call with the client that `generate` made."""
    sys.path.insert(0, f"{folder}/generated")
    (package,) = (path.parent.name for path in Path(folder).glob("generated/*/client.py"))  # noqa: ASYNC240  # local
    operations = f"{package}.api.webhooks.v_21_"
    post, get_one, get_all = (
        import_module(operations + name) for name in ("post_webhooks", "get_webhook", "get_webhooks")
    )
    models, httpx = import_module(f"{package}.models"), import_module("httpx")
    login = httpx.post(f"{base_url}/users/login", json={"username": "u", "password": "p"}).json()["data"]
    keys = {"x_api_key": "k", "authorization": f"Bearer {login['token']}"}
    async with import_module(package).Client(base_url=base_url) as client:

        async def create(number: int) -> object:
            body = models.V21CreateWebhook.from_dict(_spec(number))
            return (await post.asyncio(client=client, body=body, **keys)).data

        async def get(number: int) -> object:
            return (await get_one.asyncio(number, client=client, **keys)).data

        async def list_all(_: int) -> object:
            return (await get_all.asyncio(client=client, **keys)).data

        yield {"create": create, "get": get, "list": list_all}


@asynccontextmanager
async def this_client(base_url: str) -> AsyncGenerator[Operations]:
    """Call with this package, as its users do."""
    from gwms_async import Credentials, GwmsClient, WebhookSpec, WebhookType  # noqa: PLC0415  # as above

    def spec(number: int) -> WebhookSpec:
        return WebhookSpec(f"https://shop.example/gwms/{number}", WebhookType.CREATE_ORDER)

    async with GwmsClient(Credentials("u", "p", "k"), base_url=base_url, max_connections=CONNECTIONS) as gwms:

        async def create(number: int) -> object:
            return await gwms.webhooks.create(spec(number))

        async def get(number: int) -> object:
            return await gwms.webhooks.get(number)

        async def list_all(_: int) -> object:
            return await gwms.webhooks.list()

        numbers = count()

        async def register(calls: int) -> object:
            await gwms.request("DELETE", "/webhooks")
            report = await gwms.webhooks.register_many(map(spec, islice(numbers, calls)), concurrency=WORKERS)
            report.raise_for_failures()
            return report

        yield {"create": create, "get": get, "list": list_all, "register": register}
