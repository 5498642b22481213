"""What must hold between client and gateway, whatever happens; each check tells what it finds wrong."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import chain, combinations

from gwms_async import NotFoundError, Outcome, OutcomeStatus, OutcomeUnknownError, Report, Webhook, WebhookSpec
from gwms_async.models import Identity
from gwms_async.testing import Exchange, NoEffect, OtherState, RevokeTokens, StoredWebhook

from .model_world import REGISTERING, TIMEOUTS, TTL, Birth, Op, World, identity_of

S = OutcomeStatus
ATTEMPTS, REPLAYS, ROUNDS = 5, 4, 4
REMEMBERED = 60.0
_THERE = {S.CREATED, S.EXISTING, S.UPDATED, S.RECOVERED}
_CHANGES = {"create", "update", "activate", "deactivate", "delete"}
_EPSILON = 1e-6


def judge(world: World, op: Op) -> Iterator[str]:
    """Find fault with a call at the moment at which it ends."""
    complaints = chain(_in_time(op), _made(world, op) if op.specs or op.plan else _found(world, op))
    yield from (f"{op}: {complaint}" for complaint in complaints)


def hear(world: World, op: Op, outcome: Outcome) -> Iterator[str]:
    """Find fault with an outcome at the moment at which it is emitted."""
    yield from (f"{op}: {complaint}: emitted {outcome!r}" for complaint in _outcome(world, op, outcome))


def _in_time(op: Op) -> Iterator[str]:
    assert op.ended_at is not None
    limit = None if op.kind in REGISTERING else TIMEOUTS[(op.generation - 1) % 2].total
    if op.deadline is not None:
        limit = op.deadline + 5
    if limit is not None and op.ended_at > op.began_at + limit + _EPSILON:
        yield f"took {op.ended_at - op.began_at} s"


def _made(world: World, op: Op) -> Iterator[str]:
    if op.error is not None or op.result is None:
        return
    if isinstance(op.result, Report):
        yield from _report(world, op, op.result)
        return
    yield from _as_wanted(world, op, op.specs[0], op.result)
    if op.kind == "create" and world.births[op.result.id].origin != op.number:
        yield "created what is not its own"


def _found(world: World, op: Op) -> Iterator[str]:
    rows = world.rows
    match op.kind:
        case "delete" if op.is_success or isinstance(op.error, NotFoundError):
            # An id that did not exist when the call began may have been given out since.
            is_gone = op.webhook_id not in rows or world.births[op.webhook_id].at > op.began
            if not is_gone and not _hit_by(world, op, NoEffect):
                yield f"is not gone: {op.error}"
        case "activate" | "deactivate" if op.is_success and not _echoed(world, op):  # else its answer is believed
            row = rows.get(op.webhook_id)
            wanted = op.result.active if _hit_by(world, op, NoEffect) else op.kind == "activate"
            is_right = row is not None and row.active == op.result.active == wanted
            if not is_right and not world.touched_by_others(op.webhook_id, op):
                yield f"is not in its state: {row}"
        case "list" if op.is_success:
            listed, since = {webhook.id for webhook in op.result}, op.began_at - world.customs.list_lag
            is_shown = {n for n in op.alive if world.births[n].time < since or not world.customs.list_lag}
            missing = (is_shown & rows.keys()) - listed
            # What is deleted may still be listed by a list that lags, and for ever as a tombstone.
            dead = {n for n, death in world.deaths.items() if death.at < op.began and death.time < since - _EPSILON}
            wrong = listed - world.births.keys() | (set() if world.customs.tombstones else listed & dead)
            if missing or wrong:
                yield f"lists {listed}, without {missing}, with {wrong}"


def _hit_by(world: World, op: Op, *faults: type) -> bool:
    return any(isinstance(exchange.fault, faults) for exchange in world.exchanges(op))


def _echoed(world: World, op: Op) -> bool:
    return any(exchange.fault == NoEffect(echo=True) for exchange in world.exchanges(op))


def _as_wanted(world: World, op: Op, spec: WebhookSpec, webhook: Webhook) -> Iterator[str]:
    row = world.rows.get(webhook.id)
    if op.kind in {"create", "update"} and _hit_by(world, op, NoEffect, OtherState):
        is_right = row is not None and (row.active, identity_of(row)) == (webhook.active, webhook.identity)
    else:
        is_right = row is not None and row.active == webhook.active == spec.active
        is_right = is_right and webhook.identity == spec.identity == identity_of(row)  # type: ignore[arg-type]
    if is_right or world.touched_by_others(webhook.id, op):
        return
    if row is None and world.customs.tombstones and not spec.active:
        return  # it cannot be told from one that was deactivated
    yield f"ends with {webhook} for {spec}, where the gateway holds {row}"


def _report(world: World, op: Op, report: Report) -> Iterator[str]:
    seen: set[Identity] = set()
    wanted = list(op.plan.wanted if op.plan is not None else op.specs)
    registered, deleted = report.outcomes[: len(wanted)], report.outcomes[len(wanted) :]
    if [outcome.spec for outcome in registered] != wanted:
        yield "reports on something else"
    for outcome in registered:
        if (outcome.status is S.DUPLICATE) != (outcome.spec.identity in seen):
            yield f"calls it a duplicate, or not, wrongly: {outcome}"
        seen.add(outcome.spec.identity)
        complaints = chain(_outcome(world, op, outcome), _end(world, op, outcome))
        yield from (f"{complaint}: {outcome!r}" for complaint in complaints)
    if [outcome.webhook for outcome in deleted] != list(op.plan.delete if op.plan is not None else ()):
        yield "reports on other deletions"
    for outcome in deleted:
        yield from (f"{complaint}: {outcome!r}" for complaint in _outcome(world, op, outcome))


def _outcome(world: World, op: Op, outcome: Outcome) -> Iterator[str]:
    """Find what is not true of an outcome at this very moment."""
    own = {n for n, birth in world.births.items() if birth.origin == op.number}
    if outcome.is_failure != (outcome.error is not None):
        yield "is a failure without an error"
    if outcome.status is S.DELETED:
        yield from _deleted(world, op, outcome)
    elif op.plan is not None and outcome.webhook in op.plan.delete:
        return  # it stays
    elif outcome.status in _THERE:
        if outcome.webhook is None:
            yield "shows no webhook"
            return
        yield from _as_wanted(world, op, outcome.spec, outcome.webhook)
        if outcome.status is S.CREATED and outcome.webhook.id not in own:
            yield "was not created by it"
        # A stream's spec that comes again later finds what it has created itself; so does a spec whose webhook was
        # created for another one, and updated meanwhile.
        born_as = world.births[outcome.webhook.id].identity if outcome.webhook.id in own else None
        is_found = outcome.status in {S.EXISTING, S.UPDATED} and op.kind != "register_stream"
        if is_found and born_as == outcome.spec.identity:
            yield "was created by it"
    if outcome.status is S.UNKNOWN and not isinstance(outcome.error, OutcomeUnknownError):
        yield "does not say why"


def _deleted(world: World, op: Op, outcome: Outcome) -> Iterator[str]:
    webhook = outcome.webhook
    row = None if webhook is None else world.rows.get(webhook.id)
    # What was deactivated, also in a list that lags, looks the same as the tombstone of what was deleted.
    is_left = row is not None and row.id not in world.ghosts and not _is_tombstone(row)
    if is_left and row is not None and not world.touched_by_others(row.id, op):
        yield "is not gone"


def _end(world: World, op: Op, outcome: Outcome) -> Iterator[str]:
    """Find what is not true of the last outcome of a spec."""
    identity = outcome.spec.identity
    if outcome.status is not S.DUPLICATE:
        sent = len(_creates(world, op, identity))
        if sent > outcome.attempts or sent > ATTEMPTS * ROUNDS + REPLAYS:
            yield f"sent {sent} creates"
    if outcome.status is S.DUPLICATE or outcome.webhook is None:
        return
    born = {n for n, birth in world.births.items() if birth.origin == op.number and birth.identity == identity}
    second = {n for n in born & world.rows.keys() if not _is_tombstone(world.rows[n])} - {outcome.webhook.id}
    second -= world.ghosts
    is_said = isinstance(outcome.error, OutcomeUnknownError) or (outcome.is_failure and second <= {*outcome.copies})
    if second and not is_said and not _changed_identity(world, second):
        yield f"does not say that it left {second} as well"
    if outcome.status in {S.CREATED, S.RECOVERED} and not outcome.is_failure:
        yield from _lowest(world, op, outcome.webhook)


def _lowest(world: World, op: Op, webhook: Webhook) -> Iterator[str]:
    """Find a lower copy that should have stayed instead of what was created."""
    if _was_kept_from_looking(world, op, op.began):
        return
    for number, row in world.rows.items():
        is_copy = number < webhook.id and identity_of(row) == webhook.identity and not _is_tombstone(row)
        if is_copy and not world.touched_by_others(number, op):
            yield f"keeps {webhook.id}, not {number}"


def _changed_identity(world: World, numbers: Iterable[int]) -> bool:
    return any(len(world.identities(number)) > 1 for number in numbers)


def _creates(world: World, op: Op, identity: Identity) -> list[Exchange]:
    wanted = _on_wire(identity)
    return [exchange for exchange in world.exchanges(op, "create") if exchange.headers["x-creates"] == wanted]


def _on_wire(identity: Identity) -> str:
    return " ".join(identity)


def suspect(world: World, op: Op, exchange: Exchange) -> Iterator[str]:
    """Find fault with a request at the moment at which it arrives."""
    stopped = op.stopped_at
    if op.deadline is not None and stopped is None:
        stopped = op.began_at + op.deadline
    if exchange.operation in _CHANGES and stopped is not None and exchange.at > stopped + _EPSILON:
        yield f"{op}: sent {exchange.operation} {exchange.at - stopped} s after its end"
    if exchange.operation == "create" and op.kind in REGISTERING:
        for number, row in world.rows.items():
            if _on_wire(identity_of(row)) == exchange.headers["x-creates"] and _was_to_be_seen(world, op, number):
                yield f"{op}: creates again what was there: {row}"


def _was_to_be_seen(world: World, op: Op, number: int) -> bool:
    """Tell whether a call's first list showed a webhook as it is, or its client had just created it."""
    birth = world.births[number]
    if birth.at >= op.began or _changed_identity(world, [number]):
        return False
    if not world.customs.list_lag or birth.time < op.began_at - world.customs.list_lag:
        return True
    maker = world.ops.get(birth.origin)
    is_known = maker is not None and maker.ended is not None and maker.ended < op.began and maker.is_success
    return is_known and maker is not None and maker.kind == "create" and maker.generation == op.generation


