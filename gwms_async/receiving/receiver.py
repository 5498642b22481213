"""The receiver: which handler gets which deliveries, under which URLs, and that these are registered."""

from __future__ import annotations

import asyncio
import inspect
import os
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn, Self, TypeVar

from attrs import frozen

from ..clock import SYSTEM_CLOCK, Clock
from ..errors import ConfigurationError, without_frames
from ..models import HttpMethod, Webhook, WebhookSpec, WebhookType
from ..registration.checks import is_async
from ..registration.report import Report
from ..settings import is_number
from .take import BODIES_IN_FLIGHT, Answer, DeliveryHandler, Intake, Read
from .urls import Urls, checked_base, checked_label, is_ours, secret_problem
from .watch import OnLapse, Round, Watch

if TYPE_CHECKING:
    from ..client import GwmsClient

H = TypeVar("H", bound=DeliveryHandler)
Method = HttpMethod | str
POST = HttpMethod.POST


@frozen
class Health:
    """How many deliveries are being taken, when the last one came, and how the last round of `watch` ended.

    The keys of `deliveries` are ``EVENT_TYPE`` or ``label.EVENT_TYPE``, those of `rounds` are the labels.
    """

    in_flight: int
    deliveries: Mapping[str, datetime]
    rounds: Mapping[str, Round]


