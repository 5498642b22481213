"""The seven operations on webhooks, and the entry points to registration."""

from __future__ import annotations

import builtins
from collections.abc import AsyncGenerator, AsyncIterable, Awaitable, Callable, Iterable
from functools import partial
from typing import NoReturn, TypeVar

from .chain import Call, Handler, Request
from .clock import Clock
from .errors import DecodeError, OutcomeUnknownError
from .models import Webhook, WebhookSpec
from .registration.apply import apply
from .registration.bulk import register_many, warn_of_copies
from .registration.checks import unique_specs
from .registration.coordinator import Coordinator
from .registration.plan import Plan, claimed_by, make_plan
from .registration.report import Outcome, OutcomeStatus, Report
from .registration.stream import register_stream
from .wire import decoding, requests

T = TypeVar("T")


class Operations:
    """The seven operations of the contract, each one coroutine; what they may raise is in `Webhooks`."""

    def __init__(self, send: Handler, call: Call | None = None) -> None:
        self._send, self._call = send, call  # one for all requests, or None for a new one each

    async def list(self) -> builtins.list[Webhook]:
        """List all webhooks of the e-shop (``GET /webhooks``)."""
        request = requests.list_request(self._call or Call())
        return decoding.decode_webhooks(request, await self._send(request))

    async def create(self, spec: WebhookSpec) -> Webhook:
        """Create a webhook (``POST /webhooks``); sends exactly one POST."""
        request = requests.create_request(spec, self._call or Call())
        response = await self._send(request)
        try:
            return decoding.decode_webhook(request, response)
        except DecodeError as error:
            text = str(error)  # raised after `except`: within, its context would keep this error and its frames
        raise OutcomeUnknownError(text, spec=spec)

    async def get(self, webhook: int | Webhook) -> Webhook:
        """Get one webhook (``GET /webhooks/{id}``)."""
        webhook_id = _id_of(webhook)
        request = requests.get_request(webhook_id, self._call or Call())
        return decoding.decode_webhook(request, await self._send(request), webhook_id)

    async def update(self, webhook: int | Webhook, spec: WebhookSpec) -> Webhook:
        """Replace all fields of a webhook (``PUT /webhooks/{id}``)."""
        webhook_id = _id_of(webhook)
        request = requests.update_request(webhook_id, spec, self._call or Call())
        return decoding.decode_webhook(request, await self._send(request), webhook_id)

    async def activate(self, webhook: int | Webhook) -> Webhook:
        """Resume deliveries (``PUT /webhooks/{id}/activate``)."""
        webhook_id = _id_of(webhook)
        request = requests.activate_request(webhook_id, self._call or Call())
        return decoding.decode_webhook(request, await self._send(request), webhook_id)

    async def deactivate(self, webhook: int | Webhook) -> Webhook:
        """Pause deliveries (``PUT /webhooks/{id}/deactivate``)."""
        webhook_id = _id_of(webhook)
        request = requests.deactivate_request(webhook_id, self._call or Call())
        return decoding.decode_webhook(request, await self._send(request), webhook_id)

    async def delete(self, webhook: int | Webhook) -> None:
        """Delete a webhook (``DELETE /webhooks/{id}``); never resent after a lost response: ids may be reused."""
        await self._data_of(requests.delete_request(_id_of(webhook), self._call or Call(), idempotent=False))

    async def _data_of(self, request: Request) -> object:
        return decoding.decode_data(request, await self._send(request))


def _id_of(webhook: int | Webhook) -> int:
    return webhook.id if isinstance(webhook, Webhook) else webhook


class EshopBackend(Coordinator):
    """The state that sibling clients for one e-shop share: access to the gateway, and what registrations know.

    A run keeps this alive, and nothing else of its client: until it ends, all registrations of the e-shop meet here.

    Args:
        send: Sends a request through the chain.
    """

    def __init__(self, send: Handler, clock: Clock) -> None:
        super().__init__(partial(Operations, send), clock)
        self.send = send