def question(world: World, op: Op, row: StoredWebhook) -> Iterator[str]:
    """Find fault with the deletion of a webhook at the moment at which it is carried out."""
    number = row.id
    if op.kind == "delete" and op.webhook_id == number:
        return
    birth = world.births[number]
    if op.kind not in REGISTERING:
        yield f"{op}: deleted {number}"
        return
    identities = world.identities(number)
    planned = {webhook.id: webhook for webhook in op.plan.delete} if op.plan is not None else {}
    if number in planned:
        yield from _planned(world, op, planned[number], row)
        return
    world.fired["copy deleted by a closing list"] += 1
    wanted = {spec.identity for spec in (op.plan.wanted if op.plan is not None else op.specs)}
    if not identities & wanted:
        yield f"{op}: deleted {number}, which it was not asked for"
    if not _is_removable(world, op, number, birth):
        yield f"{op}: deleted {number}, which was not its own: {birth}"
    if not _one_stays(world, op, number, identities):
        yield f"{op}: deleted {number}, the only one"


def _planned(world: World, op: Op, webhook: Webhook, row: StoredWebhook) -> Iterator[str]:
    """Find fault with the deletion of what a plan had seen."""
    world.fired["webhook deleted by a plan"] += 1
    assert op.plan is not None
    is_same = (identity_of(row), row.active) == (webhook.identity, webhook.active)
    if not is_same and not world.touched_by_others(webhook.id, op):
        yield f"{op}: deleted {row}, not {webhook}"
    if webhook.identity in {spec.identity for spec in op.plan.wanted}:
        stays = [o.webhook for o in op.emitted if o.spec.identity == webhook.identity and o.status in _THERE]
        if not any(w is not None and w.id != webhook.id and _is_known(world, op, w.id) for w in stays):
            yield f"{op}: deleted {webhook}, the only one"


