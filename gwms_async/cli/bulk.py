"""The same done to several webhooks, by their ids."""

from __future__ import annotations

from collections.abc import Iterable

from attrs import frozen

from .. import GwmsError, OutcomeStatus
from .access import Access
from .output import Exit, code_of_all, show, show_json


@frozen
class Change:
    """What became of one id.

    Args:
        id: The id.
        status: How it ended: updated, deleted or failed.
        error: What went wrong, None if nothing did.
    """

    id: int
    status: OutcomeStatus
    error: Exception | None = None

    @property
    def is_failure(self) -> bool:
        """Whether it could not be done."""
        return self.error is not None


async def change_all(operation: str, ids: Iterable[int], access: Access, done: list[Change], *, as_json: bool) -> Exit:
    """Do the same to webhooks, one after the other.

    Args:
        operation: activate, deactivate or delete.
        ids: Which ones; an id that comes twice counts once.
        access: Who calls.
        done: Takes what became of each.
        as_json: Whether to print JSON.
    """
    ended = OutcomeStatus.DELETED if operation == "delete" else OutcomeStatus.UPDATED
    async with access.client() as gwms:
        for number in dict.fromkeys(ids):
            try:
                await getattr(gwms.webhooks, operation)(number)
                change = Change(number, ended)
            except GwmsError as error:
                change = Change(number, OutcomeStatus.FAILED, error)
            done.append(change)
            text = str(change.error) if change.error else None
            if as_json:
                show_json({"status": change.status, "id": number, "error": text})
            else:
                show(f"{change.status}: {number}" + (f": {text}" if text else ""))
    return code_of_all(done)
