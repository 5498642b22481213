"""The operations on webhooks."""

from __future__ import annotations

import builtins
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Iterable
from typing import Any

from .chain import Call, Handler, Request
from .clock import Clock
from .errors import DecodeError, OutcomeUnknownError
from .models import Webhook, WebhookSpec
from .registration.apply import apply
from .registration.bulk import register_many
from .registration.coordinator import Coordinator
from .registration.plan import Plan, make_plan
from .registration.report import Outcome, Report
from .registration.snapshot import unique
from .registration.stream import register_stream
from .wire import decoding, requests

_Webhooks = builtins.list[Webhook]


class Operations:
    """The seven operations of the contract, each one coroutine.

    Every one of them may raise an `ApiError` as the gateway answers, a `TransportError` where no answer came,
    `DeadlineExceededError` after `Timeout.total` seconds, `DecodeError` for an answer that is not what the contract
    promises, and `LoginError` where username and password are refused.
    """

    __slots__ = ("_call", "_send")

    def __init__(self, send: Handler, call: Call | None = None) -> None:
        self._send, self._call = send, call

    async def list(self) -> _Webhooks:
        """List all webhooks of the e-shop (``GET /webhooks``)."""
        request = requests.list_request(self._call or Call())
        return decoding.decode_webhooks(request, await self._send(request))

    async def create(self, spec: WebhookSpec) -> Webhook:
        """Create a webhook, whether or not there is such a one already (``POST /webhooks``)."""
        request = requests.create_request(spec, self._call or Call())
        response = await self._send(request)
        try:
            return decoding.decode_webhook(request, response)
        except DecodeError as error:
            text = str(error)
        raise OutcomeUnknownError(f"a webhook was probably created, but {text}", spec=spec)

    async def get(self, webhook_id: int) -> Webhook:
        """Get one webhook (``GET /webhooks/{id}``)."""
        request = requests.get_request(webhook_id, self._call or Call())
        return decoding.decode_webhook(request, await self._send(request), webhook_id)

    async def update(self, webhook_id: int, spec: WebhookSpec) -> Webhook:
        """Replace all that a webhook says (``PUT /webhooks/{id}``)."""
        request = requests.update_request(webhook_id, spec, self._call or Call())
        return decoding.decode_webhook(request, await self._send(request), webhook_id)

    async def activate(self, webhook_id: int) -> Webhook:
        """Let the gateway deliver (``PUT /webhooks/{id}/activate``)."""
        request = requests.activate_request(webhook_id, self._call or Call())
        return decoding.decode_webhook(request, await self._send(request), webhook_id)

    async def deactivate(self, webhook_id: int) -> Webhook:
        """Keep the gateway from delivering (``PUT /webhooks/{id}/deactivate``)."""
        request = requests.deactivate_request(webhook_id, self._call or Call())
        return decoding.decode_webhook(request, await self._send(request), webhook_id)

    async def delete(self, webhook_id: int) -> None:
        """Delete a webhook (``DELETE /webhooks/{id}``); what the gateway answers besides is not looked at."""
        await self.request(requests.delete_request(webhook_id, self._call or Call()))

    async def request(self, request: Request) -> Any:
        """Send any request and give the ``data`` of its answer."""
        return decoding.decode_data(request, await self._send(request))