def _is_removable(world: World, op: Op, number: int, birth: Birth) -> bool:
    """Tell whether the design lets a registration delete a webhook (4.7)."""
    maker = world.ops.get(birth.origin)
    if birth.origin == op.number:
        return True
    if maker is not None and maker.generation == op.generation:
        if maker.kind == "create" and maker.is_success and world.now <= birth.time + REMEMBERED:
            return False
        is_closed = maker.ended is not None and maker.ended < op.began and not _was_unlucky(world, maker)
        if maker.kind in REGISTERING and not is_closed:
            return True
    is_new = birth.time >= op.began_at - world.customs.list_lag and birth.at > 0
    return (is_new or birth.at > op.began) and _was_in_doubt(world, op, world.identities(number))


def _was_unlucky(world: World, op: Op) -> bool:
    return op.stopped_at is not None or op.was_closed or _was_kept_from_looking(world, op, op.began)


def _was_in_doubt(world: World, op: Op, identities: set[Identity]) -> bool:
    """Tell whether the answer to a create of this client was lost."""
    wanted = {_on_wire(identity) for identity in identities}
    return any(
        exchange.operation == "create"
        and exchange.headers["x-creates"] in wanted
        and (exchange.status != 200 or exchange.fault is not None or world.gateway.latency)
        for exchange in world.gateway.requests
    )


