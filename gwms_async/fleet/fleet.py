"""Reconcile the webhooks of many e-shops and accounts, with any task engine or none."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import AsyncExitStack, suppress
from typing import Self, Unpack

from attrs import field, frozen

from ..client import ClientOptions, GwmsClient
from ..errors import ApiError, Cause, ConfigurationError, GwmsError, LoginError, PlanRefusedError, TransportError
from ..models import Webhook, WebhookSpec
from ..redaction import frameless
from ..registration.checks import is_async
from ..registration.report import Report
from ..settings import PRODUCTION, Credentials, CredentialsLike, checked_base_url, checked_middlewares
from ..timeouts import is_cancelled

_MAX_CLIENTS = 100
_logger = logging.getLogger("gwms_async")


@frozen
class Eshop:
    """An e-shop to reconcile: how to reach it, and the webhooks it should have.

    Args:
        credentials: The account, and the e-shop's API key.
        specs: The webhooks.
        prune: Which others to delete, as for `Webhooks.plan`; by default none.
        base_url: The gateway's base URL; None for the fleet's.
    """

    credentials: CredentialsLike = field(repr=False)
    specs: Iterable[WebhookSpec] = field(repr=False)
    prune: str | Callable[[Webhook], object] | None = None
    base_url: str | None = None


@frozen
class EshopResult:
    """The result for an e-shop, as plain values without URLs or secrets, which any engine can store.

    Args:
        name: The e-shop.
        counts: How many webhooks ended with each status, as in `Report.counts`, and how many `copies` were found.
        errors: What went wrong, for each webhook ``event type: error class``; ``find: …``, ``find returned …`` and
            ``all: …`` otherwise.
        seconds: How long it took.
        retryable: Whether something went wrong that may succeed in a few minutes.
    """

    name: str
    counts: Mapping[str, int]
    errors: tuple[str, ...]
    seconds: float
    retryable: bool = False


@frozen
class _Account:
    """The properties that e-shops must have in common to share a client."""

    base_url: str
    username: str
    password: str = field(repr=False)


class Fleet:
    """Reconciles e-shops by name: adopts, (de)activates, creates and deletes their webhooks.

    ::

        async with Fleet(find, token_store=store) as fleet:
            print(await fleet.reconcile("shop-17"))

    E-shops of an account share one client. Of more than a hundred clients, those unused for the longest are closed.

    Args:
        find: An async function that returns the e-shop of a name, for example from your database.
        options: The arguments of `GwmsClient` other than its credentials.

    Raises:
        ConfigurationError: `find` is not async, or an option is invalid.
    """

    def __init__(self, find: Callable[[str], Awaitable[Eshop]], **options: Unpack[ClientOptions]) -> None:
        if not is_async(find):  # else it would fail every e-shop, as if your database had
            name = getattr(find, "__qualname__", type(find).__qualname__)
            raise ConfigurationError(f"find must be an async function of one name; got {name}")
        # An iterator would be used up by the first client, and an invalid option would fail the e-shops one by one.
        options["middlewares"] = checked_middlewares(options.get("middlewares", ()))
        GwmsClient(Credentials("username", "password", "key"), **options)
        self._find, self._options = find, options
        self._clients: dict[_Account, GwmsClient] = {}
        self._in_use = Counter[_Account]()
        self._is_closed = False

    async def reconcile(self, name: str) -> EshopResult:
        """Make the webhooks of an e-shop what they should be; safe to repeat, and to run in several places.

        Args:
            name: What `find` knows the e-shop by.

        Returns:
            What became of it. Nothing is raised, because messages of errors might contain a secret of yours; the first
            one of this package is logged. After `close`, every e-shop fails.
        """
        started, step = time.monotonic(), "find"
        counts: Counter[str] = Counter()
        failed: list[tuple[str, BaseException | None]]
        try:
            eshop = await self._find(name)
            step = "all" if isinstance(eshop, Eshop) else f"find returned {type(eshop).__name__}"
            report = await self._reconcile(eshop)
            for outcome in report.outcomes:
                counts.update({outcome.status.value: 1, "copies": len(outcome.copies)})
            failed = [(one.spec.webhook_type, one.error) for one in report.failures]
        except (Exception, asyncio.CancelledError) as error:  # one e-shop must not stop the others
            if isinstance(error, asyncio.CancelledError) and is_cancelled():
                raise
            # With its traceback, it and this frame would keep each other alive, and the credentials.
            failed = [(step, frameless(error))]
        _log_first(name, failed)
        errors = tuple(f"{what}: {type(error).__name__}" for what, error in failed)
        # What a closed fleet did not do may succeed on another machine.
        retryable = any(what == "find" or self._is_closed or is_retryable(error) for what, error in failed)
        return EshopResult(name, dict(+counts), errors, round(time.monotonic() - started, 3), retryable)

    async def _reconcile(self, eshop: Eshop) -> Report:
        if self._is_closed:
            raise RuntimeError("the fleet is closed")
        options, credentials = self._options.copy(), eshop.credentials
        if eshop.base_url is not None:
            options["base_url"] = eshop.base_url
        base_url = checked_base_url(options.get("base_url", PRODUCTION))
        account = _Account(base_url, credentials.username, credentials.password)
        client = self._clients.pop(account, None) or GwmsClient(credentials, **options)
        self._clients[account] = client  # the last is the one most recently used
        self._in_use[account] += 1
        try:
            webhooks = client.for_eshop(credentials.api_key).webhooks
            if eshop.prune is None:
                return await webhooks.register_many(eshop.specs)
            return await webhooks.apply(await webhooks.plan(eshop.specs, prune=eshop.prune))
        finally:
            self._in_use -= Counter([account])  # drops what is 0
            idle = [one for one in self._clients if one not in self._in_use]
            if idle and len(self._clients) > _MAX_CLIENTS:
                with suppress(Exception):  # what the client did counts
                    await self._clients.pop(idle[0]).close()

    async def close(self) -> None:
        """Close all clients, for good."""
        self._is_closed = True
        async with AsyncExitStack() as stack:  # closes the others after a cancellation too
            while self._clients:
                stack.push_async_callback(self._clients.popitem()[1].close)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


def _log_first(name: str, failed: Iterable[tuple[str, BaseException | None]]) -> None:
    """Log the first error of this package, which contains no secret: results name only the classes of errors."""
    for what, error in failed:
        if isinstance(error, GwmsError) and what != "find":
            _logger.warning("e-shop %r, %s: %s", name, what, error)
            return


def is_retryable(error: BaseException | None) -> bool:
    """Return whether what failed may succeed in a few minutes: not a refused login, and not a wrong argument."""
    match error:
        case ApiError():  # 401: the token may have been revoked, and not the key
            return error.status >= 500 or error.status in {401, 408, 425, 429}
        case TransportError():
            return error.cause is not Cause.MISCONFIGURED
    return not isinstance(error, LoginError | PlanRefusedError | ValueError | TypeError | AttributeError)
