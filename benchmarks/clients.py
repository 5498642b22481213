"""Ways to call the gateway: by hand, with other packages, with this one. Each gives the same acts."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from importlib import import_module
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

Acts = Mapping[str, Callable[[int], Awaitable[object]]]
"""What can be done, by name: the number says which webhook it is about, or how many there are."""


def way(name: str, base_url: str, folder: str) -> AbstractAsyncContextManager[Acts]:
    """Choose a way by its name.

    Args:
        name: One of the names above.
        base_url: The gateway's.
        folder: Where `generate` has put its client.
    """
    ways: Mapping[str, Callable[[], AbstractAsyncContextManager[Acts]]] = {
        REFERENCE: lambda: by_aiohttp(base_url),
        CONTROL: lambda: by_aiohttp(base_url),
        RETRYING: lambda: by_aiohttp(base_url, retrying=True),
        FLOOR: lambda: by_bare_aiohttp(base_url),
        FAST_FLOOR: lambda: by_bare_aiohttp(base_url),
        HTTPX: lambda: by_httpx(base_url),
        GENERATED: lambda: by_generated(base_url, folder),
    }
    return ways.get(name, lambda: by_sdk(base_url))()


def _spec(number: int) -> dict[str, object]:
    return {**WEBHOOK, "url": f"https://shop.example/gwms/{number}"}


async def _in_bulk(act: Callable[[int], Awaitable[object]], calls: int) -> list[object]:
    numbers, answers = iter(range(calls)), list[object]()

    async def work() -> None:
        for number in numbers:
            answers.append(await act(number))

    async with asyncio.TaskGroup() as group:
        for _ in range(WORKERS):
            group.create_task(work())
    return answers


@asynccontextmanager
async def by_aiohttp(base_url: str, *, retrying: bool = False) -> AsyncIterator[Acts]:
    """Call with nothing but aiohttp, or with aiohttp-retry: the least that works."""
    import aiohttp  # noqa: PLC0415  # a process imports what it measures

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

        yield {"create": create, "get": get, "list": list_all, "register": lambda calls: _in_bulk(create, calls)}


@asynccontextmanager
async def by_bare_aiohttp(base_url: str) -> AsyncIterator[Acts]:
    """Call with what is left of aiohttp where all that can be switched off is: the floor for whoever builds on it."""
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
async def by_httpx(base_url: str) -> AsyncIterator[Acts]:
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
    """Let openapi-python-client make a client of the contract."""
    maker = [sys.executable, "-m", "openapi_python_client", "generate", "--path", str(CONTRACT)]
    # It complains of what it does not know, and ends with 1.
    run([*maker, "--output-path", f"{folder}/generated"], check=False, capture_output=True)


@asynccontextmanager
async def by_generated(base_url: str, folder: str) -> AsyncIterator[Acts]:
    """Call with what `generate` has made."""
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
async def by_sdk(base_url: str) -> AsyncIterator[Acts]:
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

        async def register(calls: int) -> object:
            report = await gwms.webhooks.register_many(map(spec, range(calls)), concurrency=WORKERS)
            report.raise_for_failures()
            return report

        yield {"create": create, "get": get, "list": list_all, "register": register}
