"""The fleet as tasks of docket, which workers on several machines take from one Redis."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager, suppress
from datetime import UTC, datetime, timedelta

from docket import ConcurrencyLimit, CurrentExecution, Docket, Execution, ExponentialRetry, Shared, TaskCall

from .fleet import EshopResult, Fleet

_CHUNK = 100  # e-shops per task
_CONCURRENCY = 4  # e-shops of a task at once
# The client itself retries within seconds, docket after minutes.
_RETRY = ExponentialRetry(attempts=3, minimum_delay=timedelta(minutes=5), maximum_delay=timedelta(minutes=20))


def make_tasks(
    open_fleet: Callable[[], AbstractAsyncContextManager[Fleet]],
) -> list[Callable[..., Awaitable[list[EshopResult]]]]:
    """Return the tasks for ``docket worker --tasks``: each reconciles up to a hundred e-shops of one account.

    A task is repeated after five and ten minutes if what failed may succeed then; its last results count.

    Args:
        open_fleet: Opens the fleet of a worker, once.
    """

    async def reconcile_eshops(
        account: str,  # noqa: ARG001  # `_limit` is per account
        names: list[str],
        *,
        fleet: Fleet = Shared(open_fleet),
        # Not docket's `Progress`: concurrent tasks of a worker share one, which counts for the last of them.
        execution: Execution = CurrentExecution(),
        retry: ExponentialRetry = _RETRY,
        _limit: ConcurrencyLimit = ConcurrencyLimit("account", 1),
    ) -> list[EshopResult]:
        slots = asyncio.Semaphore(_CONCURRENCY)

        async def reconcile(name: str) -> EshopResult:
            async with slots:
                result = await fleet.reconcile(name)
            with suppress(Exception):  # the work goes on without its progress
                await execution.progress.increment()
            return result

        with suppress(Exception):
            await execution.progress.set_total(len(names))
        # Not `gather`: cancelled, it would leave behind tasks that are still finishing their requests.
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(reconcile(name)) for name in names]
        results = [task.result() for task in tasks]
        if retry.attempt < (retry.attempts or 0) and any(result.retryable for result in results):
            retry.after(retry.delay)
        return results

    return [reconcile_eshops]


async def start(docket: Docket, eshops_by_account: Mapping[str, Iterable[str]], *, run: str) -> list[Execution]:
    """Add the tasks of a run, except those of the same run that are already waiting, running or done.

    Args:
        docket: Where to add them.
        eshops_by_account: The names of e-shops, by a label of yours for their account; both appear in Redis and logs.
        run: The name of the run, for example its date.

    Returns:
        The tasks, to follow their progress and take their results.

    Raises:
        ValueError: The e-shops of an account are one string instead of several; nothing was added.
        RedisError: Redis refused some tasks; start the same run again to add them.
    """
    run = str(run).replace("%", "%25").replace(":", "%3A")  # else "a" with "b:c" and "a:b" with "c" had the same keys
    calls = []
    for account, eshops in eshops_by_account.items():
        if isinstance(eshops, str):
            raise ValueError(f"the e-shops of {account!r} must be a list of names, not one string")
        names = list(eshops)
        for first in range(0, len(names), _CHUNK):
            key, arguments = f"{run}:{account}:{first // _CHUNK}", (account, names[first : first + _CHUNK])
            # Not by `docket.call`: it would register this stub over the real task.
            calls.append(TaskCall(reconcile_eshops, arguments, {}, key, datetime.now(UTC)))
    known = [await docket.get_execution(call.key) for call in calls]
    tasks = {one.key: one for one in known if one is not None and one.state.value == "completed"}
    for one in await docket.add_many(call for call in calls if call.key not in tasks):
        if one.schedule_exception is not None:  # docket leaves out what Redis refuses, and goes on
            raise one.schedule_exception
        tasks[one.key] = one
    return [tasks[call.key] for call in calls]


async def reconcile_eshops(account: str, names: list[str]) -> None:
    """Stand in for the task in `start`, which needs only its name; workers run the one from `make_tasks`."""
