"""What became of each webhook: outcomes, their counts, and their errors as one group."""

from __future__ import annotations

import gc
import pickle
import weakref
from collections.abc import Callable

import pytest
from attrs import evolve

from gwms_async import (
    Cause,
    ConnectionFailedError,
    GwmsError,
    HttpMethod,
    Outcome,
    OutcomeStatus,
    OutcomeUnknownError,
    Report,
    Webhook,
    WebhookSpec,
    WebhookType,
)

S = OutcomeStatus
FAILURES = {S.FAILED, S.UNKNOWN, S.NOT_STARTED}
SPEC = WebhookSpec("https://shop.example/1", "CREATE_ORDER")
OTHER = WebhookSpec("https://shop.example/2", "UPDATE_ORDER", method="GET")
WEBHOOK = Webhook(7, SPEC.url, WebhookType.CREATE_ORDER, active=True, method=HttpMethod.POST)


def refused() -> ConnectionFailedError:
    """Make an error."""
    return ConnectionFailedError("connection refused", cause=Cause.NEVER_SENT)


def raised(report: Report) -> ExceptionGroup[Exception]:
    """Give the group that a report raises."""
    with pytest.raises(ExceptionGroup) as caught:
        report.raise_for_failures()
    return caught.value


def test_an_outcome_need_not_say_more_than_how_it_ended() -> None:
    """There may be no webhook to show, no error, no attempt and no copies."""
    outcome = Outcome(SPEC, S.NOT_STARTED)

    assert (outcome.webhook, outcome.error, outcome.attempts, outcome.copies) == (None, None, 0, ())


@pytest.mark.parametrize("status", OutcomeStatus)
def test_what_is_a_failure(status: OutcomeStatus) -> None:
    """Failed, unknown and not started: the webhook is not known to be as wanted."""
    assert Outcome(SPEC, status).is_failure is (status in FAILURES)


@pytest.mark.parametrize("status", OutcomeStatus)
def test_an_error_is_a_failure_whatever_the_status(status: OutcomeStatus) -> None:
    """A second copy that was left behind delivers everything twice."""
    assert Outcome(SPEC, status, error=refused()).is_failure


@pytest.mark.parametrize(
    ("outcome", "text"),
    [
        (Outcome(SPEC, S.CREATED, WEBHOOK, attempts=1), "created: POST https://shop.example/1 on CREATE_ORDER"),
        (Outcome(OTHER, S.NOT_STARTED), "not_started: GET https://shop.example/2 on UPDATE_ORDER"),
        (
            Outcome(SPEC, S.FAILED, error=refused()),
            "failed: POST https://shop.example/1 on CREATE_ORDER: connection refused",
        ),
    ],
)
def test_an_outcome_in_a_line(outcome: Outcome, text: str) -> None:
    """How it ended, for which webhook, and why."""
    assert text == str(outcome)


def test_counts() -> None:
    """By status, 0 for one that none has; also by its plain name."""
    report = Report((Outcome(SPEC, S.CREATED), Outcome(SPEC, S.DUPLICATE), Outcome(OTHER, S.CREATED)))

    assert report.counts == {S.CREATED: 2, S.DUPLICATE: 1}
    assert report.counts[S.FAILED] == 0
    assert report.counts[OutcomeStatus("created")] == 2


def test_failures_come_in_the_order_of_the_input() -> None:
    """And nothing else is among them."""
    outcomes = tuple(Outcome(SPEC, status, attempts=number) for number, status in enumerate(OutcomeStatus))

    failures = Report(outcomes).failures

    assert {outcome.status for outcome in failures} == FAILURES
    assert sorted(failures, key=lambda outcome: outcome.attempts) == list(failures)


@pytest.mark.parametrize("outcomes", [(), (Outcome(SPEC, S.CREATED), Outcome(SPEC, S.RECOVERED))])
def test_without_failures_nothing_is_raised(outcomes: tuple[Outcome, ...]) -> None:
    """Whatever else the outcomes say."""
    report = Report(outcomes)

    report.raise_for_failures()

    assert report.failures == ()


def test_failures_are_raised_together() -> None:
    """Each with its own error and a note that names the webhook; one without an error is among them."""
    error = refused()
    report = Report(
        (
            Outcome(SPEC, S.CREATED),
            Outcome(SPEC, S.FAILED, error=error),
            Outcome(OTHER, S.UNKNOWN, error=LookupError("odd")),
            Outcome(OTHER, S.NOT_STARTED),
        )
    )

    group = raised(report)

    assert group.message == "3 of 4 webhooks need attention"
    assert [(type(one), str(one)) for one in group.exceptions] == [
        (ConnectionFailedError, "connection refused"),
        (LookupError, "odd"),
        (RuntimeError, "no error was kept"),
    ]
    assert [one.__notes__ for one in group.exceptions] == [
        ["for POST https://shop.example/1 on CREATE_ORDER"],
        ["for GET https://shop.example/2 on UPDATE_ORDER"],
        ["for GET https://shop.example/2 on UPDATE_ORDER"],
    ]
    assert vars(group.exceptions[0])["cause"] is Cause.NEVER_SENT


