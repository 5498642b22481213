"""Arguments are checked before anything is sent."""

from __future__ import annotations

import re
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable
from functools import partial
from math import inf, nan
from typing import Any

import pytest
from attrs import evolve

from gwms_async import GwmsClient, Plan, WebhookSpec
from gwms_async.registration.checks import (
    check_concurrency,
    check_deadline,
    check_function,
    check_iterable,
    is_async,
    unique_specs,
)
from gwms_async.testing import GwmsEmulator

from ..helpers.emulated import client, spec


async def asynchronous() -> AsyncIterator[WebhookSpec]:
    """Give nothing."""
    for one in list[WebhookSpec]():
        yield one


async def coroutine(_: object) -> bool:
    """Return what is true until it is awaited."""
    return False


class Callback:
    """An object that is called like an async function."""

    async def __call__(self, _: object) -> bool:
        """Return what is true until it is awaited."""
        return False


@pytest.mark.parametrize("specs", [WebhookSpec("https://shop.example/", "CREATE_ORDER"), "https://x/", None, 5])
def test_what_are_no_specs(specs: Any) -> None:
    """A single spec is not a list, nor is a string, although it can be iterated over."""
    text = rf"^specs must be a list or other iterable of WebhookSpec; got {type(specs).__name__}$"
    with pytest.raises(ValueError, match=text):
        check_iterable(specs, Iterable, AsyncIterable)
    with pytest.raises(ValueError, match=text):
        unique_specs(specs)


def test_what_may_be_specs() -> None:
    """Anything to iterate over; where specs may come late, an asynchronous iterable too."""
    check_iterable([], Iterable)
    check_iterable(iter(()), Iterable)
    check_iterable(asynchronous(), Iterable, AsyncIterable)
    with pytest.raises(ValueError, match=r"got async_generator$"):
        check_iterable(asynchronous(), Iterable)


def test_specs_are_unique_by_canonical_url() -> None:
    """The first of several spellings is kept; they must agree on whether the webhook is active."""
    first = WebhookSpec("https://shop.example", "CREATE_ORDER")
    second = WebhookSpec("https://SHOP.example:443/", "CREATE_ORDER")

    assert list(unique_specs([first, second]).values()) == [first]
    with pytest.raises(ValueError, match="wanted both active and inactive"):
        unique_specs([first, evolve(second, active=False)])


@pytest.mark.parametrize("url", ["shop.example/x", "ftp://shop.example/x", "https:///x", "", " https://shop.example/"])
def test_only_absolute_http_urls_are_registered(url: str) -> None:
    """One that is not makes the whole call fail, before anything is sent."""
    with pytest.raises(
        ValueError,
        match=rf"must be an absolute http\(s\) URL, e\.g\. https://\S+; got '{url}'(, which contains a space)?$",
    ):
        unique_specs([WebhookSpec("https://shop.example/", "CREATE_ORDER"), WebhookSpec(url, "CREATE_ORDER")])


@pytest.mark.parametrize("concurrency", [0, -1, True, 1.0, "5", None])
def test_what_is_no_concurrency(concurrency: object) -> None:
    """The error shows it."""
    with pytest.raises(ValueError, match=f"an integer of 1 or more; got {re.escape(repr(concurrency))}"):
        check_concurrency(concurrency)


@pytest.mark.parametrize("deadline", ["5", True, nan, [1], 10**400])
def test_what_is_no_deadline(deadline: object) -> None:
    """The error shows it."""
    with pytest.raises(ValueError, match=f"number of seconds, or None; got {re.escape(repr(deadline)[:50])}"):
        check_deadline(deadline)


@pytest.mark.parametrize("deadline", [None, 0, -1.0, 2.5, inf])
def test_what_may_be_a_deadline(deadline: float | None) -> None:
    """One that has passed is one too."""
    check_deadline(deadline)


@pytest.mark.parametrize("function", [coroutine, Callback(), 5, "https://shop.example/"])
def test_what_is_no_callback(function: object) -> None:
    """What an async function returns would be true, and never awaited."""
    with pytest.raises(ValueError, match="on_outcome must be a function, and not an async one; got "):
        check_function("on_outcome", function)


@pytest.mark.parametrize("function", [None, print, [].append, lambda _: True])
def test_what_may_be_a_callback(function: object) -> None:
    """Any other function."""
    check_function("on_outcome", function)
    assert not is_async(function)


@pytest.mark.parametrize(
    "call",
    [
        lambda gwms: gwms.webhooks.register_many([spec()], on_outcome=coroutine),
        lambda gwms: gwms.webhooks.register_many([spec()], deadline="5"),
        lambda gwms: gwms.webhooks.plan([spec(), evolve(spec(), active=False)]),
        lambda gwms: gwms.webhooks.plan([spec()], prune=coroutine),
        lambda gwms: gwms.webhooks.plan([spec()], prune=partial(coroutine)),
        lambda gwms: gwms.webhooks.apply(Plan((), (), (), (), (), 0), on_outcome=coroutine),
    ],
)
async def test_nothing_is_sent(gateway: GwmsEmulator, call: Callable[[GwmsClient], Any]) -> None:
    """Not even a list."""
    async with client(gateway) as gwms:
        with pytest.raises(ValueError, match=r"async|number of seconds|both active and inactive"):
            await call(gwms)

    assert gateway.requests == []
