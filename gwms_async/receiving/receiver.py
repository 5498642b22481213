"""The receiver: its handlers, the URLs of their webhooks, and the registration of these."""

from __future__ import annotations

import asyncio
import inspect
import os
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, NoReturn, Self, TypedDict, TypeVar, Unpack

from attrs import frozen

from ..errors import ConfigurationError
from ..models import HttpMethod, Webhook, WebhookSpec, WebhookType
from ..redaction import without_frames
from ..registration.checks import is_async
from ..registration.report import Report
from ..settings import is_number
from ..timeouts import wait_for_end
from .take import BODIES_IN_FLIGHT, DeliveryHandler, Intake
from .urls import DerivedUrls, check_secret, checked_base, checked_label, is_ours
from .watch import OnLapse, Round, Watch

if TYPE_CHECKING:
    from ..client import GwmsClient

H = TypeVar("H", bound=DeliveryHandler)
Method = HttpMethod | str
POST = HttpMethod.POST
SECRET_VARIABLE = "GWMS_WEBHOOK_SECRET"  # noqa: S105  # its name
"""The environment variable with the secret from which URLs are derived."""


@frozen
class Health:
    """How many deliveries are being taken, when the last one came, and how the last round of `watch` ended.

    The keys of `deliveries` are ``EVENT_TYPE`` or ``label.EVENT_TYPE``, those of `rounds` are the labels.
    """

    in_flight: int
    deliveries: Mapping[str, datetime]
    rounds: Mapping[str, Round]


class ReceiverOptions(TypedDict, total=False):
    """The arguments of `Receiver` other than its secrets."""

    max_body: int
    limit: float


class Receiver(Intake):
    """Receives deliveries, in one event loop at a time; serve or mount it with `aiohttp_app` or `asgi_app`.

    Args:
        secret: Random text of at least 32 bytes, from which URLs are derived.
        older_secrets: Secrets whose URLs are accepted too.
        max_body: The largest body, in bytes; 64 MiB at most.
        limit: How long a handler may take, in seconds.

    Raises:
        ConfigurationError: An argument is invalid.
    """

    @without_frames
    def __init__(self, secret: str, *older_secrets: str, max_body: int = 16 * 1024 * 1024, limit: float = 10.0) -> None:
        secrets = (secret, *older_secrets)
        for one in secrets:
            check_secret("secret", one)
        _check_number("max_body", max_body, 1, BODIES_IN_FLIGHT)
        _check_number("limit", limit, 0.001, 3600)
        super().__init__(DerivedUrls(secrets), max_body, limit)
        self._rounds: dict[str, Round] = {}

    @classmethod
    @without_frames
    def from_env(cls, **options: Unpack[ReceiverOptions]) -> Self:
        """Create a receiver from GWMS_WEBHOOK_SECRET and, if set, GWMS_WEBHOOK_SECRET_OLD.

        `options` are `max_body` and `limit`. A variable that is missing or invalid raises `ConfigurationError`.
        """
        names = (SECRET_VARIABLE, f"{SECRET_VARIABLE}_OLD")
        secrets = {name: os.environ[name] for name in names if os.environ.get(name)}
        if SECRET_VARIABLE not in secrets:
            raise ConfigurationError(f"set {SECRET_VARIABLE} in the environment")
        for name, secret in secrets.items():
            check_secret(name, secret)
        return cls(*secrets.values(), **options)

    def on(self, *types: WebhookType | str) -> Callable[[H], H]:
        """Make an async function the handler of event types; ``@receiver.on(*WebhookType)`` takes all.

        Raises:
            ValueError: An event type is unknown.
            ConfigurationError: None is named, one already has a handler, or the function is not async or does not take
                one argument.
        """
        if not types or any(map(callable, types)):
            raise ConfigurationError(f"name event types, e.g. @receiver.on(*WebhookType); got {types}")
        wanted = dict.fromkeys(map(WebhookType, types))

        def register(handler: H) -> H:
            if taken := wanted.keys() & self._handlers.keys():
                raise ConfigurationError(f"{min(taken)} already has a handler")
            if not is_async(handler) or not _takes_one_argument(handler):
                text = "a handler must be an async function of one argument, the delivery"
                raise ConfigurationError(f"{text}; got {handler!r}")
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
        return partial(is_ours, checked_base(base), checked_label(eshop))

    async def subscribe(
        self, gwms: GwmsClient, base: str, *, eshop: str = "", method: Method = POST, force: bool = False
    ) -> Report:
        """Register the webhooks that `specs` returns, and delete the others that `owns` claims.

        Webhooks with another secret or method are replaced. `force` is passed on to `Webhooks.apply`.

        Raises:
            ConfigurationError, ValueError: As for `specs`, or another argument is invalid.
            PlanRefusedError: It would delete too much that is not replaced; nothing was changed.
            GwmsError: The initial list failed; nothing was changed.
        """
        specs = self.specs(base, eshop=eshop, method=method)
        _check_client(gwms)
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
    ) -> AsyncGenerator[None]:
        """Keep the webhooks that `specs` returns registered and active; existing webhooks are never deleted.

        The first check comes one second after entering, the others every `every` seconds. A check that fails is logged
        and repeated. When webhooks that were inactive or missing are active again, `on_lapse` is awaited, and the next
        check waits for it; if it raises, it is called once more.

        Raises:
            ConfigurationError, ValueError: As for `specs`, or another argument is invalid.
        """
        _check_client(gwms)
        _check_number("every", every, 1, 86_400)
        if on_lapse is not None and not is_async(on_lapse):
            raise ConfigurationError(f"on_lapse must be an async function; got {on_lapse!r}")
        watch = Watch(gwms, self.specs(base, eshop=eshop, method=method), eshop, on_lapse, self._clock)
        task = asyncio.create_task(watch.run(every, self._rounds), name="gwms watch")
        try:
            yield
        finally:
            task.cancel()
            try:
                await asyncio.wait([task])
            finally:
                task.cancel()  # a second cancellation: it no longer waits for requests in flight
                await wait_for_end(task)

    def health(self) -> Health:
        """Return the receiver's health."""
        return Health(self._in_flight, dict(self._deliveries), dict(self._rounds))

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Receiver cannot be pickled")

    def __repr__(self) -> str:
        return f"<Receiver of {len(self._handlers)} event types>"


def _takes_one_argument(function: Callable[..., object]) -> bool:
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):  # some mocks and compiled functions have none
        return True
    try:
        return bool(signature.bind(None))
    except TypeError:
        return False


def _check_client(gwms: object) -> None:
    if not hasattr(gwms, "webhooks"):  # a fake will do
        raise ConfigurationError(f"gwms must be a GwmsClient; got {type(gwms).__name__}")


def _check_number(name: str, value: object, minimum: float, maximum: float) -> None:
    if not is_number(value, minimum, maximum):
        raise ConfigurationError(f"{name} must be a number from {minimum:,} to {maximum:,}; got {value!r}")
