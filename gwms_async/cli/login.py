"""``gwms login``: are the credentials good, and until when is the token?"""

from __future__ import annotations

import asyncio
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime

import click
from attrs import define, field

from .. import Token, TokenStore
from .output import Exit, as_json, guarded, show, show_json
from .session import Access, token_store, with_access


@define(eq=False, repr=False)
class WatchedStore:
    """A store that remembers which token went through it last.

    Args:
        store: Where tokens are kept.
    """

    _store: TokenStore
    last: Token | None = field(default=None, init=False, repr=False)

    async def load(self, key: str) -> Token | None:
        """Read a token."""
        self.last = await self._store.load(key)
        return self.last

    async def save(self, key: str, token: Token) -> None:
        """Keep a token."""
        self.last = token
        await self._store.save(key, token)

    def lock(self, key: str) -> AbstractAsyncContextManager[object]:
        """Let one at a time renew a token."""
        return self._store.lock(key)


@click.command()
@with_access
@as_json
@click.pass_context
def login(context: click.Context, access: Access, *, as_json: bool) -> None:
    """Log in, and tell until when that is good.

    It lists webhooks as well, so that the e-shop's key is tried too.
    """
    context.exit(asyncio.run(guarded(_log_in(access, as_json=as_json))))


async def _log_in(access: Access, *, as_json: bool) -> Exit:
    store = WatchedStore(token_store())
    async with access.client(store) as gwms:
        webhooks = await gwms.webhooks.list()
    end = store.last.expires_at if store.last else None
    until = None if end is None else datetime.fromtimestamp(end, UTC)
    if as_json:
        expires_at = until and until.isoformat()
        show_json({"username": access.username, "expires_at": expires_at, "webhooks": len(webhooks)})
    else:
        good = f"until {until:%Y-%m-%d %H:%M:%S} UTC" if until else "for as long as the gateway takes the token"
        show(f"logged in as {access.username}, {good}; the e-shop has {len(webhooks)} webhooks")
    return Exit.DONE
