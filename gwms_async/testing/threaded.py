"""The emulator in its own thread, for tests without an event loop, or with any event loop."""

from __future__ import annotations

import asyncio
import functools
import inspect
from collections.abc import Callable, Coroutine, Generator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from threading import Lock, get_ident
from typing import Any, TypeVar, cast

from .emulator import GwmsEmulator

T = TypeVar("T")

_CLOSED = "the emulator is closed"


@contextmanager
def emulator_in_thread(**options: Any) -> Generator[GwmsEmulator]:
    """Run an emulator in its own thread until the block ends.

    The yielded object has all members of `GwmsEmulator`, and any thread may use them: each one runs in the emulator's
    thread while the caller waits. Coroutine functions may be awaited in any event loop, and a test without one can run
    them: `asyncio.run(emulator.delivered())`. Lists like `requests` are the emulator's own and may grow while you read
    them.

    Args:
        options: The arguments of `GwmsEmulator`.

    Raises:
        OSError: The port is taken.
    """
    emulator = GwmsEmulator(**options)
    listening: Future[tuple[_Door, asyncio.Event]] = Future()
    with ThreadPoolExecutor(1, "gwms emulator") as thread:
        served = thread.submit(lambda: asyncio.run(_serve(emulator, listening)))
        first: list[Future[Any]] = [served, listening]
        wait(first, return_when=FIRST_COMPLETED)
        if served.done():
            served.result()
        door, stop = listening.result()
        try:
            yield cast(GwmsEmulator, _Remote(emulator, door))
        finally:
            with suppress(RuntimeError):  # it has ended already, and the result says why
                door.enter(stop.set)
            served.result()


async def _serve(emulator: GwmsEmulator, listening: Future[tuple[_Door, asyncio.Event]]) -> None:
    door, stop = _Door(), asyncio.Event()
    try:
        async with emulator:
            listening.set_result((door, stop))
            await stop.wait()
    finally:
        await door.shut()


class _Door:
    """Lets other threads into the running event loop until it is shut; those already in still get an answer."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._lock, self._is_shut = Lock(), False
        self._thread = get_ident()

    def is_within(self) -> bool:
        """Return whether the caller is in the thread of the event loop, where waiting for a step would never end."""
        return get_ident() == self._thread

    def enter(self, step: Callable[[], object]) -> None:
        """Run a step in the event loop.

        Raises:
            RuntimeError: The door is shut.
        """
        with self._lock:
            if self._is_shut:
                raise RuntimeError(_CLOSED)
            self._loop.call_soon_threadsafe(step)

    async def shut(self) -> None:
        """Let nobody else in; return when all steps have run and the tasks that they begin exist."""
        with self._lock:
            self._is_shut = True
        for _ in range(2):
            await asyncio.sleep(0)


class _Remote:
    """A proxy for an object that belongs to an event loop in another thread."""

    def __init__(self, target: object, door: _Door) -> None:
        vars(self).update(_target=target, _door=door)

    def __getattr__(self, name: str) -> Any:
        member = self._do(getattr, self._target, name)
        if inspect.iscoroutinefunction(member):
            return functools.partial(self._await, member)
        return functools.partial(self._do, member) if callable(member) else member

    def __setattr__(self, name: str, value: object) -> None:
        self._do(setattr, self._target, name, value)

    def __dir__(self) -> list[str]:
        return dir(self._target)

    def _do(self, function: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        if self._door.is_within():  # a clock, for example, that uses the emulator
            return function(*args, **kwargs)
        result: Future[T] = Future()

        def step() -> None:
            try:
                result.set_result(function(*args, **kwargs))
            except BaseException as error:  # noqa: BLE001  # handed to the caller, e.g. that of `pytest.fail`
                result.set_exception(error)

        self._door.enter(step)
        return result.result()

    async def _await(self, function: Callable[..., Coroutine[Any, Any, T]], *args: Any, **kwargs: Any) -> T:
        def begin() -> Future[T]:
            return asyncio.run_coroutine_threadsafe(function(*args, **kwargs), asyncio.get_running_loop())

        try:
            return await asyncio.wrap_future(self._do(begin))
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
        raise RuntimeError(_CLOSED)  # the end of its event loop cancelled it