def test_raising_leaves_the_report_as_it_is() -> None:
    """Its errors get no notes, and two outcomes of one error do not share theirs."""
    error = refused()
    report = Report((Outcome(SPEC, S.FAILED, error=error), Outcome(OTHER, S.FAILED, error=error)))

    groups = [raised(report), raised(report)]

    assert not hasattr(error, "__notes__")
    assert error.__traceback__ is None
    assert [[len(one.__notes__) for one in group.exceptions] for group in groups] == [[1, 1], [1, 1]]
    assert len({id(one) for group in groups for one in group.exceptions}) == 4


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: Report(()), "no webhooks"),
        (lambda: Report((Outcome(SPEC, S.CREATED),)), "1 webhook: 1 created"),
        (
            lambda: Report(
                (
                    Outcome(OTHER, S.NOT_STARTED),
                    Outcome(SPEC, S.DUPLICATE),
                    Outcome(SPEC, S.FAILED, error=refused()),
                    Outcome(SPEC, S.CREATED),
                    Outcome(SPEC, S.CREATED),
                )
            ),
            (
                "5 webhooks: 2 created, 1 duplicate, 1 failed, 1 not_started\n"
                "  not_started: GET https://shop.example/2 on UPDATE_ORDER\n"
                "  failed: POST https://shop.example/1 on CREATE_ORDER: connection refused"
            ),
        ),
    ],
)
def test_a_report_can_be_read(make: Callable[[], Report], text: str) -> None:
    """First what there is of each kind, then a line for each failure."""
    assert text == str(make())


def test_a_report_can_be_pickled() -> None:
    """To be handed to another process."""
    unlisted = Webhook(8, "https://shop.example/2", WebhookType.unlisted("NEW"), active=True, method=HttpMethod.GET)
    report = Report((Outcome(SPEC, S.CREATED, WEBHOOK, None, 2, (8, 9)), Outcome(SPEC, S.EXISTING, unlisted)))

    assert report == pickle.loads(pickle.dumps(report))  # noqa: S301  # our own


def test_raising_twice_notes_once() -> None:
    """An error of others, which cannot be copied, gets its note once."""
    error = LookupError("x")
    report = Report((Outcome(SPEC, OutcomeStatus.FAILED, error=error),))

    for _ in range(2):
        with pytest.raises(ExceptionGroup):
            report.raise_for_failures()

    assert len(error.__notes__) == 1


class Local:
    """Something in a frame."""


@pytest.mark.parametrize("kind", [GwmsError, LookupError])
def test_an_outcome_keeps_its_error_without_frames(kind: type[Exception]) -> None:
    """Their locals are a whole run; the text and the attributes stay."""

    def fail(local: Local) -> Outcome:
        try:
            try:
                raise ValueError(local)
            except ValueError as inner:
                raise kind("refused") from inner
        except kind as error:
            error.add_note("here")
            return Outcome(SPEC, S.FAILED, error=error)

    local = Local()
    watched = weakref.ref(local)
    outcome = evolve(fail(local), attempts=2)
    del local
    gc.collect()

    assert watched() is None
    assert type(outcome.error) is kind
    assert (str(outcome.error), outcome.error.__notes__) == ("refused", ["here"])
    assert outcome == evolve(outcome, attempts=2)


def test_what_is_to_be_checked_is_counted() -> None:
    """Beside the status that it has: it is there, perhaps twice."""
    second = OutcomeUnknownError("there may be a second copy", spec=SPEC)
    report = Report(
        (Outcome(SPEC, S.CREATED, error=second), Outcome(OTHER, S.CREATED), Outcome(OTHER, S.FAILED, error=refused()))
    )

    assert str(report).splitlines()[0] == "3 webhooks: 2 created (1 to check), 1 failed"
    assert raised(report).message == "2 of 3 webhooks need attention"


def test_a_long_text_is_cut() -> None:
    """Thousands of failures for the same reason would hide it."""
    outcomes = [Outcome(SPEC, S.FAILED, error=refused()) for _ in range(3000)]

    lines = str(Report(tuple(outcomes))).splitlines()

    assert len(str(Report(tuple(outcomes[:20]))).splitlines()) == 21
    assert len(lines) == 22
    assert lines[-1] == "  and 2980 more, see `failures`"