class Webhooks(Operations):
    """The webhooks of one e-shop: ``gwms.webhooks``."""

    def __init__(self, send: Handler, clock: Clock) -> None:
        super().__init__(send)
        self._coordinator = Coordinator(self._counted, clock)

    async def create(self, spec: WebhookSpec) -> Webhook:
        """Create a webhook, whether or not there is such a one already (``POST /webhooks``).

        This is one honest POST. `register` is what most callers want: it never doubles.

        Raises:
            OutcomeUnknownError: It went out once and no readable answer came back.
        """
        return await self._coordinator.create_directly(spec, Call())

    async def register(self, spec: WebhookSpec) -> Webhook:
        """See to it that a webhook exists: adopt it, activate or deactivate it, or create it.

        May be repeated at will, also after any error.

        Args:
            spec: The webhook; url, type and method are its identity.

        Returns:
            The webhook as the gateway holds it.

        Raises:
            OutcomeUnknownError: It may or may not be there after all: run again.
            GwmsError: It could not be had.
        """
        (outcome,) = (await self.register_many([spec], concurrency=1)).outcomes
        if outcome.webhook is None or outcome.is_failure:
            raise outcome.error or RuntimeError("no error was kept")
        return outcome.webhook

    async def register_many(
        self,
        specs: Iterable[WebhookSpec],
        *,
        concurrency: int = 32,
        deadline: float | None = None,
        on_outcome: Callable[[Outcome], object] | None = None,
    ) -> Report:
        """See to it that webhooks exist, many at a time.

        What is there already is adopted, what was lost on the way is looked for, and nothing is created twice: "at most
        one per intent, or reported". Run it again after any trouble: it picks up where it stopped.

        When cancelled, it ends what is on the wire (5 seconds at most) and then goes on being cancelled.

        Args:
            specs: The webhooks; one that comes twice is registered once.
            concurrency: How many are worked on at once.
            deadline: Seconds after which what waits is given up, and what is on the wire has 5 seconds more.
            on_outcome: Called with each outcome as it becomes known.

        Returns:
            One outcome per spec, in the order of the input.

        Raises:
            ValueError: An argument is unfit, or a webhook is wanted both active and inactive; nothing was sent.
            GwmsError: The list that it begins with failed; nothing was sent.
        """
        return await register_many(
            self._coordinator, specs, concurrency=concurrency, deadline=deadline, on_outcome=on_outcome
        )

    def register_stream(
        self, specs: Iterable[WebhookSpec] | AsyncIterable[WebhookSpec], *, concurrency: int = 32
    ) -> AsyncGenerator[Outcome]:
        """See to it that webhooks exist, as they come.

        Like `register_many`, for more webhooks than shall be held in memory: outcomes come in order of completion, and
        only identities are remembered. Specs are taken from the source no faster than outcomes are taken from here.
        Lost answers are looked into when the source ends, or when 1,000 have gathered.

        Args:
            specs: The webhooks.
            concurrency: How many are worked on at once.

        Yields:
            One outcome per spec.

        Raises:
            ValueError: `concurrency` is unfit, or the source gave something else than a `WebhookSpec`.
            GwmsError: The list that it begins with failed; nothing was sent.
            Exception: What the source raised, after the outcomes of all that it gave before.
        """
        return register_stream(self._coordinator, specs, concurrency=concurrency)

    async def plan(self, specs: Iterable[WebhookSpec], *, prune: Callable[[Webhook], object] | None = None) -> Plan:
        """Compare the webhooks that shall exist with those that do; nothing is changed.

        Args:
            specs: The webhooks; one that comes twice counts once.
            prune: Tells whether a webhook is ours, to be deleted if it is not among `specs`. By default nothing is.

        Returns:
            What `apply` would do; `str` of it reads like a diff.

        Raises:
            ValueError: Something is no spec, or a webhook is wanted both active and inactive; nothing was sent.
        """
        wanted = tuple(unique(specs).values())
        return make_plan(wanted, await self.list(), prune)

    async def apply(
        self,
        plan: Plan,
        *,
        concurrency: int = 32,
        force: bool = False,
        on_outcome: Callable[[Outcome], object] | None = None,
    ) -> Report:
        """Carry a plan out: register what is wanted, as `register_many` does, then delete what is not.

        A plan may be old: what has appeared meanwhile is adopted, what has vanished is created, or is as good as
        deleted. Nothing is deleted while some of the wanted webhooks are not registered, nor anything that is no
        longer what the plan saw.

        Args:
            plan: What `plan` gave.
            concurrency: How many are worked on at once.
            force: Whether more than 30 % of what is there may be deleted, where that is 10 or more.
            on_outcome: Called with each outcome as it becomes known.

        Returns:
            One outcome per webhook of the plan: those to create, to activate, to deactivate, unchanged, to delete.

        Raises:
            ValueError: `concurrency` is unfit; nothing was sent.
            PlanRefusedError: It would delete too much; nothing was sent but a list.
            GwmsError: The list that it begins with failed; nothing else was sent.
        """
        return await apply(self._coordinator, plan, concurrency=concurrency, force=force, on_outcome=on_outcome)

    async def close(self) -> None:
        """End a list that registrations wait for."""
        await self._coordinator.close()

    def _counted(self, call: Call) -> Operations:
        return Operations(self._send, call)
