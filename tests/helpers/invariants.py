"""What must hold between client and gateway, whatever happens; each check tells what it finds wrong."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from itertools import chain, combinations

from gwms_async import NotFoundError, Outcome, OutcomeStatus, OutcomeUnknownError, Report, Webhook, WebhookSpec
from gwms_async.models import Identity
from gwms_async.testing import Exchange, RevokeTokens, StoredWebhook

from .model_world import REGISTERING, TIMEOUTS, TTL, Op, World

S = OutcomeStatus
ATTEMPTS, REPLAYS, ROUNDS = 5, 4, 4
_THERE = {S.CREATED, S.EXISTING, S.UPDATED, S.RECOVERED}
_CHANGES = {"create", "activate", "deactivate", "delete"}
_EPSILON = 1e-6


def judge(world: World, op: Op) -> Iterator[str]:
    """Find fault with a call at the moment at which it ends."""
    complaints = chain(_in_time(op), _made(world, op) if op.specs else _found(world, op))
    yield from (f"{op}: {complaint}" for complaint in complaints)


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
        yield from _report(world, op)
        return
    yield from _as_wanted(world, op, op.specs[0], op.result)
    if op.kind == "create" and world.births[op.result.id].origin != op.number:
        yield "created what is not its own"


def _found(world: World, op: Op) -> Iterator[str]:
    rows = world.rows
    match op.kind:
        case "delete" if op.is_success or isinstance(op.error, NotFoundError):
            # An id that did not exist when the call began may have been given out since.
            if op.webhook_id in rows and world.births[op.webhook_id].at <= op.began:
                yield f"is not gone: {op.error}"
        case "activate" | "deactivate" if op.is_success:
            row = rows.get(op.webhook_id)
            is_right = row is not None and row.active == (op.kind == "activate")
            if not is_right and not world.touched_by_others(op.webhook_id, op):
                yield f"is not in its state: {row}"
        case "list" if op.is_success:
            listed = {webhook.id for webhook in op.result}
            since = {number for number, birth in world.births.items() if birth.at > op.began}
            if not (op.alive & rows.keys()) <= listed <= (op.alive | since):
                yield f"lists {listed}, not between {op.alive & rows.keys()} and {op.alive | since}"


def _as_wanted(world: World, op: Op, spec: WebhookSpec, webhook: Webhook) -> Iterator[str]:
    row = world.rows.get(webhook.id)
    is_right = row is not None and row.active == webhook.active == spec.active
    if webhook.identity != spec.identity or not (is_right or world.touched_by_others(webhook.id, op)):
        yield f"ends with {webhook} for {spec}, where the gateway holds {row}"


def _report(world: World, op: Op) -> Iterator[str]:
    report: Report = op.result
    seen: set[Identity] = set()
    if [outcome.spec for outcome in report.outcomes] != list(op.specs):
        yield "reports on something else"
    for outcome in report.outcomes:
        if (outcome.status is S.DUPLICATE) != (outcome.spec.identity in seen):
            yield f"calls it a duplicate, or not, wrongly: {outcome}"
        seen.add(outcome.spec.identity)
        yield from (f"{complaint}: {outcome!r}" for complaint in _outcome(world, op, outcome))


def _outcome(world: World, op: Op, outcome: Outcome) -> Iterator[str]:
    own = {n for n, birth in world.births.items() if birth.origin == op.number}
    if outcome.status in _THERE:
        if outcome.webhook is None:
            yield "shows no webhook"
            return
        yield from _as_wanted(world, op, outcome.spec, outcome.webhook)
        if outcome.status is S.CREATED and outcome.webhook.id not in own:
            yield "was not created by it"
        if outcome.status in {S.EXISTING, S.UPDATED} and outcome.webhook.id in own:
            yield "was created by it"
    if outcome.status is S.UNKNOWN and not isinstance(outcome.error, OutcomeUnknownError):
        yield "does not say why"
    if outcome.status is not S.DUPLICATE:
        sent = len(_creates(world, op, outcome.spec.identity))
        if sent > outcome.attempts or sent > ATTEMPTS * ROUNDS + REPLAYS:
            yield f"sent {sent} creates"


def _creates(world: World, op: Op, identity: Identity) -> list[Exchange]:
    wanted = " ".join(identity)
    return [exchange for exchange in world.exchanges(op, "create") if exchange.headers["x-creates"] == wanted]


def suspect(world: World, op: Op, exchange: Exchange) -> Iterator[str]:
    """Find fault with a request at the moment at which it arrives."""
    stopped = op.stopped_at
    if op.deadline is not None and stopped is None:
        stopped = op.began_at + op.deadline
    if exchange.operation in _CHANGES and stopped is not None and exchange.at > stopped + _EPSILON:
        yield f"{op}: sent {exchange.operation} {exchange.at - stopped} s after its end"
    if exchange.operation == "create" and op.kind in REGISTERING:
        for number in world.rows:
            birth = world.births[number]
            if " ".join(birth.identity) == exchange.headers["x-creates"] and birth.at < op.began:
                yield f"{op}: creates again what was there: {world.rows[number]}"


def question(world: World, op: Op, number: int) -> Iterator[str]:
    """Find fault with the deletion of a webhook at the moment at which it is carried out."""
    if op.kind == "delete" and op.webhook_id == number:
        return
    birth = world.births[number]
    lower = [n for n, b in world.births.items() if b.identity == birth.identity and n < number]
    if op.kind not in REGISTERING:
        yield f"{op}: deleted {number}"
    elif birth.at < op.began:
        yield f"{op}: deleted {number}, which was there before"
    elif birth.identity not in {spec.identity for spec in op.specs}:
        yield f"{op}: deleted {number}, which it was not asked for"
    elif not any(world.deaths.get(n, op.began) >= op.began for n in lower):
        yield f"{op}: deleted {number}, the only one"


def requests_within_bounds(world: World) -> Iterator[str]:
    """Find calls that were on the wire too often, or sent what they said they had not."""
    births = defaultdict(list)
    for birth in world.births.values():
        births[birth.origin, birth.identity].append(birth)
    for op in world.ops.values():
        if op.kind not in REGISTERING:
            answers = [exchange.status for exchange in world.exchanges(op)]
            refused = answers.count(401)
            if refused > REPLAYS or len(answers) - refused > ATTEMPTS:
                yield f"{op}: was on the wire {len(answers)} times: {answers}"
            if op.specs and len(births[op.number, op.specs[0].identity]) > 1:
                yield f"{op}: created two"
        for spec in _denied(op):
            if births[op.number, spec.identity]:
                yield f"{op}: created {spec}, and denies it: {op.error or op.result}"


def _denied(op: Op) -> list[WebhookSpec]:
    """Give the specs of which a call says that it created nothing."""
    if op.error is not None:
        return [] if isinstance(op.error, OutcomeUnknownError) else list(op.specs)
    if isinstance(op.result, Report):
        denied = {S.NOT_STARTED, S.EXISTING, S.UPDATED}
        return [
            outcome.spec
            for outcome in op.result.outcomes
            # A failure that shows a webhook says that it is there, but not as it shall be.
            if outcome.status in denied or (outcome.status is S.FAILED and outcome.webhook is None)
        ]
    return []


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
        yield from _cool_downs([exchange for index, exchange in logins if first <= index < last])


def _cool_downs(logins: list[Exchange]) -> Iterator[str]:
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
        if number in rows and op is not None and op.kind in REGISTERING and not _is_memory(rows[number]):
            made[op.generation, birth.identity].append((birth.asked, number, op))
    for births in made.values():
        for (_, one, first), (asked, other, second) in combinations(sorted(births, key=lambda birth: birth[0]), 2):
            if not _was_kept_from_looking(world, second, asked):
                yield f"{one} (by {first}) and {other} (by {second}) are the same webhook"


def _is_memory(row: StoredWebhook) -> bool:
    return not row.active and row.unregistered_at is not None


def _was_kept_from_looking(world: World, op: Op, since: int) -> bool:
    """Tell whether a run was stopped, or could not list or delete, before it had verified what it created."""
    if op.stopped_at is not None or op.was_closed or op.ended is None:
        return True
    return any(
        exchange.operation in {"list", "login", "delete"}
        and since < world.asked.get(id(exchange), since + 1) < op.ended
        and (exchange.status != 200 or exchange.fault is not None)
        for exchange in world.gateway.requests
    )
