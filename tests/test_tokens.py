"""Tokens as stores keep them, and as they live in a running client."""

from __future__ import annotations

import asyncio
from math import inf

import pytest

from gwms_async import MemoryTokenStore, Token, TokenStore
from gwms_async.tokens import ActiveToken


def test_a_token_does_not_show_itself() -> None:
    """Its repr shows only when it expires."""
    token = Token("s3cret", expires_at=5.0)

    assert repr(token) == str(token) == "Token(expires_at=5.0)"
    assert Token("s3cret", 5.0) == token
    assert Token("s3cret").expires_at is None


async def test_the_memory_store_gives_what_was_saved_last() -> None:
    """Under the same key; nothing where nothing was saved."""
    store = MemoryTokenStore()

    await store.save("a", Token("1"))
    await store.save("b", Token("2"))
    await store.save("a", Token("3"))

    assert (await store.load("a"), await store.load("b"), await store.load("c")) == (Token("3"), Token("2"), None)


async def test_the_memory_store_locks_one_key_at_a_time() -> None:
    """Who renews a token keeps others out until done, but not those of another account."""
    store, inside = MemoryTokenStore(), []

    async def enter(key: str, name: str) -> None:
        async with store.lock(key):
            inside.append(name)
            await asyncio.sleep(0)

    async with store.lock("a"):
        first, second = asyncio.create_task(enter("a", "first")), asyncio.create_task(enter("a", "second"))
        await enter("b", "other")
        assert inside == ["other"]
    await asyncio.gather(first, second)

    assert inside == ["other", "first", "second"]


def test_the_memory_store_shows_no_token() -> None:
    """It is a store, but has no content to print."""
    store = MemoryTokenStore()
    store._tokens["a"] = Token("s3cret")

    assert isinstance(store, TokenStore)
    assert "s3cret" not in repr(store)


def test_what_lacks_a_method_is_no_store() -> None:
    """The protocol can be checked."""
    assert not isinstance({}, TokenStore)


@pytest.mark.parametrize(
    ("ttl", "refresh_at", "refresh_by"),
    [
        (36_000.0, 36_880.0, 36_970.0),
        (600.0, 1480.0, 1570.0),
        (300.0, 1240.0, 1285.0),
        (100.0, 1080.0, 1095.0),
        (10.0, 1008.0, 1009.5),
        (1.0, 1000.8, 1000.95),
        (0.0, 1000.0, 1000.0),
    ],
)
def test_the_windows_shrink_with_the_life_of_a_token(ttl: float, refresh_at: float, refresh_by: float) -> None:
    """Two minutes and half a minute before the end, but never more than a fifth and a twentieth of its life."""
    token = ActiveToken.begin(Token("t"), 1000.0, ttl, relogins=0)

    assert pytest.approx(refresh_at) == token.refresh_at
    assert pytest.approx(refresh_by) == token.refresh_by
    assert token.expires_at == 1000.0 + ttl


def test_a_token_of_unknown_life_is_never_renewed_ahead() -> None:
    """It is used until it is refused."""
    token = ActiveToken.begin(Token("t"), 1000.0, None, relogins=0)

    assert (token.refresh_at, token.refresh_by, token.expires_at) == (inf, inf, inf)


def test_an_active_token_remembers_where_it_comes_from() -> None:
    """By default from an ordinary login."""
    plain = ActiveToken.begin(Token("t"), 0.0, None, relogins=2)
    stored = ActiveToken.begin(Token("t"), 0.0, None, relogins=3, after_401=True, from_store=True)

    assert (plain.relogins, plain.after_401, plain.from_store) == (2, False, False)
    assert (stored.relogins, stored.after_401, stored.from_store) == (3, True, True)
    assert stored.token == Token("t")


def test_an_active_token_does_not_show_its_token() -> None:
    """Nor does it compare by value: two logins may give the same token."""
    one, two = (ActiveToken.begin(Token("s3cret"), 0.0, 60.0, relogins=0) for _ in range(2))

    assert "s3cret" not in repr(one)
    assert one != two


@pytest.mark.parametrize(
    ("now", "refresh_at", "refresh_by"),
    [
        (1080.0, 1090.0, 1095.0),
        (1090.0, 1095.0, 1095.0),
        (1096.0, 1098.0, 1098.0),
        (1099.0, 1100.0, 1100.0),
        (1099.5, 1100.5, 1100.0),
        (1200.0, 1201.0, 1100.0),
    ],
)
def test_a_renewal_is_put_off_by_half_of_the_time_that_is_left(
    now: float, refresh_at: float, refresh_by: float
) -> None:
    """By a second at least; meanwhile nobody is held up, but never beyond the end."""
    token = ActiveToken.begin(Token("t"), 1000.0, 100.0, relogins=0)

    token.delay_refresh(now)

    assert (token.refresh_at, token.refresh_by, token.expires_at) == (refresh_at, refresh_by, 1100.0)


def test_putting_off_the_renewal_of_a_token_of_unknown_life() -> None:
    """It stays in use."""
    token = ActiveToken.begin(Token("t"), 1000.0, None, relogins=0)

    token.delay_refresh(2000.0)

    assert (token.refresh_at, token.refresh_by, token.expires_at) == (inf, inf, inf)
