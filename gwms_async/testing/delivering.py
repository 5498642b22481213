"""Delivers events: in order per webhook, webhooks concurrently."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from math import inf
from urllib.parse import quote

import aiohttp
from attrs import evolve

from .deliveries import Delivery, DeliveryAttempt, DeliveryPolicy, Disturbance, Lose, Reorder, Repeat, disturbed
from .entities import check_event
from .feed import Feed
from .gateway import Gateway
from .outbound import address_of, read_route, send
from .script import Script

_logger = logging.getLogger("gwms_async.testing")
_PATH_CHARS = "/!$&'()*+,;=:@"


class Delivering:
    """The base of `GwmsEmulator` that delivers; `clock` returns Unix seconds, the last `size` attempts are kept."""

    _session: aiohttp.ClientSession | None = None

    def __init__(self, gateway: Gateway, clock: Callable[[], float], size: int, policy: DeliveryPolicy) -> None:
        self.delivery_policy = policy
        self._gateway = gateway
        self._clock = clock
        self._attempts: deque[DeliveryAttempt] = deque(maxlen=size)
        self.routes: dict[str, str] = {}
        self._disturbances: Script[Disturbance] = Script()
        self._home: asyncio.AbstractEventLoop | None = None  # where the session is used, once it is open
        self._due: defaultdict[int, deque[Delivery]] = defaultdict(deque)
        self._held: defaultdict[int, list[Delivery]] = defaultdict(list)
        self._couriers: dict[int, asyncio.Task[None]] = {}
        self._given_up: Counter[int] = Counter()
        self.feed = Feed(size)
        self.failures: Counter[int] = Counter()

    def emit(
        self,
        event: str,
        entity: Mapping[str, object],
        *,
        eshop: str | None = None,
        entity_id: str | None = None,
        body: bytes | None = None,
    ) -> int:
        """Make an event happen: deliver an entity to every active webhook of the event type.

        The entity is kept: the API returns it, for example at `GET /orders/{eshopOrderId}`.

        Args:
            event: The event type.
            entity: The entity, as the API shows it.
            eshop: The API key of its e-shop; None for the one in `credentials`.
            entity_id: What a GET appends to the path of the webhook's URL; the id in the entity if None.
            body: What a POST sends instead of the entity.

        Returns:
            How many webhooks it goes to.

        Raises:
            ValueError: The event type does not exist, or the entity has no id.
            TypeError: The entity is not a mapping, or cannot be written as JSON, or `body` is not bytes.
            RuntimeError: The emulator is not running in this event loop.
        """
        self._check_running()
        if not isinstance(body, bytes | None):
            raise TypeError(f"body must be bytes, not {type(body).__name__}")
        event, eshop = str(event), eshop or self._gateway.credentials.api_key
        entity_id, content = self._gateway.entities.put(eshop, event, entity, entity_id)
        webhooks = self._gateway.webhooks.subscribed(eshop, event)
        for webhook in webhooks:
            disturbance = self._disturbances.next(event)
            self._add(Delivery(webhook, entity_id, content if body is None else body, disturbance))
        return len(webhooks)

    def route(self, origin: str, target: str) -> None:
        """Send what goes to an origin to a server on this machine; nothing is sent to other machines.

        Args:
            origin: The scheme, host and port of webhooks' URLs, for example "https://shop.example"; "*" is any host
                that is not this machine and has no route of its own.
            target: Those of the server, for example "http://127.0.0.1:8080".

        Raises:
            ValueError: One of them is not just that, or the target is not on this machine.
        """
        origin, target = read_route(origin, target)
        self.routes[origin] = target

    def disturb(self, disturbance: Disturbance, *, event: str | None = None, times: int = 1, at: int = 1) -> None:
        """Make a disturbance hit future deliveries; an event is one delivery to each of its webhooks.

        If several match one, the first added hits it; the others wait.

        Args:
            disturbance: The disturbance.
            event: The event type whose deliveries it hits; None means any.
            times: How many deliveries it hits in a row.
            at: The first of them, where 1 is the next delivery.

        Raises:
            ValueError: The event type does not exist, or a number is below 1.
            TypeError: It is not a disturbance, or a number is not an integer.
        """
        if not isinstance(disturbance, Disturbance):
            raise TypeError(f"expected a disturbance, e.g. Lose(); got {disturbance!r}")
        if event is not None:
            check_event(event)
        self._disturbances.add(disturbance, event, times, at)

    def send_again(self, delivery: Delivery) -> None:
        """Make a delivery again, without its disturbance, to the webhook as it is now.

        Raises:
            RuntimeError: The emulator is not running in this event loop.
        """
        self._check_running()
        self._add(evolve(delivery, disturbance=None, is_again=True))

    def reset_failures(self) -> None:
        """Forget which deliveries have failed, so that `deactivate_after` counts from 0."""
        self.failures.clear()
        self._given_up.clear()
        self.feed.figures["failed"] = 0

    def switch_webhook(self, webhook_id: int, *, active: bool) -> bool:
        """Activate or deactivate a webhook, as if another process did; return whether there is one with this id."""
        row = next((row for row in self._gateway.webhooks.all() if row.id == webhook_id), None)
        if row is not None:
            self._gateway.webhooks.switch(row, self._clock(), active=active)
        return row is not None

    @property
    def deliveries(self) -> list[DeliveryAttempt]:
        """The latest attempts at deliveries, oldest first."""
        return list(self._attempts)

    async def delivered(self, timeout: float = 30.0) -> None:  # noqa: ASYNC109  # its error says what is due
        """Wait until all that is due was answered, repeated or given up.

        Args:
            timeout: For how long, in seconds.

        Raises:
            TimeoutError: Something is still due.
        """
        try:
            async with asyncio.timeout(timeout):
                while self._held or self._couriers:
                    for key in list(self._held):
                        self._enqueue(key, self._held.pop(key))
                    await asyncio.wait(self._couriers.values())
        except TimeoutError:
            ids = ", ".join(map(str, sorted(self._couriers)))
            raise TimeoutError(f"after {timeout} s, deliveries to webhooks {ids} are still due") from None

    def _open(self) -> None:
        # A connection that idles for longer may be closed by its server just when it is used again.
        connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=1)
        self._session = aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout())  # the policy's
        self._home = asyncio.get_running_loop()

    def _check_running(self) -> None:
        with suppress(RuntimeError):  # without an event loop
            if asyncio.get_running_loop() is self._home:
                return
        text = "the emulator is not running in this event loop, so it cannot deliver"
        raise RuntimeError(f"{text}; the one of the fixture works from any")

    def _stop(self) -> None:
        """Deliver nothing more, and drop what is due; `delivered` finds nothing held to send."""
        self._home = None
        self._due.clear()
        self._held.clear()
        for courier in self._couriers.values():
            courier.cancel()

    async def _close(self) -> None:
        await asyncio.gather(*self._couriers.values(), return_exceptions=True)
        self._couriers.clear()
        if self._session is not None:
            await self._session.close()

    def _add(self, delivery: Delivery) -> None:
        key, hit = delivery.webhook.id, delivery.disturbance
        if isinstance(hit, Reorder):
            self._held[key].append(delivery)
        else:
            times = hit.n if isinstance(hit, Repeat) else 1
            self._enqueue(key, [delivery] * times + self._held.pop(key, []))

    def _enqueue(self, key: int, deliveries: Iterable[Delivery]) -> None:
        self._due[key].extend(deliveries)
        if key not in self._couriers:
            self._couriers[key] = asyncio.create_task(self._work(key), name=f"deliveries to webhook {key}")

    async def _work(self, key: int) -> None:
        try:
            while self._due[key]:
                await self._deliver(self._due[key].popleft())
        finally:
            del self._couriers[key]

    async def _deliver(self, delivery: Delivery) -> None:
        key, policy = delivery.webhook.id, self.delivery_policy
        for number, pause in enumerate((0.0, *policy.repeats), 1):
            await asyncio.sleep(pause)
            attempt = await self._attempt(delivery, number)
            if attempt.is_success:
                del self._given_up[key]
            if not attempt.is_failure:
                return
            if attempt.problem == "undeliverable":
                break
        self._given_up[key] += 1
        if self._given_up[key] >= (policy.deactivate_after or inf):
            del self._given_up[key]
            self.switch_webhook(key, active=False)

    async def _attempt(self, delivery: Delivery, number: int) -> DeliveryAttempt:
        found = self._gateway.webhooks.find(delivery.webhook.eshop, delivery.webhook.id)
        webhook = found or delivery.webhook
        disturbance = delivery.disturbance if number == 1 else None
        suffix = quote(delivery.entity_id, _PATH_CHARS, errors="replace")  # JSON may contain half a character
        method, suffix, content = disturbed(disturbance, webhook.method, suffix, delivery.body)
        body, suffix = (None, suffix) if method == "GET" else (content, "")
        url = address_of(webhook.url, suffix, self.routes)
        at, where = asyncio.get_running_loop().time(), str(url or webhook.url)
        attempt = DeliveryAttempt(webhook, delivery.entity_id, number, disturbance, method, where, body, at)
        self._attempts.append(attempt)
        row = self.feed.add(attempt, delivery)
        if found is None or not found.active:
            attempt.problem = "inactive"
        elif isinstance(disturbance, Lose):
            attempt.problem = "lost"
        elif url is None:
            attempt.problem = "undeliverable"
        else:
            assert self._session is not None  # noqa: S101  # couriers run only while it is open
            await send(self._session, attempt, url, self.delivery_policy.timeout)
        attempt.seconds = asyncio.get_running_loop().time() - at
        self.feed.note(row)
        end = attempt.status or attempt.problem
        _logger.info("%s %r to webhook %d: %s", webhook.webhook_type, delivery.entity_id, webhook.id, end)
        if attempt.is_failure:
            self.failures[webhook.id] += 1
        return attempt
