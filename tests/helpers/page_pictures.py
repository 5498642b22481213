"""The two pictures of the page in `.assets/`, and of which files they are.

uv run --group browser python -m tests.helpers.page_pictures
"""

from __future__ import annotations

import asyncio
import hashlib
from typing import Any

from gwms_async import WebhookSpec, WebhookType
from gwms_async.testing import DeliveryPolicy, DropAfter, Lose, Repeat, Status
from gwms_async.testing.threaded import emulator_in_thread

from .browser import keep_local, launched
from .documents import PACKAGE, ROOT
from .emulated import client
from .webhook_server import webhook_server

FILES = [PACKAGE / "testing" / "page" / name for name in ("page.css", "page.html", "page.js")]
SUMS = ROOT / ".assets" / "page.sha256"
PICTURES = {scheme: ROOT / ".assets" / f"page-{scheme}.png" for scheme in ("light", "dark")}
SIZE = {"width": 1100, "height": 640}


def sums() -> str:
    """Return the hashes of the page's files, as `sha256sum` writes them."""
    return "".join(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in FILES)


async def happen(gateway: Any) -> None:
    """Let something happen: calls and deliveries, most of which succeed."""
    async with webhook_server() as server:
        gateway.route("*", server.url(""))
        async with client(gateway) as gwms:
            gateway.inject(DropAfter(), operation="create")
            gateway.inject(Status(503), operation="get", times=2)
            types = WebhookType.UPDATE_ORDER, WebhookType.CREATE_ORDER, WebhookType.UPDATE_RETURN_STATUS
            await gwms.webhooks.register_many([WebhookSpec("https://shop.example/gwms", one) for one in types])
            await gwms.webhooks.get(1)
        server.answers[:] = [200, 200, 500, 500]
        gateway.disturb(Repeat(2), at=3)
        gateway.disturb(Lose(), at=6)
        for number in range(7):
            event = "CREATE_ORDER" if number % 3 else "UPDATE_ORDER"
            gateway.emit(event, {"eshopOrderId": f"A{1001 + number}", "status": "packed", "items": 2})
        await gateway.delivered()


def draw() -> None:
    """Draw both pictures."""
    with emulator_in_thread(delivery_policy=DeliveryPolicy(repeats=(0.05, 0.1))) as gateway:
        asyncio.run(happen(gateway))
        with launched() as browser:
            for scheme, path in PICTURES.items():
                context = browser.new_context(viewport=SIZE, color_scheme=scheme)
                keep_local(context)
                page = context.new_page()
                page.goto(gateway.page_url)
                page.locator(".row", has_text="500").first.click()
                page.locator("#sections").get_by_text("Answer headers").wait_for()
                page.screenshot(path=path)
                context.close()
    SUMS.write_text(sums(), "utf-8")


if __name__ == "__main__":
    draw()