def _one_stays(world: World, op: Op, number: int, identities: set[Identity]) -> bool:
    """Tell whether a lower copy is the run's own, or has been seen by it to exist."""
    lower = [n for n in world.births if n < number and world.identities(n) & identities]
    return any(world.births[n].origin == op.number or _is_known(world, op, n) for n in lower)


def _is_known(world: World, op: Op, number: int) -> bool:
    return world.births[number].origin == op.number or any(
        exchange.status == 200 and exchange.operation in {"get", "activate", "deactivate"}
        for exchange in world.exchanges(op)
        if exchange.path.rpartition("webhooks/")[2].partition("/")[0] == str(number)
    )


def requests_within_bounds(world: World) -> Iterator[str]:
    """Find calls that were on the wire too often, or sent what they said they had not."""
    births = defaultdict[tuple[int, Identity], set[int]](set)
    for number, birth in world.births.items():
        births[birth.origin, birth.identity].add(number)
    rows = world.rows
    for op in world.ops.values():
        if op.kind not in REGISTERING:
            answers = [exchange.status for exchange in world.exchanges(op)]
            refused = answers.count(401)
            if refused > REPLAYS or len(answers) - refused > ATTEMPTS:
                yield f"{op}: was on the wire {len(answers)} times: {answers}"
            if op.specs and len(births[op.number, op.specs[0].identity]) > 1:
                yield f"{op}: created two"
        for spec in _denied(op):
            hidden = births[op.number, spec.identity] & rows.keys() - world.ghosts
            hidden = {number for number in hidden if not _changed_identity(world, [number])}
            # What was deactivated looks the same as the tombstone of what was deleted.
            deleted = {exchange.path for exchange in world.exchanges(op, "delete")}
            hidden -= {n for n in hidden if _is_tombstone(rows[n]) and f"/webhooks/{n}" in deleted}
            if hidden and not _shows_webhook(op, world.births):
                yield f"{op}: created {spec}, and denies it: {op.error or op.result}"


def _denied(op: Op) -> list[WebhookSpec]:
    """Give the specs of which a call says that it created nothing."""
    if op.error is not None:
        return [] if isinstance(op.error, OutcomeUnknownError) else list(op.specs)
    if isinstance(op.result, Report):
        denied = {S.NOT_STARTED, S.EXISTING, S.UPDATED}
        registered = op.result.outcomes if op.plan is None else op.result.outcomes[: len(op.plan.wanted)]
        return [
            outcome.spec
            for outcome in registered
            # A failure that shows a webhook says that it is there, but not as asked for; one of a second copy says so.
            if (outcome.status in denied and not isinstance(outcome.error, OutcomeUnknownError))
            or (outcome.status is S.FAILED and outcome.webhook is None)
        ]
    return []


def _shows_webhook(op: Op, numbers: Iterable[int]) -> bool:
    """Tell whether the error of `register` names a webhook that is there, but not as asked for."""
    text = "\n".join([str(op.error), *getattr(op.error, "__notes__", ())])
    return op.kind == "register" and any(
        f"webhook {number} is not" in text or f"/webhooks/{number}/" in text for number in numbers
    )


