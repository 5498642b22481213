"""``gwms login``: are the credentials good, and until when is the token? ``gwms logout`` forgets it."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime

import click
from attrs import define, field

from .. import Token, TokenStore
from ..settings import checked_base_url
from ..tokens import store_key
from .access import Access, base_url_option, token_store, username_option, with_access
from .loop import run
from .output import Exit, as_json, guarded, show, show_json


@define(eq=False, repr=False)
class FreshStore:
    """A store that offers no token, so that there is a login, and remembers the one it was given.

    Args:
        store: Where tokens are kept.
    """

    _store: TokenStore
    last: Token | None = field(default=None, init=False, repr=False)

    async def load(self, key: str) -> Token | None:  # whatever the key
        """Offer none."""

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
    """Log in anew, and tell until when that is good.

    It lists webhooks as well, so that the e-shop's key is tried too.
    """
    context.exit(run(guarded(_log_in(access, as_json=as_json))))


async def _log_in(access: Access, *, as_json: bool) -> Exit:
    store = FreshStore(token_store())
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


@click.command()
@username_option
@base_url_option
@as_json
@click.pass_context
def logout(context: click.Context, username: str | None, base_url: str, *, as_json: bool) -> None:
    """Delete the account's token from this user's cache.

    The gateway knows no logout: a token that somebody else has got hold of stays good until it expires.
    """
    if not username:
        raise click.UsageError("set GWMS_USERNAME in the environment")
    context.exit(run(guarded(_log_out(username, base_url, as_json=as_json))))


async def _log_out(username: str, base_url: str, *, as_json: bool) -> Exit:
    was_there = await token_store().forget(store_key(checked_base_url(base_url), username))
    if as_json:
        show_json({"username": username, "deleted": was_there})
    else:
        show(f"the token of {username} was deleted" if was_there else f"there is no token of {username}")
    return Exit.DONE
