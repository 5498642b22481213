"""The decisions of a closing list: which copy of a webhook stays, and which were created in excess."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from attrs import evolve

from ..errors import GwmsError, OutcomeUnknownError
from ..models import Webhook
from .item import UNSETTLED, Item
from .reasons import gone_with_copies, half_closed, left_out, lost_track, stored_differently, unconfirmed, undecided
from .report import Outcome, OutcomeStatus
from .snapshot import Snapshot, counts_for
from .switching import switched

_logger = logging.getLogger("gwms_async")
_SECOND_LOOK = 3.0  # seconds until another client, too, has deleted what it created in excess


def is_alone(item: Item, snapshot: Snapshot) -> bool:
    """Return whether a list shows the item's webhook as it ended well, and no other copy: the usual case."""
    outcome, copies = item.settled_outcome, snapshot.copies(item.spec.identity)
    return (
        len(copies) == 1
        and outcome.webhook is not None
        and outcome.error is None  # a webhook that could not be (de)activated may be as asked by now
        and copies[0].id == outcome.webhook.id
        and copies[0].active is item.spec.active
        and not outcome.copies
        and item.coordinator.memory.wrote_no_other(item.spec.identity, copies[0].id)
    )


async def look_at(item: Item, snapshot: Snapshot) -> None:
    """Let a list decide an item that is in doubt, or was created."""
    if item.state in UNSETTLED:
        await item.decide(snapshot)
        item.look_later()
        return
    try:
        is_decided = await _close_by(item, snapshot)
    except Exception as error:  # a user's middleware may raise anything
        _note_copies(item, [copy for copy in snapshot.copies(item.spec.identity) if _is_copy(item, copy)])
        outcome = item.settled_outcome
        item.outcome = evolve(outcome, error=undecided(outcome.copies, item.spec, error), attempts=item.attempts)
        is_decided = True
    if is_decided:
        item.close()
    else:
        item.was_seen = True


def on_list_failed(item: Item, error: Exception, pause: float | None) -> None:
    """Let an item go on without the list that was to decide it; an open one waits for the next list after a pause."""
    if item.state in UNSETTLED:
        item.look_later()
    elif pause is not None:
        item.due = item.coordinator.clock.monotonic() + pause
    else:
        item.outcome = item.outcome_now(error)
        item.close()


async def _close_by(item: Item, snapshot: Snapshot) -> bool:
    """Keep one copy, and delete those that were created in excess; return False if a later list must decide."""
    copies = [copy for copy in await item.current_copies(snapshot) if _is_copy(item, copy)]
    if item.doubt is None and not item.own_ids:
        _note_copies(item, copies)
        return True
    hidden = _hidden(item, snapshot)
    if not item.pauses:  # the last list
        copies = sorted([*copies, *await _confirmed(item, hidden)], key=lambda copy: copy.id)
        hidden = []
    if not hidden or (copies and copies[0].id < min(hidden)):  # else one of the hidden may be the lowest
        kept = await _copy_to_keep(item, copies, hidden, snapshot.began_at)
        if kept is not None:
            return await _keep(item, kept, copies, hidden, snapshot)
    if hidden:
        item.defer()
        return False
    if item.own_ids and not await _still_exists(item, snapshot.began_at):
        item.end(OutcomeStatus.FAILED, item.stored_as, lost_track(item.spec, item.stored_as))
    return True


async def _still_exists(item: Item, listed_at: float) -> bool:
    """Return whether the copy that an earlier list let stay exists, though this one does not show it: lists may lag."""
    kept = item.settled_outcome.webhook
    if kept is None or kept.id in item.own_ids or kept.id in item.gone_ids:
        return False  # its own have been looked for
    webhook = await item.get(kept.id, listed_at=listed_at)
    return webhook is not None and webhook.active is item.spec.active


def _note_copies(item: Item, copies: Iterable[Webhook]) -> None:
    """Put the other copies into the outcome, also one that an earlier create has added; none may be deleted."""
    outcome = item.settled_outcome
    others = tuple([copy.id for copy in copies if outcome.webhook is None or copy.id != outcome.webhook.id])
    if others != outcome.copies:
        item.outcome = evolve(outcome, copies=others)


def _hidden(item: Item, snapshot: Snapshot) -> list[int]:
    """Return its own webhooks that a list does not show with its identity, and that are not known to be gone."""
    is_deleted, shown = item.coordinator.memory.is_deleted, {copy.id for copy in snapshot.copies(item.spec.identity)}
    missing = [webhook_id for webhook_id in item.own_ids if webhook_id not in shown]
    return [webhook_id for webhook_id in missing if webhook_id not in item.gone_ids and not is_deleted(webhook_id)]


async def _confirmed(item: Item, hidden: Iterable[int]) -> list[Webhook]:
    """Return the hidden webhooks that exist, although no list shows them."""
    found = []
    for webhook_id in hidden:
        webhook = await item.get(webhook_id)
        if webhook is not None:
            _logger.warning("webhook %d exists, but no list shows it yet", webhook_id)
            item.coordinator.memory.note_unlisted(webhook)
            found.append(webhook)
    return found


async def _copy_to_keep(item: Item, copies: list[Webhook], hidden: list[int], listed_at: float) -> Webhook | None:
    """Return the copy with the lowest id; if others would be deleted in its favour, only once `get` shows it."""
    for place, copy in enumerate(copies):
        has_excess = hidden or any(_is_removable(item, other.id) for other in copies[place + 1 :])
        if item.has_created(copy.id) or not has_excess:
            return copy
        webhook = await item.get(copy.id, listed_at=listed_at)
        if webhook is not None and _is_copy(item, webhook):
            return webhook
        item.gone_ids |= {copy.id}
    return None


