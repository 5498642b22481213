"""``gwms login`` checks the credentials and shows when the token expires; ``gwms logout`` deletes the cached token."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime

import click

from .. import FileTokenStore, Token, TokenStore
from ..settings import checked_base_url
from ..tokens import store_key
from .access import Access, base_url_option, cached_tokens, username_option, with_access
from .loop import run
from .output import Exit, handle_errors, json_option, print_json, print_output


class FreshStore:
    """A store that never offers a token, so that the client logs in, and remembers the last one saved.

    Args:
        store: Where tokens are saved.
    """

    def __init__(self, store: TokenStore) -> None:
        self._store = store
        self.last: Token | None = None

    async def load(self, key: str) -> Token | None:
        """Return None."""

    async def save(self, key: str, token: Token) -> None:
        """Save a token."""
        self.last = token
        await self._store.save(key, token)

    def lock(self, key: str) -> AbstractAsyncContextManager[object]:
        """Let one process at a time renew a token."""
        return self._store.lock(key)


@click.command()
@with_access
@json_option
@click.pass_context
def login(context: click.Context, access: Access, *, as_json: bool) -> None:
    """Log in again and show when the token expires.

    Also lists the webhooks, to check the e-shop's API key.
    """
    context.exit(run(handle_errors(_log_in(access, as_json=as_json))))


async def _log_in(access: Access, *, as_json: bool) -> Exit:
    store = FreshStore(cached_tokens())
    async with access.client(store) as gwms:
        webhooks = await gwms.webhooks.list()
    timestamp = store.last.expires_at if store.last else None
    expires_at = None if timestamp is None else datetime.fromtimestamp(timestamp, UTC)
    if as_json:
        expiry = expires_at and expires_at.isoformat()
        print_json({"username": access.username, "expires_at": expiry, "webhooks": len(webhooks)})
    else:
        validity = f"expires {expires_at:%Y-%m-%d %H:%M:%S} UTC" if expires_at else "has no known expiry"
        print_output(f"Logged in as {access.username}; the token {validity}. Webhooks of the e-shop: {len(webhooks)}.")
    return Exit.DONE


@click.command()
@username_option
@base_url_option
@json_option
@click.pass_context
def logout(context: click.Context, username: str | None, base_url: str, *, as_json: bool) -> None:
    """Delete the cached token.

    The gateway has no logout: a copy of the token stays valid until it expires.
    """
    if not username:
        raise click.UsageError("set GWMS_USERNAME in the environment")
    context.exit(run(handle_errors(_log_out(username, base_url, as_json=as_json))))


async def _log_out(username: str, base_url: str, *, as_json: bool) -> Exit:
    deleted = await FileTokenStore().forget(store_key(checked_base_url(base_url), username))
    if as_json:
        print_json({"username": username, "deleted": deleted})
    else:
        print_output(f"Deleted the token of {username}." if deleted else f"No token of {username} is cached.")
    return Exit.DONE