class Webhooks(Operations):
    """The webhooks of one e-shop: ``gwms.webhooks``.

    Any operation may raise an `ApiError` for an error response, a `TransportError` where no response came,
    `DeadlineExceededError` after `Timeout.total` seconds, `DecodeError` for a response that does not match the
    contract, `LoginError` where the gateway rejects the username and password, and, before anything is sent,
    `ValueError` for an invalid argument or a closed client.
    """

    def __init__(self, backend: EshopBackend) -> None:
        super().__init__(backend.send)
        self._backend = backend

    def __reduce__(self) -> NoReturn:
        raise TypeError("the webhooks of a client cannot be pickled or copied: make a GwmsClient in each process")

    async def create(self, spec: WebhookSpec) -> Webhook:
        """Create a webhook, even if an equal one exists (``POST /webhooks``).

        `create` sends exactly one POST; prefer `register`.

        Raises:
            OutcomeUnknownError: It was sent once, and no readable response came back.
        """
        return await self._backend.create_direct(spec)

    async def update(self, webhook: int | Webhook, spec: WebhookSpec) -> Webhook:
        """Replace all fields of a webhook (``PUT /webhooks/{id}``)."""
        return await self._change(webhook, lambda operations: operations.update(webhook, spec), spec)

    async def activate(self, webhook: int | Webhook) -> Webhook:
        """Resume deliveries (``PUT /webhooks/{id}/activate``)."""
        return await self._change(webhook, lambda operations: operations.activate(webhook))

    async def deactivate(self, webhook: int | Webhook) -> Webhook:
        """Pause deliveries (``PUT /webhooks/{id}/deactivate``)."""
        return await self._change(webhook, lambda operations: operations.deactivate(webhook))

    async def delete(self, webhook: int | Webhook) -> None:
        """Delete a webhook (``DELETE /webhooks/{id}``)."""
        webhook_id, call = _id_of(webhook), Call()
        await self._write(webhook_id, call, self._data_of(requests.delete_request(webhook_id, call)))
        self._backend.memory.note_deleted(webhook_id)

    async def register(self, spec: WebhookSpec) -> Webhook:
        """Ensure that a webhook exists: adopt, (de)activate or create it.

        It is safe to repeat, also after any error. When cancelled, for example by `asyncio.timeout`, it gives a request
        in flight five seconds to finish.

        Args:
            spec: The webhook; its URL, event type and method are its identity.

        Returns:
            The webhook as the gateway stores it; a warning is logged if there are further copies of it.

        Raises:
            ValueError: It is not a spec, or its URL cannot be registered; nothing was sent.
            OutcomeUnknownError: It may or may not exist: run again.
            GwmsError: It could not be registered; a note says if it exists, but not as the spec asks.
        """
        (outcome,) = (await self.register_many([spec], concurrency=1)).outcomes
        if outcome.webhook is None or outcome.is_failure:
            error = outcome.error or RuntimeError("no error was kept")
            if outcome.webhook is not None and outcome.status is OutcomeStatus.FAILED:
                error.add_note(f"webhook {outcome.webhook.id} is not as the spec asks")
            raise error
        return outcome.webhook

    async def register_many(
        self,
        specs: Iterable[WebhookSpec],
        *,
        concurrency: int = 32,
        deadline: float | None = None,
        on_outcome: Callable[[Outcome], object] | None = None,
    ) -> Report:
        """Ensure that many webhooks exist.

        You get one webhook per spec, or a report that says which ones to check: what exists is adopted, what was lost
        on the way is looked for, which takes at least nine seconds, and no create is resent blindly. It is safe to
        repeat: it picks up where it stopped.

        When cancelled, it gives requests in flight five seconds to finish.

        Args:
            specs: The webhooks; duplicates are registered once.
            concurrency: How many are processed at once; 10,000 at most.
            deadline: Seconds after which queued work is dropped; requests in flight get five seconds more.
            on_outcome: Called with each outcome as it becomes known; again for the same spec where, rarely, a later
                list showed another copy of the webhook.

        Returns:
            One outcome per spec, in the order of the input; a warning names further copies of webhooks.

        Raises:
            ValueError: An argument is invalid, or a webhook is wanted both active and inactive; nothing was sent.
            GwmsError: The initial list failed; nothing was changed.
        """
        report = await register_many(
            self._backend, specs, concurrency=concurrency, deadline=deadline, on_outcome=on_outcome
        )
        warn_of_copies(report, self._backend.memory)
        return report

    def register_stream(
        self, specs: Iterable[WebhookSpec] | AsyncIterable[WebhookSpec], *, concurrency: int = 32
    ) -> AsyncGenerator[Outcome]:
        """Ensure that webhooks exist, from a source of any length.

        Like `register_many`, for more webhooks than fit in memory: outcomes come in order of completion, and only
        identities are remembered, and these only until the next list, which is taken after 30 seconds at most. Specs
        are read no faster than outcomes are consumed. An outcome may come a second time, where a later list showed
        another copy of the webhook.

        Args:
            specs: The webhooks.
            concurrency: How many are processed at once; 10,000 at most.

        Yields:
            One outcome per spec, or more: the last one counts.

        Raises:
            ValueError: `concurrency` is invalid, or the source yielded something other than a `WebhookSpec`.
            GwmsError: The initial list failed; nothing was changed.
            Exception: What the source raised, after the outcomes of all that it yielded before.
        """
        return register_stream(self._backend, specs, concurrency=concurrency)

    async def plan(
        self, specs: Iterable[WebhookSpec], *, prune: str | Callable[[Webhook], object] | None = None
    ) -> Plan:
        """Compare the webhooks you want with those that exist; nothing is changed.

        Args:
            specs: The webhooks; duplicates count once.
            prune: Says which webhooks `apply` may delete if they are not among `specs`: those for which it returns
                true, or those whose URL begins with it, e.g. "https://shop.example/gwms/"; see also `Plan.delete`.

        Returns:
            What `apply` will do; `str` of it reads like a diff.

        Raises:
            ValueError: Not a spec, a webhook is wanted both active and inactive, or `prune` is neither a function nor
                an absolute URL that ends with a slash; nothing was sent. Or `prune` returned something to be awaited.
            GwmsError: The list failed.
        """
        wanted, claims = unique_specs(specs).values(), claimed_by(prune)
        return make_plan(wanted, await self.list(), claims)

    async def apply(
        self,
        plan: Plan,
        *,
        concurrency: int = 32,
        force: bool = False,
        on_outcome: Callable[[Outcome], object] | None = None,
    ) -> Report:
        """Apply a plan: register what is wanted, as `register_many` does, then delete what is not.

        A plan may be old: what has appeared since is adopted, what has vanished is recreated, or counts as deleted.
        Nothing is deleted until all wanted webhooks are registered, and nothing that has changed since the plan was
        made.

        Args:
            plan: From `plan`.
            concurrency: How many are processed at once; 10,000 at most.
            force: Whether to delete more than 30 % of what `prune` claims, where that is 10 or more.
            on_outcome: Called with each outcome as it becomes known.

        Returns:
            One outcome per webhook of the plan: to create, to activate, to deactivate, unchanged, to delete.

        Raises:
            ValueError: An argument is invalid; nothing was sent.
            PlanRefusedError: It would delete too much; nothing was changed.
            GwmsError: The initial list failed; nothing was changed.
        """
        report = await apply(self._backend, plan, concurrency=concurrency, force=force, on_outcome=on_outcome)
        warn_of_copies(report, self._backend.memory)
        return report

    async def _change(
        self,
        webhook: int | Webhook,
        change: Callable[[Operations], Awaitable[Webhook]],
        spec: WebhookSpec | None = None,
    ) -> Webhook:
        """Change a webhook, and let registrations know: lists may not show the change yet."""
        call = Call()
        changed = await self._write(_id_of(webhook), call, change(Operations(self._send, call)), spec)
        self._backend.memory.note_changed(changed)
        return changed

    async def _write(self, webhook_id: int, call: Call, write: Awaitable[T], spec: WebhookSpec | None = None) -> T:
        """Await a write; if it fails but may have been carried out, let registrations know."""
        try:
            return await write
        except BaseException as error:  # a cancellation too
            if call.on_wire or call.outcome_unknown or isinstance(error, DecodeError):
                self._backend.memory.note_uncertain(webhook_id, spec)
            raise