async def _keep(item: Item, kept: Webhook, copies: list[Webhook], hidden: list[int], snapshot: Snapshot) -> bool:
    """Delete what was created beside the copy that stays, and replace the outcome; return as `_close_by` does."""
    others = [copy.id for copy in copies if copy.id > kept.id]
    excess = [webhook_id for webhook_id in others if _is_removable(item, webhook_id)]
    foreign = [webhook_id for webhook_id in others if webhook_id not in excess]
    excess += await _unlisted_excess(item, kept.id, others, hidden)
    # What an earlier list has had deleted is still named.
    removed = [webhook_id for webhook_id in item.settled_outcome.copies if webhook_id in item.gone_ids]
    named = (*removed, *excess, *foreign)
    status, kept, error = await _switch(item, kept, snapshot)
    if excess and status is not OutcomeStatus.FAILED:
        before = item.outcome
        _replace(item, status, kept, half_closed(item.spec, excess), named)  # the outcome if the run is stopped now
        error = await _delete_excess(item, kept.id, excess, snapshot.began_at) or error
        item.outcome = before  # with which the final one is compared
    if kept.id in item.gone_ids:
        item.end(OutcomeStatus.FAILED, error=error)
        return True
    _replace(item, status, kept, error, named)
    if foreign and not item.has_second_look:
        item.has_second_look, item.due = True, item.coordinator.clock.monotonic() + _SECOND_LOOK
        return False
    if foreign:
        _logger.warning("webhook %d has copies that another client created: %s", kept.id, foreign)
    return True


async def _unlisted_excess(item: Item, kept_id: int, others: list[int], hidden: list[int]) -> list[int]:
    """Return the copies to delete that exist, although this list does not show them; an earlier one may have."""
    named = [each for each in item.settled_outcome.copies if each > kept_id and _is_removable(item, each)]
    unlisted = [each for each in dict.fromkeys((*hidden, *named)) if each not in others]
    # Looked up first, because ids may be reused: one that a list shows as another webhook may be just that.
    return [each for each in unlisted if each not in item.gone_ids and await item.get(each) is not None]


async def _delete_excess(item: Item, kept_id: int, excess: list[int], listed_at: float) -> Exception | None:
    """Delete copies, and read the one that stays, which may be gone along with them; return what is wrong."""
    error: Exception | None = None
    for webhook_id in excess:
        error = await _remove(item, webhook_id, listed_at) or error
    try:
        is_gone = await item.get(kept_id, listed_at=listed_at) is None
    except Exception as trouble:  # a user's middleware may raise anything
        return error or unconfirmed(kept_id, item.spec, trouble)
    return gone_with_copies(kept_id, excess) if is_gone else error


async def _switch(item: Item, kept: Webhook, snapshot: Snapshot) -> tuple[OutcomeStatus, Webhook, Exception | None]:
    """(De)activate the copy that stays if needed; return its status, its present state, and what is wrong with it."""
    status, error = _status(item, kept), _not_recognised(item, kept, snapshot)
    try:
        after = await switched(item, kept, item.spec, snapshot.began_at)
    except Exception as trouble:  # a user's middleware may raise anything
        return OutcomeStatus.FAILED, kept, trouble
    if after is not kept and status is OutcomeStatus.EXISTING:
        status = OutcomeStatus.UPDATED
    return status, after, error


def _not_recognised(item: Item, kept: Webhook, snapshot: Snapshot) -> GwmsError | None:
    """Return the error of a webhook that a later run, which decides by lists, will not recognise; None if it will."""
    listed = snapshot.get(kept.id)
    if listed is None:
        return left_out(kept, snapshot.why_incomplete(kept))
    return stored_differently(listed, item.spec) if item.has_created(kept.id) else None


def _is_copy(item: Item, copy: Webhook) -> bool:
    """Return whether it counts as a copy, and not as a tombstone."""
    if copy.id in item.gone_ids:
        return False
    return counts_for(item.spec, copy) or copy.id in item.own_ids or item.coordinator.memory.wrote(copy.id)


def _is_removable(item: Item, webhook_id: int) -> bool:
    memory = item.coordinator.memory
    if memory.is_direct(webhook_id):
        return False
    return webhook_id in item.own_ids or memory.is_open(webhook_id) or item.may_have_created(webhook_id)


def _status(item: Item, kept: Webhook) -> OutcomeStatus:
    outcome = item.settled_outcome
    is_shown = outcome.webhook is not None and outcome.webhook.id == kept.id
    if is_shown and outcome.status is not OutcomeStatus.FAILED:
        return outcome.status
    if item.has_created(kept.id):
        return OutcomeStatus.CREATED
    return OutcomeStatus.RECOVERED if item.may_have_created(kept.id) else OutcomeStatus.EXISTING


def _replace(
    item: Item, status: OutcomeStatus, webhook: Webhook, error: Exception | None, copies: tuple[int, ...]
) -> None:
    """Replace the outcome only if the list has changed it: a new one is emitted again."""
    outcome = Outcome(item.spec, status, webhook, error, item.attempts, copies)
    if evolve(item.settled_outcome, attempts=outcome.attempts) != outcome:
        item.outcome = outcome


async def _remove(item: Item, webhook_id: int, listed_at: float) -> OutcomeUnknownError | None:
    by_id = item.coordinator.by_id
    try:
        await by_id.check_identity(webhook_id, item.spec, item.next_api, listed_at)
        await by_id.delete(webhook_id, item.spec, item.next_api)
    except Exception as error:  # a user's middleware may raise anything
        _logger.warning("webhook %d, a second copy, could not be deleted: %s", webhook_id, error)
        return undecided([webhook_id], item.spec, error)
    item.gone_ids |= {webhook_id}
    return None
