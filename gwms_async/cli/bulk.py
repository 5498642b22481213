"""One operation on several webhooks, by their ids."""

from __future__ import annotations

from collections.abc import Iterable

from attrs import frozen

from .. import GwmsError, OutcomeStatus, Webhook
from ..redaction import redacted
from .access import Access
from .output import Exit, exit_code_for_all, print_json, print_message, print_output
from .problems import describe


@frozen
class BulkResult:
    """The result for one id.

    Args:
        id: The webhook's id.
        status: updated, deleted or failed.
        error: What went wrong, None on success.
    """

    id: int
    status: OutcomeStatus
    error: Exception | None = None

    @property
    def is_failure(self) -> bool:
        """Whether the operation failed."""
        return self.error is not None


async def run_bulk(
    operation: str, ids: Iterable[int], access: Access, results: list[BulkResult], *, as_json: bool
) -> Exit:
    """Run an operation on webhooks, one after the other.

    Args:
        operation: activate, deactivate or delete.
        ids: The webhooks; an id that is repeated counts once.
        access: The gateway and the credentials.
        results: Receives the result of each id as it becomes known.
        as_json: Whether to print JSON.
    """
    success = OutcomeStatus.DELETED if operation == "delete" else OutcomeStatus.UPDATED
    async with access.client() as gwms:
        for webhook_id in dict.fromkeys(ids):
            try:
                webhook: Webhook | None = await getattr(gwms.webhooks, operation)(webhook_id)
                if operation == "deactivate" and webhook and redacted(webhook.url) != webhook.url:
                    print_message(
                        f"Warning: a running `watch` of its receiver will activate webhook {webhook_id} again"
                    )
                result = BulkResult(webhook_id, success)
            except GwmsError as error:
                result = BulkResult(webhook_id, OutcomeStatus.FAILED, error)
            results.append(result)
            text = describe(result.error) if result.error else None
            if as_json:
                print_json({"status": result.status, "id": webhook_id, "error": text})
            else:
                print_output(f"{result.status}: {webhook_id}" + (f": {text}" if text else ""))
    return exit_code_for_all(results)