def logins_within_bounds(world: World) -> Iterator[str]:
    """Find logins that nothing called for, and refused ones that came too soon after each other."""
    requests = world.gateway.requests
    revoked = sum(isinstance(exchange.fault, RevokeTokens) for exchange in requests)
    logins = [(number, exchange) for number, exchange in enumerate(requests) if exchange.operation == "login"]
    lost = sum(exchange.fault is not None and exchange.fault.carry_out for _, exchange in logins)
    expired = int((world.now - 1000) / (0.75 * TTL))
    most = world.generation + world.revocations + revoked + lost + expired
    if len(world.gateway.tokens_issued) > most:
        yield f"{len(world.gateway.tokens_issued)} tokens were issued, {most} at most were called for"
    for number, first in enumerate(world.first_login):
        last = (*world.first_login, len(requests))[number + 1]
        yield from _cooldowns([exchange for index, exchange in logins if first <= index < last])


def _cooldowns(logins: list[Exchange]) -> Iterator[str]:
    since, gap = -1e9, 60.0
    for exchange in logins:
        if exchange.at < since + gap - _EPSILON:
            yield f"a login {exchange.at - since} s after a refused one, not {gap}"
        if exchange.status in {400, 401, 403, 422}:
            gap = 60.0 if since < 0 else min(2 * gap, 900.0)
            since = exchange.at
        elif exchange.status == 200 and exchange.fault is None:
            since, gap = -1e9, 60.0


def doubles(world: World) -> Iterator[str]:
    """Find second webhooks of one identity that registrations of one client added and kept.

    One that another registration has deactivated meanwhile does not count: it may be no more than the gateway's memory,
    which is never deleted, and nothing is delivered for it.
    """
    rows, made = world.rows, defaultdict(list)
    for number, birth in world.births.items():
        op = world.ops.get(birth.origin)
        is_there = number in rows and number not in world.ghosts and not _changed_identity(world, [number])
        if is_there and op is not None and op.kind in REGISTERING and not _is_tombstone(rows[number]):
            made[op.generation, birth.identity].append((birth.asked, number, op))
    for births in made.values():
        for (_, one, first), (asked, other, second) in combinations(sorted(births, key=lambda birth: birth[0]), 2):
            is_said = _says_so(second, world.births[other].identity)
            if not is_said and not _was_kept_from_looking(world, second, asked):
                yield f"{one} (by {first}) and {other} (by {second}) are the same webhook"


def _says_so(op: Op, identity: Identity) -> bool:
    """Tell whether a call says that there may be a second copy."""
    outcomes = op.result.outcomes if isinstance(op.result, Report) else op.emitted
    errors = [op.error, *(outcome.error for outcome in outcomes if outcome.spec.identity == identity)]
    return any(isinstance(error, OutcomeUnknownError) for error in errors)


def _is_tombstone(row: StoredWebhook) -> bool:
    return not row.active and row.unregistered_at is not None


def _was_kept_from_looking(world: World, op: Op, since: int) -> bool:
    """Tell whether a run was stopped, or could not list or delete, before it had verified what it created."""
    if op.stopped_at is not None or op.was_closed:
        return True
    return any(
        exchange.operation in {"list", "login", "delete", "get", "activate", "deactivate"}
        and since < world.asked.get(id(exchange), since + 1)
        and (op.ended is None or world.asked.get(id(exchange), since + 1) < op.ended)
        # A 404 that no fault made says what is so.
        and (exchange.status not in {200, 404} or exchange.fault is not None)
        for exchange in world.gateway.requests
    )


def nothing_grew(world: World) -> Iterator[str]:
    """Find what a client keeps although nothing of it is under way."""
    coordinator = world.client.webhooks._backend
    if coordinator._creating:
        yield f"still creating {coordinator._creating}"
    if coordinator.lists._tasks:
        yield f"still listing: {coordinator.lists._tasks}"
    ages = [write.at for write in coordinator.memory._writes.values()]
    if ages and max(ages) - min(ages) > REMEMBERED:
        yield f"remembers writes of {max(ages) - min(ages)} s"
    doubts = coordinator._doubts.values()
    if doubts and max(doubts) - min(doubts) > REMEMBERED:
        yield f"remembers doubts of {max(doubts) - min(doubts)} s"
