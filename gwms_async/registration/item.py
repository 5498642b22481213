"""One spec on its way: adopted, changed, created, verified."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from enum import Enum, auto
from math import inf

from attrs import evolve

from ..chain import Call
from ..errors import GwmsError, NotFoundError, OutcomeUnknownError
from ..models import Webhook, WebhookSpec
from .coordinator import Coordinator, WebhookApi
from .report import Outcome, OutcomeStatus
from .snapshot import Snapshot, copy_to_keep, is_tombstone, preferred_first

_logger = logging.getLogger("gwms_async")


class State(Enum):
    """How far an item is; the table in the package's docstring says what leads from one to the other."""

    NEW = auto()
    IN_DOUBT = auto()
    CREATED = auto()
    DONE = auto()


class Item:
    """A spec that a run works on.

    Args:
        spec: The spec.
        coordinator: Shared by the registrations of the e-shop.
        run: Whose item it is.

    Attributes:
        state: How far it is.
        deadline: Monotonic seconds after which nothing more is sent for it.
        call: What its present call has been through.
        doubt: Why it may or may not exist, once that is so.
        may_be_doubled: Whether it was created again while in doubt, and not verified since.
        outcome: How it ended, as far as is known.
        duplicates: How many equal specs came while it was worked on.
    """

    def __init__(self, spec: WebhookSpec, coordinator: Coordinator, run: object) -> None:
        self.spec = spec
        self.state = State.NEW
        self.deadline = inf
        self.call = Call()
        self.doubt: OutcomeUnknownError | None = None
        self.outcome: Outcome | None = None
        self.duplicates = 0
        self._coordinator, self._run = coordinator, run
        self.may_be_doubled = False
        self._earlier_attempts = 0
        self._gone: set[int] = set()

    @property
    def attempts(self) -> int:
        """How many requests for it were on the wire."""
        return self._earlier_attempts + self.call.attempts

    @property
    def may_exist(self) -> bool:
        """Whether something was sent for it that may have been carried out."""
        return self.doubt is not None or self.call.on_wire or self.call.outcome_unknown

    def end(self, status: OutcomeStatus, webhook: Webhook | None = None, error: Exception | None = None) -> Outcome:
        """Make its outcome."""
        return Outcome(self.spec, status, webhook, error, self.attempts)

    def stop(self, now: float) -> None:
        """Send nothing more for it."""
        self.deadline = self.call.deadline = now

    async def ensure(self, snapshot: Snapshot) -> None:
        """Adopt it or create it, and go on to the next state.

        Args:
            snapshot: What the gateway has.
        """
        try:
            await self._ensure(snapshot)
        except OutcomeUnknownError as error:
            self._doubt(error)
        except Exception as error:  # noqa: BLE001  # one item's trouble is not the others'
            if self.doubt is None and not isinstance(error, GwmsError) and self.attempts:
                self._doubt(cut_short(self.spec))  # a user's middleware lost the response
            elif self.doubt is None:
                self.outcome, self.state = self.end(OutcomeStatus.FAILED, error=error), State.DONE

    async def _ensure(self, snapshot: Snapshot) -> None:
        copies = self._coordinator.copies(self.spec.identity, snapshot)
        while True:
            adopted = await self._adopt(copies)
            if adopted is not None:
                self.outcome, self.state = adopted, State.CREATED if self.may_be_doubled else State.DONE
                return
            if self.state is State.NEW and self._coordinator.is_in_doubt(self.spec.identity, snapshot):
                raise OutcomeUnknownError("an earlier create of it may still be carried out", spec=self.spec)
            self.may_be_doubled = self.state is State.IN_DOUBT
            webhook, is_ours = await self._coordinator.create(self._run, self.spec, self._next_call())
            if is_ours:
                if webhook.identity != self.spec.identity:
                    _logger.warning("webhook %d is not stored as asked: a later run will not find it", webhook.id)
                self.outcome = self.end(OutcomeStatus.CREATED, webhook)
                self.state = State.CREATED if self.may_be_doubled else State.DONE
                return
            copies = (webhook,)

    async def verify(self, snapshot: Snapshot, before: Iterable[Webhook]) -> None:
        """Keep one of the copies that exist, and delete those that creating it again has added.

        Args:
            snapshot: What the gateway has now.
            before: Those that existed when the run began; they are left alone.
        """
        self.may_be_doubled = False
        copies = self._not_gone(snapshot.copies(self.spec.identity))
        if not copies:
            return
        keep, error = copy_to_keep(copies), None
        untouchable = {keep.id, *(webhook.id for webhook in before)}
        try:
            keep = await self._in_state(keep)
        except Exception as trouble:  # noqa: BLE001  # a user's middleware may raise anything
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

    def finish(self) -> Outcome:
        """Return how it ended; a second copy that nobody looked for is an error in it."""
        outcome = self.outcome or self.end(OutcomeStatus.UNKNOWN, error=self.doubt)
        if self.may_be_doubled and outcome.error is None:
            error = OutcomeUnknownError(
                "it was created again, and there may be a second copy: run again", spec=self.spec
            )
            outcome = evolve(outcome, error=error)
        self.outcome, self.state = outcome, State.DONE
        return outcome

    def _doubt(self, error: OutcomeUnknownError) -> None:
        self.doubt, self.state = error, State.IN_DOUBT

    def _left_as_it_is(self, copies: list[Webhook], trouble: Exception) -> Outcome:
        """Return the outcome where the copy to keep could not be brought into its state."""
        status = OutcomeStatus.FAILED
        best = preferred_first(copies, active=self.spec.active)[0]
        if best.active is self.spec.active:
            status = self.outcome.status if self.outcome is not None else OutcomeStatus.RECOVERED
        others = tuple(copy.id for copy in copies if copy is not best)
        return evolve(self.end(status, best, trouble), copies=others)

    async def _adopt(self, copies: Iterable[Webhook]) -> Outcome | None:
        """Adopt the preferred one of the copies; None if there is none."""
        for webhook in preferred_first(self._not_gone(copies), active=self.spec.active):
            status = OutcomeStatus.EXISTING if self.doubt is None else OutcomeStatus.RECOVERED
            if webhook.active is not self.spec.active:
                try:
                    webhook = await self._in_state(webhook)  # noqa: PLW2901  # the same one, as it is now
                except NotFoundError:
                    self._gone.add(webhook.id)
                    continue
                status = OutcomeStatus.UPDATED if self.doubt is None else status
            others = tuple(other.id for other in self._not_gone(copies) if other.id != webhook.id)
            return evolve(self.end(status, webhook), copies=others)
        return None

    async def _in_state(self, webhook: Webhook) -> Webhook:
        if webhook.active is self.spec.active:
            return webhook
        api = self._api()
        return await (api.activate if self.spec.active else api.deactivate)(webhook.id)

    async def _remove(self, copy: Webhook) -> Exception | None:
        try:
            await self._api().delete(copy.id)
        except NotFoundError:
            pass  # another process has deleted it
        except Exception as error:  # noqa: BLE001  # a user's middleware may raise anything
            _logger.warning("webhook %d, a second copy, could not be deleted: %s", copy.id, error)
            return error
        return None

    def _not_gone(self, copies: Iterable[Webhook]) -> list[Webhook]:
        return [webhook for webhook in copies if webhook.id not in self._gone]

    def _api(self) -> WebhookApi:
        return self._coordinator.api(self._next_call())

    def _next_call(self) -> Call:
        # A call that was used already has a deadline of its own.
        if self.call.attempts or self.call.deadline != self.deadline:
            self._earlier_attempts += self.call.attempts
            self.call = Call(deadline=self.deadline)
        return self.call


def cut_short(spec: WebhookSpec) -> OutcomeUnknownError:
    """Make the error of a webhook whose request was given up on the wire."""
    return OutcomeUnknownError("its request was cut short: it may or may not exist, run again", spec=spec)
