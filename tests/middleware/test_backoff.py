"""Attempts, waits and the budget of retries; driven by hand, on a clock that moves by sleeping."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from email.utils import formatdate

import pytest
from attrs import define, evolve, field

from gwms_async import Cause, ConnectionFailedError, Request, Response, RetryPolicy, TransportError
from gwms_async.chain import Call
from gwms_async.clock import Clock
from gwms_async.middleware import Backoff, RetryBudget

WALL = 1_790_000_000.0


@define
class Wire:
    """Ends attempts as a script says, and notes the waits between them."""

    script: Iterable[Response | TransportError]
    now: float = 0.0
    waits: list[float] = field(factory=list)
    _ends: Iterator[Response | TransportError] = field(init=False)

    def __attrs_post_init__(self) -> None:
        """Begin at the script's beginning."""
        self._ends = iter(self.script)

    async def __call__(self, request: Request) -> Response:
        """Carry one attempt."""
        request.call.attempts += 1
        end = next(self._ends)
        if isinstance(end, TransportError):
            raise end
        return end

    async def sleep(self, seconds: float) -> None:
        """Let the time pass."""
        self.waits.append(seconds)
        self.now += seconds

    def backoff(
        self, policy: RetryPolicy | None = None, budget: RetryBudget | None = None, *, is_paced: bool = False
    ) -> Backoff:
        """Make a backoff that waits as long as it may."""
        policy = policy or RetryPolicy()
        return Backoff(
            policy,
            budget or RetryBudget(policy.budget),
            is_paced=is_paced,
            jitter=lambda longest: longest,
            clock=Clock(lambda: self.now, lambda: WALL + self.now, self.sleep),
        )


OK = Response(200)
GET = Request("GET", "/webhooks", idempotent=True)
POST = Request("POST", "/webhooks", idempotent=False)


def failed(cause: Cause) -> TransportError:
    """Make an attempt's failure."""
    return ConnectionFailedError("broke", cause=cause)


def answered(status: int, retry_after: str | None = None) -> Response:
    """Make an answer."""
    return Response(status, headers={} if retry_after is None else {"retry-after": retry_after})


async def status_of(
    wire: Wire, request: Request, policy: RetryPolicy | None = None, budget: RetryBudget | None = None
) -> int | Cause:
    """Send a request of a call of its own, and tell how it ended."""
    try:
        request = evolve(request, call=Call(deadline=request.call.deadline))
        return (await wire.backoff(policy, budget)(request, wire)).status
    except TransportError as error:
        return error.cause


@pytest.mark.parametrize(
    ("request_", "ends", "expected", "attempts"),
    [
        (GET, [OK], 200, 1),
        (GET, [answered(404)], 404, 1),
        (GET, [answered(401)], 401, 1),
        (GET, [answered(503), answered(500), OK], 200, 3),
        (GET, [failed(Cause.UNKNOWN), OK], 200, 2),
        (GET, [failed(Cause.NEVER_SENT)] * 9, Cause.NEVER_SENT, 5),
        (GET, [failed(Cause.MISCONFIGURED), OK], Cause.MISCONFIGURED, 1),
        (GET, [answered(502)] * 9, 502, 5),
        (GET, [Response(200, readable=False), OK], 200, 1),
        (POST, [answered(503), OK], 503, 1),
        (POST, [failed(Cause.UNKNOWN), OK], Cause.UNKNOWN, 1),
        (POST, [answered(408), OK], 408, 1),
        (POST, [failed(Cause.NEVER_SENT), answered(429), answered(425), OK], 200, 4),
    ],
)
async def test_attempts_follow_the_table(
    request_: Request, ends: Iterable[Response | TransportError], expected: int | Cause, attempts: int
) -> None:
    """What is safe to send again is sent again, `max_attempts` times at most."""
    wire = Wire(ends)

    assert expected == await status_of(wire, request_)
    assert attempts - 1 == len(wire.waits)


async def test_waits_double_up_to_the_cap() -> None:
    """The longest wait doubles from `base` to `cap`."""
    wire = Wire([answered(503)] * 6)

    await status_of(wire, GET, RetryPolicy(max_attempts=6, base=0.5, cap=3))

    assert wire.waits == [0.5, 1.0, 2.0, 3.0, 3.0]


@pytest.mark.parametrize("text", ["7", formatdate(WALL + 7, usegmt=True)])
async def test_retry_after_is_a_floor(text: str) -> None:
    """The wait is never shorter than the gateway asks; the jitter comes on top."""
    wire = Wire([answered(429, text), OK])

    assert await status_of(wire, POST) == 200
    assert [pytest.approx(7.2)] == wire.waits


async def test_a_retry_after_that_is_too_long_ends_the_call() -> None:
    """Longer than `max_retry_after` is not waited for."""
    wire = Wire([answered(429, "60"), answered(429, "61"), OK])

    assert await status_of(wire, GET) == 429
    assert [pytest.approx(60.2)] == wire.waits


