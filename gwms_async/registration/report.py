"""The outcome of each spec."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from enum import StrEnum

from attrs import field, frozen

from ..errors import GwmsError
from ..models import Webhook, WebhookSpec
from ..redaction import displayed, frameless, redacted


class OutcomeStatus(StrEnum):
    """How it ended for one spec."""

    CREATED = "created"
    """It did not exist; now it does."""
    EXISTING = "existing"
    """It existed already."""
    UPDATED = "updated"
    """It existed and has been activated or deactivated."""
    RECOVERED = "recovered"
    """The response to its create was lost; it was found on the gateway."""
    DUPLICATE = "duplicate"
    """The same webhook came earlier in the same input; see its outcome."""
    DELETED = "deleted"
    """It was not wanted and is gone."""
    FAILED = "failed"
    """It could not be registered; see `Outcome.error`."""
    UNKNOWN = "unknown"
    """It may or may not exist: run again."""
    NOT_STARTED = "not_started"
    """Nothing was sent for it: run again."""


_MAX_SHOWN = 20  # failures in the text of a report
_FAILURES = frozenset({OutcomeStatus.FAILED, OutcomeStatus.UNKNOWN, OutcomeStatus.NOT_STARTED})


def _detached(error: Exception | None) -> Exception | None:
    """Return an error that keeps no frames alive: their locals are a whole run."""
    if error is None or all(part is None for part in (error.__traceback__, error.__context__, error.__cause__)):
        return error
    return error.fresh() if isinstance(error, GwmsError) else frameless(error)


@frozen
class Outcome:
    """The outcome of one spec.

    Args:
        spec: The spec.
        status: How it ended.
        webhook: The webhook as the gateway has it; None if there is none to show.
        error: What went wrong, without its traceback; None if nothing did. With a status like `created`, it says
            what to check.
        attempts: How many requests were sent for it.
        copies: The ids of further webhooks with the same url, event type and method: left alone if they existed before,
            deleted if this run created them.
    """

    spec: WebhookSpec
    status: OutcomeStatus
    webhook: Webhook | None = None
    error: Exception | None = field(default=None, converter=_detached)
    attempts: int = 0
    copies: tuple[int, ...] = ()

    @property
    def is_failure(self) -> bool:
        """Whether the webhook is not known to exist once and as the spec asks."""
        return self.status in _FAILURES or self.error is not None

    def __str__(self) -> str:
        what = f"{self.status}: {self.spec.method} {self.spec.url} on {self.spec.webhook_type}"
        return displayed(f"{what}: {self.error}" if self.error else what)


@frozen
class Report:
    """The outcomes of all specs of a run.

    Args:
        outcomes: One per spec, in the order of the input.
    """

    outcomes: tuple[Outcome, ...]

    @property
    def counts(self) -> Mapping[OutcomeStatus, int]:
        """How many specs ended with each status."""
        return Counter(outcome.status for outcome in self.outcomes)

    @property
    def failures(self) -> tuple[Outcome, ...]:
        """The outcomes for which `Outcome.is_failure` is true."""
        return tuple(outcome for outcome in self.outcomes if outcome.is_failure)

    def raise_for_failures(self) -> None:
        """Raise the errors of all failures, if there are any.

        Raises:
            ExceptionGroup: One error per failure, with a note that names its webhook.
        """
        errors = []
        for outcome in self.failures:
            error = outcome.error or RuntimeError("no error was kept")
            error = error.fresh() if isinstance(error, GwmsError) else error
            note = redacted(f"for {outcome.spec.method} {outcome.spec.url} on {outcome.spec.webhook_type}")
            if note not in getattr(error, "__notes__", ()):
                error.add_note(note)
            errors.append(error)
        if errors:
            raise ExceptionGroup(f"{len(errors)} of {len(self.outcomes)} webhooks need attention", errors)

    def __str__(self) -> str:
        counts, to_check = self.counts, Counter(one.status for one in self.failures if one.status not in _FAILURES)
        parts = ", ".join(
            f"{counts[status]} {status}" + (f" ({to_check[status]} to check)" if to_check[status] else "")
            for status in OutcomeStatus
            if counts[status]
        )
        count = len(self.outcomes)
        lines = [f"{count} webhook{'' if count == 1 else 's'}: {parts}" if parts else "no webhooks"]
        failures = self.failures
        lines += [f"  {outcome}" for outcome in failures[:_MAX_SHOWN]]
        if len(failures) > _MAX_SHOWN:
            lines.append(f"  and {len(failures) - _MAX_SHOWN} more, see `failures`")
        return "\n".join(lines)