class Receiver:
    """Receives deliveries, in one event loop at a time; serve or mount it with `aiohttp_app` or `asgi_app`.

    Args:
        secret: Random text of at least 32 bytes, from which URLs are derived.
        older_secrets: Secrets whose URLs are accepted too.
        max_body: The largest body, in bytes; 64 MiB at most.
        limit: How long a handler may take, in seconds.

    Raises:
        ConfigurationError: An argument is invalid.
    """

    _clock: ClassVar[Clock] = SYSTEM_CLOCK

    @without_frames
    def __init__(self, secret: str, *older_secrets: str, max_body: int = 16 * 1024 * 1024, limit: float = 10.0) -> None:
        secrets = (secret, *older_secrets)
        if problem := next(filter(None, map(secret_problem, secrets)), None):
            raise ConfigurationError(problem)
        _check_number("max_body", max_body, 1, BODIES_IN_FLIGHT)
        _check_number("limit", limit, 0.001, 3600)
        self._urls = Urls(secrets)
        self._handlers: dict[WebhookType, DeliveryHandler] = {}
        self._intake = Intake(self._urls, self._handlers, max_body, limit, self._clock)
        self._rounds: dict[str, Round] = {}

    @classmethod
    @without_frames
    def from_env(cls, **options: Any) -> Self:
        """Create a receiver from GWMS_WEBHOOK_SECRET and, if set, GWMS_WEBHOOK_SECRET_OLD.

        `options` are `max_body` and `limit`. A variable that is missing or invalid raises `ConfigurationError`.
        """
        names = ("GWMS_WEBHOOK_SECRET", "GWMS_WEBHOOK_SECRET_OLD")
        if not os.environ.get(names[0]):
            raise ConfigurationError(f"set {names[0]} in the environment")
        secrets = {name: os.environ[name] for name in names if os.environ.get(name)}
        for name, secret in secrets.items():
            if problem := secret_problem(secret):
                raise ConfigurationError(problem.replace("secret", name, 1))
        return cls(*secrets.values(), **options)

    def on(self, *types: WebhookType | str) -> Callable[[H], H]:
        """Make an async function the handler of event types; ``@receiver.on(*WebhookType)`` takes all.

        Raises:
            ValueError: An event type is unknown.
            ConfigurationError: None is named, one already has a handler, or the function is not async or does not take
                one argument.
        """
        for one in types:
            if callable(one):
                raise ConfigurationError(f"write @receiver.on(*WebhookType), or name event types; got {one!r}")
        wanted = {one if isinstance(one, WebhookType) else WebhookType(one): None for one in types}

        def register(handler: H) -> H:
            if not wanted:
                raise ConfigurationError("name the event types of the handler")
            if taken := wanted.keys() & self._handlers.keys():
                raise ConfigurationError(f"{min(taken)} already has a handler")
            if not is_async(handler):
                raise ConfigurationError(f"a handler must be an async function; got {handler!r}")
            if not _takes_one_argument(handler):
                raise ConfigurationError(f"a handler must take one argument, the delivery; got {handler!r}")
            self._handlers.update(dict.fromkeys(wanted, handler))
            return handler

        return register

    def specs(self, base: str, *, eshop: str = "", method: Method = POST) -> list[WebhookSpec]:
        """Return the webhooks to register: one per event type that has a handler.

        Args:
            base: Where the receiver is reached from outside, e.g. "https://shop.example/gwms".
            eshop: A label of your choice for the e-shop, part of the URLs.
            method: How the gateway delivers.

        Raises:
            ConfigurationError: An argument is invalid, or nothing has a handler yet.
            ValueError: The method is unknown.
        """
        if not self._handlers:
            raise ConfigurationError("nothing has a handler yet: import the modules that define handlers first")
        how = HttpMethod(method)
        return [WebhookSpec(self._urls.url(base, one, eshop, how), one, method=how) for one in self._handlers]

    def owns(self, base: str, *, eshop: str = "") -> Callable[[Webhook], bool]:
        """Return the `prune` of a plan: it claims the webhooks of the base and label whose URLs have a token."""
        checked_label(eshop)
        prefix = checked_base(base)
        return lambda webhook: is_ours(webhook, prefix, eshop)

    async def subscribe(
        self, gwms: GwmsClient, base: str, *, eshop: str = "", method: Method = POST, force: bool = False
    ) -> Report:
        """Register what has a handler, as `specs` returns it, and delete what else `owns` claims.

        Webhooks with another secret or method are replaced. `force` is that of `Webhooks.apply`, which does the work.

        Raises:
            ConfigurationError, ValueError: As for `specs`.
            PlanRefusedError: It would delete too much that is not replaced; nothing was changed.
            GwmsError: The initial list failed; nothing was changed.
        """
        specs = self.specs(base, eshop=eshop, method=method)
        plan = await gwms.webhooks.plan(specs, prune=self.owns(base, eshop=eshop))
        return await gwms.webhooks.apply(plan, force=force)

    @asynccontextmanager
    async def watch(
        self,
        gwms: GwmsClient,
        base: str,
        *,
        eshop: str = "",
        method: Method = POST,
        every: float = 900.0,
        on_lapse: OnLapse | None = None,
    ) -> AsyncIterator[None]:
        """Keep registered and active what has a handler, as `specs` returns it; nothing is deleted.

        The first look is one second after entering, the others `every` seconds. What fails is logged and tried again.
        `on_lapse` is awaited when webhooks are active again that were inactive or missing, and the next look waits for
        it; if it raises, it is called once more.

        Raises:
            ConfigurationError, ValueError: As for `specs`, or another argument is invalid.
        """
        _check_number("every", every, 1, 86_400)
        if on_lapse is not None and not is_async(on_lapse):
            raise ConfigurationError(f"on_lapse must be an async function; got {on_lapse!r}")
        watch = Watch(gwms, self.specs(base, eshop=eshop, method=method), eshop, on_lapse, self._clock)
        task = asyncio.create_task(watch.run(every, self._rounds), name="gwms watch")
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait([task])

    def health(self) -> Health:
        """Return how the receiver is doing."""
        return Health(self._intake.in_flight, dict(self._intake.deliveries), dict(self._rounds))

    def take(self, method: str, raw_path: str, read: Read) -> Coroutine[Any, Any, Answer]:
        """Answer a request of a server; adapters do nothing else.

        Args:
            method: The HTTP method.
            raw_path: The path as it came, not decoded, without the query.
            read: Reads the body; see `Read`.
        """
        return self._intake.take(method, raw_path, read)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Receiver cannot be pickled")

    def __repr__(self) -> str:
        return f"<Receiver of {len(self._handlers)} event types>"


def _takes_one_argument(function: Callable[..., object]) -> bool:
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):  # some mocks and compiled functions do not tell
        return True
    try:
        signature.bind(None)
    except TypeError:
        return False
    return True


def _check_number(name: str, value: object, least: float, most: float) -> None:
    if not is_number(value, least, most):
        raise ConfigurationError(f"{name} must be a number from {least:,} to {most:,}; got {value!r}")