async def test_a_throttled_call_waits_once() -> None:
    """Where `pace` waits as the gateway asks, the call does not wait once more; a 500 it waits out itself."""
    wire = Wire([answered(429, "5"), answered(500), OK])

    assert (await wire.backoff(is_paced=True)(evolve(GET, call=Call()), wire)).status == 200
    assert wire.waits == [0.4]


async def test_no_wait_goes_past_the_deadline() -> None:
    """A wait that would end after the call's deadline is not begun."""
    wire = Wire([answered(429, "5"), answered(429, "5"), OK])

    assert await status_of(wire, evolve(GET, call=Call(deadline=10.0))) == 429
    assert [pytest.approx(5.2)] == wire.waits


async def test_attempts_count_across_re_logins() -> None:
    """A call that comes back after a re-login has no more attempts than before."""
    wire = Wire([answered(503), answered(503), answered(401), answered(503), answered(503), OK])
    request = evolve(GET, call=Call())
    backoff = wire.backoff()

    assert (await backoff(request, wire)).status == 401
    assert (await backoff(request, wire)).status == 503
    assert request.call.attempts == 5


@pytest.mark.parametrize(
    ("end", "expected"),
    [(failed(Cause.UNKNOWN), True), (answered(502), True), (failed(Cause.NEVER_SENT), False), (answered(429), False)],
)
async def test_the_call_remembers_an_unknown_outcome(end: Response | TransportError, expected: bool) -> None:
    """Whether an attempt may have been carried out is kept for what comes after."""
    wire = Wire([end, OK])
    request = evolve(GET, call=Call())

    await wire.backoff()(request, wire)

    assert expected is request.call.outcome_unknown


async def test_an_outage_uses_up_the_budget() -> None:
    """When nothing succeeds, 500 calls make 35 retries in all."""
    budget = RetryBudget(500)
    wires = [Wire([answered(503)] * 5) for _ in range(500)]

    for wire in wires:
        await status_of(wire, GET, budget=budget)

    assert sum(len(wire.waits) for wire in wires) == 35


async def test_a_success_gives_back_what_its_retries_took() -> None:
    """Retries that help are free in the end; other successes fill the budget slowly, up to its size."""
    budget = RetryBudget(28)
    for _ in range(10):
        wire = Wire([answered(503), answered(503), OK])
        assert await status_of(wire, GET, budget=budget) == 200
        assert await status_of(Wire([OK]), GET, budget=budget) == 200

    assert await status_of(Wire([answered(503)] * 3), GET, budget=budget) == 503
    for _ in range(13):
        assert await status_of(Wire([OK]), GET, budget=budget) == 200
    assert await status_of(Wire([answered(503), OK]), GET, budget=budget) == 503
    await status_of(Wire([OK]), GET, budget=budget)
    assert await status_of(Wire([answered(503), OK]), GET, budget=budget) == 200


async def test_throttling_costs_no_budget() -> None:
    """A 429 was refused unprocessed: waiting it out is no load on a gateway that fails."""
    wire = Wire([answered(429)] * 4 + [OK])

    assert await status_of(wire, GET, budget=RetryBudget(0)) == 200


async def test_the_wait_is_jittered() -> None:
    """By default the wait is anything between nothing and the longest."""
    waits = set()
    for _ in range(20):
        wire = Wire([answered(503), OK])

        async def note(seconds: float) -> None:
            waits.add(seconds)

        await Backoff(RetryPolicy(base=1), RetryBudget(500), clock=Clock(sleep=note))(evolve(GET, call=Call()), wire)

    assert len(waits) == 20
    assert all(0 <= wait <= 1 for wait in waits)


async def test_a_retry_is_logged_with_its_reason(caplog: pytest.LogCaptureFixture) -> None:
    """What was answered or what happened, for those who wait."""
    caplog.set_level("DEBUG", "gwms_async")
    refused = ConnectionFailedError("…", cause=Cause.NEVER_SENT, reason="connection refused")

    await status_of(Wire([evolve(answered(503), reason="Service Unavailable"), answered(503), refused, OK]), GET)

    fields = [vars(record) for record in caplog.records]
    assert [field["gwms_reason"] for field in fields] == ["503 Service Unavailable", "503", "connection refused"]
    assert [field["gwms_attempt"] for field in fields] == [1, 2, 3]
    assert all(field["gwms_wait"] > 0 for field in fields)


async def test_the_reason_of_a_retry_shows_no_secret(caplog: pytest.LogCaptureFixture) -> None:
    """A gateway may echo the token in its reason phrase, or what a terminal obeys."""
    caplog.set_level("DEBUG", "gwms_async")
    answer = evolve(answered(503), reason="no t0ken gw1-abcdefgh \x1b[31m", secrets=("t0ken",))

    await status_of(Wire([answer, OK]), GET)

    assert [vars(record)["gwms_reason"] for record in caplog.records] == ["503 no *** gw1-*** \\x1b[31m"]
