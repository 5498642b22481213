"""One spec on its way: adopted, changed, created, and decided by a closing list."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import Enum, auto
from math import inf

from attrs import define, evolve, field

from ..chain import Call
from ..errors import ConflictError, DeadlineExceededError, GwmsError, NotFoundError, OutcomeUnknownError
from ..models import Webhook, WebhookSpec, check_url, same_identity
from .coordinator import COMMIT_WINDOW, Coordinator, WebhookApi
from .reasons import cut_short, misspelt, not_closed, not_switched, other_answered, replaced
from .report import Outcome, OutcomeStatus
from .shared_list import PAUSES
from .snapshot import Snapshot, preferred_first


class State(Enum):
    """How far an item is; the table in the package's docstring has the transitions."""

    NEW = auto()
    CONFLICT = auto()
    IN_DOUBT = auto()
    OPEN = auto()
    DONE = auto()


UNSETTLED = frozenset({State.CONFLICT, State.IN_DOUBT})


@define(eq=False, repr=False)
class Item:
    """A spec that a run works on.

    Args:
        spec: The spec.
        coordinator: Shared by the registrations of the e-shop.
        state: How far it is.
        outcome: How it ended, as far as is known.
        emitted: The outcome that was emitted last.
        duplicates: How many equal specs came while it was worked on.
        deadline: Monotonic seconds after which nothing more is sent for it.
        call: What its present call has been through; None between calls.
        doubt: Why it may or may not exist, once that was so.
        before: Ids of its identity that existed when it was first found missing.
        made: Ids that this run created for it.
        adopted: Ids that it recovered, or that other runs created and no closing list has decided.
        gone: Ids that were answered 404, deleted, or are another webhook by now.
        stored_as: One of its own that the gateway stores as another webhook.
        due: Monotonic seconds; a closing list that begins earlier does not decide it.
        looks: How many closing lists came too early for it.
        is_watched: Whether copies of another client are to be looked at once more.
    """

    spec: WebhookSpec
    coordinator: Coordinator
    state: State = field(default=State.NEW, init=False)
    outcome: Outcome | None = field(default=None, init=False)
    emitted: Outcome | None = field(default=None, init=False)
    duplicates: int = field(default=0, init=False)
    deadline: float = field(default=inf, init=False)
    call: Call | None = field(default=None, init=False)
    doubt: OutcomeUnknownError | None = field(default=None, init=False)
    before: tuple[int, ...] | None = field(default=None, init=False)
    made: tuple[int, ...] = field(default=(), init=False)
    adopted: tuple[int, ...] = field(default=(), init=False)
    gone: frozenset[int] = field(default=frozenset(), init=False)
    stored_as: Webhook | None = field(default=None, init=False)
    due: float = field(default=-inf, init=False)
    looks: int = field(default=0, init=False)
    is_watched: bool = field(default=False, init=False)
    _conflict: ConflictError | None = field(default=None, init=False)
    _commits_until: float = field(default=-inf, init=False)
    _earlier_attempts: int = field(default=0, init=False)

    @property
    def attempts(self) -> int:
        """How many requests for it were on the wire."""
        return self._earlier_attempts + (self.call.attempts if self.call is not None else 0)

    @property
    def own(self) -> tuple[int, ...]:
        """Ids of which it may delete all but one."""
        return self.made + self.adopted

    @property
    def on_wire(self) -> bool:
        """Whether a request for it is on the wire."""
        return self.call is not None and self.call.on_wire

    def stop(self, now: float) -> None:
        """Send nothing more for it."""
        self.deadline = now
        if self.call is not None:
            self.call.deadline = now

    async def decide(self, snapshot: Snapshot) -> None:
        """Adopt it or create it, and go on to the next state.

        Args:
            snapshot: What the gateway has.
        """
        try:
            await self._decide(snapshot)
        except OutcomeUnknownError as error:
            self._enter_doubt(error)
        except Exception as error:  # one item's trouble is not the others'
            was_sent = self.call is not None and self.call.attempts
            if self.state is State.NEW and was_sent and not isinstance(error, GwmsError):
                self._enter_doubt(cut_short(self.spec))  # a user's middleware lost the response
            elif self.state is State.NEW:
                self.end(OutcomeStatus.FAILED, error=error)

    def look_later(self) -> None:
        """Wait for a later list where this one has not settled it; after three only the closing list still may."""
        if self.state not in UNSETTLED:
            return
        self.looks += 1
        if self.looks < len(PAUSES):
            self.due = self.coordinator.clock.monotonic() + PAUSES[self.looks]
        elif self.state is State.CONFLICT:
            self.end(OutcomeStatus.FAILED, error=self._conflict)
        else:
            self.end(OutcomeStatus.UNKNOWN, error=self.doubt, state=State.OPEN)

    def miss(self, error: Exception) -> None:
        """Go on without a list that failed."""
        if self.state in UNSETTLED:
            self.look_later()
        else:
            self.outcome = self.outcome_now(error)
            self.close()

    def close(self) -> None:
        """End it as its outcome says."""
        for number in self.own:
            self.coordinator.memory.note_closed(number)
        self.state = State.DONE

    async def _decide(self, snapshot: Snapshot) -> None:
        copies: Sequence[Webhook] = snapshot.copies(self.spec.identity)
        if disputed := self.coordinator.memory.disputed(self.spec.identity, copies):
            copies = await self.settled(copies, disputed)
        while not (copies and await self._adopt(copies)) and self.state is not State.CONFLICT:
            if self.before is None:
                self.before = tuple([copy.id for copy in copies])
            if self.state is State.NEW and self.coordinator.is_in_doubt(self.spec.identity, snapshot):
                raise OutcomeUnknownError("an earlier create of it may still be carried out", spec=self.spec)
            try:
                webhook, is_ours = await self.coordinator.create(self.spec, self._next_call())
            except ConflictError as error:
                if self.state is State.NEW:
                    self._conflict, self.state = error.with_traceback(None), State.CONFLICT
                    self.due, self.looks = self.coordinator.clock.monotonic(), -1
                return
            if is_ours or not same_identity(webhook, self.spec):
                status = OutcomeStatus.CREATED if is_ours else OutcomeStatus.EXISTING
                await self._accept(webhook, status, snapshot.get(webhook.id))
                return
            copies = (webhook,)

    async def _adopt(self, copies: Iterable[Webhook]) -> bool:
        """Adopt the preferred one of the copies; False if there is none."""
        check_url(self.spec.url)  # a stream's have not been checked, and a gateway may list anything
        copies = [copy for copy in copies if copy.id not in self.gone]
        for webhook in preferred_first(copies, active=self.spec.active):
            status = OutcomeStatus.EXISTING if self.doubt is None else OutcomeStatus.RECOVERED
            adopted = webhook
            if webhook.active is not self.spec.active:
                status = OutcomeStatus.UPDATED if self.doubt is None else status
                try:
                    adopted = await self.switched(webhook)
                except GwmsError as error:
                    if isinstance(error, NotFoundError) and await self.coordinator.is_gone(webhook, self.next_api):
                        self.gone |= {webhook.id}
                        continue
                    self._fail(webhook, error)
                    return True
            self._finish_adopting(status, adopted, copies)
            return True
        return False

    def _finish_adopting(self, status: OutcomeStatus, webhook: Webhook, copies: Iterable[Webhook]) -> None:
        others = tuple(copy.id for copy in copies if copy.id not in self.gone and copy.id != webhook.id)
        is_open = self.coordinator.memory.is_open
        open_ids = tuple(number for number in (webhook.id, *others) if is_open(number))
        adopted = open_ids if self.doubt is None else dict.fromkeys((webhook.id, *open_ids))
        self.adopted = tuple(number for number in adopted if number not in self.made)
        if self.doubt is not None and self.looks:
            self.coordinator.note_lag()  # earlier lists did not show it; what was created since may be as late
        self.end(status, webhook, copies=others, state=State.OPEN if self.own else State.DONE)

    async def _accept(self, webhook: Webhook, status: OutcomeStatus, listed: Webhook | None) -> None:
        """Check the answer to a create."""
        if problem := misspelt(webhook, self.spec) or (listed and replaced(listed, self.spec)):
            self.coordinator.memory.note_closed(webhook.id)
            self.end(status, webhook, problem)
            return
        self.made = (*self.made, webhook.id)
        accepted = webhook
        if webhook.active is not self.spec.active:
            try:
                accepted = await self.switched(webhook)
            except Exception as error:  # a user's middleware may raise anything
                self._fail(webhook, error)
                return
        self.end(status, accepted, state=State.OPEN)

    def _fail(self, webhook: Webhook, error: Exception) -> None:
        """End it with a webhook that is not as the spec asks; if it was in doubt, a closing list looks for copies."""
        self.end(OutcomeStatus.FAILED, webhook, error, state=State.DONE if self.doubt is None else State.OPEN)

    async def settled(self, copies: Iterable[Webhook], disputed: Iterable[int]) -> Sequence[Webhook]:
        """Return the copies, those in dispute as they are now."""
        settled = [copy for copy in copies if copy.id not in disputed]
        for number in disputed:
            webhook = await self.get(number)
            if webhook is not None:
                settled.append(webhook)
        return settled

    def outcome_now(self, error: Exception | None = None) -> Outcome:
        """Return how it ended, or how it stands where a run was stopped.

        Args:
            error: Why there is no closing list.
        """
        outcome = self.outcome
        if outcome is not None:
            is_said = isinstance(outcome.error, OutcomeUnknownError)
            if self.state is not State.OPEN or self.doubt is None or is_said:
                return outcome
            return evolve(outcome, error=not_closed(self.spec, outcome.error, error))
        if self.doubt is not None or (self.call is not None and (self.call.on_wire or self.call.outcome_unknown)):
            return Outcome(self.spec, OutcomeStatus.UNKNOWN, None, self.doubt or cut_short(self.spec), self.attempts)
        if self._conflict is not None:
            return Outcome(self.spec, OutcomeStatus.FAILED, None, self._conflict, self.attempts)
        status = OutcomeStatus.FAILED if self.attempts else OutcomeStatus.NOT_STARTED
        late = DeadlineExceededError("the run ended before this webhook was registered: run it again")
        return Outcome(self.spec, status, None, late, self.attempts)

    def _enter_doubt(self, error: OutcomeUnknownError) -> None:
        self.doubt, self.state = error.with_traceback(None), State.IN_DOUBT  # its frames hold a list
        now = self.coordinator.clock.monotonic()
        self._commits_until, self.due = now + COMMIT_WINDOW, now + PAUSES[0]

    def end(
        self,
        status: OutcomeStatus,
        webhook: Webhook | None = None,
        error: Exception | None = None,
        *,
        copies: tuple[int, ...] = (),
        state: State = State.DONE,
    ) -> None:
        """Set its outcome, and the state that follows."""
        self._earlier_attempts, self.call = self.attempts, None
        self.outcome = Outcome(self.spec, status, webhook, error, self._earlier_attempts, copies)
        self.state = state
        if state is State.OPEN:
            self.due, self.looks = max(self.coordinator.clock.monotonic(), self._commits_until), 0

    async def get(self, webhook_id: int, *, listed_at: float = -inf) -> Webhook | None:
        """Return a webhook as it is now, as `Coordinator.read` does; None if it is gone, or another one by now."""
        webhook = await self.coordinator.read(webhook_id, self.next_api, listed_at=listed_at)
        if webhook is None:
            self.coordinator.memory.note_deleted(webhook_id)
        elif same_identity(webhook, self.spec):
            return webhook
        elif webhook_id in self.own:
            self.stored_as = webhook
        self.gone |= {webhook_id}
        return None

    async def switched(self, webhook: Webhook) -> Webhook:
        """Activate or deactivate a webhook as the spec asks.

        Raises:
            GwmsError: It failed, had no effect, or was answered with another webhook.
        """
        switched = await self.coordinator.switch(webhook.id, self.next_api, active=self.spec.active)
        if switched.id != webhook.id or not same_identity(switched, self.spec):
            raise other_answered(webhook.id, switched)
        self.coordinator.memory.note_changed(switched)
        if switched.active is self.spec.active:
            return switched
        raise not_switched(switched)

    def next_api(self) -> WebhookApi:
        """Return the API for one more request; see `NextApi`."""
        return self.coordinator.api_for(self._next_call())

    def _next_call(self) -> Call:
        self._earlier_attempts, self.call = self.attempts, Call(deadline=self.deadline)
        return self.call
