"""One webhook on its way: adopted, changed, created, verified."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from math import inf

from attrs import define, evolve, field

from ..chain import Call
from ..errors import NotFoundError, OutcomeUnknownError
from ..models import Webhook, WebhookSpec
from .coordinator import Coordinator, Operations
from .report import Outcome, OutcomeStatus
from .snapshot import Snapshot, copy_to_keep, is_tombstone, preferred_first

_logger = logging.getLogger("gwms_async")


@define(eq=False, repr=False)
class Item:
    """A spec that a run works on.

    Args:
        spec: The spec.
        registry: Shared by the registrations of the e-shop.
        run: Whose item it is.
        deadline: Monotonic seconds after which nothing more is sent for it.
        call: What its present call has been through.
        doubt: Why it may or may not be there, once that is so.
        may_be_doubled: Whether its creation was sent again after that, and no list has been looked at since.
        outcome: How it ended, as far as is known.
        duplicates: How many equal specs came while it was worked on.
    """

    spec: WebhookSpec
    _registry: Coordinator
    _run: object
    deadline: float = field(default=inf, init=False)
    call: Call = field(factory=Call, init=False)
    doubt: OutcomeUnknownError | None = field(default=None, init=False)
    may_be_doubled: bool = field(default=False, init=False)
    outcome: Outcome | None = field(default=None, init=False)
    duplicates: int = field(default=0, init=False)
    _earlier_attempts: int = field(default=0, init=False)
    _gone: frozenset[int] = field(default=frozenset(), init=False)

    @property
    def attempts(self) -> int:
        """How often requests for it were on the wire."""
        return self._earlier_attempts + self.call.attempts

    @property
    def may_be_there(self) -> bool:
        """Whether something was sent for it that may have been carried out."""
        return self.doubt is not None or self.call.on_wire or self.call.outcome_unknown

    def end(self, status: OutcomeStatus, webhook: Webhook | None = None, error: Exception | None = None) -> Outcome:
        """Make its outcome."""
        return Outcome(self.spec, status, webhook, error, self.attempts)

    def stop(self, now: float) -> None:
        """Send nothing more for it."""
        self.deadline = self.call.deadline = now

    async def ensure(self, snapshot: Snapshot, found: OutcomeStatus) -> None:
        """Adopt it or create it.

        Args:
            snapshot: What the gateway holds.
            found: What adopting it is called.

        Raises:
            OutcomeUnknownError: It may or may not be there.
            GwmsError: It could not be had.
        """
        copies = self._registry.copies(self.spec.identity, snapshot)
        while True:
            if copies:
                self.outcome = await self._adopt(copies, found)
            if self.outcome is not None:
                return
            if self.doubt is None and self._registry.is_in_doubt(self.spec.identity, snapshot):
                raise OutcomeUnknownError("an earlier create of it may still be carried out", spec=self.spec)
            self.may_be_doubled = self.doubt is not None
            webhook, is_ours = await self._registry.create(self._run, self.spec, self._next_call())
            if is_ours:
                if webhook.identity != self.spec.identity:
                    _logger.warning("webhook %d is not stored as asked for: a later run will miss it", webhook.id)
                self.outcome = self.end(OutcomeStatus.CREATED, webhook)
                return
            copies = (webhook,)

    async def verify(self, snapshot: Snapshot, before: Iterable[Webhook]) -> None:
        """Keep one of the webhooks that are there, and delete those that our creating again has added.

        Args:
            snapshot: What the gateway holds now.
            before: Those that were there when the run began; they are left alone.
        """
        self.may_be_doubled = False
        copies = self._not_gone(snapshot.copies(self.spec.identity))
        if not copies:
            return
        keep, error = copy_to_keep(copies), None
        untouchable = {keep.id, *(webhook.id for webhook in before)}
        try:
            keep = await self._in_state(keep)
        except Exception as trouble:  # noqa: BLE001  # a middleware of the user's may raise anything
            self.outcome = self._left_as_it_is(copies, trouble)
            return
        for copy in copies:
            if copy.id not in untouchable and not is_tombstone(copy):
                error = await self._remove(copy) or error
        outcome = self.outcome or self.end(OutcomeStatus.RECOVERED)
        is_kept = outcome.webhook is not None and outcome.webhook.id == keep.id
        self.outcome = evolve(
            outcome,
            status=outcome.status if is_kept else OutcomeStatus.RECOVERED,
            webhook=keep,
            error=error,
            attempts=self.attempts,
            copies=tuple(copy.id for copy in copies if copy.id != keep.id),
        )

    def _left_as_it_is(self, copies: list[Webhook], trouble: Exception) -> Outcome:
        """Make the outcome where the one that should stay could not be brought into its state."""
        status = OutcomeStatus.FAILED
        best = preferred_first(copies, active=self.spec.active)[0]
        if best.active is self.spec.active:
            status = self.outcome.status if self.outcome is not None else OutcomeStatus.RECOVERED
        others = tuple(copy.id for copy in copies if copy is not best)
        return evolve(self.end(status, best, trouble), copies=others)

    def final(self) -> Outcome:
        """Tell how it ended, a second copy that nobody looked for included."""
        outcome = self.outcome or self.end(OutcomeStatus.UNKNOWN, error=self.doubt)
        if self.may_be_doubled and outcome.error is None:
            error = OutcomeUnknownError(
                "it was created again, and there may be a second copy: run again", spec=self.spec
            )
            outcome = evolve(outcome, error=error)
        return outcome

    async def _adopt(self, copies: Iterable[Webhook], found: OutcomeStatus) -> Outcome | None:
        """Take the fittest of the webhooks that are there; None if there is none."""
        for webhook in preferred_first(self._not_gone(copies), active=self.spec.active):
            status = found
            if webhook.active is not self.spec.active:
                try:
                    webhook = await self._in_state(webhook)  # noqa: PLW2901  # the same, as it is now
                except NotFoundError:
                    self._gone |= {webhook.id}
                    continue
                status = OutcomeStatus.UPDATED if found is OutcomeStatus.EXISTING else found
            others = tuple(other.id for other in self._not_gone(copies) if other.id != webhook.id)
            return evolve(self.end(status, webhook), copies=others)
        return None

    async def _in_state(self, webhook: Webhook) -> Webhook:
        if webhook.active is self.spec.active:
            return webhook
        operations = self._operations()
        return await (operations.activate if self.spec.active else operations.deactivate)(webhook.id)

    async def _remove(self, copy: Webhook) -> Exception | None:
        try:
            await self._operations().delete(copy.id)
        except NotFoundError:
            pass  # another process has seen it too
        except Exception as error:  # noqa: BLE001  # a middleware of the user's may raise anything
            _logger.warning("the second copy %d of a webhook could not be deleted: %s", copy.id, error)
            return error
        return None

    def _not_gone(self, copies: Iterable[Webhook]) -> list[Webhook]:
        return [webhook for webhook in copies if webhook.id not in self._gone]

    def _operations(self) -> Operations:
        return self._registry.operations(self._next_call())

    def _next_call(self) -> Call:
        # A call that has been used: its deadline comes nearer as it begins.
        if self.call.attempts or self.call.deadline != self.deadline:
            self._earlier_attempts += self.call.attempts
            self.call = Call(deadline=self.deadline)
        return self.call


def cut_short(spec: WebhookSpec) -> OutcomeUnknownError:
    """Make the error of a webhook whose request was given up on the wire."""
    return OutcomeUnknownError("its request was cut short: it may or may not be there, run again", spec=spec)
