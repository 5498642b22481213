"""One spec of a run: adopted, (de)activated or created, and decided by a closing list."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import Enum, auto
from math import inf

from attrs import define, evolve, field

from ..errors import ApiError, BadRequestError, ConflictError, GwmsError, OutcomeUnknownError
from ..models import Webhook, WebhookSpec, check_url, same_identity
from ..redaction import frameless
from .reasons import cut_short, id_of_another, not_closed, stored_differently, too_late
from .report import Outcome, OutcomeStatus
from .shared_list import PAUSES
from .snapshot import Snapshot, preferred_first
from .switching import switched, switched_unless_gone
from .workers import Job


class State(Enum):
    """How far an item is; the table in the package's docstring has the transitions."""

    NEW = auto()
    CONFLICT = auto()
    IN_DOUBT = auto()
    OPEN = auto()
    DONE = auto()


UNSETTLED = frozenset({State.CONFLICT, State.IN_DOUBT})


@define(eq=False, repr=False)
class Item(Job):
    """A spec that a run works on.

    Args:
        spec: The spec.
        state: How far it is.
        outcome: How it ended, as far as is known.
        emitted: The outcome that was emitted last.
        duplicates: How many equal specs came while it was worked on.
        doubt: Why it may or may not exist; stays set once it was in doubt.
        shown_ids: The ids in the list that did not show it when it first came to be in doubt.
        clear_at: Monotonic seconds from which on lists show what became of its lost creates; -inf if none was lost.
        created: What this run created for it.
        adopted_ids: Ids that it recovered, or that other runs created and no closing list has decided.
        gone_ids: Ids that were answered with 404, were deleted, or now belong to another webhook.
        stored_as: One of its own webhooks that now has another identity on the gateway.
        due: Monotonic seconds; a list that begins earlier does not decide it.
        pauses: Seconds before each further list that may decide it; empty: the next one is the last.
        was_seen: Whether a closing list has looked at it, and left it to a later one.
        has_second_look: Whether it gets, or has had, a second look at copies that another client created.
    """

    spec: WebhookSpec
    state: State = field(default=State.NEW, init=False)
    outcome: Outcome | None = field(default=None, init=False)
    emitted: Outcome | None = field(default=None, init=False)
    duplicates: int = field(default=0, init=False)
    doubt: OutcomeUnknownError | None = field(default=None, init=False)
    shown_ids: frozenset[int] = field(default=frozenset(), init=False)
    clear_at: float = field(default=-inf, init=False)
    created: Webhook | None = field(default=None, init=False)
    adopted_ids: tuple[int, ...] = field(default=(), init=False)
    gone_ids: frozenset[int] = field(default=frozenset(), init=False)
    stored_as: Webhook | None = field(default=None, init=False)
    due: float = field(default=-inf, init=False)
    pauses: tuple[float, ...] = field(default=(), init=False)
    was_seen: bool = field(default=False, init=False)
    has_second_look: bool = field(default=False, init=False)
    _conflict: ApiError | None = field(default=None, init=False)

    @property
    def own_ids(self) -> tuple[int, ...]:
        """Ids of its webhooks, all but one of which it may delete."""
        return self.adopted_ids if self.created is None else (self.created.id, *self.adopted_ids)

    def has_created(self, webhook_id: int) -> bool:
        """Return whether this run created a webhook for it."""
        return self.created is not None and self.created.id == webhook_id

    @property
    def settled_outcome(self) -> Outcome:
        """Its outcome, once it has one: in the states OPEN and DONE."""
        assert self.outcome is not None  # noqa: S101  # `end` has set it
        return self.outcome

    def may_have_created(self, webhook_id: int) -> bool:
        """Return whether one of its lost creates may have made a webhook."""
        return self.doubt is not None and webhook_id not in self.shown_ids

    async def decide(self, snapshot: Snapshot) -> None:
        """Adopt or create the webhook by what a list shows, and move on to the next state."""
        try:
            copies = await self.current_copies(snapshot)
            while not (copies and await self._adopt(copies, snapshot)):
                if self.state is State.CONFLICT:
                    return  # the gateway has refused to create it
                created_by_another = await self._create(snapshot)
                if created_by_another is None:
                    return
                copies = (created_by_another,)
        except Exception as error:  # a user's middleware may raise anything; one item's failure must not end the run
            if self.state is State.NEW:
                self.end(OutcomeStatus.FAILED, error=error)

    def look_later(self) -> None:
        """Defer it if this list did not settle it; if that was the last one, fail, or leave it to the closing list."""
        if self.state not in UNSETTLED or self.defer():
            return
        if self.state is State.CONFLICT:
            self.end(OutcomeStatus.FAILED, error=self._conflict)
        else:
            self.end(OutcomeStatus.UNKNOWN, error=self.doubt, state=State.OPEN)

    def defer(self) -> bool:
        """Leave the decision to a later list; return False if this was the last one."""
        if not self.pauses:
            return False
        self.due, self.pauses = self.coordinator.clock.monotonic() + self.pauses[0], self.pauses[1:]
        return True

    def close(self) -> None:
        """Make its outcome final."""
        for webhook_id in self.own_ids:
            self.coordinator.memory.note_closed(webhook_id)
        self.state = State.DONE

    async def _create(self, snapshot: Snapshot) -> Webhook | None:
        """Create it; return what another registration was creating, if any, which is to be adopted instead."""
        if self.state is State.NEW and self.coordinator.clear_at(self.spec.identity, snapshot) > -inf:
            earlier = OutcomeUnknownError("an earlier create may still be carried out", spec=self.spec)
            self._enter_doubt(earlier, snapshot)
            return None
        try:
            webhook, is_ours = await self.coordinator.create(self.spec, self.next_call())
        except Exception as error:  # a user's middleware may raise anything
            self._on_not_created(error, snapshot)
            return None
        if not is_ours and same_identity(webhook, self.spec):
            return webhook
        await self._accept(webhook, OutcomeStatus.CREATED if is_ours else OutcomeStatus.EXISTING, snapshot)
        return None

    def _on_not_created(self, error: Exception, snapshot: Snapshot) -> None:
        """Move on to the next state after a create that failed; where it was in doubt, later lists decide."""
        was_sent = self.call is not None and self.call.attempts
        if isinstance(error, OutcomeUnknownError):
            self._enter_doubt(error, snapshot)
        elif was_sent and not isinstance(error, GwmsError):
            self._enter_doubt(cut_short(self.spec), snapshot)  # a user's middleware lost the response
        elif self.state is State.NEW and isinstance(error, ConflictError | BadRequestError):
            # Gateways refuse what exists already by any of these; but 400 and 422 usually mean something else.
            patience = PAUSES if isinstance(error, ConflictError) else PAUSES[:1]
            self._conflict = frameless(error)
            self._defer_in(State.CONFLICT, (0.0, *patience))
        elif self.state is State.NEW:
            self.end(OutcomeStatus.FAILED, error=error)

    async def _adopt(self, copies: Iterable[Webhook], snapshot: Snapshot) -> bool:
        """Adopt the preferred copy that is not gone; return False if there is none."""
        check_url(self.spec.url)  # a stream's specs have not been checked, and a gateway may list anything
        copies = [copy for copy in copies if copy.id not in self.gone_ids]
        # An earlier create may add a copy to what is there.
        self.clear_at = self.coordinator.clear_at(self.spec.identity, snapshot)
        for webhook in preferred_first(copies, active=self.spec.active):
            try:
                adopted = await switched_unless_gone(self, webhook, self.spec, snapshot.began_at)
            except Exception as error:  # a user's middleware may raise anything
                self._fail(webhook, error)
                return True
            if adopted is None:
                self.gone_ids |= {webhook.id}
                continue
            status = OutcomeStatus.EXISTING if adopted is webhook else OutcomeStatus.UPDATED
            status = OutcomeStatus.RECOVERED if self.may_have_created(adopted.id) else status
            self._finish_adopting(status, adopted, copies)
            return True
        return False

    def _finish_adopting(self, status: OutcomeStatus, webhook: Webhook, copies: Iterable[Webhook]) -> None:
        others = tuple(copy.id for copy in copies if copy.id not in self.gone_ids and copy.id != webhook.id)
        is_open = self.coordinator.memory.is_open
        recovered = webhook.id if self.may_have_created(webhook.id) else None
        self.adopted_ids = tuple(each for each in (webhook.id, *others) if each == recovered or is_open(each))
        is_to_close = bool(self.own_ids) or self.clear_at > -inf
        self.end(status, webhook, copies=others, state=State.OPEN if is_to_close else State.DONE)

    async def _accept(self, webhook: Webhook, status: OutcomeStatus, snapshot: Snapshot) -> None:
        """Check the webhook that a create returned, and (de)activate it if needed."""
        listed = snapshot.get(webhook.id)
        if problem := stored_differently(webhook, self.spec) or (listed and id_of_another(listed, self.spec)):
            self.coordinator.memory.note_closed(webhook.id)
            # Earlier runs may have created it over and over.
            others = tuple(copy.id for copy in snapshot.copies(webhook.identity) if copy.id != webhook.id)
            self.end(status, webhook, problem, copies=others)
            return
        self.created = webhook
        self.gone_ids -= {webhook.id}  # ids are reused
        try:
            accepted = await switched(self, webhook, self.spec, snapshot.began_at)
        except Exception as error:  # a user's middleware may raise anything
            self._fail(webhook, error)
        else:
            self.end(status, accepted, state=State.OPEN)

    def _fail(self, webhook: Webhook, error: Exception) -> None:
        """Fail with a webhook that is not as the spec asks; if it was in doubt, a closing list looks for copies."""
        self.end(OutcomeStatus.FAILED, webhook, error, state=State.DONE if self.doubt is None else State.OPEN)

    async def current_copies(self, snapshot: Snapshot) -> Sequence[Webhook]:
        """Return the copies that a list shows, corrected by `get` where it disagrees with what this client wrote.

        Its own that the list does not show are left out: `closing` looks for them.
        """
        listed = snapshot.copies(self.spec.identity)
        disputed = self.coordinator.memory.disputed(self.spec.identity, listed)
        if self.gone_ids:
            disputed += self._reused_ids(listed)
        if not disputed:
            return listed
        copies = {copy.id: copy for copy in listed}
        for webhook_id in dict.fromkeys(disputed):
            if webhook_id in self.gone_ids or (webhook_id in self.own_ids and webhook_id not in copies):
                continue
            copies.pop(webhook_id, None)
            webhook = await self.get(webhook_id)
            if webhook is not None:
                copies[webhook_id] = webhook
        return [copies[webhook_id] for webhook_id in sorted(copies)]

    def _reused_ids(self, listed: Iterable[Webhook]) -> list[int]:
        """Return, and no longer take for gone, the listed ids that were, but that a lost create may have got since."""
        reused = [copy.id for copy in listed if copy.id in self.gone_ids and self.may_have_created(copy.id)]
        self.gone_ids -= frozenset(reused)
        return reused

    def outcome_now(self, error: Exception | None = None) -> Outcome:
        """Return what to report if it goes no further; `error` says why there is no closing list."""
        outcome = self.outcome
        if outcome is None:
            return self._outcome_if_stopped()
        if self.state is State.OPEN and self.doubt is not None and not isinstance(outcome.error, OutcomeUnknownError):
            return evolve(outcome, error=not_closed(self.spec, outcome.error, error))
        return outcome

    def _outcome_if_stopped(self) -> Outcome:
        """Return what to report if the run is stopped before it has an outcome."""
        if self.doubt is not None or (self.call is not None and (self.call.on_wire or self.call.outcome_unknown)):
            return Outcome(self.spec, OutcomeStatus.UNKNOWN, None, self.doubt or cut_short(self.spec), self.attempts)
        status = OutcomeStatus.FAILED if self.attempts or self._conflict else OutcomeStatus.NOT_STARTED
        return Outcome(self.spec, status, self.created, self._conflict or too_late(), self.attempts)

    def _enter_doubt(self, error: OutcomeUnknownError, snapshot: Snapshot) -> None:
        if self.doubt is None:
            self.shown_ids = snapshot.ids
        self.doubt = frameless(error)  # its frames hold a list
        self.clear_at = self.coordinator.clear_at(self.spec.identity, snapshot)
        if self.state is not State.IN_DOUBT:
            self._defer_in(State.IN_DOUBT, PAUSES)

    def _defer_in(self, state: State, pauses: tuple[float, ...]) -> None:
        self.state, self.pauses = state, pauses
        self.defer()

    def end(
        self,
        status: OutcomeStatus,
        webhook: Webhook | None = None,
        error: Exception | None = None,
        *,
        copies: tuple[int, ...] = (),
        state: State = State.DONE,
    ) -> None:
        """Set its outcome and its next state."""
        self._earlier_attempts, self.call = self.attempts, None
        self.outcome = Outcome(self.spec, status, webhook, error, self._earlier_attempts, copies)
        self.state = state
        if state is State.OPEN:
            self.due, self.pauses = max(self.coordinator.clock.monotonic(), self.clear_at), PAUSES

    async def get(self, webhook_id: int, *, listed_at: float = -inf) -> Webhook | None:
        """Return a webhook as `ById.read` does; None if it is gone, or its id now belongs to another."""
        webhook = await self.coordinator.by_id.read(webhook_id, self.next_api, listed_at=listed_at)
        if webhook is None:
            self.coordinator.memory.note_deleted(webhook_id)
        elif same_identity(webhook, self.spec):
            return webhook
        else:
            self.coordinator.memory.note_other_identity(webhook_id)
            if webhook_id in self.own_ids:
                self.coordinator.spellings.note_changed(webhook, self.spec)
                self.stored_as = webhook
        self.gone_ids |= {webhook_id}
        return None
