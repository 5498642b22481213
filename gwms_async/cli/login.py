"""``gwms login`` checks the credentials and shows when the token expires; ``gwms logout`` deletes the cached token."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import cast

import click

from .. import FileTokenStore, MemoryTokenStore, Token
from ..auth.guarded_store import PATIENCE
from ..settings import checked_base_url
from ..tokens import store_key
from .access import Access, cached_tokens, find_settings, with_access
from .options import common_options, json_option
from .output import print_result
from .problems import RefusedError


@click.command()
@with_access
@json_option
async def login(access: Access) -> None:
    """Log in again and show when the token expires.

    Also lists the webhooks, to check the e-shop's API key.
    """
    fresh, cache = MemoryTokenStore(), cached_tokens()
    async with access.client(fresh) as gwms:
        webhooks = await gwms.webhooks.list()
    key = store_key(checked_base_url(access.base_url), access.username)
    token = cast(Token, await fresh.load(key))  # the login has just saved it
    with _naming("logged in, but the token cannot be cached"):
        await cache.save(key, token)
    expires_at = token.expires_at and datetime.fromtimestamp(token.expires_at, UTC)
    validity = f"expires {expires_at:%Y-%m-%d %H:%M:%S} UTC" if expires_at else "has no known expiry"
    print_result(
        {"username": access.username, "expires_at": expires_at, "webhooks": len(webhooks)},
        f"Logged in as {access.username}; the token {validity}. Webhooks of the e-shop: {len(webhooks)}.",
    )


@click.command()
@common_options
@json_option
async def logout() -> None:
    """Delete the cached token.

    The gateway has no logout: a copy of the token stays valid until it expires.
    """
    settings = find_settings()
    if "username" not in settings:
        raise RefusedError("set GWMS_USERNAME in the environment, or pass --username or --profile")
    username, base_url = settings["username"][0], settings["base_url"][0]
    key = store_key(checked_base_url(base_url), username)
    try:
        async with asyncio.timeout(PATIENCE):
            with _naming("the cached token cannot be deleted"):
                deleted = await FileTokenStore().forget(key)
    except TimeoutError:
        text = f"another process keeps the token of {username} locked (waited {PATIENCE:g} s); try again, or stop it"
        raise TimeoutError(text) from None
    text = f"Deleted the token of {username}." if deleted else f"No token of {username} is cached."
    print_result({"username": username, "deleted": deleted}, text)


@contextmanager
def _naming(failure: str) -> Generator[None]:
    """Make an error of the cache say what failed, and what to do."""
    try:
        yield
    except OSError as error:
        raise OSError(f"{failure} ({error}); let XDG_CACHE_HOME name a folder that you can write to") from None
