"""Many e-shops of many accounts, one at a time or some together; no engine is needed."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Self, Unpack

from attrs import define, field, frozen

from ..client import ClientOptions, GwmsClient
from ..errors import ApiError, Cause, LoginError, PlanRefusedError, TransportError
from ..models import Webhook, WebhookSpec
from ..settings import PRODUCTION, Credentials, CredentialsLike, checked_base_url, checked_middlewares
from ..timeouts import is_cancelled

_MOST_CLIENTS = 100
_ANY_CREDENTIALS = Credentials("username", "password", "key")
_REFUSED_FOR_NOW = frozenset({401, 408, 425, 429})

_logger = logging.getLogger("gwms_async")


@frozen
class Eshop:
    """What an e-shop needs: how to reach it, and the webhooks it should have.

    Args:
        credentials: The account, and the e-shop's API key.
        specs: The webhooks.
        prune: Which others to delete, as for `Webhooks.plan`; by default none.
        base_url: The gateway's base URL; None for that of the fleet.
    """

    credentials: CredentialsLike = field(repr=False)
    specs: Iterable[WebhookSpec] = field(repr=False)
    prune: str | Callable[[Webhook], object] | None = None
    base_url: str | None = None


@frozen
class EshopResult:
    """What became of an e-shop: plain values without URLs and secrets, which any engine can store.

    Args:
        name: The e-shop.
        counts: How many webhooks ended with each status, as in `Report.counts`, and how many `copies` were found.
        errors: What went wrong, for each webhook ``event type: error class``; ``find: …`` and ``all: …`` otherwise.
        seconds: How long it took.
        retryable: Whether something went wrong that may succeed in a few minutes.
    """

    name: str
    counts: Mapping[str, int]
    errors: tuple[str, ...]
    seconds: float
    retryable: bool = False


@define(eq=False)
class _Account:
    client: GwmsClient
    users: int = 0


class Fleet:
    """Reconciles e-shops by name: adopts, (de)activates, creates and deletes their webhooks.

    ::

        async with Fleet(find, token_store=store) as fleet:
            print(await fleet.reconcile("shop-17"))

    E-shops of an account share one client: one login, one pace, one retry budget. Clients that have not been used for
    the longest time are closed when there are more than a hundred.

    Args:
        find: Returns the e-shop of a name, for example from your database.
        options: The arguments of `GwmsClient` other than its credentials.

    Raises:
        ConfigurationError: An option is invalid.
    """

    def __init__(self, find: Callable[[str], Awaitable[Eshop]], **options: Unpack[ClientOptions]) -> None:
        self._find = find
        self._options = options
        if "middlewares" in options:  # an iterator would do for one client only
            options["middlewares"] = checked_middlewares(options["middlewares"])
        GwmsClient(_ANY_CREDENTIALS, **options)  # else an invalid option would fail every e-shop, one by one
        self._accounts: dict[tuple[str, str, str], _Account] = {}
        self._is_closed = False

    async def reconcile(self, name: str) -> EshopResult:
        """Make the webhooks of an e-shop what they should be; safe to repeat, and to run in several places.

        Args:
            name: What `find` knows the e-shop by.

        Returns:
            What became of it. Nothing is raised, because messages of errors might contain a secret of yours. After
            `close`, every e-shop fails.
        """
        started, step = time.monotonic(), "find"
        counts: Counter[str] = Counter()
        try:
            eshop = await self._find(name)
            step = "all"
            if not isinstance(eshop, Eshop):
                _logger.error("find returned %s, not an Eshop", type(eshop).__name__)  # type: ignore[unreachable]
                raise TypeError
            async with self._client(eshop) as gwms:
                if eshop.prune is None:
                    report = await gwms.webhooks.register_many(eshop.specs)
                else:
                    plan = await gwms.webhooks.plan(eshop.specs, prune=eshop.prune)
                    report = await gwms.webhooks.apply(plan)
        except (Exception, asyncio.CancelledError) as error:  # one e-shop must not stop the others
            if isinstance(error, asyncio.CancelledError) and is_cancelled():
                raise
            errors, retryable = [f"{step}: {type(error).__name__}"], step == "find" or is_retryable(error)
        else:
            for outcome in report.outcomes:
                counts.update({outcome.status.value: 1, "copies": len(outcome.copies)})
            errors = [f"{one.spec.webhook_type}: {type(one.error).__name__}" for one in report.failures]
            retryable = any(is_retryable(one.error) for one in report.failures)
        retryable = retryable or (self._is_closed and bool(errors))  # elsewhere, in another fleet
        return EshopResult(name, dict(+counts), tuple(errors), round(time.monotonic() - started, 3), retryable)

    @asynccontextmanager
    async def _client(self, eshop: Eshop) -> AsyncIterator[GwmsClient]:
        if self._is_closed:
            raise RuntimeError("the fleet is closed")
        options, credentials = self._options.copy(), eshop.credentials
        if eshop.base_url is not None:
            options["base_url"] = eshop.base_url
        key = checked_base_url(options.get("base_url", PRODUCTION)), credentials.username, credentials.password
        account = self._accounts.pop(key, None) or _Account(GwmsClient(credentials, **options))
        self._accounts[key] = account  # the last is the one most recently used
        account.users += 1
        try:
            yield account.client.for_eshop(credentials.api_key)
        finally:
            account.users -= 1
            idle = [key for key, account in self._accounts.items() if not account.users]
            await self._close(idle[: max(0, len(self._accounts) - _MOST_CLIENTS)])

    async def _close(self, keys: Iterable[tuple[str, str, str]]) -> None:
        # All are out of reach before the first is awaited: nobody else closes them, or begins to use them.
        accounts = [self._accounts.pop(key) for key in keys]
        try:
            async with AsyncExitStack() as stack:  # closes the others after an error or a cancellation too
                for account in accounts:
                    stack.push_async_callback(account.client.close)
        except Exception as error:  # noqa: BLE001  # what the client did counts
            _logger.warning("a client of the fleet could not be closed (%s)", type(error).__name__)

    async def close(self) -> None:
        """Close all clients, for good; if one fails to close, that is logged."""
        self._is_closed = True
        await self._close([*self._accounts])

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


def is_retryable(error: BaseException | None) -> bool:
    """Return whether what failed may succeed in a few minutes: not a refused login, and not a wrong argument.

    A rejected key may: with a token that was revoked within a minute of its login, a key used for the first time looks
    rejected until a call of a key that was accepted before shows it.
    """
    match error:
        case ApiError():
            return error.status >= 500 or error.status in _REFUSED_FOR_NOW
        case TransportError():
            return error.cause is not Cause.MISCONFIGURED
    return not isinstance(error, LoginError | PlanRefusedError | ValueError | TypeError | AttributeError)
